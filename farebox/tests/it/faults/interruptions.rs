//! The client leaves, or the server is told to stop, while a card is being charged.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use sandbox::{FaultAction, FaultId};
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::app::{TestApp, fault};
use crate::faults::truth;

fn hang_at_pay(app: &TestApp, action: FaultAction) -> FaultId {
    app.stripe.add_fault(fault("/v1/invoices/*/pay", 1, action))
}

/// Begins a top-up and leaves while Stripe is charging the card.
async fn leave_at(app: &TestApp, hang: FaultId) {
    let request = app.request(Method::POST, &app.billing("topup"));
    tokio::select! {
        _ = request.json(json!({ "amount": 5000 })).send() => panic!("Stripe did not hang"),
        () = app.stripe.hanging(hang) => {}
    }
}

async fn a_client_that_leaves_before_the_charge_is_charged_and_credited(app: &TestApp) {
    app.add_cards().await;
    let hang = hang_at_pay(app, FaultAction::HangBefore);
    leave_at(app, hang).await;
    app.stripe.release(hang);
    app.until(async || app.cents().await == "5000").await;
    app.settle().await;
    truth::assert_agree("left", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_client_that_leaves_after_the_charge_is_credited_even_without_webhooks(app: &TestApp) {
    app.add_cards().await;
    app.stripe.set_webhook(None);
    let hang = hang_at_pay(app, FaultAction::HangAfter);
    leave_at(app, hang).await;
    app.stripe.release(hang);
    app.until(async || app.cents().await == "5000").await;
    app.settle().await;
    truth::assert_agree("left", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_shutdown_waits_for_the_charge(app: &TestApp) {
    app.add_cards().await;
    // Nobody takes webhooks from a server that has stopped.
    app.stripe.set_webhook(None);
    let hang = hang_at_pay(app, FaultAction::HangBefore);
    let (tasks, running) = (TaskTracker::new(), Arc::clone(&app.app));
    let request = app.request(Method::POST, &app.billing("topup"));
    let bought = tasks.spawn(request.json(json!({ "amount": 5000 })).send());
    app.stripe.hanging(hang).await;
    let mut stopped = tasks.spawn(async move { running.shut_down().await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut stopped).await;
    assert!(early.is_err(), "it stopped while a card was being charged");
    app.stripe.release(hang);
    let in_time = tokio::time::timeout(Duration::from_secs(10), stopped).await;
    in_time.expect("it stops").unwrap();
    assert_eq!(bought.await.unwrap().status, 200);
    truth::assert_agree("stopped", &app.stripe, &app.app.store.db, app.account).await;
}

crate::on_both_engines![
    a_client_that_leaves_before_the_charge_is_charged_and_credited,
    a_client_that_leaves_after_the_charge_is_credited_even_without_webhooks,
    a_shutdown_waits_for_the_charge,
];
