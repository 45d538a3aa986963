//! Setups of cards that are dealt with. Which card an account is charged to is Stripe's to say; these rows
//! only keep a setup from being carried out a second time.

use std::collections::BTreeSet;

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::db::Db;

/// The account's setup intents that are dealt with.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn settled(db: &Db, account: AccountId) -> Result<BTreeSet<String>, StoreError> {
    let sql = "SELECT setup_intent_id FROM settled_setups WHERE account_id = $1";
    let rows = db.query(sql, &[account.to_string().into()]).await?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

/// Notes setup intents of the account as dealt with, all or none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn settle(
    db: &Db,
    account: AccountId,
    setup_intents: &[&str],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO settled_setups (setup_intent_id, account_id, settled_at) VALUES ($1, $2, $3) \
         ON CONFLICT (setup_intent_id) DO NOTHING";
    let mut tx = db.begin().await?;
    for id in setup_intents {
        let params = [
            (*id).into(),
            account.to_string().into(),
            now.millis().into(),
        ];
        tx.execute(sql, &params).await?;
    }
    tx.commit().await
}

/// Forgets setups that nobody will be told of any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(db: &Db, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM settled_setups WHERE settled_at < $1";
    db.execute(sql, &[before.millis().into()]).await
}
