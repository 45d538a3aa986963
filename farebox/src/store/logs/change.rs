//! What changes and removes logs. Many are removed bit by bit, each bit in a transaction of its own: the
//! writer of money must not wait for a million of them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::ids::LogId;
use crate::store::StoreError;
use crate::store::db::{Db, Tx};
use crate::store::gateways::Gateway;
use crate::store::logs::read::{Wanted, key};
use crate::store::logs::{INSERT_METADATA, Metadata};
use crate::store::value::{Row, Value};

/// How many logs one transaction removes.
const BIT: i64 = 200;

/// What is changed of a log: of each field nothing, or what it is from now on, which may be nothing.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// −1, 0 or 1.
    pub feedback: Option<Option<i64>>,
    /// A JSON number.
    pub score: Option<Option<String>>,
    /// The caller's notes.
    pub metadata: Option<BTreeMap<String, Json>>,
}

/// Changes a log; false where the gateway has none of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn edit(db: &Db, of: &Gateway, id: LogId, edit: &Edit) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let sql = "SELECT 1 FROM logs WHERE id = $1 AND gateway = $2 AND account_id = $3";
    if tx.query_opt(sql, &key(of, id)).await?.is_none() {
        tx.roll_back().await?;
        return Ok(false);
    }
    let mut set = async |sql, value: Value| tx.execute(sql, &[id.into(), value]).await;
    if let Some(feedback) = edit.feedback {
        let sql = "UPDATE logs SET feedback = $2 WHERE id = $1";
        set(sql, feedback.into()).await?;
    }
    if let Some(score) = &edit.score {
        let sql = "UPDATE logs SET score = $2 WHERE id = $1";
        set(sql, score.as_deref().into()).await?;
    }
    if let Some(metadata) = &edit.metadata {
        let metadata = Metadata::clean(metadata);
        let sql = "UPDATE logs SET metadata = $2 WHERE id = $1";
        set(sql, metadata.json().into()).await?;
        let sql = "DELETE FROM log_metadata WHERE log = $1";
        tx.execute(sql, &[id.into()]).await?;
        for row in metadata.rows(id, of.seq) {
            tx.execute(INSERT_METADATA.row_sql(), &row).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

/// Removes the first `limit` of the gateway's logs that are like this; returns how many there were.
///
/// # Errors
/// [`StoreError::Database`]; what was removed before stays removed.
pub async fn remove(db: &Db, of: &Gateway, wanted: &Wanted, limit: i64) -> Result<i64, StoreError> {
    let (condition, mut params) = wanted.sql(of);
    params.push(limit.into());
    let sql = format!(
        "SELECT id FROM logs WHERE {condition} ORDER BY {} LIMIT ${}",
        wanted.order(),
        params.len()
    );
    let ids = texts(db.query_long(&sql, &params).await?)?;
    remove_all(db, of.seq, &ids).await
}

/// Removes the oldest logs of every gateway that lets them make room and has more than it may; returns how
/// many there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune_oldest(db: &Db) -> Result<i64, StoreError> {
    let sql = "SELECT g.seq, c.logs - g.log_management FROM gateways g \
         JOIN log_counts c ON c.gateway = g.seq \
         WHERE g.log_management_strategy = 'DELETE_OLDEST' AND c.logs > g.log_management";
    let mut removed: i64 = 0;
    for mut row in db.query(sql, &[]).await? {
        let (gateway, excess) = (row.int()?, row.int()?);
        removed = removed.saturating_add(remove_oldest(db, gateway, excess).await?);
    }
    Ok(removed)
}

/// Removes everything of a gateway that is gone; returns how many logs there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune_removed(db: &Db, gateway: i64) -> Result<i64, StoreError> {
    let removed = remove_oldest(db, gateway, i64::MAX).await?;
    let sql = "DELETE FROM log_counts WHERE gateway = $1 AND logs <= 0";
    db.execute(sql, &[gateway.into()]).await?;
    Ok(removed)
}

async fn remove_oldest(db: &Db, gateway: i64, limit: i64) -> Result<i64, StoreError> {
    let sql = "SELECT id FROM logs WHERE gateway = $1 ORDER BY id LIMIT $2";
    let mut removed: i64 = 0;
    while removed < limit {
        let bit = limit.saturating_sub(removed).min(BIT);
        let ids = texts(db.query(sql, &[gateway.into(), bit.into()]).await?)?;
        if ids.is_empty() {
            break;
        }
        removed = removed.saturating_add(remove_all(db, gateway, &ids).await?);
    }
    Ok(removed)
}

async fn remove_all(db: &Db, gateway: i64, ids: &[String]) -> Result<i64, StoreError> {
    let mut removed: i64 = 0;
    for bit in ids.chunks(usize::try_from(BIT).unwrap_or(1)) {
        let mut tx = db.begin().await?;
        let count = remove_bit(&mut tx, gateway, bit).await?;
        tx.commit().await?;
        removed = removed.saturating_add(count);
    }
    Ok(removed)
}

/// The count goes down by the rows that were there: another one may have removed some of them meanwhile.
async fn remove_bit(tx: &mut Tx, gateway: i64, ids: &[String]) -> Result<i64, StoreError> {
    let sql = "DELETE FROM logs WHERE id {KEYS}";
    let count = tx.execute_keys(sql, ids).await?;
    let sql = "DELETE FROM log_metadata WHERE log {KEYS}";
    tx.execute_keys(sql, ids).await?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql = "UPDATE log_counts SET logs = logs - $2 WHERE gateway = $1";
    tx.execute(sql, &[gateway.into(), count.into()]).await?;
    Ok(count)
}

fn texts(rows: Vec<Row>) -> Result<Vec<String>, StoreError> {
    rows.into_iter().map(|mut row| row.text()).collect()
}
