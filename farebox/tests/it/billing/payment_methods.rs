//! `…/billing/payment-methods`, and what the balance and top-ups make of the cards that come and go.

use std::time::Duration;

use api::{PaymentMethodListParams, PaymentMethodParams, PaymentMethodSetupParams};
use farebox::billing;
use reqwest::Method;
use sandbox::{Deliveries, Fault, FaultAction, FaultId};
use serde_json::{Value, json};

use crate::app::{Answer, STRIPE_KEY, TestApp, WEBHOOK_SECRET, down, fault, http_client};
use crate::billing::topup_config;
use crate::faults::truth;
use crate::webhooks::{event_about, send};

const METHODS: &str = "payment-methods";

async fn list(app: &TestApp) -> Answer {
    app.request(Method::GET, &app.billing(METHODS)).send().await
}

async fn setup(app: &TestApp, body: Value) -> Answer {
    let path = app.billing("payment-methods/setup");
    app.request(Method::POST, &path).json(body).send().await
}

async fn setup_with_key(app: &TestApp, key: &str, body: Value) -> Answer {
    let path = app.billing("payment-methods/setup");
    let request = app.request(Method::POST, &path);
    let request = request.header("idempotency-key", key);
    request.json(body).send().await
}

async fn choose(app: &TestApp, id: &str) -> Answer {
    let path = app.billing(&format!("payment-methods/{id}/default"));
    app.request(Method::POST, &path).send().await
}

async fn remove(app: &TestApp, id: &str) -> Answer {
    let path = app.billing(&format!("payment-methods/{id}"));
    app.request(Method::DELETE, &path).send().await
}

/// Status and code of a refusal.
#[track_caller]
fn refused(answer: &Answer) -> (u16, i64) {
    (answer.status.as_u16(), answer.code())
}

