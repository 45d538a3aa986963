//! Reading balances and holds. They are written by the committer only.

use ledger::{AccountId, Amount, Balances, Hold, Timestamp, TransferId};

use crate::store::db::Db;
use crate::store::{StoreError, ledger_rows as rows};

/// The customer's running totals; zeros where nothing has moved yet.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn balances(db: &Db, account: AccountId) -> Result<Balances, StoreError> {
    Ok(standing(db, account).await?.0)
}

/// The same, and whether new spending is frozen.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn standing(db: &Db, account: AccountId) -> Result<(Balances, bool), StoreError> {
    let sql = rows::SELECT_BALANCES_OF_ONE;
    let row = db.query_opt(sql, &[account.to_string().into()]).await?;
    let found = row.map(|mut row| rows::standing(&mut row)).transpose()?;
    Ok(found.map_or_else(Default::default, |(_, balances, frozen)| (balances, frozen)))
}

/// What an account's running calls hold. The holds of `POST billing/holds` are not among them: nobody knows when
/// these end.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn held_by_calls(db: &Db, account: AccountId) -> Result<Amount, StoreError> {
    let sql = "SELECT CAST(COALESCE(SUM(amount - posted), 0) AS BIGINT) FROM holds \
         WHERE account_id = $1 AND state = 'open' \
         AND NOT EXISTS (SELECT 1 FROM hold_requests WHERE hold_requests.id = holds.id)";
    let row = db.query_opt(sql, &[account.to_string().into()]).await?;
    let nanos = row.map(|mut row| row.int()).transpose()?;
    Ok(Amount::from_nanos(nanos.unwrap_or_default()))
}

/// A hold of anybody's: for the operator.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, id: TransferId) -> Result<Option<Hold>, StoreError> {
    let sql = format!("{} WHERE id = $1", rows::SELECT_HOLDS);
    let found = db.query_opt(&sql, &[id.to_string().into()]).await?;
    found.map(rows::hold).transpose()
}

/// Open holds whose time has run out, of any account: for the job that releases them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn expired(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Hold>, StoreError> {
    let sql = format!(
        "{} WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        rows::SELECT_HOLDS
    );
    let found = db.query(&sql, &[now.millis().into(), limit.into()]).await?;
    found.into_iter().map(rows::hold).collect()
}
