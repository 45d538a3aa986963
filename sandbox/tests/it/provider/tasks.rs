//! Tasks in turns, as an agent does them, on every API that has tools.

use sandbox::provider::{Behaviour, Fault, ScriptedCall, Usage};
use serde_json::{Value, json};

use super::client::{App, start};

/// In conversations that have this text.
const PLACE: &str = "project/of/somebody";

fn call(name: &str, arguments: Value) -> ScriptedCall {
    ScriptedCall {
        name: name.to_owned(),
        arguments,
    }
}

/// Two calls at once with something said before, and then the end.
fn play(app: &App, first: Vec<ScriptedCall>) {
    let begins = Behaviour {
        text: Some("Let me see.".to_owned()),
        calls: Some(first),
        reasoning_tokens: 2,
        ..Behaviour::default()
    };
    let ends = Behaviour {
        text: Some("Done.".to_owned()),
        calls: Some(Vec::new()),
        ..Behaviour::default()
    };
    app.provider.add_fault(Fault {
        contains: Some(PLACE.to_owned()),
        times: 100,
        ..Fault::next(Behaviour {
            steps: vec![begins, ends],
            ..Behaviour::default()
        })
    });
}

fn usage(app: &App) -> Vec<Option<Usage>> {
    let requests = app.provider.requests();
    requests.iter().map(|request| request.usage).collect()
}

#[tokio::test]
async fn a_task_on_messages_and_its_count() {
    let app = start().await;
    let write = call("write", json!({ "path": "a b" }));
    play(
        &app,
        vec![write.clone(), call("unheard-of", json!({})), write],
    );
    let ask = json!({ "role": "user", "content": format!("In {PLACE} use the tool write") });
    let tool = json!({ "name": "write", "input_schema": { "type": "object" } });
    let body = |messages: Value| {
        json!({ "model": "claude", "max_tokens": 99, "messages": messages, "tools": [tool],
            "thinking": { "type": "adaptive" } })
    };
    let begun = app.post("/v1/messages", body(json!([ask]))).await.ok();
    let content = begun["content"].as_array().unwrap();
    let kinds: Vec<_> = content.iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    assert_ne!(content[2]["id"], content[3]["id"]);
    assert_eq!(begun["stop_reason"], "tool_use");
    let results: Vec<Value> = content[2..]
        .iter()
        .map(|block| json!({ "type": "tool_result", "tool_use_id": block["id"], "content": "ok" }))
        .collect();
    let said = json!({ "role": "assistant", "content": content });
    let told = json!({ "role": "user", "content": results });
    let ended = app.post("/v1/messages", body(json!([ask, said, told])));
    let ended = ended.await.ok();
    assert_eq!(ended["content"][0]["text"], "Done.");
    assert_eq!(ended["stop_reason"], "end_turn");
    let counted = |input, output, reasoning| {
        Some(Usage {
            input,
            output,
            reasoning,
            ..Usage::default()
        })
    };
    // The prompt's 6 words and the tool's name; 3 words before 2 calls of 3, and the 2 thoughts.
    // Then also all that again, with a word for each result.
    let first = counted(6 + 1, 3 + 2 * 3 + 2, 2);
    let second = counted(7 + 2 + 3 + 2 * 3 + 2, 1, 0);
    assert_eq!(usage(&app), [first, second]);
}

#[tokio::test]
async fn conversations_elsewhere_are_answered_as_usual() {
    let app = start().await;
    play(&app, vec![]);
    let answer = app.chat("a b", json!({})).await.ok();
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "The prompt has 2 words."
    );
    let refused = app.chat("a [sandbox status=503]", json!({})).await;
    assert_eq!(refused.status, 503);
    // What is reported is one thing, what is counted another; an error uses nothing.
    app.chat("a [sandbox usage=\"missing\"]", json!({}))
        .await
        .ok();
    let counted: Vec<_> = usage(&app).iter().map(|it| it.map(|it| it.input)).collect();
    assert_eq!(counted, [Some(2), None, Some(3)]);
}

