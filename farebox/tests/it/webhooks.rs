//! `POST /webhooks/stripe`.

use farebox::stripe::signature;
use reqwest::Method;
use sandbox::{Deliveries, Outcome};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, WEBHOOK_SECRET};

/// Sends an event as Stripe does, signed `age` seconds ago.
pub async fn send(app: &TestApp, event: &Value, secret: &str, age: i64) -> Answer {
    let body = event.to_string();
    let time = app.app.now().millis() / 1000 - age;
    let header = signature::sign(body.as_bytes(), &SecretString::from(secret), time);
    let request = app
        .anonymous(Method::POST, "/webhooks/stripe")
        .header("stripe-signature", &header);
    request.body(body).send().await
}

/// The event of this kind about this invoice, as the sandbox made it.
pub fn event_about(app: &TestApp, kind: &str, invoice: &str) -> Value {
    let state = app.stripe.state();
    let kinds = state.as_object().unwrap().values();
    let mut all = kinds.flat_map(|kind| kind.as_array().into_iter().flatten());
    let found = all.find(|one| one["type"] == kind && one["data"]["object"]["id"] == invoice);
    found.expect("the event happened").clone()
}

/// A top-up that is paid at Stripe and of which no webhook has told.
async fn paid_and_untold(app: &TestApp) -> (String, Value) {
    app.stripe.set_deliveries(Deliveries {
        drop: true,
        ..Deliveries::default()
    });
    app.add_cards().await;
    let body = json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let answer = app.topup(body).await;
    let secret = answer.body["result"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let intent = secret.split("_secret_").next().unwrap();
    app.stripe.authenticate(intent, Outcome::Succeed).unwrap();
    let invoice = answer.invoice();
    let event = event_about(app, "invoice.paid", &invoice);
    (invoice, event)
}

async fn a_webhook_credits_a_paid_topup(app: &TestApp) {
    let (_, event) = paid_and_untold(app).await;
    let answer = send(app, &event, WEBHOOK_SECRET, 0).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["success"]),
        (200, &json!(true))
    );
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
}

async fn a_webhook_of_a_stranger_is_refused(app: &TestApp) {
    let (_, event) = paid_and_untold(app).await;
    for (secret, age) in [
        ("whsec_wrong", 0),
        (WEBHOOK_SECRET, 301),
        (WEBHOOK_SECRET, -400),
    ] {
        let answer = send(app, &event, secret, age).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 8009),
            "{secret} {age}"
        );
    }
    for header in ["", "t=,v1=", "v1=00", "t=1,v0=00", "garbage"] {
        let request = app.anonymous(Method::POST, "/webhooks/stripe");
        let answer = request
            .header("stripe-signature", header)
            .json(event.clone())
            .send()
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 8009),
            "{header}"
        );
    }
    app.settle().await;
    assert_eq!(app.cents().await, "0");
}

async fn either_secret_will_do_while_one_replaces_the_other(app: &TestApp) {
    let (_, event) = paid_and_untold(app).await;
    assert_eq!(send(app, &event, "whsec_old", 0).await.status, 200);
    assert_eq!(send(app, &event, "whsec_new", 0).await.status, 200);
    assert_eq!(send(app, &event, "whsec_older", 0).await.status, 400);
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
}

async fn an_event_of_live_mode_is_refused_in_test_mode(app: &TestApp) {
    let (_, mut event) = paid_and_untold(app).await;
    event["livemode"] = json!(true);
    let answer = send(app, &event, WEBHOOK_SECRET, 0).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 8009));
}

async fn what_an_event_claims_is_not_believed(app: &TestApp) {
    app.add_cards().await;
    let body = json!({ "amount": 5000, "payment_method_id": "pm_card_authenticationRequired" });
    let invoice = app.topup(body).await.invoice();
    let claim = json!({
        "object": "event", "id": "evt_claim", "type": "invoice.paid", "livemode": false,
        "created": app.app.now().millis() / 1000, "api_version": "2026-05-27.dahlia",
        "data": { "object": { "object": "invoice", "id": invoice, "status": "paid" } },
    });
    assert_eq!(send(app, &claim, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
    assert_eq!(app.cents().await, "0");
    assert_eq!(
        app.status(&invoice).await.body["result"]["status"],
        "pending"
    );
}

async fn events_that_say_nothing_to_us_are_taken_and_forgotten(app: &TestApp) {
    for kind in ["customer.created", "invoice.created", "something.new"] {
        let event = json!({
            "object": "event", "id": format!("evt_{kind}"), "type": kind, "livemode": false,
            "created": 1, "data": { "object": { "object": "customer", "id": "cus_1" } },
        });
        assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
    }
    let foreign = json!({
        "object": "event", "id": "evt_foreign", "type": "invoice.paid", "livemode": false,
        "created": 1, "data": { "object": { "object": "invoice", "id": "in_1AAAAAAAAAAAAAAAAAAAAAAA" } },
    });
    assert_eq!(send(app, &foreign, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
}

async fn what_is_no_event_is_refused(app: &TestApp) {
    for body in [
        json!({}),
        json!([]),
        json!({ "object": "v2.core.event", "id": "evt_1", "type": "x" }),
    ] {
        let answer = send(app, &body, WEBHOOK_SECRET, 0).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 8009),
            "{body}"
        );
    }
}

crate::on_both_engines![
    a_webhook_credits_a_paid_topup,
    a_webhook_of_a_stranger_is_refused,
    either_secret_will_do_while_one_replaces_the_other with [
        ("FAREBOX_STRIPE__WEBHOOK_SECRETS", "whsec_new,whsec_old"),
    ],
    an_event_of_live_mode_is_refused_in_test_mode,
    what_an_event_claims_is_not_believed,
    events_that_say_nothing_to_us_are_taken_and_forgotten,
    what_is_no_event_is_refused,
];
