//! Faults that need a story of their own, and how they are healed.

use std::time::Duration;

use farebox::billing;
use reqwest::Method;
use sandbox::FaultAction;
use serde_json::{Value, json};

use crate::app::{Answer, STRIPE_KEY, TestApp, fault, http_client};
use crate::faults::{steps, truth};

async fn with_key(app: &TestApp, key: &str, body: Value) -> Answer {
    let request = app.request(Method::POST, &app.billing("topup"));
    let request = request.header("idempotency-key", key);
    request.json(body).send().await
}

fn fails(app: &TestApp, path: &str, status: u16) {
    let retry_after = None;
    let action = FaultAction::Answer {
        status,
        retry_after,
    };
    app.stripe.add_fault(fault(path, u32::MAX, action));
}

async fn a_charge_that_stripe_had_no_time_for_is_made_by_the_repeat(app: &TestApp) {
    app.add_cards().await;
    fails(app, "/v1/invoices/*/pay", 429);
    let body = json!({ "amount": 5000 });
    let first = with_key(app, "k", body.clone()).await;
    assert_eq!((first.status.as_u16(), first.code()), (503, 8006));
    app.stripe.clear_faults();
    with_key(app, "k", body).await.invoice();
    assert_eq!(app.cents().await, "5000");
    truth::assert_agree("repeated", &app.stripe, &app.app.store.db, app.account).await;
}

async fn the_secret_that_an_outage_withheld_is_told_to_the_repeat(app: &TestApp) {
    app.add_cards().await;
    app.stripe.add_fault(sandbox::Fault {
        method: Some("GET".to_owned()),
        ..fault("/v1/invoices/*", u32::MAX, FaultAction::CloseBefore)
    });
    let body = json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let first = with_key(app, "k", body.clone()).await;
    assert_eq!(first.body["result"]["client_secret"], Value::Null);
    app.stripe.clear_faults();
    let again = with_key(app, "k", body.clone()).await;
    assert_eq!(first.invoice(), again.invoice());
    assert!(again.body["result"]["client_secret"].is_string());
    assert_eq!(with_key(app, "k", body).await.body, again.body);
}

async fn a_key_of_stripes_that_is_withdrawn_midway_leaves_it_pending(app: &TestApp) {
    app.add_cards().await;
    app.stripe.add_fault(sandbox::Fault {
        method: Some("GET".to_owned()),
        ..fault(
            "/v1/invoices/*",
            u32::MAX,
            FaultAction::Answer {
                status: 401,
                retry_after: None,
            },
        )
    });
    // The card has been charged: a refusal would be a lie.
    let invoice = app.topup(json!({ "amount": 5000 })).await.invoice();
    app.stripe.clear_faults();
    app.settle().await;
    steps::age(app, app.account, 1).await;
    app.status_becomes(&invoice, "completed").await;
    assert_eq!(app.cents().await, "5000");
}

async fn a_failure_that_stripe_keeps_under_a_key_blocks_no_account(app: &TestApp) {
    let action = FaultAction::WorkThenAnswer { status: 500 };
    app.stripe.add_fault(fault("/v1/customers", 1, action));
    app.topup(json!({ "amount": 5000 })).await.invoice();
}

