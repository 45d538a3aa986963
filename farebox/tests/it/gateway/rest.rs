//! `/client/v4/accounts/{account_id}/ai/…`: calls to models beside the management API.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::compat::{chunks, said, says};
use super::keys::manage;
use super::{Told, log, nanos, runner, send};
use crate::app::{TestApp, http_client};

const GIVEN: i64 = 1_000_000_000;

/// The models of the three APIs with what one word and its answer cost.
const MODELS: [(&str, i64); 3] = [
    ("openai/gpt-4o", 2500 + 5 * 10_000),
    ("anthropic/claude-sonnet-4-5", 3000 + 5 * 15_000),
    ("google/gemini-2.5-flash", 300 + 5 * 2500),
];

fn to(app: &TestApp, path: &str) -> RequestBuilder {
    let url = format!("{}/client/v4/accounts/{}/ai/{path}", app.url, app.account);
    http_client().request(Method::POST, url)
}

async fn ask(app: &TestApp, token: &str, path: &str, body: Value) -> Told {
    send(to(app, path).bearer_auth(token).json(&body)).await
}

async fn chats_with_every_provider(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut spent = 0;
    for (model, cost) in MODELS {
        let told = ask(app, &token, "v1/chat/completions", says(model, "one")).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let answer = told.json();
        let text = &answer["choices"][0]["message"]["content"];
        assert_eq!(text, "The prompt has 1 words.");
        let mut body = says(model, "one");
        body["stream"] = json!(true);
        let told = ask(app, &token, "v1/chat/completions", body).await;
        assert_eq!(said(&chunks(&told)), "The prompt has 1 words.");
        spent += 2 * cost;
        assert_eq!(nanos(app).await, GIVEN - spent, "{model}");
        assert!(log(app, &told).await.call.compatibility);
    }
}

async fn responses_and_messages_of_who_has_them(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let response = |model: &str| json!({"model": model, "input": "one"});
    let told = ask(app, &token, "v1/responses", response("openai/gpt-4o")).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.json()["object"], "response");
    assert_eq!(nanos(app).await, GIVEN - MODELS[0].1);
    let kept = log(app, &told).await.call;
    assert_eq!((&*kept.path, &*kept.model), ("v1/responses", "gpt-4o"));

    let mut message = says("anthropic/claude-sonnet-4-5", "one");
    message["max_tokens"] = json!(100);
    let told = ask(app, &token, "v1/messages", message.clone()).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.json()["type"], "message");
    // As Anthropic's own SDK sends a key.
    let request = to(app, "v1/messages").header("x-api-key", &token);
    message["stream"] = json!(true);
    let told = send(request.json(&message)).await;
    assert!(told.text.contains("event: message_stop"), "{}", told.text);
    assert_eq!(nanos(app).await, GIVEN - MODELS[0].1 - 2 * MODELS[1].1);

    let asked = app.provider.requests().len();
    for (path, model) in [
        ("v1/responses", "anthropic/claude-sonnet-4-5"),
        ("v1/responses", "google/gemini-2.5-flash"),
        ("v1/responses", "deepseek/deepseek-v4-flash"),
        ("v1/messages", "openai/gpt-4o"),
    ] {
        let told = ask(app, &token, path, says(model, "one")).await;
        assert_eq!((told.status.as_u16(), told.code()), (400, 2019), "{model}");
        assert!(told.text.contains("on its own path"), "{}", told.text);
    }
    assert_eq!(app.provider.requests().len(), asked);
}

async fn a_header_names_the_gateway(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let body = json!({
        "id": "other", "cache_invalidate_on_update": false, "cache_ttl": 0, "collect_logs": true,
        "rate_limiting_interval": 0, "rate_limiting_limit": 0, "byok_only": true,
    });
    manage(app, Method::POST, "gateways", body).await;
    let through = async |gateway: &str| {
        let request = to(app, "v1/chat/completions").bearer_auth(&token);
        let request = request.header("cf-aig-gateway-id", gateway);
        send(request.json(&says("openai/gpt-4o", "one"))).await
    };
    assert_eq!(through("default").await.status, 200);
    assert_eq!(through("other").await.code(), 8102);
    assert_eq!(through("nowhere").await.code(), 2001);
}

