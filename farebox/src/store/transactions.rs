//! The transfers that touch one account, page by page, in the order in which they were written.
//!
//! A customer's transfers are numbered while its totals are locked, so that a later one never has a
//! smaller number: a reader who goes on after the last number it has seen misses none.

use ledger::{Account, AccountId, Code, Timestamp, Transfer, TransferId};

use crate::store::db::Db;
use crate::store::value::Value;
use crate::store::{StoreError, ledger_rows as rows};

/// Which of an account's transfers are wanted.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Whose.
    pub account: AccountId,
    /// With this code only.
    pub code: Option<Code>,
    /// Written at this time or later.
    pub start: Timestamp,
    /// Written before this time.
    pub end: Timestamp,
    /// This hold and what resolves it only.
    pub hold: Option<TransferId>,
    /// In the order of time, rather than against it.
    pub oldest_first: bool,
}

/// At most `limit` transfers that come after the one with the number `after`, with their numbers.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    db: &Db,
    filter: &Filter,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<(i64, Transfer)>, StoreError> {
    let sql = sql(filter.oldest_first);
    let found = db.query(&sql, &params(filter, after, limit)).await?;
    found
        .into_iter()
        .map(|mut row| Ok((row.int()?, rows::transfer(row)?)))
        .collect()
}

/// One index is read for each side, in its order and no further than the page needs; an OR of both
/// would read and sort everything.
fn sql(oldest_first: bool) -> String {
    let (beyond, order) = if oldest_first {
        (">", "ASC")
    } else {
        ("<", "DESC")
    };
    let side = |side: &str| {
        format!(
            "SELECT * FROM ({select} WHERE {side} AND seq {beyond} $2 AND at >= $3 AND at < $4 \
             AND (code = $5 OR $5 = 0) AND (hold = $6 OR id = $6 OR $6 = '') \
             ORDER BY seq {order} LIMIT $7) AS side",
            select = rows::SELECT_JOURNAL
        )
    };
    // The index of credits leaves out `revenue`, and has to be told that nobody wants it.
    let (debits, credits) = (
        side("debit = $1"),
        side("credit = $1 AND credit <> 'revenue'"),
    );
    format!("{debits} UNION ALL {credits} ORDER BY seq {order} LIMIT $7")
}

fn params(filter: &Filter, after: Option<i64>, limit: i64) -> [Value; 7] {
    let from = if filter.oldest_first { 0 } else { i64::MAX };
    let code = filter.code.map_or(0, |code| i64::from(code.number()));
    let hold = filter.hold.map(|hold| hold.to_string()).unwrap_or_default();
    [
        Account::Customer(filter.account).to_string().into(),
        after.unwrap_or(from).into(),
        filter.start.millis().into(),
        filter.end.millis().into(),
        code.into(),
        hold.into(),
        limit.into(),
    ]
}

/// The number of the account's transfer with this id. Another account's is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn number(
    db: &Db,
    account: AccountId,
    id: TransferId,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT seq FROM transfers WHERE id = $1 AND (debit = $2 OR credit = $2)";
    let account = Account::Customer(account).to_string();
    let params = [id.to_string().into(), account.into()];
    let found = db.query_opt(sql, &params).await?;
    found.map(|mut row| row.int()).transpose()
}
