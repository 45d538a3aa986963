//! `Idempotency-Key`s of the management API. The key, the hash of the request and the top-up that it
//! started are written in one transaction, so that none exists without the others.

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::db::{Db, Tx};

/// What is known of a key.
#[derive(Clone, Debug)]
pub struct Known {
    /// Of the request that came first under it.
    pub request_hash: String,
    /// The top-up that it started.
    pub topup_id: String,
    /// The sealed answer, once there is one that won't change.
    pub answer: Option<String>,
}

/// What the account has asked under this key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, account: AccountId, key: &str) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT request_hash, topup_id, answer FROM idempotency_keys \
         WHERE account_id = $1 AND key = $2";
    let Some(mut row) = db
        .query_opt(sql, &[account.to_string().into(), key.into()])
        .await?
    else {
        return Ok(None);
    };
    Ok(Some(Known {
        request_hash: row.text()?,
        topup_id: row.text()?,
        answer: row.opt_text()?,
    }))
}

/// Writes down a key that is new, in the transaction of the top-up that it starts.
///
/// # Errors
/// [`StoreError::Duplicate`] where another request has come first; [`StoreError::Database`].
pub async fn insert(
    tx: &mut Tx,
    account: AccountId,
    key: &str,
    request_hash: &str,
    topup_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO idempotency_keys (account_id, key, request_hash, topup_id, created_at) \
         VALUES ($1, $2, $3, $4, $5)";
    let params = [
        account.to_string().into(),
        key.into(),
        request_hash.into(),
        topup_id.into(),
        now.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Keeps the answer; the first one stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn keep_answer(
    db: &Db,
    account: AccountId,
    key: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE idempotency_keys SET answer = $3 \
         WHERE account_id = $1 AND key = $2 AND answer IS NULL";
    db.execute(
        sql,
        &[account.to_string().into(), key.into(), sealed.into()],
    )
    .await?;
    Ok(())
}

/// Forgets keys older than `before`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(db: &Db, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM idempotency_keys WHERE created_at < $1";
    db.execute(sql, &[before.millis().into()]).await
}