/// Also where the gateway itself asks nobody.
async fn nobody_calls_without_a_token_that_may_run(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let chat = "v1/chat/completions";
    assert_eq!(
        ask(app, &token, chat, says("openai/gpt-4o", "one"))
            .await
            .status,
        200
    );
    let open = json!({"authentication": false});
    manage(app, Method::PATCH, "gateways/default", open).await;
    let asked = app.provider.requests().len();
    for path in ["v1/chat/completions", "v1/responses", "v1/messages", "run"] {
        let body = says("openai/gpt-4o", "one");
        let told = send(to(app, path).json(&body)).await;
        assert_eq!((told.status.as_u16(), told.code()), (401, 2009), "{path}");
        let told = ask(app, &app.token, path, body).await;
        assert_eq!((told.status.as_u16(), told.code()), (403, 2009), "{path}");
    }
    assert_eq!(app.provider.requests().len(), asked);
}

fn run(model: &str, input: Value) -> Value {
    json!({"model": model, "input": input})
}

/// A chat of one word in each provider's own format.
fn inputs() -> [(Value, &'static str); 3] {
    let messages = json!([{"role": "user", "content": "one"}]);
    let contents = json!([{"role": "user", "parts": [{"text": "one"}]}]);
    [
        (json!({"messages": messages}), "/choices/0/message/content"),
        (
            json!({"messages": messages, "max_tokens": 100}),
            "/content/0/text",
        ),
        (
            json!({"contents": contents}),
            "/candidates/0/content/parts/0/text",
        ),
    ]
}

async fn run_answers_in_the_managements_envelope(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut spent = 0;
    for ((model, cost), (input, text)) in MODELS.into_iter().zip(inputs()) {
        let told = ask(app, &token, "run", run(model, input.clone())).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let answer = told.json();
        assert_eq!(answer["success"], true);
        assert_eq!(
            (&answer["errors"], &answer["messages"]),
            (&json!([]), &json!([]))
        );
        let said = answer["result"].pointer(text);
        assert_eq!(said, Some(&json!("The prompt has 1 words.")), "{answer}");
        assert_ne!(told.header("cf-aig-cost"), "");
        spent += cost;
        assert_eq!(nanos(app).await, GIVEN - spent, "{model}");

        let mut streamed = input;
        streamed["stream"] = json!(true);
        let told = ask(app, &token, "run", run(model, streamed)).await;
        let kind = told.header("content-type");
        assert!(kind.starts_with("text/event-stream"), "{}", told.text);
        assert!(!told.text.contains("\"success\""), "{}", told.text);
        let sent = app.provider.requests().pop().unwrap();
        let has_stream = sent.body.get("stream").is_some();
        assert_eq!(has_stream, !model.starts_with("google"), "{sent:?}");
        spent += cost;
        assert_eq!(nanos(app).await, GIVEN - spent, "{model}");
        assert!(!log(app, &told).await.call.compatibility);
    }
}

async fn what_cant_be_run_is_told(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let (input, _) = &inputs()[0];
    let with =
        |options: Value| json!({"model": "openai/gpt-4o", "input": input, "options": options});
    for (body, code, words) in [
        (
            with(json!({"background": true})),
            2019,
            "options.background",
        ),
        (
            with(json!({"webhookUrl": "https://example.com"})),
            2019,
            "webhook",
        ),
        (with(json!({"later": 1})), 2019, "later"),
        (run("openai/gpt-4o", json!("one")), 2019, "input"),
        (json!({"model": "openai/gpt-4o"}), 2019, "input"),
        (
            json!({"model": "openai/gpt-4o", "input": input, "stream": true}),
            2019,
            "stream",
        ),
        (run("gpt-4o", input.clone()), 2019, "{provider}/{model}"),
        (
            run("nobody/gpt-4o", input.clone()),
            2008,
            "Invalid provider",
        ),
        (run("google/a/b", input.clone()), 2019, "model"),
    ] {
        let told = ask(app, &token, "run", body.clone()).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, code),
            "{body} {}",
            told.text
        );
        assert!(told.text.contains(words), "{body} {}", told.text);
    }
    assert!(app.provider.requests().is_empty());
    let fine = with(json!({"background": false}));
    assert_eq!(ask(app, &token, "run", fine).await.status, 200);
    // A provider's error is the provider's.
    let body = json!({"messages": [{"role": "user", "content": "one [sandbox status=429]"}]});
    let told = ask(app, &token, "run", run("openai/gpt-4o", body)).await;
    assert_eq!(told.status, 429);
    assert!(told.json()["error"]["message"].is_string(), "{}", told.text);
}

crate::on_both_engines![
    chats_with_every_provider,
    responses_and_messages_of_who_has_them,
    a_header_names_the_gateway,
    nobody_calls_without_a_token_that_may_run,
    run_answers_in_the_managements_envelope,
    what_cant_be_run_is_told,
];
