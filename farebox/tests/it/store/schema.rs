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
];
