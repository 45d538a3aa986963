//! Stripe's events and the work that they cause, durable together: an event is taken once however
//! often it is delivered, and what it asks for is enqueued in the same transaction.

use ledger::Timestamp;

use crate::store::db::Db;
use crate::store::{StoreError, jobs};

/// What is kept of an event: never its body.
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// Stripe's `evt_…`.
    pub id: &'a str,
    /// `invoice.paid` …
    pub kind: &'a str,
    /// The id of what it is about.
    pub object_id: &'a str,
    /// When Stripe made it.
    pub created_at: Timestamp,
}

/// Takes an event with the job that it causes, if any; false where it had been taken before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take(
    db: &Db,
    event: &NewEvent<'_>,
    job: Option<(&str, &str)>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // Most repeats are seen here, without waiting for the writer's turn.
    if db
        .query_opt(
            "SELECT 1 FROM stripe_events WHERE id = $1",
            &[event.id.into()],
        )
        .await?
        .is_some()
    {
        return Ok(false);
    }
    let mut tx = db.begin().await?;
    let sql = "INSERT INTO stripe_events (id, type, object_id, created_at, received_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
    let params = [
        event.id.into(),
        event.kind.into(),
        event.object_id.into(),
        event.created_at.millis().into(),
        now.millis().into(),
    ];
    if tx.execute(sql, &params).await? == 0 {
        tx.roll_back().await?;
        return Ok(false);
    }
    if let Some((kind, subject)) = job {
        jobs::enqueue(&mut tx, kind, subject, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Forgets events that Stripe's own list has forgotten too.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(db: &Db, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM stripe_events WHERE received_at < $1";
    db.execute(sql, &[before.millis().into()]).await
}

/// Where a reader of somebody else's list stopped.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn cursor(db: &Db, name: &str) -> Result<Option<i64>, StoreError> {
    let row = db
        .query_opt(
            "SELECT position FROM cursors WHERE name = $1",
            &[name.into()],
        )
        .await?;
    row.map(|mut row| row.int()).transpose()
}

/// Notes where a reader of somebody else's list stopped. It never goes back.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_cursor(db: &Db, name: &str, position: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO cursors (name, position) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET \
         position = excluded.position WHERE excluded.position > cursors.position";
    db.execute(sql, &[name.into(), position.into()]).await?;
    Ok(())
}
