//! What is read, by itself or together with other things.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use farebox::store::bulk::Query;
use farebox::store::db::Db;
use farebox::store::settings;

use crate::app::TestApp;

fn setting(name: &str) -> Query<'static> {
    Query {
        sql: "SELECT value FROM settings WHERE name = $1",
        params: vec![name.into()],
    }
}

/// The settings `one` and `two` as they are read together; empty where there is none.
async fn both(app: &TestApp) -> [String; 2] {
    both_in(&app.app.store.db).await
}

async fn both_in(db: &Db) -> [String; 2] {
    let queries = [setting("one"), setting("two")];
    let found = db.query_together(queries).await.unwrap();
    found.map(|mut rows| {
        rows.pop()
            .map_or(String::new(), |mut row| row.text().unwrap())
    })
}

/// What a call that is alone reads, it reads by the connection that writes, and what one of several does not.
async fn alone_and_not(app: &TestApp, check: impl AsyncFn(&TestApp)) {
    check(app).await;
    let db = &app.app.store.db;
    let _others = [db.call_begins(), db.call_begins()];
    check(app).await;
}

async fn each_answer_stands_in_the_place_of_its_statement(app: &TestApp) {
    alone_and_not(app, each_in_its_place).await;
}

async fn each_in_its_place(app: &TestApp) {
    let db = &app.app.store.db;
    let none = "DELETE FROM settings WHERE name IN ('one', 'two')";
    db.execute(none, &[]).await.unwrap();
    assert_eq!(both(app).await, ["", ""]);
    settings::set_all(db, &[("two", "2")]).await.unwrap();
    assert_eq!(both(app).await, ["", "2"]);
    settings::set_all(db, &[("one", "1")]).await.unwrap();
    assert_eq!(both(app).await, ["1", "2"]);
    let [] = db.query_together([]).await.unwrap();
}

/// Whoever comes next may have the connection of one that failed.
async fn one_that_fails_leaves_no_transaction_open(app: &TestApp) {
    alone_and_not(app, fails_and_leaves_none).await;
}

async fn fails_and_leaves_none(app: &TestApp) {
    let db = &app.app.store.db;
    // The first can't be prepared; the second is run, and answers what no column may be.
    for (round, sql) in ["SELECT nothing FROM nowhere", "SELECT 0.5"]
        .iter()
        .enumerate()
    {
        for place in 0..3 {
            let mut queries = [setting("one"), setting("two"), setting("three")];
            queries[place].sql = sql;
            queries[place].params.clear();
            let refused = db.query_together(queries).await;
            assert!(refused.is_err(), "{sql} {place}: {refused:?}");
            let value = format!("{round}.{place}");
            settings::set_all(db, &[("one", &value)]).await.unwrap();
            assert_eq!(both(app).await[0], value, "{sql} {place}");
        }
    }
}

/// The connection that writes may be somebody's for long.
async fn nobody_waits_for_a_transaction_to_end(app: &TestApp) {
    let db = &app.app.store.db;
    let mut open = db.begin().await.unwrap();
    let sql = "INSERT INTO settings (name, value) VALUES ('one', '1')";
    open.execute(sql, &[]).await.unwrap();
    assert_eq!(both(app).await, ["", ""]);
    open.commit().await.unwrap();
    assert_eq!(both(app).await, ["1", ""]);
}

const WRITES: i64 = 500;

/// Reads on and on. What anybody was told before is there, and both are as they were written, together.
async fn reads(db: Arc<Db>, told: Arc<AtomicI64>) {
    let mut last = 0;
    while last < WRITES {
        let before = told.load(Ordering::SeqCst);
        let [one, two] = both_in(&db).await;
        if matches!(*db, Db::Sqlite(_)) {
            assert_eq!(one, two);
        }
        let Query { sql, params } = setting("one");
        let mut alone = db.query_opt(sql, &params).await.unwrap().unwrap();
        for seen in [one, alone.text().unwrap()] {
            let seen = seen.parse().unwrap();
            assert!(seen >= before.max(last), "{seen} after {before} and {last}");
            last = seen;
        }
        tokio::task::yield_now().await;
    }
}

async fn what_was_told_is_seen_by_whoever_reads_next(app: &TestApp) {
    let db = app.app.store.db.clone();
    let told = Arc::new(AtomicI64::new(0));
    settings::set_all(&db, &[("one", "0"), ("two", "0")])
        .await
        .unwrap();
    // Some calls under way, so that reads have connections of their own.
    let _others = [db.call_begins(), db.call_begins()];
    let readers = [(); 3].map(|()| app.app.tasks.spawn(reads(db.clone(), told.clone())));
    for number in 1..=WRITES {
        let text = number.to_string();
        settings::set_all(&db, &[("one", &text), ("two", &text)])
            .await
            .unwrap();
        told.store(number, Ordering::SeqCst);
        if number % 5 == 0 {
            // Now and then nobody writes, and what is seen is kept open.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

crate::on_both_engines![
    each_answer_stands_in_the_place_of_its_statement,
    one_that_fails_leaves_no_transaction_open,
    nobody_waits_for_a_transaction_to_end,
    what_was_told_is_seen_by_whoever_reads_next,
];
