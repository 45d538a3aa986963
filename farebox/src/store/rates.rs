//! How many calls a gateway has let through, by slices of time, for its rate limit. Nodes on one database
//! count together. Nothing here waits for a disk, and after a crash it begins anew.

use ledger::Timestamp;

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::value::Row;

/// What sets the locks of rate limits apart from PostgreSQL's other advisory locks.
const LOCKS: i64 = 0x7261_7465 << 32;

/// How far the clocks of two nodes may be apart, in milliseconds.
const CLOCKS_APART: i64 = 60_000;

/// A call that wants to be let through. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The number of its gateway.
    pub gateway: i64,
    /// Where the slice begins that it would count in.
    pub slice: i64,
    /// The first beginning of a slice that counts.
    pub since: i64,
    /// When the call's slice will count no more.
    pub gone_at: i64,
    /// How many calls may be in all slices that count.
    pub limit: i64,
}

/// Calls that were let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// When the slice begins, in milliseconds.
    pub start: i64,
    /// How many calls are in it.
    pub calls: i64,
}

/// Counts the call, unless as many as may are counted already; whether it was. Of two at once, on whatever
/// nodes, one comes first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn admit(db: &Db, wanted: &Admission) -> Result<bool, StoreError> {
    let sql = "INSERT INTO rate_counts (gateway, slice, calls, gone_at) \
         SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), 1, CAST($3 AS BIGINT) \
         WHERE (SELECT COALESCE(SUM(calls), 0) FROM rate_counts WHERE gateway = $1 AND slice >= $4) \
         < CAST($5 AS BIGINT) \
         ON CONFLICT (gateway, slice) DO UPDATE \
         SET calls = rate_counts.calls + 1, gone_at = excluded.gone_at RETURNING calls";
    let params = [
        wanted.gateway.into(),
        wanted.slice.into(),
        wanted.gone_at.into(),
        wanted.since.into(),
        wanted.limit.into(),
    ];
    let lock = LOCKS | (wanted.gateway & 0xffff_ffff);
    let counted = db.query_volatile_alone(lock, sql, &params).await?;
    Ok(!counted.is_empty())
}

/// The gateway's slices that begin at `since` or later, in their order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn slices(db: &Db, gateway: i64, since: i64) -> Result<Vec<Slice>, StoreError> {
    let sql =
        "SELECT slice, calls FROM rate_counts WHERE gateway = $1 AND slice >= $2 ORDER BY slice";
    let found = db
        .query_volatile(sql, &[gateway.into(), since.into()])
        .await?;
    found.into_iter().map(slice).collect()
}

fn slice(mut row: Row) -> Result<Slice, StoreError> {
    Ok(Slice {
        start: row.int()?,
        calls: row.int()?,
    })
}

/// Removes what counts no more, and what a clock has written that was ahead of its time; returns how many
/// slices there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(db: &Db, now: Timestamp) -> Result<usize, StoreError> {
    let sql = "DELETE FROM rate_counts WHERE gone_at <= $1 OR slice > $2 RETURNING gateway";
    let ahead = now.millis().saturating_add(CLOCKS_APART);
    let removed = db
        .query_volatile(sql, &[now.millis().into(), ahead.into()])
        .await?;
    Ok(removed.len())
}
