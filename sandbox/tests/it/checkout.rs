//! Checkout sessions in mode `setup`, by the page and by the control.

use sandbox::Outcome;
use serde_json::{Value, json};

use crate::client::{Answer, App, start};

const SUCCESS: &str = "https://shop.example/done?session={CHECKOUT_SESSION_ID}";
const CANCEL: &str = "https://shop.example/back?a=1&b=2";

/// A customer and an open session for the same.
async fn session(app: &App) -> (String, Value) {
    let customer = app.http.customer().await;
    let form = [
        ("mode", "setup"),
        ("currency", "usd"),
        ("customer", customer.as_str()),
        ("success_url", SUCCESS),
        ("cancel_url", CANCEL),
        ("metadata[account]", "7"),
        ("setup_intent_data[metadata][account]", "7"),
    ];
    let made = app.http.post("/v1/checkout/sessions", &form).await.ok();
    (customer, made)
}

fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}

async fn read(app: &App, session: &Value) -> Value {
    let path = format!("/v1/checkout/sessions/{}", field(session, "id"));
    app.http.get(&path, &[]).await.ok()
}

async fn cards_of(app: &App, customer: &str) -> usize {
    let form = [("customer", customer)];
    let listed = app.http.get("/v1/payment_methods", &form).await.ok();
    listed["data"].as_array().unwrap().len()
}

/// What the page answers to the choice of a card.
async fn choose(app: &App, session: &Value, card: &str) -> Answer {
    let path = format!("/checkout/{}", field(session, "id"));
    app.http.post(&path, &[("card", card)]).await
}

fn done(session: &Value) -> String {
    SUCCESS.replace("{CHECKOUT_SESSION_ID}", field(session, "id"))
}

/// Opens what an answer leads to, if that is a page of the sandbox.
async fn follow(app: &App, answer: &Answer) -> Answer {
    let location = answer.header("location").unwrap();
    let path = location.strip_prefix(&app.http.url).unwrap();
    app.http.get(path, &[]).await
}

#[tokio::test]
async fn a_card_chosen_on_the_page_is_the_customers() {
    let app = start().await;
    let (customer, session) = session(&app).await;
    let path = field(&session, "url").strip_prefix(&app.http.url).unwrap();
    let page = app.http.get(path, &[]).await;
    let html = page.body.as_str().unwrap();
    assert!(page.status == 200 && html.contains("value=pm_card_visa checked"));
    assert!(html.contains("href=\"https://shop.example/back?a=1&amp;b=2\""));
    let answer = choose(&app, &session, "pm_card_visa").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(done(&session).as_str()))
    );
    let after = read(&app, &session).await;
    assert_eq!(
        (&after["status"], &after["url"], &after["metadata"]),
        (&json!("complete"), &json!(null), &json!({ "account": "7" }))
    );
    assert_eq!(cards_of(&app, &customer).await, 1);
    assert_eq!(app.http.get(path, &[]).await.status, 409);
    let again = choose(&app, &session, "pm_card_visa").await;
    assert_eq!(again.status, 409, "one session saves one card");
    assert_eq!(cards_of(&app, &customer).await, 1);
}

#[tokio::test]
async fn a_session_tells_what_came_of_it() {
    let app = start().await;
    let (_, session) = session(&app).await;
    let intent = field(&session, "setup_intent");
    let expected = json!({ "account": "7" });
    assert_eq!(app.stripe.object(intent)["metadata"], expected);
    let path = format!("checkout/sessions/{}/complete", field(&session, "id"));
    let card = json!({ "payment_method": "pm_card_mastercard" });
    let complete = app.http.control(&path, card).await.ok();
    assert_eq!(complete["status"], "complete");
    let method = field(&app.stripe.object(intent), "payment_method").to_owned();
    assert_eq!(app.stripe.object(&method)["card"]["brand"], "mastercard");
    for (id, expected) in [
        (field(&session, "id"), &["checkout.session.completed"][..]),
        (intent, &["setup_intent.created", "setup_intent.succeeded"]),
        (method.as_str(), &["payment_method.attached"]),
    ] {
        assert_eq!(app.http.events_about(id).await, expected);
    }
}

#[tokio::test]
async fn the_issuer_asks_on_the_way() {
    for (answer, saved) in [("succeed", 1), ("fail", 0)] {
        let app = start().await;
        let (customer, session) = session(&app).await;
        let asked = choose(&app, &session, "pm_card_authenticationRequiredOnSetup").await;
        let question = follow(&app, &asked).await;
        assert!(question.body.as_str().unwrap().contains("Save this card"));
        let intent = app.stripe.object(field(&session, "setup_intent"));
        let secret = field(&intent, "client_secret");
        let path = format!("/3ds/{}", field(&intent, "id"));
        let form = [("client_secret", secret), ("outcome", answer)];
        let answered = app.http.post(&path, &form).await;
        let back = follow(&app, &answered).await;
        assert_eq!(cards_of(&app, &customer).await, saved);
        if answer == "succeed" {
            assert_eq!(back.header("location"), Some(done(&session).as_str()));
            continue;
        }
        assert_eq!(back.status, 402);
        let html = back.body.as_str().unwrap();
        assert!(html.contains("unable to authenticate"), "{html}");
        let action = format!("action=\"/checkout/{}\"", field(&session, "id"));
        assert!(html.contains(&action), "the choice is sent to the session");
        let other = choose(&app, &session, "pm_card_visa").await;
        assert_eq!(other.status, 303, "the session is still open");
        assert_eq!(cards_of(&app, &customer).await, 1);
    }
}

