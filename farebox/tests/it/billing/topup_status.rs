//! `POST …/billing/topup/status`: the endpoint that Farebox started from.

use std::time::{Duration, Instant};

use api::{TopupStatus, TopupStatusParams};
use reqwest::Method;
use sandbox::{Deliveries, FaultAction, Outcome};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, down, fault};

/// Starts a top-up that waits for 3-D Secure; answers its invoice and payment intent.
async fn pending(app: &TestApp) -> (String, String) {
    let body = json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let answer = app.topup(body).await;
    let secret = answer.body["result"]["client_secret"].as_str().unwrap();
    (
        answer.invoice(),
        secret.split("_secret_").next().unwrap().to_owned(),
    )
}

async fn it_answers_as_the_seed_shows(app: &TestApp) {
    app.add_cards().await;
    let invoice = app.topup(json!({ "amount": 5000 })).await.invoice();
    let answer = app.status(&invoice).await;
    insta::assert_snapshot!("completed", answer.snapshot());
    assert_eq!(answer.body["result"]["payment_intent_id"], invoice);
    assert_eq!(answer.headers["content-type"], "application/json");
    let params = TopupStatusParams {
        account_id: app.account.to_string(),
        payment_intent_id: invoice,
    };
    let by_client = app
        .client()
        .ai_gateway()
        .billing()
        .topup()
        .status(params)
        .await
        .unwrap();
    assert_eq!(by_client.status, TopupStatus::Completed);
}

async fn what_it_waits_for_is_said(app: &TestApp) {
    app.add_cards().await;
    let (invoice, intent) = pending(app).await;
    insta::assert_snapshot!(
        "waits_for_the_customer",
        app.status(&invoice).await.snapshot()
    );
    app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    app.status_becomes(&invoice, "completed").await;
    assert_eq!(app.cents().await, "5000");
}

async fn a_failed_authentication_can_be_tried_again(app: &TestApp) {
    app.add_cards().await;
    let (invoice, intent) = pending(app).await;
    app.stripe.authenticate(&intent, Outcome::Fail).unwrap();
    app.settle().await;
    let answer = app.status(&invoice).await;
    assert_eq!(answer.body["result"]["status"], "pending");
    assert_eq!(app.cents().await, "0");
}

async fn an_id_of_nobody_or_of_another_account_is_not_found(app: &TestApp) {
    app.add_cards().await;
    let invoice = app.topup(json!({ "amount": 5000 })).await.invoice();
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Write"]).await;
    let path = app
        .billing("topup/status")
        .replace(&app.account.to_string(), &other.to_string());
    let request = app.anonymous(Method::POST, &path);
    let request = request.header("authorization", &format!("Bearer {token}"));
    let theirs = request
        .json(json!({ "payment_intent_id": invoice }))
        .send()
        .await;
    let nobodys = app.status("in_nobodys").await;
    insta::assert_snapshot!("not_found", theirs.snapshot());
    assert_eq!(
        theirs.body, nobodys.body,
        "whether another account has it is not told"
    );
}

async fn a_voided_topup_ends_the_polling(app: &TestApp) {
    app.add_cards().await;
    let (invoice, _) = pending(app).await;
    app.app
        .stripe
        .void_invoice(&invoice, "by the operator")
        .await
        .unwrap();
    app.settle().await;
    let answer = app.status(&invoice).await;
    insta::assert_snapshot!("voided", answer.snapshot());
    assert_eq!(app.cents().await, "0");
}

async fn an_old_one_that_nobody_pays_is_voided(app: &TestApp) {
    app.add_cards().await;
    let (invoice, _) = pending(app).await;
    app.settle().await;
    // With the app's clock an hour ahead, the sandbox's signatures would be too old for it.
    app.stripe.set_deliveries(Deliveries {
        drop: true,
        ..Deliveries::default()
    });
    app.tick(Duration::from_secs(3601));
    farebox::billing::unsettled_topups(&app.app).await.unwrap();
    app.until(async || app.status(&invoice).await.status != 200)
        .await;
    assert_eq!(app.status(&invoice).await.code(), 8002);
    assert_eq!(app.stripe.object(&invoice)["status"], "void");
}

async fn without_any_webhook_the_call_itself_asks_stripe(app: &TestApp) {
    app.stripe.set_deliveries(Deliveries {
        drop: true,
        ..Deliveries::default()
    });
    app.add_cards().await;
    let (invoice, intent) = pending(app).await;
    app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    assert_eq!(
        app.status(&invoice).await.body["result"]["status"],
        "pending",
        "looked at just now"
    );
    app.tick(Duration::from_secs(4));
    assert_eq!(
        app.status(&invoice).await.body["result"]["status"],
        "completed"
    );
    assert_eq!(app.cents().await, "5000");
}

