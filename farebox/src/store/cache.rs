//! Answers that are kept for the next call that is the same. Whether it is, its key says; nothing in here knows
//! what goes into one.

use std::cmp::Reverse;

use ledger::Timestamp;

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::logs::Body;
use crate::store::value::Row;

/// How many answers one transaction removes.
const BIT: i64 = 200;

/// What an answer is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// 64 hex characters, by which it is found.
    pub key: String,
    /// The number of the gateway.
    pub gateway: i64,
    /// The gateway's [`crate::store::gateways::Gateway::cache_generation`], which the key has too.
    pub generation: i64,
}

/// A kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its status.
    pub status: i64,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// Its body.
    pub body: Body,
}

/// The answer that is kept under that key and not too old.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, key: &str, now: Timestamp) -> Result<Option<Kept>, StoreError> {
    let sql = "SELECT status, content_type, content_encoding, body FROM cached_answers \
         WHERE key = $1 AND expires_at > $2";
    let params = [key.into(), now.millis().into()];
    let found = db.query_for_call(sql, &params).await?;
    found.into_iter().next().map(kept).transpose()
}

fn kept(mut row: Row) -> Result<Kept, StoreError> {
    Ok(Kept {
        status: row.int()?,
        content_type: row.opt_text()?,
        content_encoding: row.opt_text()?,
        body: Body(row.opt_bytes()?.unwrap_or_default()),
    })
}

/// Keeps an answer, in place of an older one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn keep(
    db: &Db,
    place: &Place,
    answer: &Kept,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO cached_answers (key, gateway, generation, status, content_type, \
         content_encoding, body, size, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (key) DO UPDATE SET status = excluded.status, \
         content_type = excluded.content_type, content_encoding = excluded.content_encoding, \
         body = excluded.body, size = excluded.size, expires_at = excluded.expires_at";
    let params = [
        (&place.key).into(),
        place.gateway.into(),
        place.generation.into(),
        answer.status.into(),
        answer.content_type.as_deref().into(),
        answer.content_encoding.as_deref().into(),
        answer.body.0.clone().into(),
        i64::try_from(answer.body.0.len())
            .unwrap_or(i64::MAX)
            .into(),
        expires_at.millis().into(),
    ];
    db.execute_for_call(sql, &params).await.map(|_| ())
}

/// Removes what is too old, what belongs to a gateway that is gone or has forgotten it, and, as long as the rest
/// takes more than `max` bytes, of the gateway that has most of them what would expire first. Returns how
/// many answers there were.
///
/// # Errors
/// [`StoreError::Database`]; what is left goes the next time.
pub async fn prune(db: &Db, now: Timestamp, max: i64) -> Result<i64, StoreError> {
    let mut removed = remove_expired(db, now).await?;
    let mut shares = shares(db).await?;
    for share in shares.iter_mut().filter(|share| !share.is_reachable) {
        removed = removed.saturating_add(share.remove(db, i64::MAX).await?);
    }
    loop {
        let taken: i64 = shares.iter().map(|share| share.bytes).sum();
        shares.sort_by_key(|share| Reverse(share.bytes));
        let excess = taken.saturating_sub(max);
        let Some(largest) = shares.first_mut().filter(|_| excess > 0) else {
            return Ok(removed);
        };
        removed = removed.saturating_add(largest.remove(db, excess).await?);
    }
}

async fn remove_expired(db: &Db, now: Timestamp) -> Result<i64, StoreError> {
    let sql = "SELECT key FROM cached_answers WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2";
    let mut removed: i64 = 0;
    loop {
        let found = db.query(sql, &[now.millis().into(), BIT.into()]).await?;
        let keys: Result<Vec<_>, _> = found.into_iter().map(|mut row| row.text()).collect();
        let keys = keys?;
        if keys.is_empty() {
            return Ok(removed);
        }
        removed = removed.saturating_add(remove(db, &keys).await?);
    }
}

async fn remove(db: &Db, keys: &[String]) -> Result<i64, StoreError> {
    let mut tx = db.begin().await?;
    let sql = "DELETE FROM cached_answers WHERE key {KEYS}";
    let removed = tx.execute_keys(sql, keys).await?;
    tx.commit().await?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

/// What is kept of one generation of a gateway.
#[derive(Debug)]
struct Share {
    gateway: i64,
    generation: i64,
    bytes: i64,
    /// Whether a call can still find it.
    is_reachable: bool,
}

async fn shares(db: &Db) -> Result<Vec<Share>, StoreError> {
    let sql = "SELECT c.gateway, c.generation, CAST(SUM(c.size) AS BIGINT), CAST(COUNT(g.seq) AS BIGINT) \
         FROM cached_answers c \
         LEFT JOIN gateways g ON g.seq = c.gateway AND g.cache_generation = c.generation \
         GROUP BY c.gateway, c.generation";
    let rows = db.query(sql, &[]).await?.into_iter().map(|mut row| {
        Ok(Share {
            gateway: row.int()?,
            generation: row.int()?,
            bytes: row.int()?,
            is_reachable: row.int()? > 0,
        })
    });
    rows.collect()
}

impl Share {
    /// Removes answers until `bytes` are free, or all of them; returns how many there were.
    async fn remove(&mut self, db: &Db, bytes: i64) -> Result<i64, StoreError> {
        let sql = "SELECT key, size FROM cached_answers WHERE gateway = $1 AND generation = $2 \
             ORDER BY expires_at LIMIT $3";
        let (mut freed, mut removed): (i64, i64) = (0, 0);
        while freed < bytes {
            let params = [self.gateway.into(), self.generation.into(), BIT.into()];
            let mut keys = Vec::new();
            for mut row in db.query(sql, &params).await? {
                if freed < bytes {
                    keys.push(row.text()?);
                    freed = freed.saturating_add(row.int()?);
                }
            }
            if keys.is_empty() {
                break;
            }
            removed = removed.saturating_add(remove(db, &keys).await?);
        }
        // Nothing is left where less was there than wanted.
        self.bytes = match freed < bytes {
            true => 0,
            false => self.bytes.saturating_sub(freed),
        };
        Ok(removed)
    }
}
