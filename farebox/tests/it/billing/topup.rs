//! `POST …/billing/topup`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn the_default_card_is_charged_at_once(app: &TestApp) {
    app.add_cards().await;
    let answer = app.topup(json!({ "amount": 5000 })).await;
    insta::assert_snapshot!("charged_at_once", answer.snapshot());
    assert_eq!(app.cents().await, "5000");
    app.status_becomes(&answer.invoice(), "completed").await;
}

async fn a_named_card_is_charged_instead(app: &TestApp) {
    app.add_cards().await;
    let mastercard = attach(app, "pm_card_mastercard").await;
    let answer = app
        .topup(json!({ "amount": 1000, "payment_method_id": mastercard }))
        .await;
    assert_eq!(answer.body["result"]["brand"], "mastercard");
    assert_eq!(answer.body["result"]["last4"], "4444");
    assert_eq!(app.cents().await, "1000");
}

/// Attaches a card to the account's customer as a browser would have; answers its id.
async fn attach(app: &TestApp, card: &str) -> String {
    let customer = farebox::billing::ensure_customer(&app.app, app.account)
        .await
        .unwrap();
    app.app
        .stripe
        .attach_payment_method(card, &customer, "attach")
        .await
        .unwrap()
        .id
}

async fn without_a_card_the_customer_pays_with_the_secret(app: &TestApp) {
    let answer = app.topup(json!({ "amount": 2000 })).await;
    insta::assert_snapshot!("without_a_card", answer.snapshot());
    assert_eq!(app.cents().await, "0");
    let invoice = answer.invoice();
    app.status_becomes(&invoice, "pending").await;
    confirm_in_the_browser(app, &answer, "pm_card_visa").await;
    app.status_becomes(&invoice, "completed").await;
    assert_eq!(app.cents().await, "2000");
}

/// What stripe.js does in the customer's browser: it has the secret and a publishable key only.
async fn confirm_in_the_browser(app: &TestApp, topup: &Answer, card: &str) {
    let secret = topup.body["result"]["client_secret"].as_str().unwrap();
    let intent = secret.split("_secret_").next().unwrap();
    let url = format!("{}/v1/payment_intents/{intent}/confirm", app.stripe.url());
    let form = [("client_secret", secret), ("payment_method", card)];
    let request = crate::app::http_client()
        .post(url)
        .bearer_auth("pk_test_browser")
        .form(&form);
    let answer = request.send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

async fn a_declined_card_is_an_error_and_the_invoice_is_void(app: &TestApp) {
    app.add_cards().await;
    let body =
        json!({ "amount": 5000, "payment_method_id": "pm_card_chargeDeclinedInsufficientFunds" });
    let answer = app.topup(body).await;
    insta::assert_snapshot!("declined", answer.snapshot());
    assert_eq!(app.cents().await, "0");
    let invoices = invoices(app);
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["status"], "void");
    // Whoever asks for the status afterwards is told the same, and stops asking.
    app.settle().await;
    let status = app.status(invoices[0]["id"].as_str().unwrap()).await;
    assert_eq!((status.status.as_u16(), status.code()), (400, 8001));
}

fn invoices(app: &TestApp) -> Vec<Value> {
    objects(app, "invoice")
}

fn objects(app: &TestApp, object: &str) -> Vec<Value> {
    let state = app.stripe.state();
    let kinds = state.as_object().unwrap().values();
    let all = kinds.flat_map(|kind| kind.as_array().into_iter().flatten());
    all.filter(|one| one["object"] == object).cloned().collect()
}

async fn three_d_secure_leaves_it_pending(app: &TestApp) {
    app.add_cards().await;
    let body = json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let answer = app.topup(body).await;
    insta::assert_snapshot!("three_d_secure", answer.snapshot());
    assert_eq!(app.cents().await, "0");
}

async fn somebody_elses_card_is_refused(app: &TestApp) {
    app.add_cards().await;
    let other = app.another_account().await;
    let customer = farebox::billing::ensure_customer(&app.app, other)
        .await
        .unwrap();
    let theirs = app
        .app
        .stripe
        .attach_payment_method("pm_card_visa", &customer, "k")
        .await
        .unwrap();
    for id in [theirs.id.as_str(), "pm_nobodys", "../customers"] {
        let answer = app
            .topup(json!({ "amount": 5000, "payment_method_id": id }))
            .await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 8005), "{id}");
        assert_eq!(
            answer.body["errors"][0]["path"],
            json!(["body", "payment_method_id"])
        );
    }
    assert!(invoices(app).is_empty(), "refused before anything was made");
}

async fn what_is_wrong_with_a_body_is_said_all_at_once(app: &TestApp) {
    let mut snapshot = String::new();
    for body in [
        json!({}),
        json!({ "amount": 999 }),
        json!({ "amount": 1000.5 }),
        json!({ "amount": "5000" }),
        json!({ "amount": 100_000_001 }),
        json!({ "amount": u64::MAX }),
        json!({ "amount": null, "payment_method_id": 7, "ammount": 1, "x": 2 }),
        json!({ "amount": 5000, "payment_method_id": "" }),
        json!([5000]),
    ] {
        let answer = app.topup(body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 7001),
            "{body}"
        );
        snapshot.push_str(&format!("{body}\n{}\n\n", answer.body["errors"]));
    }
    insta::assert_snapshot!("invalid_bodies", snapshot);
    assert!(
        objects(app, "customer").is_empty(),
        "Stripe was not troubled"
    );
}

