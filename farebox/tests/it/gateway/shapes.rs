//! A refusal in the shape that its client reads, a request with a wrong base URL, and what the headers of every
//! answer say.

use serde_json::{Value, json};

use super::{MODEL, Told, asks, chat, runner, send, set, to};
use crate::app::{TestApp, http_client};

const GEMINI: &str = "google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent";

fn contents() -> Value {
    json!({"contents": [{"parts": [{"text": "one"}]}]})
}

fn says(model: &str) -> Value {
    json!({"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "one"}]})
}

/// With the version that anthropic 2.14.0 sends, of which other providers take no notice.
fn post(url: &str) -> reqwest::RequestBuilder {
    http_client()
        .post(url)
        .header("anthropic-version", "2026-10-21")
}

/// Every way to call, below the server's address, with a body that it takes.
fn ways(app: &TestApp) -> Vec<(String, Value, Shape)> {
    let gateway = format!("/v1/{}/default", app.account);
    let rest = format!("/client/v4/accounts/{}/ai", app.account);
    let step =
        json!([{"provider": "openai", "endpoint": "chat/completions", "query": asks("one")}]);
    let run = json!({"model": "openai/gpt-4o", "input": asks("one")});
    let claude = "claude-sonnet-4-5";
    vec![
        (
            format!("{gateway}/openai/v1/chat/completions"),
            asks("one"),
            Shape::OpenAi,
        ),
        (
            format!("{gateway}/compat/chat/completions"),
            says("openai/gpt-4o"),
            Shape::OpenAi,
        ),
        (
            format!("{gateway}/compat/chat/completions"),
            says("anthropic/claude-sonnet-4-5"),
            Shape::OpenAi,
        ),
        (
            format!("{rest}/v1/chat/completions"),
            says("openai/gpt-4o"),
            Shape::OpenAi,
        ),
        (
            format!("{rest}/v1/responses"),
            json!({"model": "openai/gpt-4o", "input": "one"}),
            Shape::OpenAi,
        ),
        (
            format!("{gateway}/anthropic/v1/messages"),
            says(claude),
            Shape::Anthropic,
        ),
        (
            format!("{rest}/v1/messages"),
            says("anthropic/claude-sonnet-4-5"),
            Shape::Anthropic,
        ),
        (format!("{gateway}/{GEMINI}"), contents(), Shape::Gemini),
        (gateway.clone(), step, Shape::Cloudflare),
        (format!("{rest}/run"), run, Shape::Cloudflare),
    ]
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
    Cloudflare,
}

/// Checks what each client reads of an error, and that Cloudflare's find theirs in all of them.
fn has_shape(told: &Told, shape: Shape, status: u16, code: i64) {
    let (body, text) = (told.json(), &told.text);
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (status, code),
        "{text}"
    );
    let message = body["message"].as_str().unwrap();
    assert!(!message.is_empty());
    assert_eq!(
        body["errors"],
        json!([{"code": code, "message": message}]),
        "{text}"
    );
    assert_eq!(
        (&body["success"], &body["messages"]),
        (&json!(false), &json!([]))
    );
    let error = &body["error"];
    match shape {
        Shape::OpenAi => {
            assert_eq!(error["message"], message, "{text}");
            assert!(
                error["type"].is_string() && error["code"].is_string(),
                "{text}"
            );
            assert!(error.as_object().unwrap().contains_key("param"), "{text}");
        }
        Shape::Anthropic => {
            assert_eq!(
                (&body["type"], &error["message"]),
                (&json!("error"), &json!(message))
            );
            assert!(
                error["type"].as_str().unwrap().ends_with("_error"),
                "{text}"
            );
            assert_eq!(
                body["request_id"],
                told.header("cf-aig-request-id"),
                "{text}"
            );
        }
        Shape::Gemini => {
            assert_eq!(
                (&error["code"], &error["message"]),
                (&json!(status), &json!(message))
            );
            assert!(error["status"].is_string(), "{text}");
        }
        Shape::Cloudflare => assert_eq!(error, &body["errors"], "{text}"),
    }
    assert_eq!(told.header("content-type"), "application/json");
}

async fn a_refusal_has_the_shape_that_its_client_reads(app: &TestApp) {
    let token = runner(app).await;
    for (path, body, shape) in ways(app) {
        let url = format!("{}{path}", app.url);
        let told = send(post(&url).bearer_auth(&token).json(&body)).await;
        has_shape(&told, shape, 402, 2021);
        let ids =
            ["cf-aig-log-id", "cf-aig-request-id", "cf-aig-event-id"].map(|name| told.header(name));
        assert!(
            !ids[0].is_empty() && ids.iter().all(|id| *id == ids[0]),
            "{path}: {ids:?}"
        );
        assert!(!told.header("cf-aig-provider").is_empty(), "{path}");
        assert!(!told.header("cf-aig-model").is_empty(), "{path}");
        // Before anything else is known of the call, too.
        let told = send(post(&url).json(&body)).await;
        has_shape(&told, shape, 401, 2009);
        assert_eq!(told.header("x-should-retry"), "false");
        assert!(!told.header("cf-aig-request-id").is_empty());
        let told = send(http_client().delete(&url).bearer_auth(&token)).await;
        assert!(
            told.json()["errors"][0]["code"].is_i64(),
            "{path}: {}",
            told.text
        );
        assert_eq!(
            told.json()["error"].is_array(),
            shape == Shape::Cloudflare,
            "{path}"
        );
    }
}

async fn only_what_a_short_wait_mends_is_to_be_repeated(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, says("unheard-of")).await;
    assert_eq!(
        (told.code(), told.header("x-should-retry")),
        (8101, "false")
    );
    set(
        app,
        json!({"rate_limiting_interval": 10, "rate_limiting_limit": 1}),
    )
    .await;
    let mut last = chat(app, &token, asks("one")).await;
    if last.status == 200 {
        last = chat(app, &token, asks("one")).await;
    }
    assert_eq!((last.code(), last.header("x-should-retry")), (2003, "true"));
    set(
        app,
        json!({"rate_limiting_interval": 86_400, "rate_limiting_technique": "sliding"}),
    )
    .await;
    let told = chat(app, &token, asks("one")).await;
    assert_eq!(
        (told.code(), told.header("x-should-retry")),
        (2003, "false")
    );
    let wait: u64 = told.header("retry-after").parse().unwrap();
    assert!(wait > 60, "{wait}");
}

