//! `POST /v1/{account_id}/{gateway_id}`: steps, of which the first that succeeds answers and is paid for.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::compat::{chunks, said, says};
use super::keys::{number, shown, store};
use super::{Told, asks, log, nanos, runner, send};
use crate::app::{TestApp, http_client};

const GIVEN: i64 = 1_000_000_000;

/// What one word and its answer cost.
const GPT_COST: i64 = 2500 + 5 * 10_000;
const CLAUDE_COST: i64 = 3000 + 5 * 15_000;

async fn ask(app: &TestApp, token: &str, steps: Value) -> Told {
    let url = format!("{}/v1/{}/default", app.url, app.account);
    send(http_client().post(url).bearer_auth(token).json(&steps)).await
}

fn openai(words: &str) -> Value {
    json!({"provider": "openai", "endpoint": "chat/completions", "headers": {}, "query": asks(words)})
}

fn anthropic(words: &str) -> Value {
    let query = json!({"model": "claude-sonnet-4-5", "max_tokens": 100,
        "messages": [{"role": "user", "content": words}]});
    json!({"provider": "anthropic", "endpoint": "v1/messages", "query": query,
        "headers": {"anthropic-version": "2023-06-01"}})
}

async fn logs(app: &TestApp) -> Vec<Value> {
    let path = format!(
        "/client/v4/accounts/{}/ai-gateway/gateways/default/logs",
        app.account
    );
    let answer = app.request(Method::GET, &path).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut logs = answer.body["result"].as_array().unwrap().clone();
    logs.sort_by_key(|log| log["step"].as_i64());
    logs
}

async fn the_first_success_answers_and_is_charged_once(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let steps = json!([
        openai("one [sandbox status=503]"),
        anthropic("one"),
        openai("one"),
    ]);
    let told = ask(app, &token, steps).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.header("cf-aig-step"), "1");
    assert_eq!(told.json()["type"], "message");
    assert_eq!(nanos(app).await, GIVEN - CLAUDE_COST);
    assert_eq!(app.provider.requests().len(), 2);
    let kept = log(app, &told).await.call;
    assert_eq!((kept.step, kept.provider.as_str()), (Some(1), "anthropic"));
    let logs = logs(app).await;
    assert_eq!(logs.len(), 2, "{logs:?}");
    assert_eq!(
        (&logs[0]["step"], &logs[0]["success"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(
        (&logs[1]["step"], &logs[1]["success"]),
        (&json!(1), &json!(true))
    );
}

async fn one_step_is_a_request_too(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = ask(app, &token, openai("one")).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.header("cf-aig-step"), "0");
    assert_eq!(nanos(app).await, GIVEN - GPT_COST);
}

async fn a_stream_counts_when_its_head_has_come(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let streaming = |mut step: Value| {
        step["query"]["stream"] = json!(true);
        step
    };
    let steps = json!([
        streaming(anthropic("one [sandbox status=529]")),
        streaming(openai("one")),
        streaming(anthropic("one")),
    ]);
    let told = ask(app, &token, steps).await;
    assert_eq!(told.header("cf-aig-step"), "1");
    assert_eq!(said(&chunks(&told)), "The prompt has 1 words.");
    assert_eq!(nanos(app).await, GIVEN - GPT_COST);
}

async fn the_last_failure_is_what_the_client_gets(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let steps = json!([
        openai("one [sandbox status=500]"),
        anthropic("one [sandbox status=429]"),
    ]);
    let told = ask(app, &token, steps).await;
    assert_eq!(told.status, 429);
    assert_eq!(told.header("cf-aig-step"), "1");
    assert_eq!(
        told.json()["error"]["type"],
        "rate_limit_error",
        "{}",
        told.text
    );
    let mut unpriced = openai("one");
    unpriced["query"]["model"] = json!("unheard-of");
    let told = ask(
        app,
        &token,
        json!([openai("one [sandbox status=500]"), unpriced]),
    )
    .await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 8101));
    assert_eq!(told.header("cf-aig-step"), "1");
    assert!(!told.header("cf-aig-log-id").is_empty());
    assert_eq!(nanos(app).await, GIVEN);
}

