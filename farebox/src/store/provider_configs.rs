//! Keys for providers that accounts have stored on their gateways, sealed.

use std::sync::LazyLock;

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::db::{Db, Tx};
use crate::store::gateways::Gateway;
use crate::store::value::Row;

/// The alias of the key that is used where a call names none, and no key is marked for that.
pub const DEFAULT_ALIAS: &str = "default";

/// A stored key.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// 32 hex characters.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// The slug of the provider that it is for.
    pub provider: String,
    /// Unique among the gateway's keys for that provider.
    pub alias: String,
    /// Whether it is used where a call names none.
    pub is_default: bool,
    /// The key, sealed for [`crate::keyring::context::provider_key`].
    pub sealed: String,
    /// What may be shown of it.
    pub preview: String,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

const SELECT: &str = "SELECT id, account_id, provider, alias, is_default, sealed, preview, \
     created_at, modified_at FROM provider_configs WHERE gateway = $1 AND account_id = $2";

/// By the alias that a call names.
pub(super) static BY_ALIAS: LazyLock<String> =
    LazyLock::new(|| format!("{SELECT} AND provider = $3 AND alias = $4"));

/// Where a call names none: the one that is marked as the default, and the one that is called so.
pub(super) static BY_DEFAULT: LazyLock<String> =
    LazyLock::new(|| format!("{SELECT} AND provider = $3 AND (is_default = 1 OR alias = $4)"));

/// Stores a new key. Where it is the one that is used by default, no other of its provider's is.
///
/// # Errors
/// [`StoreError::Duplicate`] where there is one of that provider and alias; [`StoreError::Database`].
pub async fn create(db: &Db, of: &Gateway, new: &ProviderConfig) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    if new.is_default {
        unmark(&mut tx, of, &new.provider).await?;
    }
    let sql = "INSERT INTO provider_configs (id, account_id, gateway, provider, alias, is_default, \
         sealed, preview, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let params = [
        (&new.id).into(),
        new.account.to_string().into(),
        of.seq.into(),
        (&new.provider).into(),
        (&new.alias).into(),
        new.is_default.into(),
        (&new.sealed).into(),
        (&new.preview).into(),
        new.created_at.millis().into(),
        new.modified_at.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    tx.commit().await
}

/// Changes everything of a key but its provider; false where the gateway has none of that id.
///
/// # Errors
/// [`StoreError::Duplicate`] where another one has the alias; [`StoreError::Database`].
pub async fn update(db: &Db, of: &Gateway, new: &ProviderConfig) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    if new.is_default {
        unmark(&mut tx, of, &new.provider).await?;
    }
    let sql = "UPDATE provider_configs SET alias = $4, is_default = $5, sealed = $6, preview = $7, \
         modified_at = $8 WHERE id = $1 AND gateway = $2 AND account_id = $3";
    let params = [
        (&new.id).into(),
        of.seq.into(),
        of.account.to_string().into(),
        (&new.alias).into(),
        new.is_default.into(),
        (&new.sealed).into(),
        (&new.preview).into(),
        new.modified_at.millis().into(),
    ];
    let changed = tx.execute(sql, &params).await?;
    tx.commit().await?;
    Ok(changed == 1)
}

async fn unmark(tx: &mut Tx, of: &Gateway, provider: &str) -> Result<(), StoreError> {
    let sql = "UPDATE provider_configs SET is_default = 0 WHERE gateway = $1 AND provider = $2";
    tx.execute(sql, &[of.seq.into(), provider.into()]).await?;
    Ok(())
}

/// The gateway's key of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, of: &Gateway, id: &str) -> Result<Option<ProviderConfig>, StoreError> {
    let sql = format!("{SELECT} AND id = $3");
    let params = [of.seq.into(), of.account.to_string().into(), id.into()];
    let found = db.query_opt(&sql, &params).await?;
    found.map(config).transpose()
}

/// The key that a call to the provider uses: the one of that alias, or, where the call names none, the one
/// that is marked as the default, or else the one that is called so.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn for_call(
    db: &Db,
    of: &Gateway,
    provider: &str,
    alias: Option<&str>,
) -> Result<Option<ProviderConfig>, StoreError> {
    let (sql, alias) = match alias.filter(|alias| !alias.is_empty()) {
        Some(alias) => (&BY_ALIAS, alias),
        None => (&BY_DEFAULT, DEFAULT_ALIAS),
    };
    let params = [
        of.seq.into(),
        of.account.to_string().into(),
        provider.into(),
        alias.into(),
    ];
    let found = db.query_for_call(sql, &params).await?;
    let found: Vec<_> = found.into_iter().map(config).collect::<Result<_, _>>()?;
    // At most two: sorted by SQLite, they would cost it a table for every call.
    Ok(found.into_iter().max_by_key(|config| config.is_default))
}

/// The providers for which the gateway has a key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn providers(db: &Db, of: &Gateway) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT provider FROM provider_configs \
         WHERE gateway = $1 AND account_id = $2 ORDER BY provider";
    let params = [of.seq.into(), of.account.to_string().into()];
    let found = db.query(sql, &params).await?;
    found.into_iter().map(|mut row| row.text()).collect()
}

/// The aliases of the gateway's keys for a provider, in their order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn aliases(db: &Db, of: &Gateway, provider: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT alias FROM provider_configs \
         WHERE gateway = $1 AND account_id = $2 AND provider = $3 ORDER BY alias";
    let params = [
        of.seq.into(),
        of.account.to_string().into(),
        provider.into(),
    ];
    let found = db.query(sql, &params).await?;
    found.into_iter().map(|mut row| row.text()).collect()
}

/// A page of the gateway's keys, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    db: &Db,
    of: &Gateway,
    limit: i64,
    offset: i64,
) -> Result<Vec<ProviderConfig>, StoreError> {
    let sql = format!("{SELECT} ORDER BY created_at, id LIMIT $3 OFFSET $4");
    let params = [
        of.seq.into(),
        of.account.to_string().into(),
        limit.into(),
        offset.into(),
    ];
    let found = db.query(&sql, &params).await?;
    found.into_iter().map(config).collect()
}

/// How many keys the gateway has.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db, of: &Gateway) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM provider_configs WHERE gateway = $1 AND account_id = $2";
    let params = [of.seq.into(), of.account.to_string().into()];
    let row = db.query_opt(sql, &params).await?;
    row.map_or(Ok(0), |mut row| row.int())
}

/// Removes a key of the gateway's; false where it has none of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(db: &Db, of: &Gateway, id: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM provider_configs WHERE id = $1 AND gateway = $2 AND account_id = $3";
    let params = [id.into(), of.seq.into(), of.account.to_string().into()];
    Ok(db.execute(sql, &params).await? == 1)
}

fn config(mut row: Row) -> Result<ProviderConfig, StoreError> {
    Ok(ProviderConfig {
        id: row.text()?,
        account: row.parse()?,
        provider: row.text()?,
        alias: row.text()?,
        is_default: row.flag()?,
        sealed: row.text()?,
        preview: row.text()?,
        created_at: Timestamp::from_millis(row.int()?),
        modified_at: Timestamp::from_millis(row.int()?),
    })
}
