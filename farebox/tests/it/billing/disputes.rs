//! `…/billing/disputes`: payments that are taken back at the bank, in every order of their events.

use farebox::store::topups;
use reqwest::Method;
use sandbox::{Deliveries, DisputeEnd, DisputeKind};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::billing::topup_config;
use crate::faults::truth;

/// A paid top-up of $50, and its payment.
async fn paid(app: &TestApp) -> String {
    app.add_cards().await;
    let invoice = app.topup(json!({ "amount": 5000 })).await.invoice();
    app.status_becomes(&invoice, "completed").await;
    app.settle().await;
    let topup = topups::find(&app.app.store.db, app.account, &invoice).await;
    topup.unwrap().unwrap().payment_intent_id.unwrap()
}

fn open(app: &TestApp, intent: &str, kind: DisputeKind) -> String {
    let dispute = app.stripe.open_dispute(intent, kind, None).unwrap();
    dispute["id"].as_str().unwrap().to_owned()
}

async fn listed(app: &TestApp) -> Vec<Value> {
    let answer = app
        .request(Method::GET, &app.billing("disputes"))
        .send()
        .await;
    answer.body["result"].as_array().unwrap().clone()
}

async fn hold(app: &TestApp, cents: i64) -> Answer {
    let request = app.request(Method::POST, &app.billing("holds"));
    request.json(json!({ "amount": cents })).send().await
}

async fn void(app: &TestApp, held: &Answer) {
    assert_eq!(held.status, 200, "{}", held.text);
    let path = format!("holds/{}", held.body["result"]["id"].as_str().unwrap());
    let voided = app
        .request(Method::DELETE, &app.billing(&path))
        .send()
        .await;
    assert_eq!(voided.status, 200, "{}", voided.text);
}

async fn withdrawn_then_won(app: &TestApp) {
    let intent = paid(app).await;
    let dispute = open(app, &intent, DisputeKind::Chargeback);
    app.settle().await;
    // As long as no money has moved, no credit does.
    assert_eq!(app.cents().await, "5000");
    app.stripe.withdraw_dispute_funds(&dispute).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "0");
    let seen = listed(app).await;
    insta::assert_snapshot!("withdrawn", redacted(&seen[0]));
    app.stripe.reinstate_dispute_funds(&dispute).unwrap();
    app.stripe.close_dispute(&dispute, DisputeEnd::Won).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
    let seen = listed(app).await;
    let told = (&seen[0]["status"], &seen[0]["open"], &seen[0]["credit"]);
    assert_eq!(told, (&json!("won"), &json!(false), &json!(0)));
}

fn redacted(dispute: &Value) -> String {
    let mut dispute = dispute.clone();
    for id in ["id", "stripe_id", "payment_intent_id", "created_at"] {
        assert!(dispute[id].is_string(), "{dispute}");
        dispute[id] = json!("…");
    }
    serde_json::to_string_pretty(&dispute).unwrap()
}

async fn lost_after_the_credit_was_spent(app: &TestApp) {
    app.may_owe();
    let intent = paid(app).await;
    let held = hold(app, 3000).await;
    let id = held.body["result"]["id"].as_str().unwrap();
    let capture = app.request(Method::POST, &app.billing(&format!("holds/{id}/capture")));
    let captured = capture.json(json!({ "amount": 3000 })).send().await;
    assert_eq!(captured.status, 200, "{}", captured.text);
    let dispute = open(app, &intent, DisputeKind::Chargeback);
    app.stripe.withdraw_dispute_funds(&dispute).unwrap();
    app.stripe
        .close_dispute(&dispute, DisputeEnd::Lost)
        .unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "-3000");
    let refused = hold(app, 1).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (402, 8020));
}

async fn an_inquiry_moves_nothing_until_it_is_escalated(app: &TestApp) {
    let intent = paid(app).await;
    let dispute = open(app, &intent, DisputeKind::Inquiry);
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
    let seen = listed(app).await;
    assert_eq!(
        (&seen[0]["status"], &seen[0]["open"]),
        (&json!("warning_needs_response"), &json!(true))
    );
    app.stripe.escalate_dispute(&dispute).unwrap();
    app.stripe.withdraw_dispute_funds(&dispute).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "0");
}

