//! The schema's version, and that what is answered is on the disk.

use farebox::config::Config;
use farebox::store::db::Db;
use farebox::store::migrate::migrate;

use crate::app::{Database, Engine};

fn open(database: &Database) -> Db {
    let url = ("FAREBOX_DATABASE__URL".to_owned(), database.url.clone());
    let key = ("FAREBOX_SECURITY__KEY".to_owned(), "07".repeat(32));
    let config = Config::load(None, [url, key].into_iter()).unwrap();
    Db::open(&config.database).unwrap()
}

async fn a_second_migration_changes_nothing(database: &Database) {
    let db = open(database);
    let applied = migrate(&db).await.unwrap();
    assert!(!applied.is_empty());
    assert_eq!(migrate(&db).await.unwrap(), Vec::<&str>::new());
    let rows = db.query("SELECT name FROM migrations", &[]).await.unwrap();
    assert_eq!(rows.len(), applied.len());
}

async fn a_newer_schema_is_refused(database: &Database) {
    let db = open(database);
    migrate(&db).await.unwrap();
    let sql = "INSERT INTO migrations (number, name) VALUES (9999, 'future')";
    db.execute(sql, &[]).await.unwrap();
    let refused = migrate(&db).await.unwrap_err().to_string();
    assert!(refused.contains("schema 9999"), "{refused}");
    assert!(refused.contains("run the newer Farebox"), "{refused}");
}

/// What a statement that shows a setting answers in a transaction that writes.
async fn setting(db: &Db, sql: &str) -> String {
    let mut tx = db.begin().await.unwrap();
    let row = tx.query_opt(sql, &[]).await.unwrap().unwrap();
    row.clone()
        .text()
        .unwrap_or_else(|_| row.clone().int().unwrap().to_string())
}

async fn what_is_committed_is_on_the_disk(database: &Database) {
    let db = open(database);
    if matches!(db, Db::Sqlite(_)) {
        assert_eq!(setting(&db, "PRAGMA journal_mode").await, "wal");
        assert_eq!(setting(&db, "PRAGMA synchronous").await, "2", "FULL");
        assert_eq!(setting(&db, "PRAGMA foreign_keys").await, "1");
        return;
    }
    // The database's owner has relaxed it for everybody, and it must not be so for us.
    let name = setting(&db, "SELECT current_database()::text").await;
    let sql = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    db.execute(&sql, &[]).await.unwrap();
    assert_eq!(
        setting(&open(database), "SHOW synchronous_commit").await,
        "on"
    );
}

/// Rows that a check refuses, beside one that differs in the value alone.
async fn only_the_values_that_are_known_are_stored(database: &Database) {
    let db = open(database);
    migrate(&db).await.unwrap();
    let id = "0".repeat(32);
    let transfer = format!(
        "INSERT INTO transfers (id, debit, credit, amount, code, phase, hold, expires_at, reference, at) \
         VALUES ('{id}', 'a', 'b', 1, 1, '{{}}', NULL, NULL, '', 1)"
    );
    let hold = format!(
        "INSERT INTO holds (id, account_id, credit, code, amount, posted, state, expires_at) \
         VALUES ('{id}', 'a', 'b', 1, 1, 0, '{{}}', 1)"
    );
    for (sql, known, unknown) in [
        (
            transfer,
            "single",
            [
                "", "singl", "single ", "Single", "post", "expire", "pending",
            ]
            .as_slice(),
        ),
        (
            hold,
            "open",
            ["", "ope", "open ", "OPEN", "expire"].as_slice(),
        ),
    ] {
        for value in unknown {
            let refused = db
                .execute(&sql.replace("{}", value), &[])
                .await
                .unwrap_err();
            assert!(
                refused.to_string().to_lowercase().contains("check"),
                "{value}: {refused}"
            );
        }
        db.execute(&sql.replace("{}", known), &[]).await.unwrap();
    }
}

/// What SQLite fills a table in memory for with every row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_for_every_call_fills_no_table_in_memory() {
    let database = Database::create(Engine::Sqlite).await.unwrap();
    let db = open(&database);
    migrate(&db).await.unwrap();
    for sql in [
        "INSERT INTO transfers (id, debit, credit, amount, code, phase, hold, expires_at, reference, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        "INSERT INTO holds (id, account_id, credit, code, amount, posted, state, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (id) DO UPDATE SET posted = excluded.posted, state = excluded.state",
        "INSERT INTO logs (id, key_source) VALUES ($1, $2)",
    ] {
        let steps = db.query(&format!("EXPLAIN {sql}"), &[]).await.unwrap();
        for mut step in steps {
            step.int().unwrap();
            assert_ne!(step.text().unwrap(), "OpenEphemeral", "{sql}");
        }
    }
    let usage = "EXPLAIN QUERY PLAN SELECT amount FROM transfers WHERE debit = $1 AND code = 3 \
         AND (phase = 'single' OR phase = 'post' OR phase = 'post_last') AND at >= $2";
    let plan = db.query_opt(usage, &[]).await.unwrap().unwrap();
    assert!(format!("{plan:?}").contains("usage_by_time"), "{plan:?}");
    let wrong = db.query("PRAGMA integrity_check", &[]).await.unwrap();
    assert_eq!(wrong.into_iter().next().unwrap().text().unwrap(), "ok");
}

macro_rules! on_a_database {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use super::{Database, Engine};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let database = Database::create(Engine::Sqlite).await.unwrap();
                super::$name(&database).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(database) = Database::create(Engine::Postgres).await {
                    super::$name(&database).await;
                }
            }
        })+
    };
}

on_a_database![
    a_second_migration_changes_nothing,
    a_newer_schema_is_refused,
    what_is_committed_is_on_the_disk,
    only_the_values_that_are_known_are_stored,
];
