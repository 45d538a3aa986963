//! Brings the schema to this version: numbered SQL files, compiled in, applied once each and in order.

use crate::store::StoreError;
use crate::store::db::Db;

/// Number, name, text. A migration that has been released is never edited: add another.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "initial",
        include_str!("../../migrations/0001_initial.sql"),
    ),
    (
        2,
        "holds_and_limits",
        include_str!("../../migrations/0002_holds_and_limits.sql"),
    ),
    (
        3,
        "reading_back",
        include_str!("../../migrations/0003_reading_back.sql"),
    ),
    (
        4,
        "auto_topup",
        include_str!("../../migrations/0004_auto_topup.sql"),
    ),
    (
        5,
        "reversals",
        include_str!("../../migrations/0005_reversals.sql"),
    ),
    (
        6,
        "payment_methods",
        include_str!("../../migrations/0006_payment_methods.sql"),
    ),
    (
        7,
        "gateways",
        include_str!("../../migrations/0007_gateways.sql"),
    ),
    (8, "logs", include_str!("../../migrations/0008_logs.sql")),
    (
        9,
        "markups",
        include_str!("../../migrations/0009_markups.sql"),
    ),
    (
        10,
        "cache_and_rates",
        concat!(
            include_str!("../../migrations/0010_cached_answers.sql"),
            include_str!("../../migrations/0010_rate_counts.sql")
        ),
    ),
    (
        11,
        "spend_rules",
        include_str!("../../migrations/0011_spend_rules.sql"),
    ),
    (
        12,
        "checks",
        include_str!("../../migrations/0012_checks.sql"),
    ),
    (
        13,
        "log_bodies",
        include_str!("../../migrations/0013_log_bodies.sql"),
    ),
    (
        14,
        "transfer_numbers",
        include_str!("../../migrations/0014_transfer_numbers.sql"),
    ),
    (15, "keys", include_str!("../../migrations/0015_keys.sql")),
    (
        16,
        "running_hours",
        include_str!("../../migrations/0016_running_hours.sql"),
    ),
    (17, "noted", include_str!("../../migrations/0017_noted.sql")),
];

/// The numbers of the migrations that do nothing on PostgreSQL.
const SQLITE_ONLY: [i64; 3] = [12, 14, 15];

/// A number of our own among PostgreSQL's advisory locks: two nodes that start at once take turns.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(4207849484)::text";

/// Applies what is missing; returns the names of what it applied.
///
/// # Errors
/// [`StoreError::Migration`] where the database is newer than this program or a statement fails; then
/// nothing has changed.
pub async fn migrate(db: &Db) -> Result<Vec<&'static str>, StoreError> {
    migrate_to(db, i64::MAX).await
}

/// The same up to the migration of that number: a schema as it once was, to see what becomes of its rows.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_to(db: &Db, last: i64) -> Result<Vec<&'static str>, StoreError> {
    let mut tx = db.begin().await?;
    if matches!(db, Db::Postgres(_)) {
        tx.query(ADVISORY_LOCK, &[]).await?;
    }
    tx.script(
        "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)",
    )
    .await?;
    let newest = "SELECT COALESCE(MAX(number), 0) FROM migrations";
    let version = match tx.query_opt(newest, &[]).await? {
        Some(mut row) => row.int()?,
        None => 0,
    };
    refuse_newer(version)?;
    let mut applied = Vec::new();
    let missing = version.saturating_add(1)..=last;
    for (number, name, text) in MIGRATIONS.iter().filter(|one| missing.contains(&one.0)) {
        let script = text
            .replace("{SEQUENCE}", sequence(db))
            .replace("{UNLOGGED}", unlogged(db));
        if !SQLITE_ONLY.contains(number) || matches!(db, Db::Sqlite(_)) {
            tx.script(&script)
                .await
                .map_err(|error| StoreError::Migration(format!("{name}: {error}")))?;
        }
        let insert = "INSERT INTO migrations (number, name) VALUES ($1, $2)";
        tx.execute(insert, &[(*number).into(), (*name).into()])
            .await?;
        applied.push(*name);
    }
    tx.commit().await?;
    Ok(applied)
}

fn refuse_newer(version: i64) -> Result<(), StoreError> {
    let newest = MIGRATIONS.last().map_or(0, |(number, ..)| *number);
    if version <= newest {
        return Ok(());
    }
    Err(StoreError::Migration(format!(
        "the database has schema {version} and this Farebox knows {newest}: run the newer Farebox that \
         wrote it"
    )))
}

fn sequence(db: &Db) -> &'static str {
    match db {
        // AUTOINCREMENT: a number is never used twice, even after the newest row has gone. 0014 takes it from
        // `transfers`, whose rows never go.
        Db::Sqlite(_) => "INTEGER PRIMARY KEY AUTOINCREMENT",
        Db::Postgres(_) => "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    }
}

fn unlogged(db: &Db) -> &'static str {
    match db {
        Db::Sqlite(_) => "",
        Db::Postgres(_) => "UNLOGGED",
    }
}