#[tokio::test]
async fn a_declined_card_leaves_the_session_open() {
    let app = start().await;
    let (customer, session) = session(&app).await;
    for (card, message) in [
        ("pm_card_chargeDeclined", "Your card was declined."),
        ("pm_card_unheardOf", "No such PaymentMethod"),
    ] {
        let declined = choose(&app, &session, card).await;
        assert_eq!(declined.status, 402, "{card}");
        assert!(declined.body.as_str().unwrap().contains(message), "{card}");
    }
    let id = field(&session, "id");
    let refused = app
        .stripe
        .complete_checkout(id, "pm_card_chargeDeclined")
        .unwrap_err();
    assert_eq!(
        (refused.status, &refused.error["code"]),
        (402, &json!("card_declined"))
    );
    let intent = field(&session, "setup_intent");
    let events = app.http.events_about(intent).await;
    let failed = ["setup_intent.created", "setup_intent.setup_failed"];
    assert_eq!(events[..2], failed);
    assert_eq!(cards_of(&app, &customer).await, 0);
    let asking = "pm_card_authenticationRequired";
    let complete = app.stripe.complete_checkout(id, asking).unwrap();
    assert_eq!(complete["status"], "complete", "it authenticates by itself");
}

#[tokio::test]
async fn a_seeded_card_is_not_what_the_page_saves() {
    let app = start().await;
    let (customer, session) = session(&app).await;
    app.stripe
        .seed_customer_card(&customer, "pm_card_visa", true)
        .unwrap();
    choose(&app, &session, "pm_card_visa").await;
    assert_eq!(cards_of(&app, &customer).await, 2);
}

#[tokio::test]
async fn an_expired_session_saves_nothing() {
    let app = start().await;
    let (customer, session) = session(&app).await;
    let id = field(&session, "id");
    let expire = format!("/v1/checkout/sessions/{id}/expire");
    let expired = app.http.post(&expire, &[]).await.ok();
    assert_eq!(
        (&expired["status"], &expired["url"]),
        (&json!("expired"), &json!(null))
    );
    assert_eq!(choose(&app, &session, "pm_card_visa").await.status, 410);
    assert!(app.stripe.complete_checkout(id, "pm_card_visa").is_err());
    assert_eq!(cards_of(&app, &customer).await, 0);
    assert_eq!(
        app.http.events_about(id).await,
        ["checkout.session.expired"]
    );
    let intent = field(&session, "setup_intent");
    assert_eq!(app.stripe.object(intent)["status"], "canceled");
    assert_eq!(app.http.post(&expire, &[]).await.status, 400);
    let unknown = app.http.get("/checkout/cs_test_unknown", &[]).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_intent_of_a_session_is_confirmed_on_its_page_only() {
    let app = start().await;
    let (_, session) = session(&app).await;
    let path = format!("/v1/setup_intents/{}", field(&session, "setup_intent"));
    for verb in ["confirm", "cancel"] {
        let refused = app.http.post(&format!("{path}/{verb}"), &[]).await;
        assert_eq!(
            refused.error(),
            (400, "setup_intent_unexpected_state"),
            "{verb}"
        );
    }
    let intent = field(&session, "setup_intent");
    let unasked = app.stripe.authenticate(intent, Outcome::Succeed);
    assert!(unasked.is_err(), "nobody asks yet");
}

#[tokio::test]
async fn a_session_is_made_for_a_customer_with_somewhere_to_go() {
    let app = start().await;
    let customer = app.http.customer().await;
    let whole = [
        ("mode", "setup"),
        ("currency", "usd"),
        ("customer", customer.as_str()),
        ("success_url", SUCCESS),
    ];
    for (name, value, expected) in [
        ("mode", None, "parameter_missing"),
        (
            "mode",
            Some("payment"),
            "Invalid mode: must be one of setup",
        ),
        ("currency", None, "parameter_missing"),
        ("success_url", None, "parameter_missing"),
        ("success_url", Some("done.html"), "url_invalid"),
        ("customer", Some("cus_unknown"), "resource_missing"),
    ] {
        let mut form: Vec<_> = whole.into_iter().filter(|(n, _)| *n != name).collect();
        form.extend(value.map(|value| (name, value)));
        let answer = app.http.post("/v1/checkout/sessions", &form).await;
        assert_eq!(answer.error(), (400, expected), "{name} {value:?}");
    }
    let early = [&whole[..], &[("expires_at", "1")]].concat();
    let answer = app.http.post("/v1/checkout/sessions", &early).await;
    assert_eq!(answer.body["error"]["param"], "expires_at");
    app.http.post("/v1/checkout/sessions", &whole).await.ok();
    let open = [("status", "open"), ("customer", customer.as_str())];
    let listed = app.http.get("/v1/checkout/sessions", &open).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}
