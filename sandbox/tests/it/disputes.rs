//! Disputes, a step at a time and by Stripe's test cards.

use sandbox::{DisputeEnd, DisputeKind};
use serde_json::{Value, json};

use crate::client::{App, start};

async fn dispute(app: &App, id: &str) -> Value {
    app.http.get(&format!("/v1/disputes/{id}"), &[]).await.ok()
}

/// The one dispute of a payment, which the card it was paid with has made.
async fn only(app: &App, intent: &str) -> Value {
    let form = [("payment_intent", intent)];
    let listed = app.http.get("/v1/disputes", &form).await.ok();
    let found = listed["data"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{listed:#}");
    found[0].clone()
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// What a dispute moved on the merchant's balance, in cents and without the fee.
fn moved(dispute: &Value) -> Vec<i64> {
    let transactions = dispute["balance_transactions"].as_array().unwrap();
    transactions
        .iter()
        .map(|moved| moved["amount"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_chargeback_takes_its_steps_one_by_one() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    let opened = app
        .stripe
        .open_dispute(&intent, DisputeKind::Chargeback, Some(3000))
        .unwrap();
    assert_eq!(
        (&opened["status"], &opened["amount"], moved(&opened)),
        (&json!("needs_response"), &json!(3000), vec![])
    );
    assert_eq!(app.http.charge(&intent).await["disputed"], true);
    let taken = app.stripe.withdraw_dispute_funds(id(&opened)).unwrap();
    assert_eq!(moved(&taken), [-3000]);
    assert_eq!(taken["balance_transactions"][0]["net"], -4500, "and a fee");
    let again = app.stripe.withdraw_dispute_funds(id(&opened));
    assert!(again.is_err(), "the money is taken once");
    let won = app
        .stripe
        .close_dispute(id(&opened), DisputeEnd::Won)
        .unwrap();
    assert_eq!((&won["status"], moved(&won)), (&json!("won"), vec![-3000]));
    app.stripe.reinstate_dispute_funds(id(&opened)).unwrap();
    assert_eq!(moved(&dispute(&app, id(&opened)).await), [-3000, 3000]);
    assert!(app.stripe.reinstate_dispute_funds(id(&opened)).is_err());
    assert_eq!(
        app.http.events_about(id(&opened)).await,
        [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.closed",
            "charge.dispute.funds_reinstated"
        ]
    );
    let charge = app.http.charge(&intent).await;
    assert_eq!(charge["disputed"], true, "it has been disputed");
}

#[tokio::test]
async fn a_charge_is_not_refunded_while_it_is_charged_back() {
    let app = start().await;
    for (end, expected) in [
        (None, (400, "charge_disputed")),
        (Some(DisputeEnd::Lost), (400, "charge_disputed")),
        (Some(DisputeEnd::Won), (200, "no error")),
    ] {
        let intent = app.http.paid("pm_card_createDispute").await;
        let found = only(&app, &intent).await;
        if let Some(end) = end {
            app.stripe.close_dispute(id(&found), end).unwrap();
        }
        let answer = app.http.refund(&intent, "100").await;
        assert_eq!(answer.error(), expected, "{end:?}");
    }
    let intent = app.http.paid("pm_card_createDisputeInquiry").await;
    app.http.refund(&intent, "100").await.ok();
}

#[tokio::test]
async fn three_test_cards_are_disputed_after_they_have_paid() {
    for (card, status, reason, taken) in [
        (
            "pm_card_createDispute",
            "needs_response",
            "fraudulent",
            vec![-5000],
        ),
        (
            "pm_card_createDisputeProductNotReceived",
            "needs_response",
            "product_not_received",
            vec![-5000],
        ),
        (
            "pm_card_createDisputeInquiry",
            "warning_needs_response",
            "fraudulent",
            vec![],
        ),
    ] {
        let app = start().await;
        let intent = app.http.paid(card).await;
        assert_eq!(app.http.intent(&intent).await["status"], "succeeded");
        let found = only(&app, &intent).await;
        assert_eq!(
            (&found["status"], &found["reason"], moved(&found)),
            (&json!(status), &json!(reason), taken.clone()),
            "{card}"
        );
        assert_eq!(found["is_charge_refundable"], taken.is_empty(), "{card}");
        let mut expected = vec!["charge.dispute.created"];
        if !taken.is_empty() {
            expected.push("charge.dispute.funds_withdrawn");
        }
        assert_eq!(app.http.events_about(id(&found)).await, expected, "{card}");
    }
}

#[tokio::test]
async fn evidence_decides_a_dispute_after_its_answer() {
    for (card, words, status, last_event, taken) in [
        (
            "pm_card_createDispute",
            "winning_evidence",
            "won",
            "charge.dispute.closed",
            vec![-5000, 5000],
        ),
        (
            "pm_card_createDispute",
            "losing_evidence",
            "lost",
            "charge.dispute.closed",
            vec![-5000],
        ),
        (
            "pm_card_createDispute",
            "something else",
            "under_review",
            "charge.dispute.updated",
            vec![-5000],
        ),
        (
            "pm_card_createDisputeInquiry",
            "losing_evidence",
            "warning_closed",
            "charge.dispute.closed",
            vec![],
        ),
        (
            "pm_card_createDisputeInquiry",
            "escalate_inquiry_evidence",
            "needs_response",
            "charge.dispute.funds_withdrawn",
            vec![-5000],
        ),
    ] {
        let app = start().await;
        let found = only(&app, &app.http.paid(card).await).await;
        let path = format!("/v1/disputes/{}", id(&found));
        let form = [("evidence[uncategorized_text]", words)];
        let answer = app.http.post(&path, &form).await.ok();
        let reviewed = answer["status"].as_str().unwrap();
        assert!(reviewed.ends_with("under_review"), "{reviewed}");
        assert_eq!(answer["evidence"]["uncategorized_text"], words);
        assert_eq!(answer["evidence_details"]["submission_count"], 1);
        let after = dispute(&app, id(&found)).await;
        assert_eq!(after["status"], status, "{card} {words}");
        assert_eq!(moved(&after), taken, "{card} {words}");
        let events = app.http.events_about(id(&found)).await;
        assert_eq!(events.last().unwrap(), last_event, "{card} {words}");
    }
}

#[tokio::test]
async fn staged_evidence_is_not_submitted() {
    let app = start().await;
    let found = only(&app, &app.http.paid("pm_card_createDispute").await).await;
    let form = [
        ("evidence[uncategorized_text]", "winning_evidence"),
        ("submit", "false"),
    ];
    let path = format!("/v1/disputes/{}", id(&found));
    let staged = app.http.post(&path, &form).await.ok();
    assert_eq!(staged["status"], "needs_response");
    assert_eq!(staged["evidence_details"]["has_evidence"], true);
    app.http.post(&path, &[("submit", "true")]).await.ok();
    assert_eq!(dispute(&app, id(&found)).await["status"], "won");
}

#[tokio::test]
async fn a_merchant_gives_in_once() {
    let app = start().await;
    let found = only(&app, &app.http.paid("pm_card_createDispute").await).await;
    let path = format!("/v1/disputes/{}", id(&found));
    let close = format!("{path}/close");
    let lost = app.http.post(&close, &[]).await.ok();
    assert_eq!(
        (&lost["status"], moved(&lost)),
        (&json!("lost"), vec![-5000])
    );
    let closed = (400, "This dispute is already closed");
    assert_eq!(app.http.post(&close, &[]).await.error(), closed);
    let form = [("metadata[a]", "b")];
    assert_eq!(app.http.post(&path, &form).await.error(), closed);
    assert!(app.stripe.reinstate_dispute_funds(id(&found)).is_err());
}

#[tokio::test]
async fn an_inquiry_becomes_a_chargeback_or_ends_without_money() {
    let app = start().await;
    let intent = app.http.paid("pm_card_visa").await;
    let asked = json!({ "payment_intent": intent, "kind": "inquiry" });
    let inquiry = app.http.control("disputes", asked).await.ok();
    assert!(app.stripe.withdraw_dispute_funds(id(&inquiry)).is_err());
    assert!(
        app.stripe
            .close_dispute(id(&inquiry), DisputeEnd::Lost)
            .is_err()
    );
    let step = |name: &str| format!("disputes/{}/{name}", id(&inquiry));
    let escalated = app.http.control(&step("escalate"), json!({})).await.ok();
    assert_eq!(
        (&escalated["status"], moved(&escalated)),
        (&json!("needs_response"), vec![])
    );
    let taken = app.http.control(&step("withdraw"), json!({})).await.ok();
    assert_eq!(moved(&taken), [-5000]);
    app.http.control(&step("reinstate"), json!({})).await.ok();
    let won = json!({ "status": "won" });
    app.http.control(&step("close"), won).await.ok();
    let other = app
        .stripe
        .open_dispute(&intent, DisputeKind::Inquiry, Some(1))
        .unwrap();
    let closed = app
        .stripe
        .close_dispute(id(&other), DisputeEnd::WarningClosed)
        .unwrap();
    assert_eq!(closed["status"], "warning_closed");
}

#[tokio::test]
async fn a_dispute_is_about_a_payment_that_was_made() {
    let app = start().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let (_, unpaid) = app.http.open(&customer, "5000").await;
    let paid = app.http.paid("pm_card_visa").await;
    for (intent, amount) in [
        ("pi_unknown", None),
        (unpaid.as_str(), None),
        (paid.as_str(), Some(0)),
        (paid.as_str(), Some(5001)),
    ] {
        let refused = app
            .stripe
            .open_dispute(intent, DisputeKind::Chargeback, amount);
        assert_eq!(refused.unwrap_err().status, 400, "{intent} {amount:?}");
    }
    assert_eq!(app.http.charge(&paid).await["disputed"], false);
}

#[tokio::test]
async fn disputes_are_listed_by_what_they_are_about() {
    let app = start().await;
    let mine = app.http.paid("pm_card_createDispute").await;
    let other = app.http.paid("pm_card_createDispute").await;
    let all = app.http.get("/v1/disputes", &[("limit", "1")]).await.ok();
    assert_eq!(all["data"][0]["payment_intent"], json!(other));
    assert_eq!(all["has_more"], true);
    let charge = app.http.charge(&mine).await;
    let form = [("charge", id(&charge)), ("expand[]", "data.payment_intent")];
    let listed = app.http.get("/v1/disputes", &form).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["payment_intent"]["id"], json!(mine));
    let early = [("created[lt]", "1")];
    let none = app.http.get("/v1/disputes", &early).await.ok();
    assert_eq!(none["data"], json!([]));
}