async fn every_answer_says_which_call_it_is(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for (path, body, _) in ways(app) {
        let url = format!("{}{path}", app.url);
        let told = send(post(&url).bearer_auth(&token).json(&body)).await;
        assert_eq!(told.status, 200, "{path}: {}", told.text);
        let id = told.header("cf-aig-log-id");
        assert_eq!(
            (
                told.header("cf-aig-request-id"),
                told.header("cf-aig-event-id")
            ),
            (id, id)
        );
        let provider = told.header("cf-aig-provider");
        assert!(
            ["openai", "anthropic", "google-ai-studio"].contains(&provider),
            "{path}: {provider}"
        );
        let model = told.header("cf-aig-model");
        assert!(
            [MODEL, "claude-sonnet-4-5", "gemini-2.5-flash"].contains(&model),
            "{path}: {model}"
        );
    }
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let told = send(request.header("cf-aig-event-id", "mine").json(&asks("one"))).await;
    assert_eq!(told.header("cf-aig-event-id"), "mine");
    assert_eq!(
        told.header("cf-aig-request-id"),
        told.header("cf-aig-log-id")
    );
    // The second step is a call of its own in the same request.
    let step = |model: &str| json!({"provider": "openai", "endpoint": "chat/completions", "query": says(model)});
    let steps = json!([step("unheard-of"), step(MODEL)]);
    let url = format!("{}/v1/{}/default", app.url, app.account);
    let told = send(post(&url).bearer_auth(&token).json(&steps)).await;
    assert_eq!(
        (told.status.as_u16(), told.header("cf-aig-step")),
        (200, "1"),
        "{}",
        told.text
    );
    assert_ne!(
        told.header("cf-aig-request-id"),
        told.header("cf-aig-log-id")
    );
    assert_eq!(
        told.header("cf-aig-request-id"),
        told.header("cf-aig-event-id")
    );
}

