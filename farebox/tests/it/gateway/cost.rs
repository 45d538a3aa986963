//! What a call is told to have cost: in headers, in trailers, in a comment, in its log.

use farebox::store::charges;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{MODEL, Told, asks, chat, log, nanos, runner, send, to};
use crate::app::TestApp;

const CHAT: &str = "openai/v1/chat/completions";
/// Billionths of a dollar for two words read and five written.
const COST: i64 = 2 * 2500 + 5 * 10_000;
const GIVEN: i64 = 1_000_000_000;

fn streaming() -> Value {
    json!({"model": MODEL, "stream": true, "max_tokens": 100,
        "messages": [{"role": "user", "content": "one two"}]})
}

/// With a key of the caller's own.
async fn with_own_key(app: &TestApp, token: &str, body: Value, headers: &[(&str, &str)]) -> Told {
    let mut request = to(app, CHAT)
        .header("cf-aig-authorization", format!("Bearer {token}"))
        .header(AUTHORIZATION, "Bearer sk-operator-openai");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.json(&body)).await
}

async fn with_header(app: &TestApp, token: &str, body: Value, header: (&str, &str)) -> Told {
    let request = to(app, CHAT).bearer_auth(token).header(header.0, header.1);
    send(request.json(&body)).await
}

async fn a_whole_answer_tells_what_it_cost_and_what_is_left(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, asks("one two")).await;
    assert_eq!(told.header("cf-aig-cost"), "0.000055");
    assert_eq!(told.header("cf-aig-balance"), "0.999945");
    let failed = chat(app, &token, asks("one [sandbox status=500]")).await;
    assert_eq!(failed.header("cf-aig-cost"), "0");
    assert_eq!(failed.header("cf-aig-balance"), "0.999945");
    let own = with_own_key(app, &token, asks("one two"), &[]).await;
    assert_eq!(
        (own.header("cf-aig-cost"), own.header("cf-aig-balance")),
        ("", "")
    );
}

async fn a_stream_tells_it_in_a_comment_where_that_is_asked_for(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let ask = ("cf-aig-stream-cost", "comment");
    let told = with_header(app, &token, streaming(), ask).await;
    let comment = ": cf-aig-cost=0.000055\n: cf-aig-balance=0.999945\n\n";
    assert!(
        told.text.ends_with(&format!("data: [DONE]\n\n{comment}")),
        "{}",
        told.text
    );
    assert_eq!(nanos(app).await, GIVEN - COST);
    let told = chat(app, &token, streaming()).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"), "{}", told.text);
    let told = with_own_key(app, &token, streaming(), &[ask]).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"), "{}", told.text);
    // A whole answer has it in its headers.
    let told = with_header(app, &token, asks("one two"), ask).await;
    assert!(told.json().is_object(), "{}", told.text);
    let told = with_header(app, &token, streaming(), ("cf-aig-stream-cost", "yes")).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 8109));
}

/// google-genai 3.6.1 raises on comments, and JSON has none.
async fn googles_streams_have_no_comment(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "one two"}]}]});
    for alt in ["?alt=sse", ""] {
        let path =
            format!("google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent{alt}");
        let request = to(app, &path).header("x-goog-api-key", &token);
        let request = request.header("cf-aig-stream-cost", "comment");
        let told = send(request.json(&body)).await;
        assert!(!told.text.contains(": cf-aig-"), "{}", told.text);
        assert!(!alt.is_empty() || told.json().is_array());
    }
}

/// The bytes of a call's answer on its connection, and its id.
async fn over_a_socket(
    app: &TestApp,
    token: &str,
    body: &Value,
    headers: &str,
) -> (String, String) {
    let address = app.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST /v1/{}/default/{CHAT} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        app.account,
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), rest.to_owned())
}

async fn a_stream_tells_it_in_trailers_to_who_takes_them(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let (head, body) = over_a_socket(app, &token, &streaming(), "te: trailers\r\n").await;
    assert!(
        head.contains("\r\ntrailer: cf-aig-cost, cf-aig-balance"),
        "{head}"
    );
    assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
    let (_, trailers) = body.rsplit_once("data: [DONE]\n\n\r\n0\r\n").expect(&body);
    let mut lines: Vec<&str> = trailers
        .split("\r\n")
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["cf-aig-balance: 0.999945", "cf-aig-cost: 0.000055"]);
    // Nobody else is bothered with them.
    let (head, body) = over_a_socket(app, &token, &streaming(), "").await;
    assert!(!head.contains("trailer"), "{head}");
    assert!(body.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{body}");
    // What breaks off says so, and nothing else.
    let mut cut = streaming();
    cut["messages"][0]["content"] = json!("one [sandbox words=40 disconnect_after=20]");
    let (_, body) = over_a_socket(app, &token, &cut, "te: trailers\r\n").await;
    assert!(!body.contains("cf-aig-cost"), "{body}");
}