#[tokio::test]
async fn a_task_on_responses_has_free_form_tools_and_a_shell() {
    let app = start().await;
    let patch = "*** Begin Patch";
    play(
        &app,
        vec![
            call("apply_patch", json!(patch)),
            call("local_shell", json!({ "command": ["ls"] })),
            call("run", json!({ "cmd": "ls" })),
        ],
    );
    let tools = json!([
        { "type": "custom", "name": "apply_patch" }, { "type": "local_shell" },
        { "type": "function", "name": "run", "parameters": { "type": "object" } },
    ]);
    let ask = json!({ "role": "user", "content": PLACE });
    let body = |input: Value, stream: bool| {
        json!({ "model": "gpt-5", "input": input, "tools": tools, "stream": stream,
            "include": ["reasoning.encrypted_content"] })
    };
    let streamed = app.post("/v1/responses", body(json!([ask]), true)).await;
    let events = streamed.events();
    let output = events.last().unwrap()["response"]["output"].clone();
    let kinds: Vec<_> = output
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].clone())
        .collect();
    let expected = [
        "reasoning",
        "message",
        "custom_tool_call",
        "local_shell_call",
        "function_call",
    ];
    assert_eq!(kinds, expected);
    assert!(output[0]["encrypted_content"].is_string());
    assert_eq!(
        (&output[2]["input"], &output[2]["name"]),
        (&json!(patch), &json!("apply_patch"))
    );
    assert_eq!(
        output[3]["action"],
        json!({ "type": "exec", "command": ["ls"] })
    );
    let done = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done");
    assert!(
        done.map(|event| &event["item"])
            .eq(output.as_array().unwrap())
    );
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.custom_tool_call_input.delta");
    let input: String = deltas
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(input, patch);
    let mut input = vec![ask];
    input.extend(output.as_array().unwrap().clone());
    input.push(json!({ "type": "custom_tool_call_output", "call_id": output[2]["call_id"], "output": "ok" }));
    let ended = app
        .post("/v1/responses", body(json!(input), false))
        .await
        .ok();
    assert_eq!(ended["output"][0]["content"][0]["text"], "Done.");
}

#[tokio::test]
async fn a_task_on_chat_and_on_gemini() {
    let app = start().await;
    play(&app, vec![call("run", json!({ "cmd": "ls" }))]);
    let function = json!({ "name": "run", "parameters": { "type": "object" } });
    let more = json!({ "tools": [{ "type": "function", "function": function }] });
    let chat = app.chat(PLACE, more).await.ok();
    let message = &chat["choices"][0]["message"];
    assert_eq!(message["content"], "Let me see.");
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        "{\"cmd\":\"ls\"}"
    );
    let body = |contents: Value| json!({ "contents": contents, "tools": [{ "functionDeclarations": [function] }] });
    let ask = json!({ "role": "user", "parts": [{ "text": PLACE }] });
    let path = "/v1beta/models/gemini-2.5-pro:generateContent";
    let begun = app.post(path, body(json!([ask]))).await.ok();
    let content = &begun["candidates"][0]["content"];
    assert_eq!(
        content["parts"][1]["functionCall"],
        json!({ "name": "run", "args": { "cmd": "ls" } })
    );
    assert!(content["parts"][1]["thoughtSignature"].is_string());
    let result = json!({ "functionResponse": { "name": "run", "response": { "output": "a" } } });
    let told = json!({ "role": "user", "parts": [result] });
    let ended = app.post(path, body(json!([ask, content, told]))).await.ok();
    assert_eq!(
        ended["candidates"][0]["content"]["parts"][0]["text"],
        "Done."
    );
}

#[tokio::test]
async fn a_search_of_the_providers_own_stands_in_the_answer() {
    let app = start().await;
    let body = json!({
        "model": "claude", "max_tokens": 99, "stream": true,
        "messages": [{ "role": "user", "content": "a [sandbox web_searches=1]" }],
        "tools": [{ "type": "web_search_20250305", "name": "web_search" }],
    });
    let events = app.post("/v1/messages", body).await.events();
    let starts = events
        .iter()
        .filter(|event| event["type"] == "content_block_start");
    let blocks: Vec<&Value> = starts.map(|event| &event["content_block"]).collect();
    let kinds: Vec<_> = blocks.iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"]);
    assert_eq!(blocks[0]["id"], blocks[1]["tool_use_id"]);
    assert_eq!(usage(&app)[0].unwrap().web_searches, 1);
}