async fn a_wrong_base_url_is_told_the_right_one(app: &TestApp) {
    for (path, shape, base) in [
        ("/v1/chat/completions", Shape::OpenAi, "compat"),
        ("/chat/completions", Shape::OpenAi, "compat"),
        ("/v1/responses", Shape::OpenAi, "openai"),
        ("/openai/v1/chat/completions", Shape::OpenAi, "openai"),
        (
            "/v1/not-an-account/default/openai/v1/chat/completions",
            Shape::OpenAi,
            "openai",
        ),
        ("/v1/messages", Shape::Anthropic, "anthropic"),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            Shape::Gemini,
            "google-ai-studio",
        ),
    ] {
        let told = send(
            http_client()
                .post(format!("{}{path}", app.url))
                .json(&json!({})),
        )
        .await;
        has_shape(&told, shape, 404, 7003);
        let base = format!("{}/v1/{{account_id}}/{{gateway_id}}/{base}", app.url);
        assert!(told.text.contains(&base), "{path}: {}", told.text);
        assert_eq!(told.header("x-should-retry"), "false");
    }
    let told = send(http_client().get(format!("{}/v1/models", app.url))).await;
    has_shape(&told, Shape::OpenAi, 404, 7003);
    let told = send(http_client().get(&app.url)).await;
    assert_eq!(
        (told.status.as_u16(), &told.json()["name"]),
        (200, &json!("Farebox"))
    );
    assert!(told.text.contains("/compat"), "{}", told.text);
    // What isn't meant for a model keeps the management API's form.
    let told = send(http_client().get(format!("{}/client/v4/nowhere", app.url))).await;
    assert_eq!(
        (told.status.as_u16(), &told.json()["errors"][0]["code"]),
        (404, &json!(7003))
    );
    assert_eq!(told.json()["result"], Value::Null);
}

/// Gemini's command line sends `Authorization:` without a value beside its key.
async fn an_empty_header_of_a_key_is_no_key(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for (path, header, empty, body) in [
        (GEMINI, "x-goog-api-key", "authorization", contents()),
        (
            "anthropic/v1/messages",
            "x-api-key",
            "authorization",
            says("claude-sonnet-4-5"),
        ),
        (
            "openai/v1/chat/completions",
            "cf-aig-authorization",
            "authorization",
            asks("one"),
        ),
        (GEMINI, "authorization", "x-goog-api-key", contents()),
        (
            "anthropic/v1/messages",
            "authorization",
            "x-api-key",
            says("claude-sonnet-4-5"),
        ),
        (
            "openai/v1/chat/completions",
            "authorization",
            "cf-aig-authorization",
            asks("one"),
        ),
        (
            "compat/chat/completions",
            "cf-aig-authorization",
            "x-api-key",
            says("openai/gpt-4o"),
        ),
    ] {
        for nothing in ["", "Bearer", "Bearer "] {
            let request = to(app, path).header(header, &token).header(empty, nothing);
            let request = request.header("anthropic-version", "2026-10-21");
            let told = send(request.json(&body)).await;
            assert_eq!(told.status, 200, "{path} {empty}: {}", told.text);
            assert!(
                !told.header("cf-aig-cost").is_empty(),
                "{path}: not paid from credit"
            );
        }
    }
    let empty = send(
        to(app, &format!("{GEMINI}?key="))
            .header("x-goog-api-key", &token)
            .json(&contents()),
    )
    .await;
    assert!(!empty.header("cf-aig-cost").is_empty(), "{}", empty.text);
}

crate::on_both_engines![
    a_refusal_has_the_shape_that_its_client_reads,
    only_what_a_short_wait_mends_is_to_be_repeated,
    every_answer_says_which_call_it_is,
    a_wrong_base_url_is_told_the_right_one,
    an_empty_header_of_a_key_is_no_key,
];
