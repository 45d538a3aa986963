//! Webhooks that come a thousand times, in any order, late, or not at all.

use std::collections::BTreeMap;

use farebox::billing;
use farebox::stripe::signature;
use futures_util::{StreamExt, stream};
use sandbox::{Deliveries, Outcome};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::app::{TestApp, WEBHOOK_SECRET, http_client};
use crate::faults::{steps, truth};

/// How many deliveries are under way at once.
const CONNECTIONS: usize = 64;

pub fn deliver(app: &TestApp, drop: bool) {
    app.stripe.set_deliveries(Deliveries {
        drop,
        ..Deliveries::default()
    });
}

/// A top-up that waits for 3-D Secure; its invoice and payment intent.
pub async fn pending(app: &TestApp, cents: i64) -> (String, String) {
    let body = json!({ "amount": cents, "payment_method_id": "pm_card_authenticationRequired" });
    let answer = app.topup(body).await;
    let secret = answer.body["result"]["client_secret"].as_str().unwrap();
    let intent = secret.split("_secret_").next().unwrap();
    (answer.invoice(), intent.to_owned())
}

/// A top-up that is paid at Stripe, with nobody having told us; its invoice.
async fn paid_and_untold(app: &TestApp) -> String {
    deliver(app, true);
    app.add_cards().await;
    let (invoice, intent) = pending(app, 5000).await;
    app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    invoice
}

/// Sends events, many at once over connections that are kept; how many got which answer.
async fn send_all(app: &TestApp, events: Vec<Value>) -> BTreeMap<u16, usize> {
    let (client, url) = (http_client(), format!("{}/webhooks/stripe", app.url));
    let secret = SecretString::from(WEBHOOK_SECRET);
    let now_s = app.app.now().millis() / 1000;
    let sent = events.into_iter().map(|event| {
        let body = event.to_string();
        let header = signature::sign(body.as_bytes(), &secret, now_s);
        let request = client.post(&url).header("stripe-signature", header);
        async move { request.body(body).send().await.unwrap().status().as_u16() }
    });
    let statuses = stream::iter(sent).buffer_unordered(CONNECTIONS);
    let counted = statuses.fold(BTreeMap::new(), async |mut counts, status| {
        *counts.entry(status).or_default() += 1;
        counts
    });
    counted.await
}

/// Puts events into an order that the seed decides (xorshift and Fisher-Yates).
fn shuffle(events: &mut [Value], mut seed: u64) {
    for index in (1..events.len()).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        events.swap(index, usize::try_from(seed % (index as u64 + 1)).unwrap());
    }
}

async fn a_thousand_at_once_are_one_credit(app: &TestApp) {
    let invoice = paid_and_untold(app).await;
    let all = truth::objects(&app.stripe, "event");
    let is_paid = |event: &&Value| {
        event["type"] == "invoice.paid" && event["data"]["object"]["id"] == invoice.as_str()
    };
    let paid = all.iter().find(is_paid).unwrap().clone();
    let mut events = vec![paid; 1000];
    events.extend(all.iter().flat_map(|event| vec![event.clone(); 10]));
    let seed = u64::from(std::process::id()) + 1;
    eprintln!("seed {seed}");
    shuffle(&mut events, seed);
    let expected = events.len();
    let answers = send_all(app, events).await;
    assert_eq!(answers, BTreeMap::from([(200, expected)]));
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
    let sql = "SELECT id FROM transfers";
    let transfers = app.app.store.db.query(sql, &[]).await.unwrap();
    assert_eq!(transfers.len(), 1);
    truth::assert_agree("a storm", &app.stripe, &app.app.store.db, app.account).await;
}

async fn late_repeated_and_out_of_order_they_do_no_harm(app: &TestApp) {
    app.add_cards().await;
    app.stripe.set_deliveries(Deliveries {
        delay_ms: 50,
        repeat: 3,
        reorder: true,
        ..Deliveries::default()
    });
    app.topup(json!({ "amount": 1000 })).await.invoice();
    let (_, intent) = pending(app, 2000).await;
    let declining = json!({ "amount": 4000, "payment_method_id": "pm_card_chargeDeclined" });
    assert_eq!(app.topup(declining).await.code(), 8001);
    app.stripe.authenticate(&intent, Outcome::Fail).unwrap();
    // A failed authentication leaves the intent wanting a card; the customer enters another.
    confirm(app, &intent).await;
    app.settle().await;
    assert_eq!(app.cents().await, "3000");
    truth::assert_agree("in disorder", &app.stripe, &app.app.store.db, app.account).await;
}

/// Pays an intent as the customer's browser does, with another card.
async fn confirm(app: &TestApp, intent: &str) {
    let secret = app.stripe.object(intent)["client_secret"].clone();
    let form = [
        ("client_secret", secret.as_str().unwrap()),
        ("payment_method", "pm_card_visa"),
    ];
    let url = format!("{}/v1/payment_intents/{intent}/confirm", app.stripe.url());
    let request = http_client().post(url).bearer_auth("pk_test_browser");
    let answer = request.form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn without_any_the_reconcile_job_credits(app: &TestApp) {
    let invoice = paid_and_untold(app).await;
    assert_eq!(app.cents().await, "0");
    steps::age(app, app.account, 1).await;
    // Nobody asks for the status: the job that runs by itself is alone.
    app.until(async || app.cents().await == "5000").await;
    app.status_becomes(&invoice, "completed").await;
}

async fn without_any_the_list_of_events_brings_what_was_missed(app: &TestApp) {
    paid_and_untold(app).await;
    assert_eq!(app.cents().await, "0");
    let missed = billing::events_since_cursor(&app.app).await.unwrap();
    assert!(missed > 0);
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
    let again = billing::events_since_cursor(&app.app).await.unwrap();
    assert_eq!(again, 0, "an event is taken once");
}

async fn what_webhooks_have_brought_the_list_does_not_bring_again(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 5000 })).await.invoice();
    app.settle().await;
    let missed = billing::events_since_cursor(&app.app).await.unwrap();
    assert_eq!(missed, 0);
}

crate::on_both_engines![
    a_thousand_at_once_are_one_credit,
    late_repeated_and_out_of_order_they_do_no_harm,
    without_any_the_reconcile_job_credits with [("FAREBOX_JOBS__RECONCILE_SECONDS", "10")],
    without_any_the_list_of_events_brings_what_was_missed,
    what_webhooks_have_brought_the_list_does_not_bring_again,
];
