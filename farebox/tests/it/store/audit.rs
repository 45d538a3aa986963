//! What other hands change in the database, the audit finds, row by row.

use farebox::config::DatabaseUrl;
use farebox::ids;
use farebox::store::audit;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::faults::truth;
use crate::process;
use crate::store::money;

/// A change behind Farebox's back, what takes it back, and the row that must be named.
struct Tampering {
    change: String,
    undo: String,
    row: String,
}

/// A change of one row by an UPDATE, with its opposite.
fn update(table: &str, key: &str, change: &str, undo: &str, row: &str) -> Tampering {
    let sql = |set: &str| format!("UPDATE {table} SET {set} WHERE {key}");
    Tampering {
        change: sql(change),
        undo: sql(undo),
        row: row.to_owned(),
    }
}

/// A customer with a completed top-up, a pending one, and a posted hold.
struct Books {
    account: String,
    completed: String,
    pending: String,
    hold: String,
    post: String,
    refund: String,
}

async fn books(app: &TestApp) -> Books {
    app.add_cards().await;
    app.topup(json!({ "amount": 5000 })).await.invoice();
    let secured = "pm_card_authenticationRequired";
    let waiting = json!({ "amount": 2000, "payment_method_id": secured });
    app.topup(waiting).await.invoice();
    app.settle().await;
    let sql = "SELECT payment_intent_id FROM topups WHERE state = 'completed'";
    let intent = app.app.store.db.query_opt(sql, &[]).await.unwrap();
    let intent = intent.unwrap().text().unwrap();
    app.stripe.refund(&intent, Some(100)).unwrap();
    app.settle().await;
    let sql = "SELECT id FROM reversals";
    let refund = app.app.store.db.query_opt(sql, &[]).await.unwrap();
    let (hold, post) = (
        ids::transfer_for("test", "hold"),
        ids::transfer_for("test", "post"),
    );
    for operation in [
        money::hold(app.account, hold, 700),
        money::post(app.account, post, hold, 500),
    ] {
        app.app.store.committer.commit_one(operation).await.unwrap();
    }
    let mut rows = truth::rows(&app.app.store.db, app.account)
        .await
        .into_iter();
    Books {
        account: app.account.to_string(),
        completed: rows.next().unwrap().id,
        pending: rows.next().unwrap().id,
        hold: hold.to_string(),
        post: post.to_string(),
        refund: refund.unwrap().text().unwrap(),
    }
}

fn tamperings(books: &Books, other: &str, engine: &str) -> Vec<Tampering> {
    let Books {
        account,
        completed,
        pending,
        hold,
        post,
        refund,
    } = books;
    let credit = ids::transfer_for("topup", completed);
    let (balance, held) = (
        format!("account_id = '{account}'"),
        format!("id = '{hold}'"),
    );
    let (balances, holds) = (format!("balances {account}"), format!("holds {hold}"));
    let topup = |id: &str| format!("topups {id}");
    let is = |id: &dyn std::fmt::Display| format!("id = '{id}'");
    // PostgreSQL gives the numbers itself, unless it is told otherwise.
    let overriding = match engine {
        "postgres" => "OVERRIDING SYSTEM VALUE",
        _ => "",
    };
    let mut all: Vec<_> = ["credits_posted", "debits_posted", "debits_pending"]
        .map(|column| {
            let (more, less) = (
                format!("{column} = {column} + 1"),
                format!("{column} = {column} - 1"),
            );
            update("balances", &balance, &more, &less, &balances)
        })
        .into();
    all.extend([
        update(
            "holds",
            &held,
            "posted = posted - 1",
            "posted = posted + 1",
            &holds,
        ),
        update(
            "holds",
            &held,
            "state = 'voided'",
            "state = 'posted'",
            &holds,
        ),
        update(
            "holds",
            &held,
            "amount = amount + 1",
            "amount = amount - 1",
            &holds,
        ),
        update(
            "transfers",
            &is(&credit),
            "amount = amount + 1",
            "amount = amount - 1",
            &topup(completed),
        ),
        update(
            "transfers",
            &is(&credit),
            &format!("credit = 'customer:{other}'"),
            &format!("credit = 'customer:{account}'"),
            &format!("balances {other}"),
        ),
        update(
            "topups",
            &is(pending),
            "state = 'completed', completed_at = 1",
            "state = 'pending', completed_at = NULL",
            &topup(pending),
        ),
        update(
            "topups",
            &is(completed),
            "state = 'pending', completed_at = NULL",
            "state = 'completed', completed_at = 1",
            &format!("transfers {credit}"),
        ),
        update(
            "topups",
            &is(completed),
            "amount_cents = amount_cents + 1",
            "amount_cents = amount_cents - 1",
            &topup(completed),
        ),
        update(
            "reversals",
            &is(refund),
            "taken_credit = taken_credit - 1",
            "taken_credit = taken_credit + 1",
            &format!("reversals {refund}"),
        ),
        update(
            "reversals",
            &is(refund),
            &format!("account_id = '{other}'"),
            &format!("account_id = '{account}'"),
            &format!("reversals {refund}"),
        ),
        update(
            "transfers",
            "code = 7",
            "reference = 'another'",
            &format!("reference = '{refund}'"),
            "reversals another",
        ),
        Tampering {
            change: format!(
                "CREATE TABLE kept AS SELECT * FROM transfers WHERE id = '{post}'; \
                 DELETE FROM transfers WHERE id = '{post}'"
            ),
            undo: format!("INSERT INTO transfers {overriding} SELECT * FROM kept; DROP TABLE kept"),
            row: holds.clone(),
        },
        Tampering {
            change: format!(
                "INSERT INTO transfers (id, debit, credit, amount, code, phase, reference, at) \
                 VALUES ('{}', 'promotions', 'customer:{account}', 1, 5, 'single', '', 1)",
                "f".repeat(32)
            ),
            undo: format!("DELETE FROM transfers WHERE id = '{}'", "f".repeat(32)),
            row: balances.clone(),
        },
    ]);
    all
}

