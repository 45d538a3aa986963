//! API tokens: who holds one may act for one account. Only keyed hashes are stored.

use std::sync::LazyLock;

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::db::Db;
use crate::store::value::Row;

/// A token as stored; the token itself was shown once.
#[derive(Clone, Debug)]
pub struct Token {
    /// 32 hex characters.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// For people.
    pub name: String,
    /// Names of permissions, as `AI Gateway Write`.
    pub permissions: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT id, account_id, name, permissions, created_at, expires_at, revoked_at \
     FROM tokens";

static BY_HASH: LazyLock<String> = LazyLock::new(|| format!("{SELECT} WHERE hash = $1"));

/// Between the names of permissions in their column.
const SEPARATOR: &str = ",";

fn token(mut row: Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.text()?,
        account: row.parse()?,
        name: row.text()?,
        permissions: row.text()?.split(SEPARATOR).map(str::to_owned).collect(),
        created_at: Timestamp::from_millis(row.int()?),
        expires_at: row.opt_int()?.map(Timestamp::from_millis),
        revoked_at: row.opt_int()?.map(Timestamp::from_millis),
    })
}

/// Stores a new token under its keyed hash.
///
/// # Errors
/// [`StoreError::Duplicate`] or [`StoreError::Database`].
pub async fn create(db: &Db, token: &Token, hash: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO tokens (id, account_id, name, hash, permissions, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let params = [
        (&token.id).into(),
        token.account.to_string().into(),
        (&token.name).into(),
        hash.into(),
        token.permissions.join(SEPARATOR).into(),
        token.created_at.millis().into(),
        token.expires_at.map(Timestamp::millis).into(),
    ];
    db.execute(sql, &params).await?;
    Ok(())
}

/// The token with this keyed hash, revoked and expired ones included: the caller looks.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_by_hash(db: &Db, hash: &str) -> Result<Option<Token>, StoreError> {
    let Query { sql, params } = by_hash(hash);
    first(db.query(sql, &params).await?)
}

/// How [`find_by_hash`] asks.
pub(super) fn by_hash(hash: &str) -> Query<'static> {
    Query {
        sql: &BY_HASH,
        params: vec![hash.into()],
    }
}

/// The token in an answer to [`by_hash`].
pub(super) fn first(found: Vec<Row>) -> Result<Option<Token>, StoreError> {
    found.into_iter().next().map(token).transpose()
}

/// The account's tokens, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(db: &Db, account: AccountId) -> Result<Vec<Token>, StoreError> {
    let sql = format!("{SELECT} WHERE account_id = $1 ORDER BY created_at, id");
    db.query(&sql, &[account.to_string().into()])
        .await?
        .into_iter()
        .map(token)
        .collect()
}

/// Revokes a token for good; false where there is none with this id, or it was revoked before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(db: &Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(db.execute(sql, &[id.into(), now.millis().into()]).await? == 1)
}
