//! `GET …/billing/topup/limits` and `…/eligibility`.

use api::{TopupAccountParams, TopupEligibility};
use reqwest::Method;
use serde_json::json;

use crate::app::TestApp;

async fn eligibility(app: &TestApp) -> TopupEligibility {
    let params = TopupAccountParams {
        account_id: app.account.to_string(),
    };
    let client = app.client();
    let asked = client.ai_gateway().billing().topup().eligibility(params);
    asked.await.unwrap()
}

async fn what_the_limits_say_is_taken_and_no_more(app: &TestApp) {
    app.add_cards().await;
    let answer = app
        .request(Method::GET, &app.billing("topup/limits"))
        .send()
        .await;
    let told = json!({ "currency": "usd", "min_cents": 1500, "max_cents": 2000 });
    assert_eq!(answer.body["result"], told);
    let eligibility = eligibility(app).await.manual_topup;
    assert_eq!(serde_json::to_value(&eligibility.limits).unwrap(), told);
    assert!(eligibility.eligible && eligibility.reasons.is_empty());
    for (amount, status) in [(1499, 400), (1500, 200), (2000, 200), (2001, 400)] {
        let answer = app.topup(json!({ "amount": amount })).await;
        assert_eq!(answer.status, status, "{amount}");
    }
}

async fn a_reader_is_told_what_it_would_be_refused_with(app: &TestApp) {
    let token = app.token_for(app.account, &["AI Gateway Read"]).await;
    let ask = async |method, endpoint| {
        let request = app.anonymous(method, &app.billing(endpoint));
        let request = request.header("authorization", &format!("Bearer {token}"));
        request.json(json!({ "amount": 1000 })).send().await
    };
    let told = ask(Method::GET, "topup/eligibility").await;
    let manual = &told.body["result"]["manual_topup"];
    assert_eq!(manual["eligible"], false);
    let refused = ask(Method::POST, "topup").await;
    assert_eq!(refused.code(), 10000);
    assert_eq!(manual["reasons"], refused.body["errors"]);
}

crate::on_both_engines![
    what_the_limits_say_is_taken_and_no_more with [
        ("FAREBOX_TOPUP__MIN_CENTS", "1500"),
        ("FAREBOX_TOPUP__MAX_CENTS", "2000"),
    ],
    a_reader_is_told_what_it_would_be_refused_with,
];
