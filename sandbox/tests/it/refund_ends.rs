//! What becomes of a refund after it was made.

use serde_json::{Value, json};

use crate::client::{App, start};

async fn refund(app: &App, id: &str) -> Value {
    app.http.get(&format!("/v1/refunds/{id}"), &[]).await.ok()
}

/// What a payment's charge has given back, in cents, and whether that is all of it.
async fn given_back(app: &App, intent: &str) -> (i64, bool) {
    let charge = app.http.charge(intent).await;
    let amount = charge["amount_refunded"].as_i64().unwrap();
    (amount, charge["refunded"].as_bool().unwrap())
}

/// How much a refund moved on the merchant's balance, by the name of the field that says so.
async fn moved(app: &App, refund: &Value, field: &str) -> Value {
    let id = refund[field].as_str().unwrap();
    let path = format!("/v1/balance_transactions/{id}");
    app.http.get(&path, &[]).await.ok()["net"].clone()
}

#[tokio::test]
async fn a_pending_refund_counts_when_it_succeeds_and_is_not_had_twice() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    app.stripe.pend_refunds(1);
    let pending = app.http.refund(&intent, "2000").await.ok();
    assert_eq!(
        (&pending["status"], &pending["pending_reason"]),
        (&json!("pending"), &json!("processing"))
    );
    assert_eq!(given_back(&app, &intent).await, (0, false));
    let beyond = app.http.refund(&intent, "3001").await;
    assert_eq!(
        beyond.error().1,
        "Refund amount ($30.01) is greater than unrefunded amount on charge ($30.00)"
    );
    let rest = app.http.refund(&intent, "3000").await.ok();
    assert_eq!(rest["status"], "succeeded", "only the next one pends");
    assert_eq!(
        app.http.refund(&intent, "1").await.error(),
        (400, "charge_already_refunded")
    );
    let id = pending["id"].as_str().unwrap();
    app.stripe.succeed_refund(id).unwrap();
    let settled = refund(&app, id).await;
    assert_eq!(
        (&settled["status"], settled.get("pending_reason")),
        (&json!("succeeded"), None)
    );
    assert_eq!(moved(&app, &settled, "balance_transaction").await, -2000);
    assert_eq!(given_back(&app, &intent).await, (5000, true));
    assert_eq!(
        app.http.events_about(id).await,
        ["refund.created", "refund.updated", "charge.refund.updated"]
    );
    assert_eq!(app.stripe.succeed_refund(id).unwrap_err().status, 400);
}

#[tokio::test]
async fn a_refund_that_fails_can_be_made_again() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    let id = app.http.refund(&intent, "5000").await.id();
    assert_eq!(given_back(&app, &intent).await, (5000, true));
    app.stripe.fail_refund(&id, "lost_or_stolen_card").unwrap();
    let failed = refund(&app, &id).await;
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]),
        (&json!("failed"), &json!("lost_or_stolen_card"))
    );
    assert_eq!(
        moved(&app, &failed, "failure_balance_transaction").await,
        5000
    );
    assert_eq!(given_back(&app, &intent).await, (0, false));
    assert_eq!(
        app.http.events_about(&id).await,
        [
            "refund.created",
            "refund.updated",
            "charge.refund.updated",
            "refund.failed"
        ]
    );
    assert_eq!(app.stripe.cancel_refund(&id).unwrap_err().status, 400);
    app.http.refund(&intent, "5000").await.ok();
}

#[tokio::test]
async fn only_the_dashboard_cancels_a_refund_to_a_card() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    app.stripe.pend_refunds(1);
    let id = app.http.refund(&intent, "2000").await.id();
    let path = format!("/v1/refunds/{id}/cancel");
    assert_eq!(
        app.http.post(&path, &[]).await.error(),
        (400, "Canceling this refund is unsupported.")
    );
    app.http
        .control(&format!("refunds/{id}/cancel"), json!({}))
        .await
        .ok();
    let canceled = refund(&app, &id).await;
    assert_eq!(
        (&canceled["status"], &canceled["balance_transaction"]),
        (&json!("canceled"), &json!(null))
    );
    app.http.refund(&intent, "5000").await.ok();
}

#[tokio::test]
async fn two_test_cards_refund_in_two_steps() {
    for (card, at_first, later) in [
        ("pm_card_pendingRefund", "pending", "succeeded"),
        ("pm_card_refundFail", "succeeded", "failed"),
    ] {
        let app = start().await;
        let intent = app.http.paid(card).await;
        let made = app.http.refund(&intent, "1000").await.ok();
        assert_eq!(made["status"], at_first, "{card}");
        let id = made["id"].as_str().unwrap();
        assert_eq!(refund(&app, id).await["status"], later, "{card}");
        let expected = if later == "failed" { 0 } else { 1000 };
        assert_eq!(given_back(&app, &intent).await, (expected, false), "{card}");
    }
}

#[tokio::test]
async fn the_dashboard_refunds_without_anyones_metadata() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    let part = app.stripe.refund(&intent, Some(1200)).unwrap();
    assert_eq!(
        (&part["amount"], &part["metadata"]),
        (&json!(1200), &json!({}))
    );
    let rest = json!({ "payment_intent": intent });
    let rest = app.http.control("refunds", rest).await.ok();
    assert_eq!(rest["amount"], 3800);
    assert_eq!(
        app.http.events_about(rest["id"].as_str().unwrap()).await,
        ["refund.created"]
    );
    assert!(app.stripe.refund(&intent, None).is_err());
}

#[tokio::test]
async fn a_refund_keeps_metadata() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    let id = app.http.refund(&intent, "100").await.id();
    app.http
        .post(&format!("/v1/refunds/{id}"), &[("metadata[why]", "a test")])
        .await
        .ok();
    assert_eq!(
        refund(&app, &id).await["metadata"],
        json!({ "why": "a test" })
    );
}
