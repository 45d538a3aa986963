//! Spending limits, and what counts against them.
//!
//! A window's usage is a sum over transfers. So that months of traffic don't make each hold slow, whole
//! hours are kept as sums (`store::hours`, written with the transfers that they sum), and only the part of
//! an hour in which a window begins is read from the transfers, by an index of usage alone: at most 744 sums
//! and one hour's transfers, whatever the window. Both are exact.

use ledger::{AccountId, Amount, Limit, Period, Spending, Strategy, Timestamp};

use crate::store::StoreError;
use crate::store::db::{Db, Tx};
use crate::store::hours::{self, HOUR_MILLIS};
use crate::store::value::{Row, Value};

/// All columns of a limit, in the order that [`limit`] reads.
pub const SELECT: &str = "SELECT account_id, amount_cents, duration, strategy FROM spending_limits";

/// The index of usage has the same conditions: that is how the engines know it, SQLite only word for word.
const USAGE: &str =
    "debit = $1 AND code = 3 AND (phase = 'single' OR phase = 'post' OR phase = 'post_last')";

/// The account's limit, where it has one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, account: AccountId) -> Result<Option<Limit>, StoreError> {
    let sql = format!("{SELECT} WHERE account_id = $1");
    let row = db.query_opt(&sql, &[account.to_string().into()]).await?;
    Ok(row.map(limit).transpose()?.map(|(_, limit)| limit))
}

/// Sets the account's limit, in place of the one that it had. It counts from the next hold on.
///
/// # Errors
/// [`StoreError::Corrupt`] where the amount isn't in whole cents; [`StoreError::Database`].
pub async fn set(
    db: &Db,
    account: AccountId,
    limit: &Limit,
    now: Timestamp,
) -> Result<(), StoreError> {
    let cents = limit.amount.to_cents();
    let cents = cents.ok_or_else(|| StoreError::corrupt("a limit isn't in whole cents"))?;
    let sql = "INSERT INTO spending_limits (account_id, amount_cents, duration, strategy, updated_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id) DO UPDATE SET \
         amount_cents = excluded.amount_cents, duration = excluded.duration, \
         strategy = excluded.strategy, updated_at = excluded.updated_at";
    let params = [
        account.to_string().into(),
        cents.into(),
        limit.period.name().into(),
        limit.strategy.name().into(),
        now.millis().into(),
    ];
    db.execute(sql, &params).await?;
    Ok(())
}

/// Removes the account's limit, where it has one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(db: &Db, account: AccountId) -> Result<(), StoreError> {
    let sql = "DELETE FROM spending_limits WHERE account_id = $1";
    db.execute(sql, &[account.to_string().into()]).await?;
    Ok(())
}

/// What counts against a limit at `now`: usage that was debited in its window.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn spending(
    tx: &mut Tx,
    account: AccountId,
    limit: Limit,
    now: Timestamp,
) -> Result<Spending, StoreError> {
    let start = limit.window_start(now).millis();
    let first_hour = whole_hour_from(start);
    let from = [account.to_string().into(), first_hour.into()];
    let hours = sum(tx, hours::SUM, &from).await?;
    let end = first_hour.saturating_mul(HOUR_MILLIS);
    let mut settled = hours;
    if start < end {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers \
             WHERE {USAGE} AND at >= $2 AND at < $3"
        );
        let params = [debit(account).into(), start.into(), end.into()];
        settled = settled.saturating_add(sum(tx, &sql, &params).await?);
    }
    let settled = Amount::from_nanos(settled);
    Ok(Spending { limit, settled })
}

async fn sum(tx: &mut Tx, sql: &str, params: &[Value]) -> Result<i64, StoreError> {
    match tx.query_opt(sql, params).await? {
        Some(mut row) => row.int(),
        None => Ok(0),
    }
}

/// When the first `excess` of what counts now, or all where that is less, counts no more; nothing where
/// nothing counts.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn frees_at(
    tx: &mut Tx,
    account: AccountId,
    limit: Limit,
    excess: Amount,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let start = limit.window_start(now).millis();
    let (mut left, mut last) = (excess.nanos(), None);
    let from = [
        account.to_string().into(),
        start.div_euclid(HOUR_MILLIS).into(),
    ];
    for mut row in tx.query(hours::SELECT, &from).await? {
        let (hour, amount) = (row.int()?, row.int()?);
        let begin = hour.saturating_mul(HOUR_MILLIS);
        // Only the hour in which it is enough has to be looked into, and the one that is cut.
        if begin >= start && amount < left {
            left = left.saturating_sub(amount);
            last = Some(begin.saturating_add(HOUR_MILLIS - 1));
            continue;
        }
        let end = begin.saturating_add(HOUR_MILLIS);
        for (at, amount) in between(tx, account, begin.max(start), end).await? {
            left = left.saturating_sub(amount);
            last = Some(at);
            if left <= 0 {
                return Ok(last.map(|at| limit.frees_at(Timestamp::from_millis(at))));
            }
        }
    }
    Ok(last.map(|at| limit.frees_at(Timestamp::from_millis(at))))
}

async fn between(
    tx: &mut Tx,
    account: AccountId,
    start: i64,
    end: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let sql = format!(
        "SELECT at, amount FROM transfers WHERE {USAGE} AND at >= $2 AND at < $3 ORDER BY at"
    );
    let params = [debit(account).into(), start.into(), end.into()];
    let mut found = Vec::new();
    for mut row in tx.query(&sql, &params).await? {
        found.push((row.int()?, row.int()?));
    }
    Ok(found)
}

/// The first hour that begins at `start` or later.
fn whole_hour_from(start: i64) -> i64 {
    start
        .saturating_add(HOUR_MILLIS - 1)
        .div_euclid(HOUR_MILLIS)
}

fn debit(account: AccountId) -> String {
    ledger::Account::Customer(account).to_string()
}

/// A row of [`SELECT`].
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn limit(mut row: Row) -> Result<(AccountId, Limit), StoreError> {
    let account = row.parse()?;
    let amount = Amount::from_cents(row.int()?);
    let limit = Limit {
        amount: amount.ok_or_else(|| StoreError::corrupt("a limit is no amount"))?,
        period: row.named(Period::from_name)?,
        strategy: row.named(Strategy::from_name)?,
    };
    Ok((account, limit))
}