async fn one_caller_at_a_time_asks_stripe(app: &TestApp) {
    app.add_cards().await;
    let (invoice, _) = pending(app).await;
    app.settle().await;
    app.tick(Duration::from_secs(10));
    app.stripe.clear_requests();
    let calls = (0..30).map(|_| app.status(&invoice));
    let answers = futures_util::future::join_all(calls).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.body["result"]["status"] == "pending")
    );
    assert_eq!(app.stripe.requests().len(), 1);
}

async fn stripe_being_down_only_means_pending(app: &TestApp) {
    app.add_cards().await;
    let (invoice, intent) = pending(app).await;
    app.stripe.set_deliveries(Deliveries {
        drop: true,
        ..Deliveries::default()
    });
    // Before there is anything to find: a job of ours may look at any time.
    app.stripe.add_fault(down());
    app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    app.tick(Duration::from_secs(10));
    assert_eq!(
        app.status(&invoice).await.body["result"]["status"],
        "pending"
    );
    app.stripe
        .replace_faults(fault("/v1/invoices/*", u32::MAX, FaultAction::HangBefore));
    app.tick(Duration::from_secs(10));
    let begun = Instant::now();
    assert_eq!(
        app.status(&invoice).await.body["result"]["status"],
        "pending"
    );
    assert!(begun.elapsed() < Duration::from_secs(6), "a short timeout");
    app.stripe.clear_faults();
    app.tick(Duration::from_secs(10));
    app.status_becomes(&invoice, "completed").await;
}

async fn with_a_preference(app: &TestApp, invoice: &str, prefer: &str) -> (Answer, Duration) {
    let request = app
        .request(Method::POST, &app.billing("topup/status"))
        .header("prefer", prefer);
    let begun = Instant::now();
    let answer = request
        .json(json!({ "payment_intent_id": invoice }))
        .send()
        .await;
    (answer, begun.elapsed())
}

async fn prefer_wait_holds_the_call_until_the_status_changes(app: &TestApp) {
    app.add_cards().await;
    let (invoice, intent) = pending(app).await;
    let (answer, took) = with_a_preference(app, &invoice, "wait=1").await;
    assert_eq!(answer.body["result"]["status"], "pending");
    assert_eq!(answer.headers["preference-applied"], "wait=1");
    assert!(took >= Duration::from_secs(1), "{took:?}");
    let customer = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    };
    let ((answer, took), ()) = tokio::join!(with_a_preference(app, &invoice, "wait=30"), customer);
    assert_eq!(answer.body["result"]["status"], "completed");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let (answer, took) = with_a_preference(app, &invoice, "respond-async").await;
    assert!(!answer.headers.contains_key("preference-applied") && took < Duration::from_secs(1));
}

async fn waiting_ends_when_the_topup_dies(app: &TestApp) {
    app.add_cards().await;
    let (invoice, _) = pending(app).await;
    let operator = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.app
            .stripe
            .void_invoice(&invoice, "by the operator")
            .await
            .unwrap();
    };
    let ((answer, took), ()) = tokio::join!(with_a_preference(app, &invoice, "wait=30"), operator);
    assert_eq!(answer.code(), 8002);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

async fn a_body_without_an_id_is_refused(app: &TestApp) {
    for body in [
        json!({}),
        json!({ "payment_intent_id": null }),
        json!({ "payment_intent_id": 5 }),
    ] {
        let request = app.request(Method::POST, &app.billing("topup/status"));
        let answer = request.json(body).send().await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 7001));
        assert_eq!(
            answer.body["errors"][0]["path"],
            json!(["body", "payment_intent_id"])
        );
        assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(1));
    }
    let request = app.request(Method::POST, &app.billing("topup/status"));
    let answer = request.json(json!({ "payment_intent_id": "in_x", "unknown": Value::Null }));
    assert_eq!(
        answer.send().await.status,
        404,
        "the contract doesn't forbid other fields here"
    );
}

crate::on_both_engines![
    it_answers_as_the_seed_shows,
    what_it_waits_for_is_said,
    a_failed_authentication_can_be_tried_again,
    an_id_of_nobody_or_of_another_account_is_not_found,
    a_voided_topup_ends_the_polling,
    an_old_one_that_nobody_pays_is_voided with [("FAREBOX_TOPUP__VOID_AFTER_HOURS", "1")],
    without_any_webhook_the_call_itself_asks_stripe,
    one_caller_at_a_time_asks_stripe,
    stripe_being_down_only_means_pending,
    prefer_wait_holds_the_call_until_the_status_changes,
    waiting_ends_when_the_topup_dies,
    a_body_without_an_id_is_refused,
];