/// No key, no price, no credit: the next step may have them.
async fn a_refusal_falls_to_the_next_step_as_well(app: &TestApp) {
    let token = runner(app).await;
    let cerebras = json!({"provider": "cerebras", "endpoint": "v1/chat/completions",
        "query": {"model": "llama3.1-8b", "messages": []}});
    let mut own = openai("one");
    own["headers"]["Authorization"] = json!("Bearer operator-mistral");
    let told = ask(app, &token, json!([cerebras, anthropic("one"), own])).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.header("cf-aig-step"), "2");
    assert_eq!(shown(app), number("operator-mistral"));
    assert_eq!(app.provider.requests().len(), 1);
    let codes: Vec<_> = logs(app).await;
    assert_eq!(codes.len(), 3);
}

/// The request's own key is for nobody in particular.
async fn a_steps_headers_go_before_the_requests(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let url = format!("{}/v1/{}/default", app.url, app.account);
    let mut second = openai("one");
    second["headers"] = json!({"cf-aig-event-id": "step's", "cf-aig-metadata": {"a": 1},
        "x-custom": "step"});
    let steps = json!([openai("one [sandbox status=500]"), second]);
    let request = http_client()
        .post(url)
        .header("cf-aig-authorization", format!("Bearer {token}"))
        .bearer_auth("sk-somebodys")
        .header("cf-aig-event-id", "request's")
        .header("x-custom", "request");
    let told = send(request.json(&steps)).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let sent = app.provider.requests();
    assert_eq!(sent[0].headers["x-custom"], "request");
    assert_eq!(sent[1].headers["x-custom"], "step");
    assert_eq!(shown(app), number("sk-operator-openai"));
    let kept = log(app, &told).await;
    assert_eq!(kept.call.event_id.as_deref(), Some("step's"));
    assert_eq!(kept.metadata.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(logs(app).await[0]["event_id"], "request's");
}

/// Each step looks for keys when it begins.
async fn a_key_that_is_stored_meanwhile_is_the_next_steps(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut silent = openai("one [sandbox hang=true]");
    silent["config"] = json!({"requestTimeout": 3000});
    let storing = async {
        while app.provider.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store(app, &token, "default", "operator-mistral").await;
    };
    let asking = ask(app, &token, json!([silent, openai("one")]));
    let (told, ()) = tokio::join!(asking, storing);
    assert_eq!(told.header("cf-aig-step"), "1", "{}", told.text);
    assert_eq!(shown(app), number("operator-mistral"));
    assert_eq!(nanos(app).await, GIVEN);
}

async fn retries_come_before_the_next_step(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut first = openai("one [sandbox status=503]");
    first["config"] = json!({"maxAttempts": 3, "retryDelay": 1, "backoff": "constant"});
    let mut slow = openai("one [sandbox hang=true]");
    slow["config"] = json!({"requestTimeout": 100});
    let told = ask(app, &token, json!([first, slow, anthropic("one")])).await;
    assert_eq!(told.header("cf-aig-step"), "2", "{}", told.text);
    assert_eq!(app.provider.requests().len(), 3 + 1 + 1);
    assert_eq!(nanos(app).await, GIVEN - CLAUDE_COST);
}

async fn the_compatible_endpoint_is_a_provider_here(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let compat = |model: &str, words: &str| json!({"provider": "compat", "endpoint": "chat/completions", "query": says(model, words)});
    let steps = json!([
        compat("openai/gpt-4o", "one [sandbox status=500]"),
        compat("anthropic/claude-sonnet-4-5", "one"),
    ]);
    let told = ask(app, &token, steps).await;
    assert_eq!(told.json()["object"], "chat.completion", "{}", told.text);
    assert_eq!(told.header("cf-aig-step"), "1");
    assert_eq!(nanos(app).await, GIVEN - CLAUDE_COST);
}

async fn all_steps_are_looked_at_before_the_first_is_asked(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut unknown = openai("one");
    unknown["provider"] = json!("nobody");
    let mut header = openai("one");
    header["headers"]["cf-aig-max-attempts"] = json!(6);
    let mut name = openai("one");
    name["headers"]["a b"] = json!("c");
    let mut more = openai("one");
    more["later"] = json!(true);
    for (last, code, words) in [
        (unknown, 2008, "step 1: Invalid provider"),
        (header, 8109, "step 1: The header cf-aig-max-attempts"),
        (name, 2019, "step 1: \\\"a b\\\""),
        (more, 2019, "later"),
        (json!({"provider": "openai"}), 2019, "endpoint"),
    ] {
        let told = ask(app, &token, json!([openai("one"), last])).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, code),
            "{}",
            told.text
        );
        assert!(told.text.contains(words), "{}", told.text);
    }
    for steps in [json!([]), json!("one"), json!(vec![openai("one"); 11])] {
        let told = ask(app, &token, steps).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, 2019),
            "{}",
            told.text
        );
    }
    assert!(app.provider.requests().is_empty());
    assert_eq!(nanos(app).await, GIVEN);
}

