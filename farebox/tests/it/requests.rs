//! What every request gets, whatever it asks for: the envelope, a request id, never a page of HTML,
//! never a 500 for a client's mistake.

use reqwest::Method;
use serde_json::json;

use crate::app::TestApp;

async fn unknown_routes_are_told_so(app: &TestApp) {
    let account = app.account;
    for path in [
        "/nothing",
        "/client/v4/nothing",
        "/client/v4/accounts/short/ai-gateway/billing/credit-balance",
        "/client/v4/accounts/0123456789ABCDEF0123456789ABCDEF/ai-gateway/billing/credit-balance",
        &format!("/client/v4/accounts/{account}/ai-gateway/billing/nothing"),
        &format!("/client/v4/accounts/{account}/ai-gateway/billing/credit-balance/"),
    ] {
        let answer = app.request(Method::GET, path).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (404, 7003),
            "{path}"
        );
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(path), "{message}");
        assert!(answer.headers["cf-ray"].to_str().unwrap().ends_with("-FBX"));
    }
}

async fn a_wrong_method_is_told_which_are_right(app: &TestApp) {
    for method in [
        Method::GET,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        let answer = app
            .request(method, &app.billing("topup/status"))
            .send()
            .await;
        assert_eq!((answer.status.as_u16(), answer.code()), (405, 7005));
        assert_eq!(answer.headers["allow"], "POST");
    }
}

async fn a_body_that_is_no_json_is_told_so(app: &TestApp) {
    for body in [
        "",
        "{",
        "not json",
        "\u{0}",
        "[]",
        "null",
        "\"text\"",
        "{\"amount\":1e400}",
    ] {
        let answer = app
            .request(Method::POST, &app.billing("topup"))
            .body(body)
            .send()
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, 7001),
            "{body:?}"
        );
        assert_eq!(answer.body["errors"][0]["path"][0], "body", "{body:?}");
    }
    let bytes: &[u8] = &[0xff, 0xfe, 0x00];
    let answer = app
        .request(Method::POST, &app.billing("topup"))
        .body(bytes)
        .send()
        .await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 7001));
}

/// PostgreSQL keeps U+0000 in no text: it is refused before it comes to that, on either engine.
async fn the_one_character_that_no_text_may_have_is_told(app: &TestApp) {
    let base = format!("/client/v4/accounts/{}/ai-gateway", app.account);
    let (hold, gateway) = (app.billing("holds"), format!("{base}/gateways"));
    let (provider, logs) = (
        format!("{base}/custom-providers"),
        format!("{base}/gateways/default/logs"),
    );
    let notes = json!({"amount": 1, "metadata": {"job": "a\u{0}b"}});
    let named = json!({"name": "\u{0}", "slug": "one", "base_url": "https://llm.example.com"});
    let escaped = format!(
        r#"[{{"key":"model","operator":"eq","value":["a{}u0000"]}}]"#,
        '\\'
    );
    let filters = format!("{logs}?filters={}", urlencoded(&escaped));
    let empty = || json!({});
    for (method, path, body, place) in [
        (Method::POST, hold.clone(), notes, "body.metadata.job"),
        (Method::POST, provider.clone(), named, "body.name"),
        (
            Method::POST,
            gateway.clone(),
            json!({"id": "a\u{0}"}),
            "body.id",
        ),
        (Method::POST, gateway.clone(), json!({"\u{0}": 1}), "body"),
        (
            Method::GET,
            format!("{gateway}?search=a%00"),
            empty(),
            "query.search",
        ),
        (
            Method::GET,
            format!("{provider}?search=%00"),
            empty(),
            "query.search",
        ),
        (
            Method::GET,
            format!("{logs}?model=%00"),
            empty(),
            "query.model",
        ),
        (Method::GET, filters, empty(), "query.filters.0.value"),
        (
            Method::GET,
            format!("{gateway}/a%00"),
            empty(),
            "params.gateway_id",
        ),
        (Method::GET, format!("{provider}/%00"), empty(), "params.id"),
        (
            Method::GET,
            format!("{logs}/%00/request"),
            empty(),
            "params.id",
        ),
        (
            Method::GET,
            format!("{gateway}/default/url/%00"),
            empty(),
            "params.provider",
        ),
        (
            Method::GET,
            format!("{hold}/%00"),
            empty(),
            "params.hold_id",
        ),
        (
            Method::POST,
            app.billing("topup/in_%00/refund"),
            empty(),
            "params.payment_intent_id",
        ),
        (
            Method::DELETE,
            app.billing("payment-methods/%00"),
            empty(),
            "params.payment_method_id",
        ),
    ] {
        let answer = app.request(method, &path).json(body).send().await;
        let status = answer.status.as_u16();
        assert_eq!(
            (status, answer.code()),
            (400, 7001),
            "{path}: {}",
            answer.text
        );
        let error = &answer.body["errors"][0];
        let parts = error["path"].as_array().unwrap().iter();
        let parts: Vec<_> = parts.map(|part| part.as_str().unwrap()).collect();
        assert_eq!(parts.join("."), place, "{path}");
        assert!(
            error["message"].as_str().unwrap().contains("U+0000"),
            "{path}"
        );
    }
}

fn urlencoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
    bytes.collect()
}

async fn a_body_that_is_too_large_is_told_the_limit(app: &TestApp) {
    let large = json!({ "amount": 5000, "payment_method_id": "x".repeat(70_000) });
    let answer = app.topup(large).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, 8011));
    assert!(answer.text.contains("65536 bytes"), "{}", answer.text);
}

async fn every_answer_has_an_id_of_its_own(app: &TestApp) {
    let ray = async || {
        let answer = app
            .request(Method::GET, &app.billing("credit-balance"))
            .send()
            .await;
        answer.headers["cf-ray"].to_str().unwrap().to_owned()
    };
    assert_ne!(ray().await, ray().await);
}

async fn operators_see_that_it_is_well(app: &TestApp) {
    assert_eq!(
        app.anonymous(Method::GET, "/healthz").send().await.text,
        "ok\n"
    );
    assert_eq!(
        app.anonymous(Method::GET, "/readyz").send().await.text,
        "ready\n"
    );
    app.add_cards().await;
    app.topup(json!({ "amount": 5000 })).await.invoice();
    app.settle().await;
    let answer = app.anonymous(Method::GET, "/metrics").send().await;
    assert_eq!(
        answer.status, 404,
        "the metrics have a listener of their own"
    );
    let metrics = crate::app::http_client()
        .get(&app.metrics_url)
        .send()
        .await
        .unwrap();
    let text = metrics.text().await.unwrap();
    for line in [
        "farebox_topups_settled_total{outcome=\"completed\"} 1",
        "farebox_topups_open{state=\"review\"} 0",
        "farebox_stripe_webhooks_total{outcome=\"taken\"}",
        "farebox_http_requests_total{method=\"POST\",route=\"/client/v4/accounts/{account_id}/ai-gateway/billing/topup\",status=\"200\"} 1",
        "farebox_ledger_group_entries_count",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(
        !text.contains(&app.account.to_string()),
        "no label grows with the accounts"
    );
}

crate::on_both_engines![
    unknown_routes_are_told_so,
    a_wrong_method_is_told_which_are_right,
    a_body_that_is_no_json_is_told_so,
    the_one_character_that_no_text_may_have_is_told,
    a_body_that_is_too_large_is_told_the_limit,
    every_answer_has_an_id_of_its_own,
    operators_see_that_it_is_well,
];
