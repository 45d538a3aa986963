//! Work that must happen, as rows: claimed by time, tried again with growing pauses, safe to do twice.
//!
//! A claim moves `due_at` into the future, so a worker that dies gives the job back by itself. Work
//! that is enqueued again while it is being done moves `due_at` once more, by which the worker sees
//! that it must not remove the row.

use ledger::Timestamp;

use crate::store::StoreError;
use crate::store::db::{Db, Tx};
use crate::store::value::Row;

/// The job that looks at what has gone back of a payment; its subject is Stripe's `pi_…`.
pub const APPLY_REVERSALS: &str = "apply_reversals";

/// A claimed job.
#[derive(Clone, Debug)]
pub struct Job {
    seq: i64,
    due_at: i64,
    /// Which work.
    pub kind: String,
    /// On what.
    pub subject: String,
    /// How often it was begun, this time included.
    pub attempts: i64,
}

fn job(mut row: Row) -> Result<Job, StoreError> {
    Ok(Job {
        seq: row.int()?,
        due_at: row.int()?,
        kind: row.text()?,
        subject: row.text()?,
        attempts: row.int()?,
    })
}

/// Asks for work on a subject, at once. Asked for twice, it is done once, after the second asking.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn enqueue(
    tx: &mut Tx,
    kind: &str,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO jobs (kind, subject, due_at, attempts) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, attempts = 0";
    tx.execute(sql, &[kind.into(), subject.into(), now.millis().into()])
        .await?;
    Ok(())
}

/// Claims the job that is due longest until `until`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim(db: &Db, now: Timestamp, until: Timestamp) -> Result<Option<Job>, StoreError> {
    // Most times there is nothing to do; a read finds that out without the writer's turn.
    let due = "SELECT 1 FROM jobs WHERE due_at <= $1 LIMIT 1";
    if db.query_opt(due, &[now.millis().into()]).await?.is_none() {
        return Ok(None);
    }
    // The outer condition is what decides between two workers that chose the same row.
    let sql = "UPDATE jobs SET due_at = $2, attempts = attempts + 1 WHERE seq = (SELECT seq FROM jobs \
         WHERE due_at <= $1 ORDER BY due_at, seq LIMIT 1) AND due_at <= $1 \
         RETURNING seq, due_at, kind, subject, attempts";
    let mut tx = db.begin().await?;
    let row = tx
        .query_opt(sql, &[now.millis().into(), until.millis().into()])
        .await?;
    tx.commit().await?;
    row.map(job).transpose()
}

/// Removes a job that is done, unless it was asked for again meanwhile.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn finish(db: &Db, job: &Job) -> Result<(), StoreError> {
    let sql = "DELETE FROM jobs WHERE seq = $1 AND due_at = $2";
    db.execute(sql, &[job.seq.into(), job.due_at.into()])
        .await?;
    Ok(())
}

/// Puts a job that failed off until `due_at`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn put_off(db: &Db, job: &Job, error: &str, due_at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE jobs SET due_at = $3, last_error = $4 WHERE seq = $1 AND due_at = $2";
    db.execute(
        sql,
        &[
            job.seq.into(),
            job.due_at.into(),
            due_at.millis().into(),
            error.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Makes every job due that was begun: whoever had claimed it is gone. Only for SQLite, where this process
/// is the only one; a job that was put off is merely tried earlier.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release_all(db: &Db) -> Result<(), StoreError> {
    db.execute("UPDATE jobs SET due_at = 0 WHERE attempts > 0", &[])
        .await?;
    Ok(())
}

/// How many jobs there are, due or not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db) -> Result<i64, StoreError> {
    let row = db
        .query_opt("SELECT CAST(COUNT(*) AS BIGINT) FROM jobs", &[])
        .await?;
    row.map_or(Ok(0), |mut row| row.int())
}
