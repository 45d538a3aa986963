//! A call in its provider's own form: what the provider gets, what the client gets, and what it costs.

use serde_json::json;

use super::{MODEL, asks, chat, log, nanos, runner, send, to};
use crate::app::TestApp;

/// 3 words at $2.50 and the 5 of the answer at $10 a million, in billionths of a dollar.
const COST: i64 = 3 * 2500 + 5 * 10_000;

async fn a_call_is_charged_what_it_used(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, asks("one two three")).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(
        told.json()["choices"][0]["message"]["content"],
        "The prompt has 3 words."
    );
    assert_eq!(nanos(app).await, 1_000_000_000 - COST);
    assert_eq!(told.header("cf-aig-cost"), "0.0000575");
    let log = log(app, &told).await;
    assert_eq!(
        (log.call.tokens_in, log.call.tokens_out),
        (Some(3), Some(5))
    );
    assert_eq!(log.call.cost.unwrap().nanos(), COST);
    assert_eq!(
        (log.call.provider.as_str(), log.call.model.as_str()),
        ("openai", MODEL)
    );
    let sent = &app.provider.requests()[0];
    assert_eq!(sent.path, "/v1/chat/completions");
    assert_eq!(sent.body, asks("one two three"));
}

async fn the_operators_key_goes_up_and_nothing_of_the_callers(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    app.provider.watch_for(vec![token.clone()]);
    let calls = [
        (to(app, "openai/v1/chat/completions").bearer_auth(&token), 0),
        (
            to(app, "openai/chat/completions")
                .header("cf-aig-authorization", format!("Bearer {token}")),
            0,
        ),
        (
            to(app, "anthropic/v1/messages")
                .header("x-api-key", &token)
                .header("anthropic-version", "2023-06-01"),
            1,
        ),
        (
            to(app, "anthropic/v1/messages")
                .bearer_auth(&token)
                .header("anthropic-version", "2023-06-01"),
            1,
        ),
    ];
    for (request, key) in calls {
        let mut body = asks("one");
        if key == 1 {
            body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
                "messages": [{"role": "user", "content": "one"}]});
        }
        let told = send(
            request
                .header("cf-aig-event-id", "e")
                .header("cookie", &token)
                .json(&body),
        )
        .await;
        assert_eq!(told.status, 200, "{}", told.text);
        let requests = app.provider.requests();
        let sent = requests.last().unwrap();
        let keys: Vec<_> = sent.credentials.iter().map(|known| known.key).collect();
        assert_eq!(keys, [Some(key)], "{sent:?}");
        assert!(sent.watched.is_empty(), "{sent:?}");
        assert!(
            !sent.headers.keys().any(|name| name.starts_with("cf-aig")),
            "{sent:?}"
        );
        assert!(!told.text.contains("operator"));
    }
}

async fn gemini_takes_the_token_as_its_key(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let path = "google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent";
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "one two"}]}]});
    app.provider.watch_for(vec![token.clone()]);
    let by_header = to(app, path).header("x-goog-api-key", &token).json(&body);
    let by_query = to(app, &format!("{path}?key={token}&alt=json")).json(&body);
    for request in [by_header, by_query] {
        let before = nanos(app).await;
        let told = send(request).await;
        assert_eq!(told.status, 200, "{}", told.text);
        // $0.30 and $2.50 a million.
        assert_eq!(before - nanos(app).await, 2 * 300 + 5 * 2500);
        let requests = app.provider.requests();
        let sent = requests.last().unwrap();
        assert!(sent.watched.is_empty(), "{sent:?}");
        assert_eq!(sent.credentials[0].key, Some(2));
    }
}

async fn anthropics_cached_tokens_are_charged_at_their_own_price(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let words = format!(
        "{} [sandbox cached_tokens=100 cache_write_tokens=10]",
        "word ".repeat(200)
    );
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": words}]});
    let told = send(
        to(app, "anthropic/v1/messages")
            .header("x-api-key", &token)
            .header("anthropic-version", "2023-06-01")
            .json(&body),
    )
    .await;
    let usage = &told.json()["usage"];
    let (input, output) = (
        usage["input_tokens"].as_i64().unwrap(),
        usage["output_tokens"].as_i64().unwrap(),
    );
    // $3, $15, a tenth of $3 and five quarters of it, a million.
    let cost = input * 3000 + output * 15_000 + 100 * 300 + 10 * 3750;
    assert_eq!(nanos(app).await, 1_000_000_000 - cost, "{usage}");
}

async fn a_call_with_its_own_key_costs_nothing_here(app: &TestApp) {
    let token = runner(app).await;
    app.provider.clear_requests();
    let told = send(
        to(app, "openai/v1/chat/completions")
            .header("cf-aig-authorization", format!("Bearer {token}"))
            .bearer_auth("sk-operator-openai")
            .json(&asks("one")),
    )
    .await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(nanos(app).await, 0);
    assert_eq!(log(app, &told).await.call.cost.unwrap().nanos(), 52_500);
    // Whatever it is: it is passed on.
    let url = format!("{}/v1/{}/default/openai/v1/models", app.url, app.account);
    let models = crate::app::http_client().get(url);
    let models = models.header("cf-aig-authorization", format!("Bearer {token}"));
    let told = send(models.bearer_auth("sk-operator-openai")).await;
    assert_eq!(told.status, 200);
    assert!(told.json()["data"].is_array(), "{}", told.text);
}

async fn what_is_used_is_on_the_invoice_by_model(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    chat(app, &token, asks("one two three")).await;
    let told = app
        .request(reqwest::Method::GET, &app.billing("invoice-preview"))
        .send()
        .await;
    assert!(
        told.body.to_string().contains("openai/gpt-4o"),
        "{}",
        told.body
    );
}

async fn a_logs_wishes_are_heard(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let request = to(app, "openai/v1/chat/completions")
        .bearer_auth(&token)
        .json(&asks("one"));
    let request = request.header("cf-aig-metadata", r#"{"team":"a","n":1,"cf.x":"no"}"#);
    let told = send(request.header("cf-aig-event-id", "event-1")).await;
    let kept = log(app, &told).await;
    assert_eq!(kept.call.event_id.as_deref(), Some("event-1"));
    assert_eq!(kept.metadata.as_deref(), Some(r#"{"n":1,"team":"a"}"#));
    let request = to(app, "openai/v1/chat/completions")
        .bearer_auth(&token)
        .json(&asks("one"));
    let told = send(request.header("cf-aig-collect-log", "false")).await;
    let gateway = farebox::store::gateways::find(&app.app.store.db, app.account, "default");
    let gateway = gateway.await.unwrap().unwrap();
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let found = farebox::store::logs::find(&app.app.store.db, &gateway, id)
        .await
        .unwrap();
    assert!(found.is_none());
    let charge = farebox::store::charges::find(&app.app.store.db, app.account, id)
        .await
        .unwrap();
    assert!(charge.is_some(), "a charge without a log is a charge");
}

crate::on_both_engines![
    a_call_is_charged_what_it_used,
    the_operators_key_goes_up_and_nothing_of_the_callers,
    gemini_takes_the_token_as_its_key,
    anthropics_cached_tokens_are_charged_at_their_own_price,
    a_call_with_its_own_key_costs_nothing_here,
    what_is_used_is_on_the_invoice_by_model,
    a_logs_wishes_are_heard,
];