/// An endpoint is any text here. Read as a URL, parts of one would vanish and the rest lead elsewhere.
async fn an_endpoint_leads_where_it_says_or_nowhere(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let long = format!("v1/{}/chat/completions", "x".repeat(70_000));
    for (endpoint, words) in [
        ("v1/../chat/completions", "must not have . or .."),
        ("v1/.\t./chat/completions", "a tab"),
        ("v1/chat/completions#", "#"),
        ("v1/chat/completions?a=b ", "a blank at its end"),
        (&long, "too long"),
    ] {
        let mut step = openai("one");
        step["endpoint"] = json!(endpoint);
        let told = ask(app, &token, json!([step])).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, 2019),
            "{}",
            told.text
        );
        assert!(told.text.contains(words), "{}", told.text);
    }
    assert!(app.provider.requests().is_empty());
    assert_eq!(nanos(app).await, GIVEN);
    // What is only written otherwise arrives.
    let mut step = openai("one");
    step["endpoint"] = json!("v1/chat/completions?a=ä b");
    let told = ask(app, &token, json!([step])).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let sent = app.provider.requests().pop().unwrap();
    assert!(
        sent.path.starts_with("/v1/chat/completions"),
        "{}",
        sent.path
    );
}

/// Whoever leaves while the first step hangs has the second one never asked; what was asked is settled.
async fn nothing_follows_for_a_client_that_has_left(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let url = format!("{}/v1/{}/default", app.url, app.account);
    let steps = json!([
        openai("one [sandbox first_byte_ms=300 status=500]"),
        anthropic("one")
    ]);
    let request = http_client().post(url).bearer_auth(&token).json(&steps);
    let left = tokio::time::timeout(std::time::Duration::from_millis(100), request.send()).await;
    assert!(left.is_err());
    app.until(async || logs(app).await.len() == 1).await;
    assert_eq!(app.provider.requests().len(), 1);
    assert_eq!(nanos(app).await, GIVEN);
}

crate::on_both_engines![
    the_first_success_answers_and_is_charged_once,
    one_step_is_a_request_too,
    a_stream_counts_when_its_head_has_come,
    the_last_failure_is_what_the_client_gets,
    a_refusal_falls_to_the_next_step_as_well,
    a_steps_headers_go_before_the_requests,
    a_key_that_is_stored_meanwhile_is_the_next_steps,
    retries_come_before_the_next_step,
    the_compatible_endpoint_is_a_provider_here,
    all_steps_are_looked_at_before_the_first_is_asked,
    an_endpoint_leads_where_it_says_or_nowhere,
    nothing_follows_for_a_client_that_has_left,
];