/// What Stripe's dashboard does, or an application of the operator's.
async fn at_stripe(app: &TestApp, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
    let url = format!("{}/v1/{path}", app.stripe.url());
    let request = http_client().request(method, url).bearer_auth(STRIPE_KEY);
    let answer = request.form(form).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Begins to save a card; the setup intent.
async fn begun(app: &TestApp) -> String {
    let answer = setup(app, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let result = &answer.body["result"];
    assert_eq!(result["url"], Value::Null);
    let secret = result["client_secret"].as_str().unwrap();
    let intent = result["setup_intent_id"].as_str().unwrap();
    assert!(secret.starts_with(&format!("{intent}_secret_")), "{secret}");
    intent.to_owned()
}

/// The customer types a card in; what its payment method is.
async fn confirmed(app: &TestApp, intent: &str, card: &str) -> String {
    let path = format!("setup_intents/{intent}/confirm");
    let confirmed = at_stripe(app, Method::POST, &path, &[("payment_method", card)]).await;
    assert_eq!(confirmed["status"], "succeeded");
    confirmed["payment_method"].as_str().unwrap().to_owned()
}

/// A card that the customer has saved, and of which everybody knows.
async fn saved(app: &TestApp, card: &str) -> String {
    let id = confirmed(app, &begun(app).await, card).await;
    app.settle().await;
    id
}

/// The customer of the test's account.
async fn customer(app: &TestApp) -> String {
    billing::ensure_customer(&app.app, app.account)
        .await
        .unwrap()
}

/// What Stripe charges by default.
async fn default_at_stripe(app: &TestApp) -> Value {
    let customer = app.stripe.object(&customer(app).await);
    customer["invoice_settings"]["default_payment_method"].clone()
}

/// The ids of the list, of which the first is the default if there is any.
async fn ids(app: &TestApp) -> Vec<(String, bool)> {
    let answer = list(app).await;
    let methods = answer.body["result"].as_array().unwrap();
    let told = methods.iter().map(|method| {
        let id = method["id"].as_str().unwrap().to_owned();
        (id, method["default"].as_bool().unwrap())
    });
    told.collect()
}

/// The last four digits that the balance shows, once it may ask Stripe again.
async fn shown_last4(app: &TestApp) -> Option<String> {
    app.tick(Duration::from_secs(10));
    let balance = app.balance().await;
    let card = balance.payment_method;
    assert_eq!(balance.has_default_payment_method, card.is_some());
    card.map(|card| card.last4.unwrap())
}

/// Waits until Stripe has been asked what it hangs at.
async fn asked(app: &TestApp, hang: FaultId) {
    let hanging = app.stripe.hanging(hang);
    let in_time = tokio::time::timeout(Duration::from_secs(10), hanging).await;
    in_time.expect("Stripe is asked");
}

fn nobody_is_told(app: &TestApp, drop: bool) {
    app.stripe.set_deliveries(Deliveries {
        drop,
        ..Deliveries::default()
    });
}

async fn a_saved_card_is_the_default_and_is_charged(app: &TestApp) {
    assert_eq!(list(app).await.body["result"], json!([]));
    assert!(!app.balance().await.has_default_payment_method);
    let visa = saved(app, "pm_card_visa").await;
    let expected = json!([
        { "id": visa, "type": "card", "brand": "visa", "last4": "4242", "default": true },
    ]);
    assert_eq!(list(app).await.body["result"], expected);
    let bought = app.topup(json!({ "amount": 1000 })).await;
    bought.invoice();
    let result = &bought.body["result"];
    assert_eq!(
        (&result["onboarding"], &result["last4"]),
        (&json!(true), &json!("4242"))
    );
    assert!(app.balance().await.first_topup_success);

    // The next one takes its place, and the first stays where it is.
    let mastercard = saved(app, "pm_card_mastercard").await;
    let expected = json!([
        { "id": mastercard, "type": "card", "brand": "mastercard", "last4": "4444", "default": true },
        { "id": visa, "type": "card", "brand": "visa", "last4": "4242", "default": false },
    ]);
    assert_eq!(list(app).await.body["result"], expected);
    assert_eq!(shown_last4(app).await.as_deref(), Some("4444"));
    let bought = app.topup(json!({ "amount": 1000 })).await;
    assert_eq!(bought.body["result"]["brand"], "mastercard");
}

async fn a_card_that_asks_for_its_owner_is_saved_once_they_have_answered(app: &TestApp) {
    let intent = begun(app).await;
    let path = format!("setup_intents/{intent}/confirm");
    let card = [("payment_method", "pm_card_authenticationRequiredOnSetup")];
    let asked = at_stripe(app, Method::POST, &path, &card).await;
    assert_eq!(asked["status"], "requires_action");
    app.settle().await;
    assert_eq!(shown_last4(app).await, None);
    app.stripe
        .authenticate(&intent, sandbox::Outcome::Succeed)
        .unwrap();
    app.settle().await;
    assert!(shown_last4(app).await.is_some());
}

/// Begins to save a card on a page of Stripe's; its URL.
async fn page(app: &TestApp, return_url: &str) -> String {
    let answer = setup(app, json!({ "return_url": return_url })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let result = &answer.body["result"];
    assert_eq!(result["client_secret"], Value::Null);
    result["url"].as_str().unwrap().to_owned()
}

async fn a_page_of_stripes_saves_a_card_and_leads_back(app: &TestApp) {
    let back = "https://example.com/billing?session={CHECKOUT_SESSION_ID}";
    let page = page(app, back).await;
    let browser = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(farebox::tls::client_config().unwrap())
        .build()
        .unwrap();
    let shown = browser.get(&page).send().await.unwrap();
    assert_eq!(shown.status(), 200);
    let chosen = browser.post(&page).form(&[("card", "pm_card_visa")]);
    let led = chosen.send().await.unwrap();
    let led = led.headers()["location"].to_str().unwrap().to_owned();
    let session = page.rsplit('/').next().unwrap();
    assert_eq!(
        led,
        format!("https://example.com/billing?session={session}")
    );
    app.settle().await;
    assert_eq!(ids(app).await.len(), 1);
    assert_eq!(shown_last4(app).await.as_deref(), Some("4242"));
}

async fn the_session_alone_tells_of_its_card(app: &TestApp) {
    nobody_is_told(app, true);
    let page = page(app, "http://localhost:3000/").await;
    let session = page.rsplit('/').next().unwrap();
    app.stripe
        .complete_checkout(session, "pm_card_mastercard")
        .unwrap();
    nobody_is_told(app, false);
    let event = event_about(app, "checkout.session.completed", session);
    assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
    assert_eq!(shown_last4(app).await.as_deref(), Some("4444"));
}

async fn another_card_is_chosen_and_removed(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let mastercard = saved(app, "pm_card_mastercard").await;
    for _ in 0..2 {
        let chosen = choose(app, &visa).await;
        assert_eq!(
            chosen.body["result"],
            json!({ "id": visa, "type": "card", "brand": "visa", "last4": "4242", "default": true })
        );
        assert_eq!(
            app.balance().await.payment_method.unwrap().last4.as_deref(),
            Some("4242")
        );
    }
    // Chosen, left and chosen again: Stripe keeps no earlier answer for the later call.
    choose(app, &mastercard).await;
    choose(app, &visa).await;
    assert_eq!(
        ids(app).await,
        [(visa.clone(), true), (mastercard.clone(), false)]
    );

    let removed = remove(app, &mastercard).await;
    assert_eq!(removed.body["result"], json!({ "id": mastercard }));
    assert_eq!(removed.body["messages"], json!([]));
    assert_eq!(
        app.balance().await.payment_method.unwrap().last4.as_deref(),
        Some("4242")
    );
    let removed = remove(app, &visa).await;
    let message = removed.body["messages"][0]["message"].as_str().unwrap();
    assert!(message.contains("It was the default"), "{message}");
    assert!(!app.balance().await.has_default_payment_method, "at once");
    assert_eq!(shown_last4(app).await, None);
    assert_eq!(list(app).await.body["result"], json!([]));
    assert_eq!(refused(&remove(app, &visa).await), (404, 7002));
    assert_eq!(refused(&choose(app, &visa).await), (404, 7002));

    let unpaid = app.topup(json!({ "amount": 1000 })).await;
    unpaid.invoice();
    let result = &unpaid.body["result"];
    assert_eq!(result["onboarding"], false);
    assert!(result["client_secret"].is_string());
}

async fn automatic_topups_go_on_with_another_card(app: &TestApp) {
    let bad = saved(app, "pm_card_chargeCustomerFail").await;
    topup_config::set(app, 1000, 500).await;
    topup_config::over(app, 1).await;
    assert_eq!(
        topup_config::told(app).await["disabledReason"],
        "payment_failed"
    );
    // The same card, chosen again: the customer may know better.
    topup_config::pass(app, 60).await;
    choose(app, &bad).await;
    topup_config::over(app, 2).await;
    assert_eq!(
        topup_config::told(app).await["disabledReason"],
        "payment_failed"
    );
    topup_config::pass(app, 60).await;
    saved(app, "pm_card_visa").await;
    assert_eq!(topup_config::over(app, 3).await[2], "completed");
    assert_eq!(topup_config::told(app).await["error"], Value::Null);
    assert_eq!(app.cents().await, "1000");
}

async fn whoever_tops_up_automatically_is_told_that_no_card_is_left(app: &TestApp) {
    app.give(1000).await;
    let visa = saved(app, "pm_card_visa").await;
    topup_config::set(app, 1000, 500).await;
    let removed = remove(app, &visa).await;
    let messages = removed.body["messages"].as_array().unwrap();
    let last = messages.last().unwrap()["message"].as_str().unwrap();
    assert_eq!(messages.len(), 2);
    assert!(last.contains("Automatic top-up"), "{last}");
}

async fn a_card_that_is_added_at_stripe_starts_them_too(app: &TestApp) {
    saved(app, "pm_card_chargeCustomerFail").await;
    topup_config::set(app, 1000, 500).await;
    topup_config::over(app, 1).await;
    topup_config::pass(app, 60).await;
    let customer = customer(app).await;
    let form = [("customer", customer.as_str())];
    let path = "payment_methods/pm_card_visa/attach";
    let visa = at_stripe(app, Method::POST, path, &form).await["id"].clone();
    let form = [(
        "invoice_settings[default_payment_method]",
        visa.as_str().unwrap(),
    )];
    at_stripe(app, Method::POST, &format!("customers/{customer}"), &form).await;
    assert_eq!(topup_config::over(app, 2).await[1], "completed");
}

async fn only_an_accounts_own_cards_can_be_touched(app: &TestApp) {
    let nothing = ["pm_card_visa", "pm_1", "a%2F..%2Fb", "cus_1"];
    for id in nothing {
        assert_eq!(refused(&choose(app, id).await), (404, 7002), "{id}");
        assert_eq!(refused(&remove(app, id).await), (404, 7002), "{id}");
    }
    saved(app, "pm_card_visa").await;
    let other = app.another_account().await;
    let theirs = billing::ensure_customer(&app.app, other).await.unwrap();
    let attached = app
        .app
        .stripe
        .attach_payment_method("pm_card_mastercard", &theirs, "k");
    let theirs = attached.await.unwrap().id;
    for id in nothing.into_iter().chain([theirs.as_str()]) {
        assert_eq!(refused(&choose(app, id).await), (404, 7002), "{id}");
        assert_eq!(refused(&remove(app, id).await), (404, 7002), "{id}");
    }
    let bodies = [
        choose(app, &theirs).await.body,
        choose(app, "pm_1").await.body,
    ];
    assert_eq!(bodies[0], bodies[1], "whether somebody has it is not told");
    assert!(
        app.stripe.object(&theirs)["customer"].is_string(),
        "still theirs"
    );
}

async fn a_setup_that_comes_to_light_late_does_not_undo_a_choice(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    nobody_is_told(app, true);
    let intent = begun(app).await;
    let mastercard = confirmed(app, &intent, "pm_card_mastercard").await;
    let event = event_about(app, "setup_intent.succeeded", &intent);
    assert_eq!(choose(app, &visa).await.status, 200);
    nobody_is_told(app, false);
    assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
    assert_eq!(default_at_stripe(app).await, json!(visa));
    assert_eq!(ids(app).await, [(visa, true), (mastercard, false)]);
}

async fn of_two_setups_the_later_one_stays_whatever_is_told_first(app: &TestApp) {
    nobody_is_told(app, true);
    let (first, second) = (begun(app).await, begun(app).await);
    confirmed(app, &first, "pm_card_visa").await;
    let mastercard = confirmed(app, &second, "pm_card_mastercard").await;
    nobody_is_told(app, false);
    for intent in [&second, &first, &second] {
        let mut event = event_about(app, "setup_intent.succeeded", intent);
        event["id"] = json!(format!("evt_{}", farebox::ids::opaque()));
        assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
        app.settle().await;
        assert_eq!(default_at_stripe(app).await, json!(mastercard));
    }
}

async fn a_setup_that_was_begun_before_and_finished_after_a_choice_counts(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let intent = begun(app).await;
    choose(app, &visa).await;
    let mastercard = confirmed(app, &intent, "pm_card_mastercard").await;
    app.settle().await;
    assert_eq!(default_at_stripe(app).await, json!(mastercard));
}

async fn a_card_that_is_removed_before_its_setup_comes_to_light_stays_away(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    nobody_is_told(app, true);
    let intent = begun(app).await;
    let mastercard = confirmed(app, &intent, "pm_card_mastercard").await;
    let removed = remove(app, &mastercard).await;
    let message = removed.body["messages"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("It was the default"),
        "as if told in time: {message}"
    );
    nobody_is_told(app, false);
    let event = event_about(app, "setup_intent.succeeded", &intent);
    assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
    assert_eq!(default_at_stripe(app).await, Value::Null);
    assert_eq!(ids(app).await, [(visa, false)]);
}

async fn the_list_of_events_heals_a_lost_webhook(app: &TestApp) {
    nobody_is_told(app, true);
    let visa = confirmed(app, &begun(app).await, "pm_card_visa").await;
    assert_eq!(
        ids(app).await,
        [(visa.clone(), false)],
        "what is so at Stripe"
    );
    assert!(billing::events_since_cursor(&app.app).await.unwrap() > 0);
    app.app.wake_jobs.notify_waiters();
    app.settle().await;
    assert_eq!(ids(app).await, [(visa, true)]);
}

async fn what_an_event_claims_is_not_believed(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let open = begun(app).await;
    let claim = json!({
        "object": "event", "id": "evt_claim", "type": "setup_intent.succeeded", "livemode": false,
        "created": app.app.now().millis() / 1000,
        "data": { "object": {
            "object": "setup_intent", "id": open, "status": "succeeded",
            "customer": customer(app).await, "payment_method": "pm_card_mastercard",
            "metadata": { "account": app.account.to_string() },
        } },
    });
    assert_eq!(send(app, &claim, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
    assert_eq!(default_at_stripe(app).await, json!(visa));
    for subject in [
        json!({ "customer": "cus_1" }),
        json!({ "customer": null }),
        json!({}),
    ] {
        let mut event = claim.clone();
        event["id"] = json!(format!("evt_{}", farebox::ids::opaque()));
        event["data"]["object"] = subject;
        assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
    }
}

async fn a_setup_of_somebody_elses_is_their_own_business(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let customer = customer(app).await;
    let other = app.another_account().await.to_string();
    for account in [None, Some(other.as_str())] {
        let mut form = vec![
            ("customer", customer.as_str()),
            ("payment_method", "pm_card_mastercard"),
            ("confirm", "true"),
        ];
        form.extend(account.map(|account| ("metadata[account]", account)));
        at_stripe(app, Method::POST, "setup_intents", &form).await;
        app.settle().await;
        assert_eq!(default_at_stripe(app).await, json!(visa), "{account:?}");
    }
}

async fn what_is_changed_at_stripe_is_seen(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let mastercard = saved(app, "pm_card_mastercard").await;
    let customer = customer(app).await;
    let path = format!("customers/{customer}");
    let form = [("invoice_settings[default_payment_method]", visa.as_str())];
    at_stripe(app, Method::POST, &path, &form).await;
    app.settle().await;
    // Known without asking: Stripe can't be reached.
    app.stripe.add_fault(down());
    assert_eq!(shown_last4(app).await.as_deref(), Some("4242"));
    app.stripe.clear_faults();

    at_stripe(
        app,
        Method::POST,
        &format!("payment_methods/{visa}/detach"),
        &[],
    )
    .await;
    app.settle().await;
    app.stripe.add_fault(down());
    assert_eq!(shown_last4(app).await, None);
    app.stripe.clear_faults();
    assert_eq!(ids(app).await, [(mastercard.clone(), false)]);

    choose(app, &mastercard).await;
    at_stripe(app, Method::DELETE, &path, &[]).await;
    app.settle().await;
    app.stripe.add_fault(down());
    assert_eq!(shown_last4(app).await, None);
    app.stripe.clear_faults();
    assert_eq!(ids(app).await, []);
}

async fn a_card_that_was_taken_away_names_only_itself(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    nobody_is_told(app, true);
    let path = format!("payment_methods/{visa}/detach");
    at_stripe(app, Method::POST, &path, &[]).await;
    let event = event_about(app, "payment_method.detached", &visa);
    assert_eq!(event["data"]["object"]["customer"], Value::Null);
    nobody_is_told(app, false);
    assert_eq!(send(app, &event, WEBHOOK_SECRET, 0).await.status, 200);
    app.settle().await;
    app.stripe.add_fault(down());
    assert_eq!(shown_last4(app).await, None);
}

async fn a_customer_who_was_deleted_has_a_successor(app: &TestApp) {
    saved(app, "pm_card_visa").await;
    for _ in 0..2 {
        let gone = customer(app).await;
        at_stripe(app, Method::DELETE, &format!("customers/{gone}"), &[]).await;
        let mastercard = saved(app, "pm_card_mastercard").await;
        assert_ne!(customer(app).await, gone);
        assert_eq!(ids(app).await, [(mastercard, true)]);
        app.topup(json!({ "amount": 1000 })).await.invoice();
    }
    assert_eq!(app.cents().await, "2000");
}

async fn a_key_begins_one_setup(app: &TestApp) {
    let first = setup_with_key(app, "k", json!({})).await;
    let again = setup_with_key(app, "k", json!({ "return_url": null })).await;
    assert_eq!(first.body["result"], again.body["result"]);
    let other = setup_with_key(app, "k", json!({ "return_url": "https://example.com/" })).await;
    assert_eq!(refused(&other), (409, 8007));
    assert_eq!(other.headers["x-should-retry"], "false");
    let long = "k".repeat(255);
    let other = setup_with_key(app, &long, json!({})).await;
    assert_ne!(first.body["result"], other.body["result"]);
    let hang = app
        .stripe
        .add_fault(fault("/v1/setup_intents", 1, FaultAction::HangBefore));
    let repeated = async {
        asked(app, hang).await;
        let repeated = setup_with_key(app, "busy", json!({})).await;
        app.stripe.release(hang);
        repeated
    };
    let (first, repeated) = tokio::join!(setup_with_key(app, "busy", json!({})), repeated);
    assert_eq!(refused(&repeated), (409, 8008));
    assert_eq!(first.status, 200, "{}", first.text);
}

async fn a_failure_that_stripe_keeps_under_a_key_blocks_no_setup(app: &TestApp) {
    let action = FaultAction::WorkThenAnswer { status: 500 };
    app.stripe.add_fault(fault("/v1/setup_intents", 1, action));
    assert_eq!(setup_with_key(app, "k", json!({})).await.status, 200);
    assert_eq!(setup_with_key(app, "k", json!({})).await.status, 200);
}

async fn a_body_that_is_not_understood_is_refused(app: &TestApp) {
    let path = app.billing("payment-methods/setup");
    for body in ["", "null", "{}"] {
        let request = app.request(Method::POST, &path).body(body);
        let secret = &request.send().await.body["result"]["client_secret"];
        assert!(secret.is_string(), "{body}: {secret}");
    }
    for url in [
        json!("http://example.com/"),
        json!("example.com"),
        json!("javascript:alert(1)"),
        json!(""),
        // This one we would take, and the sandbox's Stripe doesn't.
        json!("HTTPS://EXAMPLE.COM/"),
        json!(7),
    ] {
        let answer = setup(app, json!({ "return_url": url })).await;
        assert_eq!(refused(&answer), (400, 7001), "{url}");
        let path = &answer.body["errors"][0]["path"];
        assert_eq!(*path, json!(["body", "return_url"]), "{url}");
    }
    for body in [json!({ "url": "https://example.com/" }), json!([])] {
        assert_eq!(
            refused(&setup(app, body.clone()).await),
            (400, 7001),
            "{body}"
        );
    }
}

async fn stripe_being_down_leaves_nothing_half_done(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let mastercard = saved(app, "pm_card_mastercard").await;
    app.stripe.add_fault(down());
    for answer in [
        list(app).await,
        setup(app, json!({})).await,
        choose(app, &visa).await,
        remove(app, &visa).await,
    ] {
        assert_eq!(refused(&answer), (503, 8006));
        assert!(answer.headers.contains_key("retry-after"));
    }
    app.stripe.clear_faults();
    assert_eq!(
        ids(app).await,
        [(mastercard.clone(), true), (visa.clone(), false)]
    );

    // Done, and the answer is lost for good: a repeat finds it so.
    let lost = |method: &str, path: &str| Fault {
        method: Some(method.to_owned()),
        ..fault(path, u32::MAX, FaultAction::WorkThenAnswer { status: 500 })
    };
    app.stripe.add_fault(lost("POST", "/v1/customers/*"));
    assert_eq!(refused(&choose(app, &visa).await), (503, 8006));
    app.stripe.clear_faults();
    assert_eq!(choose(app, &visa).await.status, 200);
    assert_eq!(
        app.balance().await.payment_method.unwrap().last4.as_deref(),
        Some("4242")
    );
    app.stripe
        .add_fault(lost("POST", "/v1/payment_methods/*/detach"));
    let answer = remove(app, &visa).await;
    app.stripe.clear_faults();
    assert!(
        [503, 502].contains(&answer.status.as_u16()),
        "{}",
        answer.text
    );
    assert_eq!(refused(&remove(app, &visa).await), (404, 7002));
    app.settle().await;
    assert_eq!(shown_last4(app).await, None);
}

async fn a_setup_is_carried_out_however_often_stripe_fails_at_it(app: &TestApp) {
    let intent = begun(app).await;
    for (path, action) in [
        ("/v1/setup_intents", FaultAction::CloseBefore),
        (
            "/v1/customers/*/payment_methods/*",
            FaultAction::CloseBefore,
        ),
        ("/v1/customers/*", FaultAction::CloseAfter),
    ] {
        // All three attempts of a call, so that the job fails and comes again.
        app.stripe.add_fault(fault(path, 3, action));
    }
    let visa = confirmed(app, &intent, "pm_card_visa").await;
    app.until(async || {
        app.tick(Duration::from_millis(100));
        default_at_stripe(app).await == json!(visa)
    })
    .await;
    let jobs = async || {
        app.tick(Duration::from_millis(100));
        farebox::store::jobs::count(&app.app.store.db)
            .await
            .unwrap()
            == 0
    };
    app.until(jobs).await;
    assert_eq!(ids(app).await, [(visa, true)]);
}

async fn two_changes_at_once_take_turns(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let intent = begun(app).await;
    // The job that makes the new card the default is in the middle of it.
    let hang = app.stripe.add_fault(Fault {
        method: Some("POST".to_owned()),
        ..fault("/v1/customers/*", 1, FaultAction::HangBefore)
    });
    confirmed(app, &intent, "pm_card_mastercard").await;
    asked(app, hang).await;
    let released = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.stripe.release(hang);
    };
    let (chosen, ()) = tokio::join!(choose(app, &visa), released);
    assert_eq!(chosen.status, 200, "{}", chosen.text);
    app.settle().await;
    assert_eq!(
        default_at_stripe(app).await,
        json!(visa),
        "the later choice stays"
    );
}

async fn who_waits_in_vain_is_told_so(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let hang = app.stripe.add_fault(Fault {
        method: Some("POST".to_owned()),
        ..fault("/v1/customers/*", 1, FaultAction::HangBefore)
    });
    let second = async {
        asked(app, hang).await;
        let second = choose(app, &visa).await;
        app.stripe.release(hang);
        second
    };
    let (first, second) = tokio::join!(choose(app, &visa), second);
    assert_eq!(refused(&second), (409, 8050));
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(choose(app, &visa).await.status, 200, "its turn is over");
}

async fn what_was_asked_before_a_choice_does_not_hide_it(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    let mastercard = saved(app, "pm_card_mastercard").await;
    nobody_is_told(app, true);
    let hang = app.stripe.add_fault(Fault {
        method: Some("GET".to_owned()),
        ..fault("/v1/customers/*", 1, FaultAction::HangAfter)
    });
    let chosen = async {
        asked(app, hang).await;
        app.tick(Duration::from_millis(10));
        assert_eq!(choose(app, &visa).await.status, 200);
        app.stripe.release(hang);
    };
    let (listed, ()) = tokio::join!(list(app), chosen);
    assert_eq!(listed.body["result"][0]["id"], mastercard, "as it was then");
    let balance = app.balance().await;
    assert_eq!(
        balance.payment_method.unwrap().last4.as_deref(),
        Some("4242")
    );
}

async fn a_client_that_leaves_does_not_stop_a_change(app: &TestApp) {
    let visa = saved(app, "pm_card_visa").await;
    saved(app, "pm_card_mastercard").await;
    let hang = app.stripe.add_fault(Fault {
        method: Some("POST".to_owned()),
        ..fault("/v1/customers/*", 1, FaultAction::HangBefore)
    });
    tokio::select! {
        _ = choose(app, &visa) => panic!("Stripe did not hang"),
        () = asked(app, hang) => {}
    }
    app.stripe.release(hang);
    app.until(async || default_at_stripe(app).await == json!(visa))
        .await;
    assert_eq!(choose(app, &visa).await.status, 200);
}

async fn the_client_has_every_call(app: &TestApp) {
    let (client, account_id) = (app.client(), app.account.to_string());
    let methods = client.ai_gateway().billing().payment_methods();
    let params = PaymentMethodSetupParams {
        account_id: account_id.clone(),
        ..Default::default()
    };
    let begun = methods.setup(params).await.unwrap();
    let secret = begun.client_secret.clone().unwrap();
    assert!(!format!("{begun:?}").contains(&secret));
    let id = confirmed(app, &begun.setup_intent_id.unwrap(), "pm_card_visa").await;
    app.settle().await;
    let one = PaymentMethodParams {
        account_id: account_id.clone(),
        payment_method_id: id.clone(),
    };
    let chosen = methods.set_default(one.clone()).await.unwrap();
    let all = PaymentMethodListParams { account_id };
    assert_eq!(methods.list(all.clone()).await.unwrap(), [chosen]);
    assert_eq!(methods.delete(one.clone()).await.unwrap().id, id);
    assert_eq!(methods.list(all).await.unwrap(), []);
    let again = methods.delete(one).await.unwrap_err();
    assert!(matches!(again, api::Error::NotFound(_)), "{again}");
}

async fn nothing_of_a_setup_is_kept_in_clear(app: &TestApp) {
    let answer = setup_with_key(app, "k", json!({})).await;
    let secret = answer.body["result"]["client_secret"].as_str().unwrap();
    let intent = answer.body["result"]["setup_intent_id"].as_str().unwrap();
    confirmed(app, intent, "pm_card_visa").await;
    app.settle().await;
    for table in [
        "accounts",
        "settled_setups",
        "stripe_events",
        "jobs",
        "idempotency_keys",
    ] {
        let sql = format!("SELECT * FROM {table}");
        let rows = app.app.store.db.query(&sql, &[]).await.unwrap();
        let text = format!("{rows:?}");
        assert!(!text.contains(secret), "{table} holds a secret in clear");
        assert!(
            !text.contains("2040"),
            "{table} holds more of a card than may be shown"
        );
    }
    assert_eq!(truth::objects(&app.stripe, "setup_intent").len(), 1);
}

crate::on_both_engines![
    a_saved_card_is_the_default_and_is_charged,
    a_card_that_asks_for_its_owner_is_saved_once_they_have_answered,
    a_page_of_stripes_saves_a_card_and_leads_back,
    the_session_alone_tells_of_its_card,
    another_card_is_chosen_and_removed,
    automatic_topups_go_on_with_another_card,
    whoever_tops_up_automatically_is_told_that_no_card_is_left,
    a_card_that_is_added_at_stripe_starts_them_too,
    only_an_accounts_own_cards_can_be_touched,
    a_setup_that_comes_to_light_late_does_not_undo_a_choice,
    of_two_setups_the_later_one_stays_whatever_is_told_first,
    a_setup_that_was_begun_before_and_finished_after_a_choice_counts,
    a_card_that_is_removed_before_its_setup_comes_to_light_stays_away,
    the_list_of_events_heals_a_lost_webhook,
    what_an_event_claims_is_not_believed,
    a_setup_of_somebody_elses_is_their_own_business,
    what_is_changed_at_stripe_is_seen,
    a_card_that_was_taken_away_names_only_itself,
    a_customer_who_was_deleted_has_a_successor,
    a_key_begins_one_setup,
    a_failure_that_stripe_keeps_under_a_key_blocks_no_setup,
    a_body_that_is_not_understood_is_refused,
    stripe_being_down_leaves_nothing_half_done,
    a_setup_is_carried_out_however_often_stripe_fails_at_it,
    two_changes_at_once_take_turns,
    who_waits_in_vain_is_told_so with [("FAREBOX_STRIPE__TIMEOUT_SECONDS", "30")],
    what_was_asked_before_a_choice_does_not_hide_it,
    a_client_that_leaves_does_not_stop_a_change,
    the_client_has_every_call,
    nothing_of_a_setup_is_kept_in_clear,
];
