//! How SQLite goes about what every call reads.
#![allow(clippy::unwrap_used)]

use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::store::bulk::Insert;
use crate::store::db::Db;
use crate::store::{gateways, ledger_rows, markups, migrate, provider_configs, tokens};

/// What SQLite does for a statement, step by step.
async fn steps(db: &Db, sql: &str) -> Vec<String> {
    let rows = db.query(&format!("EXPLAIN {sql}"), &[]).await.unwrap();
    let opcodes = rows.into_iter().map(|mut row| {
        row.int().unwrap();
        row.text().unwrap()
    });
    opcodes.collect()
}

async fn migrated(dir: &std::path::Path) -> Db {
    let config = DatabaseConfig {
        url: DatabaseUrl::Sqlite(dir.join("test.db")),
        pool_size: 1,
        batch_max: 1,
    };
    let db = Db::open(&config).unwrap();
    migrate::migrate(&db).await.unwrap();
    db
}

/// Building a table for an answer of a row, or going through a whole one, takes longer than all else.
#[tokio::test]
async fn what_every_call_reads_is_found_by_an_index_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = migrated(dir.path()).await;
    let table = ["OpenEphemeral", "OpenAutoindex", "SorterOpen", "Rewind"];
    let built = async |sql: &str| {
        let steps = steps(&db, sql).await;
        assert!(steps.iter().any(|step| step.starts_with("Seek")), "{sql}");
        steps.iter().any(|step| table.contains(&step.as_str()))
    };
    let account = ledger::AccountId::from_bytes([0; 16]);
    for sql in [
        gateways::by_id(account, "").sql,
        gateways::for_call(account, "").sql,
        tokens::by_hash("").sql,
        &markups::FOR_CALL,
        &provider_configs::BY_ALIAS,
        &provider_configs::BY_DEFAULT,
    ] {
        assert!(!built(sql).await, "{sql}");
    }
    // And they are told apart.
    let sql = "SELECT * FROM markups WHERE account_id IN ($1, '') ORDER BY LENGTH(scope)";
    assert!(built(sql).await);
}

/// Without it every row of the gateway's would be read, with the bodies in it.
#[tokio::test]
async fn a_log_is_found_by_its_callers_own_name_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = migrated(dir.path()).await;
    for (filter, is_used) in [("event_id = $2", true), ("user_agent = $2", false)] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM logs WHERE gateway = $1 AND ({filter}) \
             ORDER BY id DESC LIMIT 20"
        );
        let found = db.query(&sql, &[]).await.unwrap();
        let mut step = found.into_iter().next().unwrap();
        for _ in 0..3 {
            step.int().unwrap();
        }
        let plan = step.text().unwrap();
        assert_eq!(plan.contains("logs_by_event"), is_used, "{plan}");
    }
}

/// What is posted out of a lease leaves the index of open holds as it is.
#[tokio::test]
async fn a_hold_that_stays_open_is_changed_in_its_row_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = migrated(dir.path()).await;
    let changes_keys = async |insert: &Insert| {
        let steps = steps(&db, insert.row_sql()).await;
        steps.contains(&"IdxDelete".to_owned())
    };
    assert!(!changes_keys(&ledger_rows::UPSERT_HOLDS_IN_PART).await);
    assert!(changes_keys(&ledger_rows::UPSERT_HOLDS).await);
}
