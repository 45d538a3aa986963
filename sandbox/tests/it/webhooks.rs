use std::collections::HashSet;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sandbox::Deliveries;
use serde_json::json;
use sha2::Sha256;
use tokio::time::timeout;

use crate::client::{App, start_with};
use crate::receiver::Receiver;

async fn with_receiver() -> (App, Receiver) {
    let receiver = Receiver::start().await;
    let app = start_with(Some(receiver.webhook(&["whsec_one", "whsec_two"]))).await;
    (app, receiver)
}

async fn settled(app: &App) {
    timeout(Duration::from_secs(10), app.stripe.deliveries_settled())
        .await
        .unwrap();
}

#[tokio::test]
async fn every_event_arrives_in_order_and_signed_for_each_secret() {
    let (app, receiver) = with_receiver().await;
    let customer = app.http.customer_with("pm_card_visa").await;
    let (invoice, _) = app.http.open(&customer, "5000").await;
    app.http.pay(&invoice, &[]).await.ok();
    settled(&app).await;
    let listed = app.http.get("/v1/events", &[("limit", "100")]).await.ok();
    let happened: Vec<_> = listed["data"].as_array().unwrap().iter().rev().collect();
    let types: Vec<_> = happened
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(receiver.types(), types);
    assert!(types.contains(&"invoice.paid") && types.contains(&"charge.succeeded"));
    assert!(happened.iter().all(|event| event["pending_webhooks"] == 0));
    let one = &receiver.got()[0];
    assert_eq!(one.event()["pending_webhooks"], 1);
    assert_eq!(one.event()["api_version"], sandbox::stripe::API_VERSION);
    assert!(
        one.event()["request"]["id"]
            .as_str()
            .unwrap()
            .starts_with("req_")
    );
    check_signature(&one.signature, &one.body, &["whsec_one", "whsec_two"]);
}

/// Stripe's recipe, written out a second time: HMAC-SHA256 over `t`, a full stop and the body.
fn check_signature(header: &str, body: &[u8], secrets: &[&str]) {
    let mut parts = header.split(',');
    let at = parts.next().unwrap().strip_prefix("t=").unwrap();
    let given: Vec<&str> = parts
        .map(|part| part.strip_prefix("v1=").unwrap())
        .collect();
    let expected = secrets.iter().map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&[at.as_bytes(), b".", body].concat());
        mac.finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    });
    assert_eq!(given, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_event_comes_again_until_it_is_taken() {
    let (app, receiver) = with_receiver().await;
    receiver.refuse(3);
    app.http.customer().await;
    settled(&app).await;
    let got = receiver.got();
    assert_eq!(got.len(), 4);
    assert_eq!(
        got.iter()
            .map(|one| one.body.clone())
            .collect::<HashSet<_>>()
            .len(),
        1
    );
}

#[tokio::test]
async fn one_refused_event_holds_up_no_other() {
    let (app, receiver) = with_receiver().await;
    let slow = Deliveries {
        retry_ms: 600,
        ..Deliveries::default()
    };
    app.stripe.set_deliveries(slow);
    receiver.refuse(1);
    let refused = app.http.customer().await;
    let other = app.http.customer().await;
    settled(&app).await;
    let about: Vec<_> = receiver
        .got()
        .iter()
        .map(|one| one.event()["data"]["object"]["id"].clone())
        .collect();
    assert_eq!(about, [json!(refused), json!(other), json!(refused)]);
}

#[tokio::test]
async fn deliveries_can_be_late_twice_and_out_of_order() {
    let (app, receiver) = with_receiver().await;
    let settings = json!({ "delay_ms": 150, "repeat": 2 });
    app.http.control("deliveries", settings).await.ok();
    let before = Instant::now();
    app.http.customer().await;
    assert_eq!(receiver.got().len(), 0);
    settled(&app).await;
    assert!(before.elapsed() >= Duration::from_millis(150));
    assert_eq!(receiver.types(), ["customer.created"; 3]);

    app.http
        .control("deliveries", json!({ "reorder": true }))
        .await
        .ok();
    let customer = app.http.customer().await;
    app.http
        .post(&format!("/v1/customers/{customer}"), &[("name", "B")])
        .await
        .ok();
    settled(&app).await;
    assert_eq!(
        receiver.types()[3..],
        ["customer.updated", "customer.created"]
    );
}

#[tokio::test]
async fn a_dropped_event_is_lost_to_the_endpoint_and_not_to_the_list() {
    let (app, receiver) = with_receiver().await;
    app.stripe.set_deliveries(Deliveries {
        drop: true,
        ..Deliveries::default()
    });
    let customer = app.http.customer().await;
    settled(&app).await;
    app.stripe.set_deliveries(Deliveries::default());
    assert_eq!(receiver.got().len(), 0);
    let missed = app
        .http
        .get("/v1/events", &[("delivery_success", "false")])
        .await
        .ok();
    assert_eq!(missed["data"][0]["data"]["object"]["id"], json!(customer));
    assert!(app.stripe.resend(missed["data"][0]["id"].as_str().unwrap()));
    settled(&app).await;
    assert_eq!(receiver.types(), ["customer.created"]);
    assert!(!app.stripe.resend("evt_unknown"));
}

#[tokio::test]
async fn the_endpoint_can_change() {
    let (app, first) = with_receiver().await;
    let second = Receiver::start().await;
    let body = json!({ "url": second.url, "secrets": ["whsec_three"] });
    app.http.control("webhook", body).await.ok();
    app.http.customer().await;
    settled(&app).await;
    assert_eq!((first.got().len(), second.got().len()), (0, 1));
    app.stripe.set_webhook(None);
    app.http.customer().await;
    settled(&app).await;
    assert_eq!(second.got().len(), 1);
}
