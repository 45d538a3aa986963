use serde_json::{Value, json};

use super::client::{chat, start};

const PATH: &str = "/v1/chat/completions";

/// The text of a streamed answer.
fn said(events: &[Value]) -> String {
    let deltas = events
        .iter()
        .map(|event| &event["choices"][0]["delta"]["content"]);
    deltas.filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_chat_is_answered_with_its_exact_usage() {
    let app = start().await;
    let answer = app.chat("How many words are here?", json!({})).await;
    let body = answer.ok();
    assert_eq!(
        body["choices"][0]["message"]["content"],
        "The prompt has 5 words."
    );
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "gpt-4o-mini");
    let usage = &body["usage"];
    assert_eq!(
        (
            &usage["prompt_tokens"],
            &usage["completion_tokens"],
            &usage["total_tokens"]
        ),
        (&json!(5), &json!(5), &json!(10))
    );
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn a_streamed_chat_says_the_same_and_tells_usage_only_where_asked() {
    let app = start().await;
    let plain = app.chat("One two", json!({ "stream": true })).await;
    assert!(plain.text.ends_with("data: [DONE]\n\n"));
    let events = plain.events();
    assert_eq!(said(&events), "The prompt has 2 words.");
    assert!(events.iter().all(|event| event.get("usage").is_none()));
    assert_eq!(
        events.last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );

    let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let events = app.chat("One two", options).await.events();
    let (last, others) = events.split_last().unwrap();
    assert!(
        others
            .iter()
            .all(|event| event["usage"].is_null() && event.get("usage").is_some())
    );
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 7);
}

#[tokio::test]
async fn a_limit_cuts_the_answer_and_says_so() {
    let app = start().await;
    for limit in ["max_tokens", "max_completion_tokens"] {
        let body = app.chat("Hello", json!({ limit: 2 })).await.ok();
        assert_eq!(body["choices"][0]["message"]["content"], "The prompt");
        assert_eq!(body["choices"][0]["finish_reason"], "length");
        assert_eq!(body["usage"]["completion_tokens"], 2);
    }
}

#[tokio::test]
async fn several_answers_cost_as_many_times() {
    let app = start().await;
    let body = app.chat("Hello", json!({ "n": 3 })).await.ok();
    assert_eq!(body["choices"].as_array().unwrap().len(), 3);
    assert_eq!(body["usage"]["completion_tokens"], 15);
    assert_eq!(app.chat("Hello", json!({ "n": 129 })).await.status, 400);
    let events = app
        .chat("Hello", json!({ "n": 3, "stream": true }))
        .await
        .events();
    let ends = events
        .iter()
        .filter(|event| event["choices"][0]["finish_reason"] == "stop");
    assert_eq!(ends.count(), 3);
}

#[tokio::test]
async fn a_tool_is_called_where_the_prompt_names_it_or_the_request_insists() {
    let app = start().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tools = json!([{ "type": "function", "function": {
        "name": "weather", "description": "Tells it", "parameters": schema,
    } }]);
    let asked = app
        .chat("What is the weather", json!({ "tools": tools }))
        .await
        .ok();
    let choice = &asked["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let function = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!(
        function,
        &json!({ "name": "weather", "arguments": "{\"city\":\"text\"}" })
    );
    // Four words, the tool's name and the two words of its description.
    assert_eq!(asked["usage"]["prompt_tokens"], 7);

    let none = app.chat("Hello", json!({ "tools": tools })).await.ok();
    assert_eq!(none["choices"][0]["finish_reason"], "stop");
    let forced = json!({ "tools": tools, "tool_choice": "required", "stream": true });
    let events = app.chat("Hello", forced).await.events();
    let calls = events
        .iter()
        .map(|event| &event["choices"][0]["delta"]["tool_calls"][0]);
    let arguments = calls.filter_map(|call| call["function"]["arguments"].as_str());
    assert_eq!(arguments.collect::<String>(), "{\"city\":\"text\"}");

    let result = json!([
        { "role": "user", "content": "What is the weather" },
        { "role": "assistant", "content": null, "tool_calls": [choice["message"]["tool_calls"][0]] },
        { "role": "tool", "tool_call_id": "call_1", "content": "It rains" },
    ]);
    let told = app
        .chat("", json!({ "tools": tools, "messages": result }))
        .await
        .ok();
    assert_eq!(told["choices"][0]["finish_reason"], "stop");
    assert_eq!(told["usage"]["prompt_tokens"], 4 + 2 + 2 + 3);
}

