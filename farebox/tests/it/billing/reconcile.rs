//! `farebox reconcile`: whatever Stripe has and the ledger hasn't, or the other way round, is named.

use farebox::billing;
use farebox::config::DatabaseUrl;
use farebox::store::topups;
use ledger::Timestamp;
use sandbox::{Deliveries, DisputeKind};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::app::{STRIPE_KEY, TestApp};
use crate::process;

async fn paid(app: &TestApp) -> (String, String) {
    let invoice = app.topup(json!({ "amount": 5000 })).await.invoice();
    app.status_becomes(&invoice, "completed").await;
    app.settle().await;
    let topup = topups::find(&app.app.store.db, app.account, &invoice).await;
    (invoice, topup.unwrap().unwrap().payment_intent_id.unwrap())
}

fn deaf(app: &TestApp, deaf: bool) {
    app.stripe.set_deliveries(Deliveries {
        drop: deaf,
        ..Deliveries::default()
    });
}

async fn change(app: &TestApp, sql: &str) {
    let mut tx = app.app.store.db.begin().await.unwrap();
    tx.script(sql).await.unwrap();
    tx.commit().await.unwrap();
}

/// Each object that differs, with the money at Stripe and here, and the sum.
async fn differences(app: &TestApp) -> (Vec<(String, i64, i64)>, i64) {
    let since = Timestamp::from_millis(app.app.now().millis() - 3_600_000);
    let compared = billing::compare(&app.app.store.db, &app.app.stripe, since)
        .await
        .unwrap();
    let told = compared.differences.iter();
    let told = told.map(|one| (one.object.clone(), one.stripe_cents, one.ledger_cents));
    (told.collect(), compared.drift_cents)
}

async fn what_differs_is_named_with_its_money(app: &TestApp) {
    app.may_owe();
    app.add_cards().await;
    let (invoice, intent) = paid(app).await;
    app.stripe.refund(&intent, Some(500)).unwrap();
    let dispute = app
        .stripe
        .open_dispute(&intent, DisputeKind::Chargeback, Some(1000))
        .unwrap();
    app.stripe
        .withdraw_dispute_funds(dispute["id"].as_str().unwrap())
        .unwrap();
    app.settle().await;
    assert_eq!(differences(app).await, (vec![], 0));
    // What happens while nobody hears it.
    deaf(app, true);
    let (_, other) = paid(app).await;
    let refund = app.stripe.refund(&other, Some(700)).unwrap();
    let unheard = refund["id"].as_str().unwrap().to_owned();
    assert_eq!(differences(app).await, (vec![(unheard, 700, 0)], 700));
    deaf(app, false);
    billing::apply_reversals(&app.app, &other).await.unwrap();
    assert_eq!(differences(app).await, (vec![], 0));
    // What other hands do to the rows.
    change(
        app,
        "UPDATE topups SET state = 'pending', completed_at = NULL",
    )
    .await;
    let (found, drift) = differences(app).await;
    assert!(found.contains(&(invoice.clone(), 5000, 0)), "{found:?}");
    assert_eq!((found.len(), drift), (2, 10_000));
    change(
        app,
        "UPDATE topups SET state = 'completed', completed_at = 1",
    )
    .await;
    let undone =
        format!("UPDATE topups SET invoice_id = '{invoice}' WHERE invoice_id = 'in_nobodys'");
    let done =
        format!("UPDATE topups SET invoice_id = 'in_nobodys' WHERE invoice_id = '{invoice}'");
    change(app, &done).await;
    let (found, drift) = differences(app).await;
    assert!(
        found.contains(&("in_nobodys".to_owned(), 0, 5000)),
        "{found:?}"
    );
    assert!(found.contains(&(invoice.clone(), 5000, 0)), "{found:?}");
    assert_eq!(drift, 10_000);
    change(app, &undone).await;
    let dispute = dispute["id"].as_str().unwrap();
    change(
        app,
        &format!("UPDATE reversals SET stripe_id = 'du_0' WHERE stripe_id = '{dispute}'"),
    )
    .await;
    let (found, _) = differences(app).await;
    assert!(found.contains(&("du_0".to_owned(), 0, 1000)), "{found:?}");
    assert!(found.contains(&(dispute.to_owned(), 1000, 0)), "{found:?}");
    change(
        app,
        &format!("UPDATE reversals SET stripe_id = '{dispute}' WHERE stripe_id = 'du_0'"),
    )
    .await;
}

async fn the_command_tells_and_its_exit_code_says_so(app: &TestApp) {
    app.add_cards().await;
    let (_, intent) = paid(app).await;
    let url = match &app.app.config.database.url {
        DatabaseUrl::Sqlite(path) => format!("sqlite://{}", path.display()),
        DatabaseUrl::Postgres(url) => url.expose_secret().to_owned(),
    };
    let variables = [
        ("FAREBOX_DATABASE__URL".to_owned(), url),
        ("FAREBOX_STRIPE__BASE_URL".to_owned(), app.stripe.url()),
        (
            "FAREBOX_STRIPE__SECRET_KEY".to_owned(),
            STRIPE_KEY.to_owned(),
        ),
    ];
    let variables = variables.into_iter().collect();
    let agree = process::run(&["reconcile", "--since", "2020-01-01"], &variables).await;
    let printed = process::printed(&agree, 0);
    assert_eq!(
        printed,
        "1 paid invoices, 0 refunds and 0 disputes at Stripe\nStripe and the ledger agree\n"
    );
    deaf(app, true);
    app.stripe.refund(&intent, Some(700)).unwrap();
    let differ = process::run(&["reconcile"], &variables).await;
    let printed = process::printed(&differ, 1);
    assert!(printed.contains("DIFFERS  re_"), "{printed}");
    assert!(
        printed.ends_with("1 differences, 700 cents in all\n"),
        "{printed}"
    );
    let differ = process::run(&["reconcile", "--json"], &variables).await;
    let told: Value = serde_json::from_str(&process::printed(&differ, 1)).unwrap();
    assert_eq!(
        (&told["drift_cents"], &told["refunds"]),
        (&json!(700), &json!(1))
    );
    let account = app.account.to_string();
    assert_eq!(told["differences"][0]["account"], account);
    deaf(app, false);
    billing::apply_reversals(&app.app, &intent).await.unwrap();
}

crate::on_both_engines![
    what_differs_is_named_with_its_money,
    the_command_tells_and_its_exit_code_says_so,
];