/// While it is decided nothing new is spent, where the operator wants it so; what was held is settled.
async fn spending_can_be_frozen(app: &TestApp) {
    let intent = paid(app).await;
    let before = hold(app, 1000).await;
    let dispute = open(app, &intent, DisputeKind::Inquiry);
    app.settle().await;
    let refused = hold(app, 1).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, 8025),
        "{}",
        refused.text
    );
    let balance = app
        .request(Method::GET, &app.billing("credit-balance"))
        .send()
        .await;
    assert!(balance.text.contains("frozen"), "{}", balance.text);
    let id = before.body["result"]["id"].as_str().unwrap();
    let capture = app.request(Method::POST, &app.billing(&format!("holds/{id}/capture")));
    let captured = capture
        .json(json!({ "amount": 1, "final": true }))
        .send()
        .await;
    assert_eq!(captured.status, 200, "{}", captured.text);
    app.stripe
        .close_dispute(&dispute, DisputeEnd::WarningClosed)
        .unwrap();
    app.settle().await;
    void(app, &hold(app, 1).await).await;
}

async fn spending_goes_on_where_nobody_freezes_it(app: &TestApp) {
    let intent = paid(app).await;
    open(app, &intent, DisputeKind::Chargeback);
    app.settle().await;
    void(app, &hold(app, 1).await).await;
}

/// A refund of an inquiry's payment, and then the chargeback all the same: the customer bears the sale once,
/// the rest is the operator's loss.
async fn what_goes_back_twice_is_borne_once(app: &TestApp) {
    let intent = paid(app).await;
    // Credit of elsewhere, that must not be taken for this sale.
    app.give(10_000).await;
    let dispute = open(app, &intent, DisputeKind::Inquiry);
    app.stripe.refund(&intent, Some(3000)).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "12000");
    app.stripe.escalate_dispute(&dispute).unwrap();
    app.stripe.withdraw_dispute_funds(&dispute).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "10000");
    let losses = async || {
        let sql = "SELECT CAST(COALESCE(SUM(CASE WHEN debit = 'write_offs' THEN amount ELSE -amount END), 0) \
             AS BIGINT) FROM transfers WHERE debit = 'write_offs' OR credit = 'write_offs'";
        let row = app.app.store.db.query_opt(sql, &[]).await.unwrap();
        row.unwrap().int().unwrap() / 10_000_000
    };
    assert_eq!(losses().await, 3000);
    app.stripe.reinstate_dispute_funds(&dispute).unwrap();
    app.settle().await;
    assert_eq!((app.cents().await.as_str(), losses().await), ("12000", 0));
}

/// A refund that fails after a dispute has begun, each step's events delivered in every order, some twice:
/// the end is always the same.
async fn the_order_of_events_does_not_matter(app: &TestApp) {
    for order in 0..6 {
        let account = app.another_account().await;
        app.add_cards_to(account).await;
        let token = app.token_for(account, &["AI Gateway Write"]).await;
        let ours = app.account.to_string();
        let path = app.billing("topup").replace(&ours, &account.to_string());
        let request = app.anonymous(Method::POST, &path);
        let request = request.header("authorization", &format!("Bearer {token}"));
        let invoice = request
            .json(json!({ "amount": 5000 }))
            .send()
            .await
            .invoice();
        app.settle().await;
        let topup = topups::find(&app.app.store.db, account, &invoice).await;
        let intent = topup.unwrap().unwrap().payment_intent_id.unwrap();
        let known: Vec<Value> = truth::objects(&app.stripe, "event");
        app.stripe.set_deliveries(Deliveries {
            drop: true,
            ..Deliveries::default()
        });
        let refund = app.stripe.refund(&intent, Some(2000)).unwrap();
        let other = app.stripe.refund(&intent, Some(500)).unwrap();
        app.stripe
            .fail_refund(refund["id"].as_str().unwrap(), "lost_or_stolen_card")
            .unwrap();
        assert_eq!(other["status"], "succeeded");
        let dispute = app
            .stripe
            .open_dispute(&intent, DisputeKind::Chargeback, Some(4500))
            .unwrap();
        let dispute = dispute["id"].as_str().unwrap();
        app.stripe.withdraw_dispute_funds(dispute).unwrap();
        if order % 2 == 0 {
            app.stripe.reinstate_dispute_funds(dispute).unwrap();
            app.stripe.close_dispute(dispute, DisputeEnd::Won).unwrap();
        }
        app.stripe.set_deliveries(Deliveries::default());
        let all = truth::objects(&app.stripe, "event").into_iter();
        let mut new: Vec<Value> = all.filter(|event| !known.contains(event)).collect();
        match order / 2 {
            0 => {}
            1 => new.reverse(),
            _ => new.sort_by_key(|event| event["id"].as_str().unwrap().to_owned()),
        }
        for event in new.iter().chain(new.iter().take(3)) {
            app.stripe.resend(event["id"].as_str().unwrap());
            if order >= 2 {
                app.settle().await;
            }
        }
        app.settle().await;
        let balances = farebox::store::holds::balances(&app.app.store.db, account).await;
        let expected = if order % 2 == 0 { 4500 } else { 0 };
        assert_eq!(
            balances.unwrap().posted().to_cents(),
            Some(expected),
            "order {order}"
        );
    }
}