async fn a_failure_that_stripe_keeps_under_a_key_leaves_nothing_payable(app: &TestApp) {
    app.add_cards().await;
    let action = FaultAction::WorkThenAnswer { status: 500 };
    app.stripe
        .add_fault(fault("/v1/invoices/*/finalize", u32::MAX, action));
    let answer = app.topup(json!({ "amount": 5000 })).await;
    assert_eq!(answer.code(), 8006);
    app.stripe.clear_faults();
    // Whatever Stripe holds under the key that a void would have had, in whichever way it got there.
    let row = truth::rows(&app.app.store.db, app.account).await.remove(0);
    let url = format!("{}/v1/customers", app.stripe.url());
    let taken = http_client().post(url).bearer_auth(STRIPE_KEY);
    let taken = taken.header("idempotency-key", format!("topup:{}:void", row.id));
    assert_eq!(taken.send().await.unwrap().status(), 200);
    steps::age(app, app.account, 1).await;
    billing::unsettled_topups(&app.app).await.unwrap();
    app.until(async || truth::is_settled(&app.app.store.db, app.account).await)
        .await;
    truth::assert_agree("voided", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_refusal_voids_the_invoice_that_an_earlier_attempt_has_left(app: &TestApp) {
    app.add_cards().await;
    let customer = billing::ensure_customer(&app.app, app.account)
        .await
        .unwrap();
    let card = app
        .app
        .stripe
        .attach_payment_method("pm_card_mastercard", &customer, "attach")
        .await
        .unwrap()
        .id;
    let body = json!({ "amount": 5000, "payment_method_id": card });
    fails(app, "/v1/invoices/*/pay", 429);
    assert_eq!(with_key(app, "k", body.clone()).await.code(), 8006);
    app.stripe.clear_faults();
    let url = format!("{}/v1/payment_methods/{card}/detach", app.stripe.url());
    let detached = http_client().post(url).bearer_auth(STRIPE_KEY);
    assert_eq!(detached.send().await.unwrap().status(), 200);
    assert_eq!(with_key(app, "k", body).await.code(), 8005);
    truth::assert_agree("refused", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_repeat_waits_while_its_topup_is_given_up(app: &TestApp) {
    app.add_cards().await;
    fails(app, "/v1/invoices/*/finalize", 500);
    let body = json!({ "amount": 5000 });
    assert_eq!(with_key(app, "k", body.clone()).await.code(), 8006);
    let hang = app
        .stripe
        .replace_faults(fault("/v1/invoices/*", 1, FaultAction::HangBefore));
    steps::age(app, app.account, 1).await;
    let repeated = async {
        app.stripe.hanging(hang).await;
        let repeated = with_key(app, "k", body.clone()).await;
        app.stripe.release(hang);
        repeated
    };
    let (passed, repeated) = tokio::join!(billing::unsettled_topups(&app.app), repeated);
    passed.unwrap();
    assert_eq!((repeated.status.as_u16(), repeated.code()), (409, 8008));
    app.until(async || truth::is_settled(&app.app.store.db, app.account).await)
        .await;
    app.until(async || with_key(app, "k", body.clone()).await.code() == 8003)
        .await;
    truth::assert_agree("given up", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_claim_lasts_for_as_long_as_stripe_takes(app: &TestApp) {
    app.add_cards().await;
    let hang = app
        .stripe
        .add_fault(fault("/v1/invoices/*/pay", 1, FaultAction::HangBefore));
    let body = json!({ "amount": 5000 });
    let repeated = async {
        app.stripe.hanging(hang).await;
        // A claim that were not renewed would be over after the second time.
        for _ in 0..2 {
            app.tick(Duration::from_secs(8));
            tokio::time::sleep(Duration::from_millis(3500)).await;
        }
        let repeated = with_key(app, "k", body.clone()).await;
        app.stripe.release(hang);
        repeated
    };
    let (first, repeated) = tokio::join!(with_key(app, "k", body.clone()), repeated);
    assert_eq!((repeated.status.as_u16(), repeated.code()), (409, 8008));
    assert_eq!(
        first.invoice(),
        with_key(app, "k", body.clone()).await.invoice()
    );
    assert_eq!(app.cents().await, "5000");
}

crate::on_both_engines![
    a_charge_that_stripe_had_no_time_for_is_made_by_the_repeat,
    the_secret_that_an_outage_withheld_is_told_to_the_repeat,
    a_key_of_stripes_that_is_withdrawn_midway_leaves_it_pending,
    a_failure_that_stripe_keeps_under_a_key_blocks_no_account,
    a_failure_that_stripe_keeps_under_a_key_leaves_nothing_payable,
    a_refusal_voids_the_invoice_that_an_earlier_attempt_has_left,
    a_repeat_waits_while_its_topup_is_given_up,
    a_claim_lasts_for_as_long_as_stripe_takes with [("FAREBOX_STRIPE__TIMEOUT_SECONDS", "30")],
];
