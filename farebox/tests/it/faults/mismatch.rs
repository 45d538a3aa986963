//! Money arrives that is not what the top-up asked for: nothing is credited, and an operator is told in
//! every way there is.

use farebox::store::audit;
use reqwest::Method;
use sandbox::{FaultAction, Outcome};
use serde_json::{Value, json};

use crate::app::{STRIPE_KEY, TestApp, fault, http_client};
use crate::faults::webhooks::pending;
use crate::faults::{logs, truth};

/// A request to Stripe by somebody who has our key and isn't us: the operator in Stripe's dashboard.
async fn by_hand(app: &TestApp, path: &str, form: &[(&str, &str)]) -> Value {
    let url = format!("{}/v1/{path}", app.stripe.url());
    let request = http_client().request(Method::POST, url);
    let answer = request.bearer_auth(STRIPE_KEY).form(form);
    let answer = answer.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The top-up is set aside for `why`, nothing is credited, and whoever may have to know is told.
async fn is_in_review(app: &TestApp, invoice: &str, why: &str) {
    app.settle().await;
    assert_eq!(app.cents().await, "0");
    let answer = app.status(invoice).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 8004));
    let audit = audit::check(&app.app.store.db).await.unwrap();
    assert!(audit.is_right(), "{:?}", audit.problems);
    let [finding] = &audit.for_review[..] else {
        panic!("{:?}", audit.for_review)
    };
    assert!(finding.row.contains(invoice), "{finding:?}");
    let metrics = http_client().get(&app.metrics_url).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = "farebox_topups_open{state=\"review\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let logged = logs::errors_about(invoice);
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains(why), "{logged:?}");
}

/// A pending top-up whose invoice somebody changes before the customer pays it.
async fn paid_after(app: &TestApp, key: &str, value: &str) -> String {
    logs::collect();
    app.add_cards().await;
    let (invoice, intent) = pending(app, 5000).await;
    let path = format!("invoices/{invoice}");
    by_hand(app, &path, &[(&format!("metadata[{key}]"), value)]).await;
    app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    invoice
}

async fn another_credit_in_the_metadata(app: &TestApp) {
    let invoice = paid_after(app, "credit_cents", "500000").await;
    is_in_review(app, &invoice, "amount").await;
}

async fn another_account_in_the_metadata(app: &TestApp) {
    let other = app.another_account().await.to_string();
    let invoice = paid_after(app, "account", &other).await;
    is_in_review(app, &invoice, "account").await;
}

async fn no_account_in_the_metadata(app: &TestApp) {
    let invoice = paid_after(app, "account", "").await;
    is_in_review(app, &invoice, "account").await;
}

async fn another_topup_in_the_metadata(app: &TestApp) {
    let other = "0".repeat(32);
    let invoice = paid_after(app, "topup_id", &other).await;
    is_in_review(app, &invoice, "topup").await;
}

async fn money_of_the_other_mode(app: &TestApp) {
    logs::collect();
    app.add_cards().await;
    let (invoice, intent) = pending(app, 5000).await;
    let sql = "UPDATE topups SET livemode = 1 WHERE invoice_id = $1";
    let params = [invoice.as_str().into()];
    app.app.store.db.execute(sql, &params).await.unwrap();
    app.stripe.authenticate(&intent, Outcome::Succeed).unwrap();
    is_in_review(app, &invoice, "livemode").await;
}

async fn put_right_by_the_operator_it_is_credited(app: &TestApp) {
    let invoice = paid_after(app, "credit_cents", "500000").await;
    is_in_review(app, &invoice, "amount").await;
    let path = format!("invoices/{invoice}");
    by_hand(app, &path, &[("metadata[credit_cents]", "5000")]).await;
    farebox::billing::apply_invoice_event(&app.app, &invoice)
        .await
        .unwrap();
    assert_eq!(app.cents().await, "5000");
}

/// A top-up whose row knows no invoice: it was interrupted between Stripe's work and our write.
async fn interrupted(app: &TestApp) -> String {
    logs::collect();
    app.add_cards().await;
    let lost = app
        .stripe
        .add_fault(fault("/v1/invoices", u32::MAX, FaultAction::CloseBefore));
    let answer = app.topup(json!({ "amount": 5000 })).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, 8006));
    assert!(app.stripe.release(lost));
    app.stripe.clear_faults();
    let mut rows = truth::rows(&app.app.store.db, app.account).await;
    rows.pop().unwrap().id
}

/// An invoice that somebody makes in the top-up's name, and pays; its id.
async fn made_by_hand(app: &TestApp, topup: &str, cents: &str, currency: &str) -> String {
    let customers = truth::objects(&app.stripe, "customer");
    let customer = customers[0]["id"].as_str().unwrap();
    let account = app.account.to_string();
    let form = [
        ("customer", customer),
        ("currency", currency),
        ("metadata[topup_id]", topup),
        ("metadata[account]", &account),
    ];
    let invoice = by_hand(app, "invoices", &form).await;
    let id = invoice["id"].as_str().unwrap().to_owned();
    let line = [
        ("customer", customer),
        ("invoice", &id),
        ("amount", cents),
        ("currency", currency),
    ];
    by_hand(app, "invoiceitems", &line).await;
    by_hand(app, &format!("invoices/{id}/finalize"), &[]).await;
    by_hand(app, &format!("invoices/{id}/pay"), &[]).await;
    id
}

async fn another_amount(app: &TestApp) {
    let topup = interrupted(app).await;
    let invoice = made_by_hand(app, &topup, "1000", "usd").await;
    is_in_review(app, &invoice, "amount").await;
}

async fn another_currency(app: &TestApp) {
    let topup = interrupted(app).await;
    let invoice = made_by_hand(app, &topup, "5000", "eur").await;
    is_in_review(app, &invoice, "currency").await;
}

async fn an_invoice_that_no_row_names_is_adopted_by_its_metadata(app: &TestApp) {
    let topup = interrupted(app).await;
    let invoice = made_by_hand(app, &topup, "5000", "usd").await;
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
    app.status_becomes(&invoice, "completed").await;
    truth::assert_agree("adopted", &app.stripe, &app.app.store.db, app.account).await;
}

async fn a_second_invoice_in_a_topups_name_is_no_second_credit(app: &TestApp) {
    logs::collect();
    app.add_cards().await;
    let first = app.topup(json!({ "amount": 5000 })).await.invoice();
    let topup = truth::rows(&app.app.store.db, app.account).await.remove(0);
    let second = made_by_hand(app, &topup.id, "5000", "usd").await;
    app.settle().await;
    assert_eq!(app.cents().await, "5000");
    assert_eq!(app.status(&second).await.status, 404);
    app.status_becomes(&first, "completed").await;
    let logged = logs::errors_about(&second);
    assert!(!logged.is_empty(), "money arrived, and nobody is told");
}

crate::on_both_engines![
    another_credit_in_the_metadata,
    another_account_in_the_metadata,
    no_account_in_the_metadata,
    another_topup_in_the_metadata,
    money_of_the_other_mode,
    put_right_by_the_operator_it_is_credited,
    another_amount,
    another_currency,
    an_invoice_that_no_row_names_is_adopted_by_its_metadata,
    a_second_invoice_in_a_topups_name_is_no_second_credit,
];
