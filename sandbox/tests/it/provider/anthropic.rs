use serde_json::{Value, json};

use super::client::{Answer, App, start, with};

async fn message(app: &App, prompt: &str, more: Value) -> Answer {
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 100,
        "messages": [{ "role": "user", "content": prompt }],
    });
    app.post("/v1/messages", with(body, more)).await
}

#[tokio::test]
async fn a_message_is_answered_with_its_exact_usage() {
    let app = start().await;
    let system = json!([{ "type": "text", "text": "Be brief" }]);
    let answer = message(&app, "How are you?", json!({ "system": system })).await;
    let body = answer.ok();
    assert_eq!(
        body["content"],
        json!([{ "type": "text", "text": "The prompt has 5 words." }])
    );
    assert_eq!(
        (&body["stop_reason"], &body["role"]),
        (&json!("end_turn"), &json!("assistant"))
    );
    assert_eq!(body["usage"]["input_tokens"], 5);
    assert_eq!(body["usage"]["output_tokens"], 5);
    assert!(answer.header("request-id").is_some());
}

#[tokio::test]
async fn a_cache_stands_beside_the_rest_of_the_input() {
    let app = start().await;
    let prompt = "a b c d e [sandbox cached_tokens=3 cache_write_tokens=2 cache_write_1h_tokens=1]";
    for stream in [false, true] {
        let answer = message(&app, prompt, json!({ "stream": stream })).await;
        let usage = match stream {
            false => answer.ok()["usage"].clone(),
            true => answer.events()[0]["message"]["usage"].clone(),
        };
        assert_eq!(usage["input_tokens"], 3);
        assert_eq!(usage["cache_read_input_tokens"], 3);
        assert_eq!(usage["cache_creation_input_tokens"], 3);
        let tiers = json!({ "ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1 });
        assert_eq!(usage["cache_creation"], tiers);
    }
}

#[tokio::test]
async fn a_stream_has_every_event_in_its_order() {
    let app = start().await;
    let thinking = json!({ "type": "enabled", "budget_tokens": 1024 });
    let asked = json!({ "stream": true, "thinking": thinking });
    let answer = message(&app, "a [sandbox reasoning_tokens=2 words=3]", asked).await;
    let events = answer.events();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    let names = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    assert_eq!(events[0]["message"]["usage"]["output_tokens"], 1);
    let end = &events[12];
    assert_eq!(end["delta"]["stop_reason"], "end_turn");
    assert_eq!(end["usage"]["output_tokens"], 5);
    assert_eq!(end["usage"]["output_tokens_details"]["thinking_tokens"], 2);
}

#[tokio::test]
async fn the_limit_is_needed_and_kept() {
    let app = start().await;
    let body = message(&app, "Hello", json!({ "max_tokens": 3 }))
        .await
        .ok();
    assert_eq!(body["content"][0]["text"], "The prompt has");
    assert_eq!(body["stop_reason"], "max_tokens");
    let missing = message(&app, "Hello", json!({ "max_tokens": null })).await;
    assert_eq!(missing.status, 400);
    assert_eq!(missing.json()["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_tool_is_used() {
    let app = start().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tools = json!([
        { "type": "web_search_20250305", "name": "web_search" },
        { "name": "weather", "description": "Tells it", "input_schema": schema },
    ]);
    let body = message(&app, "Ask your tool", json!({ "tools": tools }))
        .await
        .ok();
    assert_eq!(body["stop_reason"], "tool_use");
    assert_eq!(body["content"][0]["name"], "weather");
    assert_eq!(body["content"][0]["input"], json!({ "city": "text" }));
    let forced = json!({ "type": "tool", "name": "weather" });
    let asked = json!({ "tools": tools, "tool_choice": forced, "stream": true });
    let events = message(&app, "Hello", asked).await.events();
    let deltas = events
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str());
    assert_eq!(deltas.collect::<String>(), "{\"city\":\"text\"}");
    let search = message(&app, "a [sandbox web_searches=2]", json!({}))
        .await
        .ok();
    assert_eq!(search["usage"]["server_tool_use"]["web_search_requests"], 2);
}

#[tokio::test]
async fn errors_have_anthropics_form() {
    let app = start().await;
    for (model, status, kind) in [
        ("sandbox-nothing", 404, "not_found_error"),
        ("sandbox-error-429", 429, "rate_limit_error"),
        ("sandbox-error-529", 529, "overloaded_error"),
        ("sandbox-error-500", 500, "api_error"),
    ] {
        let answer = message(&app, "a", json!({ "model": model })).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["type"]), (status, &json!("error")));
        assert_eq!(body["error"]["type"], kind);
        assert_eq!(body["request_id"].as_str(), answer.header("request-id"));
    }
    let body =
        json!({ "model": "m", "max_tokens": 1, "messages": [{ "role": "user", "content": "a" }] });
    let plain = || app.plain(reqwest::Method::POST, "/v1/messages").json(&body);
    let unversioned = plain()
        .header("x-api-key", super::client::KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(unversioned.status(), 400);
    let nobody = plain()
        .header("anthropic-version", "2023-06-01")
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 401);
}
