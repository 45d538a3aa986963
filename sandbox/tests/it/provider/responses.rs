use serde_json::{Value, json};

use super::client::{Answer, App, start, with};

async fn respond(app: &App, input: Value, more: Value) -> Answer {
    let body = json!({ "model": "gpt-5", "input": input });
    app.post("/v1/responses", with(body, more)).await
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str().unwrap());
    kinds.collect()
}

#[tokio::test]
async fn a_response_has_its_exact_usage() {
    let app = start().await;
    let input = json!([
        { "role": "user", "content": [{ "type": "input_text", "text": "one two" }] },
        { "type": "function_call", "call_id": "c", "name": "weather", "arguments": "{\"a\": 1}" },
        { "type": "function_call_output", "call_id": "c", "output": "it rains" },
        { "role": "user", "content": "a [sandbox cached_tokens=2 reasoning_tokens=3 web_searches=1]" },
    ]);
    let more = json!({ "instructions": "Be brief", "max_output_tokens": 8 });
    let body = respond(&app, input, more).await.ok();
    let input = 2 + 2 + 3 + 2 + 5;
    assert_eq!(
        (&body["status"], &body["object"]),
        (&json!("completed"), &json!("response"))
    );
    let output: Vec<&Value> = body["output"].as_array().unwrap().iter().collect();
    assert_eq!(
        kinds(
            &output
                .iter()
                .map(|item| (*item).clone())
                .collect::<Vec<_>>()
        ),
        ["reasoning", "web_search_call", "message"]
    );
    assert_eq!(
        output[2]["content"][0]["text"],
        format!("The prompt has {input} words.")
    );
    let expected = json!({
        "input_tokens": input, "input_tokens_details": { "cached_tokens": 2, "cache_write_tokens": 0 },
        "output_tokens": 8, "output_tokens_details": { "reasoning_tokens": 3 },
        "total_tokens": input + 8,
    });
    assert_eq!(body["usage"], expected);
}

#[tokio::test]
async fn a_stream_has_every_event_in_its_order() {
    let app = start().await;
    let prompt = json!("a [sandbox words=2 reasoning_tokens=1]");
    let answer = respond(&app, prompt, json!({ "stream": true })).await;
    let events = answer.events();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&events), expected);
    let names = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    let numbers = events
        .iter()
        .map(|event| event["sequence_number"].as_u64().unwrap());
    assert!(numbers.eq(0..12));
    assert_eq!(events[0]["response"]["usage"], Value::Null);
    let end = &events[11]["response"];
    assert_eq!(
        (&end["usage"]["output_tokens"], &end["status"]),
        (&json!(3), &json!("completed"))
    );
    assert_eq!(end["output"][1]["content"][0]["text"], "The prompt");
}

#[tokio::test]
async fn a_limit_leaves_it_incomplete() {
    let app = start().await;
    let limited = json!({ "max_output_tokens": 1, "stream": true });
    let events = respond(&app, json!("a"), limited).await.events();
    let end = events.last().unwrap();
    assert_eq!(end["type"], "response.incomplete");
    assert_eq!(
        end["response"]["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    assert_eq!(end["response"]["usage"]["output_tokens"], 1);
}

#[tokio::test]
async fn a_function_is_called() {
    let app = start().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tools = json!([
        { "type": "web_search" },
        { "type": "function", "name": "weather", "parameters": schema },
    ]);
    let body = respond(&app, json!("The weather"), json!({ "tools": tools }))
        .await
        .ok();
    let call = &body["output"][0];
    assert_eq!(
        (&call["type"], &call["name"]),
        (&json!("function_call"), &json!("weather"))
    );
    assert_eq!(call["arguments"], "{\"city\":\"text\"}");
    let more = json!({ "tools": tools, "stream": true });
    let events = respond(&app, json!("The weather"), more).await.events();
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.function_call_arguments.delta");
    let arguments: String = deltas
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, "{\"city\":\"text\"}");
    assert_eq!(kinds(&events).last(), Some(&"response.completed"));
}

#[tokio::test]
async fn a_conversation_is_made_shorter_and_counted() {
    let app = start().await;
    let input = json!([
        { "role": "user", "content": "one two" }, { "role": "assistant", "content": "three" },
    ]);
    let body = json!({ "model": "gpt-5", "input": input });
    let compact = app.post("/v1/responses/compact", body.clone()).await.ok();
    assert_eq!(compact["object"], "response.compaction");
    assert_eq!(compact["output"][0], input[0]);
    assert_eq!(compact["output"][1]["type"], "compaction");
    assert_eq!(compact["output"].as_array().unwrap().len(), 2);
    assert_eq!(compact["usage"]["input_tokens"], 3);
    let counted = app.post("/v1/responses/input_tokens", body).await.ok();
    assert_eq!(
        counted,
        json!({ "object": "response.input_tokens", "input_tokens": 3 })
    );
    let used: Vec<_> = app
        .provider
        .requests()
        .iter()
        .map(|it| it.usage.is_some())
        .collect();
    assert_eq!(used, [true, false]);
}
