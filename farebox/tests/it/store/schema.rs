//! The schema's version, and that what is answered is on the disk.

use std::io::Write;

use farebox::app::system_clock;
use farebox::config::{Config, DatabaseConfig};
use farebox::ids::{self, LogId};
use farebox::store::db::Db;
use farebox::store::gateways::{self, Gateway, Settings};
use farebox::store::logs;
use farebox::store::migrate::{migrate, migrate_to};
use farebox::store::{Store, accounts, audit, spending};
use flate2::Compression;
use flate2::write::GzEncoder;
use ledger::{AccountId, Amount, Limit, Period, Strategy};

use crate::app::{Database, Engine};
use crate::calls;
use crate::store::money;

fn config(database: &Database) -> DatabaseConfig {
    let url = ("FAREBOX_DATABASE__URL".to_owned(), database.url.clone());
    let key = ("FAREBOX_SECURITY__KEY".to_owned(), "07".repeat(32));
    Config::load(None, [url, key].into_iter()).unwrap().database
}

fn open(database: &Database) -> Db {
    Db::open(&config(database)).unwrap()
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
        "INSERT INTO logs (id, key_source, request_body) VALUES ($1, $2, $3)",
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

/// The statement that writes one log of the first gateway's, as schema 12 has them.
const OLD_LOG: &str = "INSERT INTO logs (id, account_id, gateway, provider, model, success, cached, duration, \
     custom_cost, path, authentication, key_source, compatibility, request_size, response_size, metadata, \
     feedback, error) \
     VALUES ($1, $2, 1, 'openai', 'gpt-4o', 1, 0, 730, 0, 'v1/chat/completions', 1, 'operator', 0, 3, 5, \
     '{\"user\":\"ada\"}', -1, 'the last column')";

fn packed(body: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(body.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Three logs, with both bodies, with one and with none, and three transfers.
async fn fill_schema_12(database: &Database, account: AccountId) -> [LogId; 3] {
    let db = open(database);
    migrate_to(&db, 12).await.unwrap();
    let made = calls::ulids(system_clock()());
    for id in &made {
        let params = [id.as_str().into(), account.to_string().into()];
        db.execute(OLD_LOG, &params).await.unwrap();
    }
    let payloads = "INSERT INTO log_payloads (log, request, response) VALUES ($1, $2, $3)";
    for (id, response) in [(&made[0], Some(packed("there"))), (&made[1], None)] {
        let params = [id.as_str().into(), packed("hey").into(), response.into()];
        db.execute(payloads, &params).await.unwrap();
    }
    let transfer = "INSERT INTO transfers (id, debit, credit, amount, code, phase, reference, at) \
         VALUES ($1, 'promotions', 'revenue', 1, 1, 'single', '', 1)";
    for _ in &made {
        let id = ids::transfer_for("old", &ids::opaque()).to_string();
        db.execute(transfer, &[id.into()]).await.unwrap();
    }
    made.map(|id| id.parse().unwrap())
}

async fn body(db: &Db, gateway: &Gateway, id: LogId) -> [Option<Vec<u8>>; 2] {
    let kept = logs::payloads(db, gateway, id).await.unwrap();
    [kept.request, kept.response].map(|body| body.map(|body| body.unpack().unwrap()))
}

async fn logs_and_transfers_of_schema_12_are_all_there(database: &Database) {
    let account = ids::account();
    let made = fill_schema_12(database, account).await;
    let config = config(database);
    let store = Store::open(&config, system_clock(), |_| ()).await.unwrap();
    let (db, now) = (&store.db, system_clock()());
    accounts::create(db, account, "old", now).await.unwrap();
    let settings = Settings::default();
    let gateway = gateways::create(db, account, "old", &settings, now);
    let gateway = gateway.await.unwrap();
    let bodies = [
        [Some(b"hey".to_vec()), Some(b"there".to_vec())],
        [Some(b"hey".to_vec()), None],
        [None, None],
    ];
    for (id, expected) in made.into_iter().zip(bodies) {
        assert_eq!(body(db, &gateway, id).await, expected);
        let log = logs::find(db, &gateway, id).await.unwrap().unwrap();
        assert_eq!(
            (log.call.model.as_str(), log.feedback),
            ("gpt-4o", Some(-1))
        );
        assert_eq!(log.metadata.as_deref(), Some(r#"{"user":"ada"}"#));
        assert_eq!(log.call.error.as_deref(), Some("the last column"));
        assert_eq!((log.call.request_size, log.call.response_size), (3, 5));
    }
    let credit = money::credit(account, ids::transfer_for("new", "1"), 1);
    store.committer.commit_one(credit).await.unwrap();
    let seqs = db
        .query("SELECT seq FROM transfers ORDER BY seq", &[])
        .await;
    let seqs = seqs.unwrap().into_iter().map(|mut row| row.int().unwrap());
    assert_eq!(seqs.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// What was used in it stands in two places then.
async fn an_hour_that_began_in_schema_15_goes_on(database: &Database) {
    let (account, now) = (ids::account(), system_clock()());
    let db = open(database);
    migrate_to(&db, 15).await.unwrap();
    accounts::create(&db, account, "old", now).await.unwrap();
    let hour = now.millis() / 3_600_000;
    let customer = ledger::Account::Customer(account).to_string();
    for [debit, credit, amount, code] in [
        ["promotions", customer.as_str(), "100", "4"],
        [customer.as_str(), "revenue", "70", "3"],
    ] {
        let id = ids::transfer_for("old", code).to_string();
        let sql = format!(
            "INSERT INTO transfers (id, debit, credit, amount, code, phase, reference, at) \
             VALUES ($1, '{debit}', '{credit}', {amount}, {code}, 'single', '', $2)"
        );
        let params = [id.into(), now.millis().into()];
        db.execute(&sql, &params).await.unwrap();
    }
    let totals = "UPDATE balances SET credits_posted = 100, debits_posted = 70";
    db.execute(totals, &[]).await.unwrap();
    let hours = "INSERT INTO usage_hours (account_id, hour, amount) VALUES ($1, $2, 70)";
    let params = [account.to_string().into(), hour.into()];
    db.execute(hours, &params).await.unwrap();
    drop(db);

    let clock: farebox::store::committer::Clock = std::sync::Arc::new(move || now);
    let store = Store::open(&config(database), clock, |_| ()).await.unwrap();
    let committer = &store.committer;
    for operation in [
        money::credit(account, ids::transfer_for("new", "1"), 1),
        money::usage(account, ids::transfer_for("new", "2"), 5),
        money::usage(account, ids::transfer_for("new", "3"), 2),
    ] {
        committer.commit_one(operation).await.unwrap();
    }
    let audit = audit::check(&store.db).await.unwrap();
    assert!(audit.is_right(), "{audit:?}");
    let limit = Limit {
        amount: Amount::from_nanos(77),
        period: Period::Monthly,
        strategy: Strategy::Sliding,
    };
    let mut tx = store.db.begin().await.unwrap();
    let spending = spending::spending(&mut tx, account, limit, now).await;
    assert_eq!(spending.unwrap().settled, Amount::from_nanos(77));
    let all = spending::frees_at(&mut tx, account, limit, Amount::from_nanos(77), now);
    assert_eq!(all.await.unwrap(), Some(limit.frees_at(now)));
}

/// The number is the row's own, and nobody keeps count of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_numbers_transfers_by_themselves() {
    let database = Database::create(Engine::Sqlite).await.unwrap();
    logs_and_transfers_of_schema_12_are_all_there(&database).await;
    // Beside the store, whose committer ends a moment after it.
    let db = Db::open_read_only(&config(&database)).unwrap();
    let texts = async |sql: &str| {
        let rows = db.query(sql, &[]).await.unwrap();
        let texts = rows.into_iter().map(|mut row| row.text().unwrap());
        texts.collect::<Vec<_>>()
    };
    assert_eq!(texts("PRAGMA integrity_check").await, ["ok"]);
    assert_eq!(texts("PRAGMA foreign_key_check").await, [""; 0]);
    let counted = texts("SELECT name FROM sqlite_sequence").await;
    assert!(counted.contains(&"gateways".to_owned()), "{counted:?}");
    assert!(!counted.contains(&"transfers".to_owned()), "{counted:?}");
    let columns = db.query("EXPLAIN SELECT id FROM transfers WHERE seq = $1", &[]);
    let steps = columns.await.unwrap().into_iter().map(|mut step| {
        step.int().unwrap();
        step.text().unwrap()
    });
    assert!(steps.collect::<Vec<_>>().contains(&"SeekRowid".to_owned()));
}

/// Rows of schema 14 in the tables that schema 15 stores by their keys, in another order than that of the keys.
const FILL_SCHEMA_14: &str = "
    INSERT INTO accounts (id, name, card_looked_at, created_at) VALUES
        ('22222222222222222222222222222222', 'b', 0, 0), ('11111111111111111111111111111111', 'a', 0, 0);
    INSERT INTO balances VALUES
        ('22222222222222222222222222222222', 1, 2, 3, 4, 5), ('11111111111111111111111111111111', 6, 7, 8, 9, 0);
    INSERT INTO usage_hours VALUES
        ('22222222222222222222222222222222', 7, 70), ('11111111111111111111111111111111', 9, 90),
        ('11111111111111111111111111111111', 8, 80);
    INSERT INTO charges VALUES
        ('22222222222222222222222222', 'b', 1, 'p', 'm', 'u', 't', 'reported', 2, 3, 4, 'r', 'e', 'h', 'f'),
        ('11111111111111111111111111', 'a', 5, 'q', 'n', 'v', 'w', 'estimated', NULL, 6, 7, NULL, NULL, NULL, NULL);
    INSERT INTO log_metadata VALUES ('l2', 1, 'k2', 'v2'), ('l1', 2, 'k1', 'v1'), ('l1', 2, 'k0', 'v0');
    INSERT INTO log_counts VALUES (2, 20), (1, 10);";

const BY_KEY: [(&str, &str); 5] = [
    ("balances", "account_id"),
    ("usage_hours", "account_id, hour"),
    ("charges", "id"),
    ("log_metadata", "log, key"),
    ("log_counts", "gateway"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_stores_by_its_key_what_is_found_by_it() {
    let database = Database::create(Engine::Sqlite).await.unwrap();
    let db = open(&database);
    migrate_to(&db, 14).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.script(FILL_SCHEMA_14).await.unwrap();
    tx.commit().await.unwrap();
    let rows = async || {
        let mut rows = Vec::new();
        for (table, key) in BY_KEY {
            let sql = format!("SELECT * FROM {table} ORDER BY {key}");
            rows.push(format!("{:?}", db.query(&sql, &[]).await.unwrap()));
        }
        rows
    };
    let before = rows().await;
    assert!(before.iter().all(|rows| rows.len() > 40), "{before:?}");
    assert_eq!(migrate_to(&db, 15).await.unwrap(), ["keys"]);
    assert_eq!(rows().await, before);
    let indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name IN \
         ('balances', 'usage_hours', 'charges', 'log_metadata', 'log_counts')";
    let indexes = db.query(indexes, &[]).await.unwrap().into_iter();
    let indexes: Vec<_> = indexes.map(|mut row| row.text().unwrap()).collect();
    assert_eq!(indexes, ["log_metadata_by_value"]);
    for (check, right) in [
        ("integrity_check", vec!["ok"]),
        ("foreign_key_check", vec![]),
    ] {
        let found = db.query(&format!("PRAGMA {check}"), &[]).await.unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|mut row| row.text().unwrap())
            .collect();
        assert_eq!(found, right);
    }
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
    logs_and_transfers_of_schema_12_are_all_there,
    an_hour_that_began_in_schema_15_goes_on,
];