async fn a_call_with_its_own_key_is_worth_the_list_price(app: &TestApp) {
    let token = runner(app).await;
    let told = with_own_key(app, &token, asks("one two"), &[]).await;
    let call = log(app, &told).await.call;
    // Without the markup.
    assert_eq!(call.cost.map(ledger::Amount::nanos), Some(COST));
    assert_eq!(
        (call.custom_cost, call.tokens_in, call.tokens_out),
        (false, Some(2), Some(5))
    );
    let mut unknown = asks("one two");
    unknown["model"] = json!("gpt-of-nobody");
    let told = with_own_key(app, &token, unknown, &[]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let call = log(app, &told).await.call;
    assert_eq!((call.cost, call.tokens_in), (None, Some(2)));
    let failed = with_own_key(app, &token, asks("one [sandbox status=500]"), &[]).await;
    assert_eq!(log(app, &failed).await.call.cost, None);
    assert_eq!(nanos(app).await, 0);
}

async fn a_caller_says_what_its_own_key_costs(app: &TestApp) {
    let token = runner(app).await;
    let mut unknown = asks("one two");
    unknown["model"] = json!("gpt-of-nobody");
    for (body, header, nanos) in [
        (asks("one two"), r#"{"total_cost":0.25}"#, 250_000_000),
        (
            asks("one two"),
            r#"{"per_token_in":0.000001,"per_token_out":0.00001}"#,
            2 * 1000 + 5 * 10_000,
        ),
        (unknown, r#"{"per_token_out":0.00001}"#, 5 * 10_000),
    ] {
        let told = with_own_key(app, &token, body, &[("cf-aig-custom-cost", header)]).await;
        let call = log(app, &told).await.call;
        assert_eq!(
            call.cost.map(ledger::Amount::nanos),
            Some(nanos),
            "{header}"
        );
        assert!(call.custom_cost, "{header}");
    }
    for header in ["{", r#"{"total_cost":-1}"#, "0.5"] {
        let told = with_own_key(app, &token, asks("one"), &[("cf-aig-custom-cost", header)]).await;
        assert_eq!((told.status.as_u16(), told.code()), (400, 8109), "{header}");
        let message = told.json()["message"].as_str().unwrap().to_owned();
        assert!(
            message.starts_with("The header cf-aig-custom-cost: "),
            "{message}"
        );
    }
}

async fn nobody_says_what_the_operators_key_costs(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for header in [r#"{"total_cost":0}"#, r#"{"total_cost":9}"#] {
        let before = nanos(app).await;
        let told = with_header(app, &token, asks("one two"), ("cf-aig-custom-cost", header)).await;
        assert_eq!(before - nanos(app).await, COST);
        let call = log(app, &told).await.call;
        assert_eq!(call.cost.map(ledger::Amount::nanos), Some(COST));
        assert!(!call.custom_cost);
    }
}

async fn another_models_part_has_its_own_price(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = json!({"input_tokens": 100, "output_tokens": 10, "iterations": [
        {"type": "message", "input_tokens": 100, "output_tokens": 10},
        {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 1000,
            "output_tokens": 100},
        {"type": "advisor_message", "model": "claude-of-nobody", "input_tokens": 10},
    ]});
    let words = format!("one [sandbox usage={{\"instead\":{told}}}]");
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 1000,
        "messages": [{"role": "user", "content": words}]});
    let request = to(app, "anthropic/v1/messages").header("x-api-key", &token);
    let told = send(
        request
            .header("anthropic-version", "2023-06-01")
            .json(&body),
    )
    .await;
    assert_eq!(told.status, 200, "{}", told.text);
    let own = 100 * 3000 + 10 * 15_000;
    let advisors = 1000 * 5000 + 100 * 25_000;
    // One without a price costs as much as the call's own model.
    let nobodys = 10 * 3000;
    assert_eq!(nanos(app).await, GIVEN - own - advisors - nobodys);
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let charge = charges::find(&app.app.store.db, app.account, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(charge.charge.units["input"], 1110);
    let text = charge.charge.explanation.unwrap();
    let priced = farebox::billing::explanation::decode(&text).unwrap();
    let models: Vec<_> = priced.also.iter().map(|part| part.model.as_str()).collect();
    assert_eq!(models, ["claude-opus-4-6", "claude-sonnet-4-5"]);
    assert_eq!(priced.amount().nanos(), own + advisors + nobodys);
    assert_eq!(log(app, &told).await.call.tokens_in, Some(1110));
}

/// What was held for a call with a prompt of 45,000 bytes, which are 10,001 tokens.
async fn held(app: &TestApp, token: &str, model: &str) -> i64 {
    let words = "The quick brown fox jumps over the lazy dog. ".repeat(1000);
    let body = json!({"model": model, "max_tokens": 10,
        "messages": [{"role": "user", "content": words}]});
    let told = chat(app, token, body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let charge = charges::find(&app.app.store.db, app.account, id).await;
    let hold = charge.unwrap().unwrap().charge.hold.unwrap();
    let hold = farebox::store::holds::find(&app.app.store.db, hold).await;
    hold.unwrap().unwrap().amount.nanos()
}

async fn a_long_prompt_is_held_by_its_tokens(app: &TestApp) {
    // By its bytes it would be more than eleven cents.
    app.give(5).await;
    let token = runner(app).await;
    let nanos = held(app, &token, MODEL).await;
    assert!((10_001 * 2500..12_000 * 2500).contains(&nanos), "{nanos}");
    // What reads in a way that nobody has told is held by the byte.
    app.give(100).await;
    let nanos = held(app, &token, "gpt-4-turbo").await;
    assert!(nanos > 45_000 * 10_000, "{nanos}");
}

crate::on_both_engines![
    a_long_prompt_is_held_by_its_tokens,
    a_whole_answer_tells_what_it_cost_and_what_is_left,
    a_stream_tells_it_in_a_comment_where_that_is_asked_for,
    googles_streams_have_no_comment,
    a_stream_tells_it_in_trailers_to_who_takes_them,
    a_call_with_its_own_key_is_worth_the_list_price with [("FAREBOX_PRICES__MARKUP_PERCENT", "20")],
    a_caller_says_what_its_own_key_costs,
    nobody_says_what_the_operators_key_costs,
    another_models_part_has_its_own_price,
];