async fn change(app: &TestApp, sql: &str) {
    let mut tx = app.app.store.db.begin().await.unwrap();
    tx.script(sql).await.unwrap();
    tx.commit().await.unwrap();
}

async fn every_tampering_is_found(app: &TestApp) {
    let books = books(app).await;
    let other = app.another_account().await.to_string();
    let db = &app.app.store.db;
    for Tampering {
        change: sql,
        undo,
        row,
    } in tamperings(&books, &other, db.engine())
    {
        change(app, &sql).await;
        let found = audit::check(db).await.unwrap().problems;
        let named = found.iter().any(|finding| finding.row == row);
        assert!(named, "{sql}\nnot {row} but {found:#?}");
        change(app, &undo).await;
        let left = audit::check(db).await.unwrap().problems;
        assert!(left.is_empty(), "{undo}: {left:#?}");
    }
}

async fn the_command_names_the_row_and_fails(app: &TestApp) {
    let books = books(app).await;
    let url = match &app.app.config.database.url {
        DatabaseUrl::Sqlite(path) => format!("sqlite://{}", path.display()),
        DatabaseUrl::Postgres(url) => url.expose_secret().to_owned(),
    };
    let variables = [
        ("FAREBOX_DATABASE__URL".to_owned(), url),
        ("FAREBOX_SECURITY__KEY".to_owned(), "07".repeat(32)),
    ];
    let variables = variables.into_iter().collect();
    let check = process::run(&["ledger", "check"], &variables).await;
    let printed = process::printed(&check, 0);
    assert!(printed.ends_with("the books are right\n"), "{printed}");
    change(
        app,
        "UPDATE balances SET credits_posted = credits_posted + 1",
    )
    .await;
    let check = process::run(&["ledger", "check"], &variables).await;
    let printed = process::printed(&check, 1);
    let line = format!("WRONG  balances {}", books.account);
    assert!(printed.contains(&line), "{printed}");
    let check = process::run(&["ledger", "check", "--json"], &variables).await;
    let report: Value = serde_json::from_str(&process::printed(&check, 1)).unwrap();
    let row = format!("balances {}", books.account);
    let mut problems = report["problems"].as_array().unwrap().iter();
    assert!(problems.any(|one| one["row"] == row.as_str()), "{report}");
    change(
        app,
        "UPDATE balances SET credits_posted = credits_posted - 1",
    )
    .await;
}

crate::on_both_engines![
    every_tampering_is_found,
    the_command_names_the_row_and_fails,
];