async fn the_same_key_and_body_gives_the_same_answer(app: &TestApp) {
    app.add_cards().await;
    let first = with_key(app, "k1", json!({ "amount": 5000 })).await;
    let again = with_key(
        app,
        "k1",
        json!({ "payment_method_id": null, "amount": 5000 }),
    )
    .await;
    assert_eq!(first.body, again.body);
    let other = with_key(app, "k1", json!({ "amount": 6000 })).await;
    assert_eq!((other.status.as_u16(), other.code()), (409, 8007));
    assert_eq!(other.headers["x-should-retry"], "false");
    assert_eq!(app.cents().await, "5000");
    // A secret that the customer needs is repeated too, although it is nowhere in clear.
    let body = json!({ "amount": 1000, "payment_method_id": "pm_card_authenticationRequired" });
    let secret = with_key(app, "k2", body.clone()).await;
    assert!(secret.body["result"]["client_secret"].is_string());
    assert_eq!(with_key(app, "k2", body).await.body, secret.body);
    let rows = app
        .app
        .store
        .db
        .query("SELECT answer FROM idempotency_keys", &[])
        .await
        .unwrap();
    assert!(!format!("{rows:?}").contains("_secret_"));
}

async fn a_refusal_is_repeated_under_its_key(app: &TestApp) {
    app.add_cards().await;
    let body = json!({ "amount": 5000, "payment_method_id": "pm_card_chargeDeclined" });
    let first = with_key(app, "k1", body.clone()).await;
    assert_eq!(first.code(), 8001);
    assert_eq!(with_key(app, "k1", body).await.body, first.body);
    assert_eq!(invoices(app).len(), 1);
}

async fn one_key_many_times_at_once_is_one_charge(app: &TestApp) {
    app.add_cards().await;
    let calls = (0..20).map(|_| with_key(app, "burst", json!({ "amount": 5000 })));
    let answers = futures_util::future::join_all(calls).await;
    let started: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert!(!started.is_empty());
    assert!(started.iter().all(|answer| answer.body == started[0].body));
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status.as_u16(), answer.code()), (409, 8008));
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(app.cents().await, "5000");
    assert_eq!(invoices(app).len(), 1);
}

async fn keys_of_two_accounts_are_apart(app: &TestApp) {
    app.add_cards().await;
    let first = with_key(app, "shared", json!({ "amount": 5000 }))
        .await
        .invoice();
    let other = app.another_account().await;
    app.add_cards_to(other).await;
    let token = app.token_for(other, &["AI Gateway Write"]).await;
    let path = app
        .billing("topup")
        .replace(&app.account.to_string(), &other.to_string());
    let request = app
        .anonymous(Method::POST, &path)
        .header("idempotency-key", "shared");
    let request = request.header("authorization", &format!("Bearer {token}"));
    let theirs = request
        .json(json!({ "amount": 9000 }))
        .send()
        .await
        .invoice();
    assert_ne!(first, theirs);
}

async fn with_key(app: &TestApp, key: &str, body: Value) -> Answer {
    let request = app.request(Method::POST, &app.billing("topup"));
    request
        .header("idempotency-key", key)
        .json(body)
        .send()
        .await
}

async fn a_malformed_key_is_refused(app: &TestApp) {
    for key in ["", " ", &"k".repeat(256)] {
        let answer = with_key(app, key, json!({ "amount": 5000 })).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 7001));
        assert_eq!(
            answer.body["errors"][0]["path"],
            json!(["headers", "Idempotency-Key"])
        );
    }
}

async fn a_fee_is_a_line_of_its_own_and_no_credit(app: &TestApp) {
    app.add_cards().await;
    let invoice = app.topup(json!({ "amount": 5000 })).await.invoice();
    assert_eq!(app.cents().await, "5000");
    let invoice = app.stripe.object(&invoice);
    assert_eq!(
        (invoice["total"].clone(), invoice["amount_paid"].clone()),
        (json!(5250), json!(5250))
    );
    let mut lines: Vec<_> = objects(app, "invoiceitem")
        .iter()
        .map(|line| {
            (
                line["amount"].as_i64().unwrap(),
                line["description"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    lines.sort();
    let expected = [
        (250, "Processing fee".to_owned()),
        (5000, "AI Gateway credit".to_owned()),
    ];
    assert_eq!(lines, expected);
}

async fn the_limits_are_the_operators(app: &TestApp) {
    app.add_cards().await;
    assert_eq!(app.topup(json!({ "amount": 1999 })).await.code(), 7001);
    assert_eq!(app.topup(json!({ "amount": 3001 })).await.code(), 7001);
    app.topup(json!({ "amount": 2000 })).await.invoice();
    app.topup(json!({ "amount": 3000 })).await.invoice();
    assert_eq!(app.cents().await, "5000");
}

crate::on_both_engines![
    the_default_card_is_charged_at_once,
    a_named_card_is_charged_instead,
    without_a_card_the_customer_pays_with_the_secret,
    a_declined_card_is_an_error_and_the_invoice_is_void,
    three_d_secure_leaves_it_pending,
    somebody_elses_card_is_refused,
    what_is_wrong_with_a_body_is_said_all_at_once,
    the_same_key_and_body_gives_the_same_answer,
    a_refusal_is_repeated_under_its_key,
    one_key_many_times_at_once_is_one_charge,
    keys_of_two_accounts_are_apart,
    a_malformed_key_is_refused,
    a_fee_is_a_line_of_its_own_and_no_credit with [("FAREBOX_TOPUP__FEE_PERCENT", "5")],
    the_limits_are_the_operators with [
        ("FAREBOX_TOPUP__MIN_CENTS", "2000"),
        ("FAREBOX_TOPUP__MAX_CENTS", "3000"),
    ],
];