#[tokio::test]
async fn the_prompt_asks_for_cached_tokens_and_thoughts() {
    let app = start().await;
    let prompt = "a b c [sandbox cached_tokens=2 reasoning_tokens=7]";
    let usage = app.chat(prompt, json!({})).await.ok()["usage"].clone();
    assert_eq!(usage["prompt_tokens"], 6);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 2);
    assert_eq!(usage["completion_tokens"], 12);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 7);
    let refused = app.chat("[sandbox cashed_tokens=2]", json!({})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("cashed_tokens"), "{}", refused.text);
}

#[tokio::test]
async fn errors_have_openais_form() {
    let app = start().await;
    for (body, status, code, param) in [
        (
            json!({ "model": "m", "messages": [] }),
            400,
            Value::Null,
            json!("messages"),
        ),
        (
            json!({ "messages": [{ "role": "user" }] }),
            400,
            Value::Null,
            json!("model"),
        ),
        (
            chat("a", json!({ "max_tokens": 0 })),
            400,
            Value::Null,
            json!("max_tokens"),
        ),
        (
            chat("a", json!({ "max_tokens": 1, "max_completion_tokens": 1 })),
            400,
            Value::Null,
            json!("max_tokens"),
        ),
        (
            chat("a", json!({ "stream_options": {} })),
            400,
            Value::Null,
            json!("stream_options"),
        ),
        (
            chat("a", json!({ "model": "sandbox-unheard-of" })),
            404,
            json!("model_not_found"),
            Value::Null,
        ),
        (
            chat("a", json!({ "model": "sandbox-error-500" })),
            500,
            Value::Null,
            Value::Null,
        ),
        (
            chat("a", json!({ "model": "gpt-4o.sandbox-error-429" })),
            429,
            json!("rate_limit_exceeded"),
            Value::Null,
        ),
    ] {
        let answer = app.post(PATH, body.clone()).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["code"], &error["param"]),
            (status, &code, &param),
            "{body}"
        );
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
    let unknown = app.post("/v1/dreams", json!({})).await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (404, &json!("unknown_url"))
    );
}

#[tokio::test]
async fn only_a_known_key_is_let_in() {
    let app = start().await;
    for key in [None, Some("sk-unknown-to-the-provider")] {
        let mut request = app
            .plain(reqwest::Method::POST, PATH)
            .json(&chat("a", json!({})));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer = super::client::read(request.send().await.unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
        assert!(!answer.text.contains("unknown-to-the"), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_tier_that_was_asked_for_served_it() {
    let app = start().await;
    for (asked, served) in [("auto", "default"), ("flex", "flex")] {
        let body = app.chat("a", json!({ "service_tier": asked })).await.ok();
        assert_eq!(body["service_tier"], served);
    }
}

#[tokio::test]
async fn azure_names_the_model_in_the_path() {
    let app = start().await;
    let path = "/openai/deployments/my-gpt/chat/completions";
    let body = json!({ "messages": [{ "role": "user", "content": "a b" }] });
    let answer = app
        .post(&format!("{path}?api-version=2024-10-21"), body.clone())
        .await;
    assert_eq!(answer.ok()["model"], "my-gpt");
    assert_eq!(app.post(path, body).await.status, 400);
}

#[tokio::test]
async fn a_schema_is_answered_with_json_that_fits() {
    let app = start().await;
    let schema = json!({ "type": "object", "properties": {
        "name": { "type": "string" }, "sizes": { "type": "array", "items": { "type": "integer" } },
        "kind": { "enum": ["round", "square"] }, "maybe": { "anyOf": [{ "type": "boolean" }] },
    } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "x", "schema": schema } });
    let body = app
        .chat("Hello", json!({ "response_format": format }))
        .await
        .ok();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let expected = json!({ "name": "text", "sizes": [1], "kind": "round", "maybe": true });
    assert_eq!(value, expected);
}