/// Pending refunds count as away until Stripe says otherwise.
async fn a_refund_that_fails_gives_the_credit_back(app: &TestApp) {
    let intent = paid(app).await;
    app.stripe.pend_refunds(2);
    let first = app.stripe.refund(&intent, Some(2000)).unwrap();
    let second = app.stripe.refund(&intent, Some(1000)).unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "2000");
    app.stripe
        .fail_refund(first["id"].as_str().unwrap(), "declined")
        .unwrap();
    app.stripe
        .cancel_refund(second["id"].as_str().unwrap())
        .unwrap();
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
}

/// While a payment is disputed nothing is charged automatically, however often it is set; after a dispute that was
/// lost it takes the customer to set it again.
async fn automatic_topups_wait_for_the_end(app: &TestApp) {
    let intent = paid(app).await;
    topup_config::set(app, 1000, 20_000).await;
    topup_config::over(app, 2).await;
    for end in [DisputeEnd::Won, DisputeEnd::Lost] {
        let dispute = open(app, &intent, DisputeKind::Chargeback);
        app.settle().await;
        let before = truth::rows(&app.app.store.db, app.account).await.len();
        topup_config::set(app, 1000, 20_000).await;
        topup_config::pass(app, 3600).await;
        topup_config::sweep(app).await;
        let told = topup_config::told(app).await;
        assert_eq!(told["disabledReason"], "dispute", "{told}");
        topup_config::over(app, before).await;
        app.stripe.close_dispute(&dispute, end).unwrap();
        app.settle().await;
        topup_config::sweep(app).await;
        if end == DisputeEnd::Lost {
            topup_config::over(app, before).await;
            assert_eq!(topup_config::told(app).await["disabledReason"], "dispute");
            topup_config::set(app, 1000, 20_000).await;
        }
        topup_config::over(app, before + 1).await;
        assert_eq!(topup_config::told(app).await["disabledReason"], Value::Null);
    }
}

/// A refund that leaves less than the threshold does not make the card be charged again at once.
async fn a_refund_is_not_undone_by_an_automatic_topup(app: &TestApp) {
    let intent = paid(app).await;
    topup_config::set(app, 1000, 2000).await;
    let _ = app.stripe.refund(&intent, Some(2500)).unwrap();
    app.settle().await;
    assert_eq!(topup_config::told(app).await["disabledReason"], Value::Null);
    let refund = app.stripe.refund(&intent, Some(1000)).unwrap();
    app.settle().await;
    topup_config::sweep(app).await;
    assert_eq!(topup_config::told(app).await["disabledReason"], "refund");
    assert_eq!(
        (
            topup_config::over(app, 1).await.len(),
            app.cents().await.as_str()
        ),
        (1, "1500")
    );
    // Its money comes back, and so does the credit.
    app.stripe
        .fail_refund(refund["id"].as_str().unwrap(), "declined")
        .unwrap();
    app.settle().await;
    assert_eq!(topup_config::told(app).await["disabledReason"], Value::Null);
    app.stripe.refund(&intent, Some(1000)).unwrap();
    app.settle().await;
    topup_config::set(app, 1000, 2000).await;
    topup_config::over(app, 2).await;
    app.settle().await;
    assert_eq!(app.cents().await, "2500");
}

crate::on_both_engines![
    automatic_topups_wait_for_the_end,
    a_refund_is_not_undone_by_an_automatic_topup,
    withdrawn_then_won,
    lost_after_the_credit_was_spent,
    an_inquiry_moves_nothing_until_it_is_escalated,
    spending_can_be_frozen with [("FAREBOX_DISPUTES__FREEZE_SPENDING", "true")],
    spending_goes_on_where_nobody_freezes_it,
    what_goes_back_twice_is_borne_once,
    the_order_of_events_does_not_matter,
    a_refund_that_fails_gives_the_credit_back,
];
