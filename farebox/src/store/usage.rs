//! What accounts have used, summed up from their transfers.

use ledger::{AccountId, Amount, Code, Timestamp};

use crate::store::StoreError;
use crate::store::db::Db;

/// Which transfers are usage: debits that have been posted. In these very words, so that both engines
/// see that the index `usage_by_time` has them all.
const USAGE: &str = "code = 3 AND (phase = 'single' OR phase = 'post' OR phase = 'post_last')";

const _: () = assert!(Code::Usage.number() == 3);

/// The account's usage from `start` to before `end`, by windows of `window_millis` that are counted from
/// the epoch: the number of each window in which there was any, with its sum, in no order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_window(
    db: &Db,
    account: AccountId,
    window_millis: i64,
    start: Timestamp,
    end: Timestamp,
) -> Result<Vec<(i64, Amount)>, StoreError> {
    let sql = format!(
        "SELECT at / $4, CAST(SUM(amount) AS BIGINT) FROM transfers \
         WHERE debit = $1 AND {USAGE} AND at >= $2 AND at < $3 GROUP BY 1"
    );
    let params = [
        ledger::Account::Customer(account).to_string().into(),
        start.millis().into(),
        end.millis().into(),
        window_millis.into(),
    ];
    let rows = db.query(&sql, &params).await?;
    rows.into_iter()
        .map(|mut row| Ok((row.int()?, Amount::from_nanos(row.int()?))))
        .collect()
}

/// What was used under one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The transfers' own note.
    pub reference: String,
    /// The sum.
    pub amount: Amount,
    /// How many transfers.
    pub count: i64,
}

/// The account's usage from `start` to before `end` by reference, the largest sums first, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_reference(
    db: &Db,
    account: AccountId,
    start: Timestamp,
    end: Timestamp,
    limit: i64,
) -> Result<Vec<Used>, StoreError> {
    let sql = format!(
        "SELECT reference, CAST(SUM(amount) AS BIGINT), CAST(COUNT(*) AS BIGINT) FROM transfers \
         WHERE debit = $1 AND {USAGE} AND at >= $2 AND at < $3 \
         GROUP BY reference ORDER BY 2 DESC, reference LIMIT $4"
    );
    let params = [
        ledger::Account::Customer(account).to_string().into(),
        start.millis().into(),
        end.millis().into(),
        limit.into(),
    ];
    let rows = db.query(&sql, &params).await?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Used {
                reference: row.text()?,
                amount: Amount::from_nanos(row.int()?),
                count: row.int()?,
            })
        })
        .collect()
}

/// The account's usage from `start` to before `end` altogether: the sum, and how many transfers.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn total(
    db: &Db,
    account: AccountId,
    start: Timestamp,
    end: Timestamp,
) -> Result<(Amount, i64), StoreError> {
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT), CAST(COUNT(*) AS BIGINT) FROM transfers \
         WHERE debit = $1 AND {USAGE} AND at >= $2 AND at < $3"
    );
    let params = [
        ledger::Account::Customer(account).to_string().into(),
        start.millis().into(),
        end.millis().into(),
    ];
    let row = db.query_opt(&sql, &params).await?;
    let mut row = row.ok_or_else(|| StoreError::corrupt("a sum has no row"))?;
    Ok((Amount::from_nanos(row.int()?), row.int()?))
}
