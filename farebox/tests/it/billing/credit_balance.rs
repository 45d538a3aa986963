//! `GET …/billing/credit-balance`.

use reqwest::Method;
use serde_json::json;

use crate::app::TestApp;

async fn a_fresh_account_has_nothing(app: &TestApp) {
    let answer = app
        .request(Method::GET, &app.billing("credit-balance"))
        .send()
        .await;
    insta::assert_snapshot!("a_fresh_account", answer.snapshot());
}

async fn it_tells_the_card_and_what_is_pending(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 5000 })).await.invoice();
    app.topup(json!({ "amount": 3000, "payment_method_id": "pm_card_authenticationRequired" }))
        .await
        .invoice();
    let answer = app
        .request(Method::GET, &app.billing("credit-balance"))
        .send()
        .await;
    insta::assert_snapshot!("after_two_topups", answer.snapshot());
}

async fn reading_is_enough(app: &TestApp) {
    let token = app.token_for(app.account, &["AI Gateway Read"]).await;
    let request = app.anonymous(Method::GET, &app.billing("credit-balance"));
    let answer = request
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await;
    assert_eq!(answer.status, 200);
}

async fn stripe_being_down_does_not_hide_the_balance(app: &TestApp) {
    app.add_cards().await;
    app.topup(json!({ "amount": 1000 })).await.invoice();
    app.tick(std::time::Duration::from_secs(10));
    app.stripe.add_fault(crate::app::down());
    let balance = app.balance().await;
    assert_eq!(balance.balance.to_string(), "1000");
    assert!(balance.has_default_payment_method, "as Stripe last told it");
}

crate::on_both_engines![
    a_fresh_account_has_nothing,
    it_tells_the_card_and_what_is_pending,
    reading_is_enough,
    stripe_being_down_does_not_hide_the_balance,
];
