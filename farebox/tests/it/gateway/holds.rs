//! What a call needs, by what its request can really use: a call without credit is told how much and why.

use futures_util::future::join;
use serde_json::{Value, json};

use super::{Told, asks, chat, leave, log, nanos, runner, send, set, to};
use crate::app::TestApp;

const MESSAGES: &str = "anthropic/v1/messages";
const RESPONSES: &str = "openai/v1/responses";

fn message(content: Value) -> Value {
    json!({"model": "claude-opus-5", "max_tokens": 1000,
        "messages": [{"role": "user", "content": content}]})
}

fn with(mut body: Value, more: Value) -> Value {
    let members = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    body
}

async fn call(app: &TestApp, token: &str, path: &str, body: &Value) -> Told {
    let request = to(app, path).header("cf-aig-authorization", format!("Bearer {token}"));
    send(request.header("anthropic-version", "2023-06-01").json(body)).await
}

/// What a call is told that it needs, of an account without credit.
async fn needs(app: &TestApp, token: &str, path: &str, body: &Value) -> String {
    let told = call(app, token, path, body).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (402, 2021),
        "{}",
        told.text
    );
    let message = told.json()["message"].as_str().unwrap().to_owned();
    let needs = message.strip_prefix("The call needs at least ").unwrap();
    let (needs, rest) = needs.split_once("; ").unwrap();
    assert_eq!(
        rest,
        "$0.0000 is available. Top up, lower max_tokens, or wait for running calls to finish."
    );
    needs.replacen(" of credit (", " (", 1)
}

async fn whole(app: &TestApp) -> String {
    set(app, json!({"clamp_max_tokens": false})).await;
    runner(app).await
}

/// Clearing removes input; a compaction reads it once more.
async fn editing_the_context_adds_nothing_but_a_compaction(app: &TestApp) {
    let token = whole(app).await;
    let plain = message(json!("Hi"));
    let edits = |kinds: &[&str]| {
        let edits: Vec<_> = kinds.iter().map(|kind| json!({"type": kind})).collect();
        with(
            message(json!("Hi")),
            json!({"context_management": {"edits": edits}}),
        )
    };
    let clears = edits(&["clear_thinking_20251015", "clear_tool_uses_20250919"]);
    let compacts = edits(&["clear_thinking_20251015", "compact_20260112"]);
    for (body, expected) in [
        (
            plain,
            "$0.0251 (input 18 tokens, output up to 1,000 tokens)",
        ),
        (
            clears,
            "$0.0251 (input 18 tokens, output up to 1,000 tokens)",
        ),
        (
            compacts,
            "$0.0252 (input 36 tokens, output up to 1,000 tokens)",
        ),
    ] {
        assert_eq!(
            needs(app, &token, MESSAGES, &body).await,
            expected,
            "{body}"
        );
    }
}

fn response(tools: Value) -> Value {
    json!({"model": "gpt-4o", "input": "hi", "max_output_tokens": 1000, "tools": tools})
}

async fn a_tool_of_the_client_s_brings_nothing(app: &TestApp) {
    let token = whole(app).await;
    let client = response(json!([{"type": "tool_search", "execution": "client"}]));
    let expected = "$0.0102 (input 77 tokens, output up to 1,000 tokens)";
    assert_eq!(needs(app, &token, RESPONSES, &client).await, expected);
    let computer = json!([{"type": "bash_20250124", "name": "bash"}]);
    let told = needs(
        app,
        &token,
        MESSAGES,
        &with(message(json!("Hi")), json!({"tools": computer})),
    )
    .await;
    assert_eq!(told, "$0.0254 (input 72 tokens, output up to 1,000 tokens)");
}

async fn a_server_side_tool_is_bounded_by_its_rounds(app: &TestApp) {
    let token = runner(app).await;
    let searches = with(
        response(json!([{"type": "web_search"}])),
        json!({"max_tool_calls": 2}),
    );
    let streams = with(searches.clone(), json!({"stream": true}));
    let told = needs(app, &token, RESPONSES, &searches).await;
    assert_eq!(
        told,
        "$0.3305 (input 128,110 tokens, output up to 1,000 tokens, web search up to 2)"
    );
    let told = needs(app, &token, RESPONSES, &streams).await;
    assert_eq!(
        told,
        "$0.0308 (input 8,224 tokens, output up to 1,000 tokens, web search up to 2)"
    );
    set(app, json!({"clamp_max_tokens": false})).await;
    // 55 tokens, then 128,055, then the context window with a twentieth.
    let told = needs(app, &token, RESPONSES, &searches).await;
    assert_eq!(
        told,
        "$0.6863 (input 262,510 tokens, output up to 1,000 tokens, web search up to 2)"
    );
}

async fn rounds_are_lowered_to_the_credit(app: &TestApp) {
    let token = runner(app).await;
    app.give(100).await;
    leave(app, 400_000_000).await;
    let body = with(
        response(json!([{"type": "web_search"}])),
        json!({"max_tool_calls": 2}),
    );
    let told = call(app, &token, RESPONSES, &body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(told.header("cf-aig-max-tool-calls-clamped"), "1");
    assert_eq!(told.header("cf-aig-max-tokens-clamped"), "");
    let sent = app.provider.requests()[0].body.clone();
    assert_eq!(
        (&sent["max_tool_calls"], &sent["max_output_tokens"]),
        (&json!(1), &json!(1000))
    );
    // Of Anthropic's tools each has its own limit.
    leave(app, 399_000_000).await;
    app.give(100).await;
    let tools = json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        {"type": "web_fetch_20250910", "name": "web_fetch"}]);
    let body = with(
        message(json!("Hi")),
        json!({"model": "claude-sonnet-4-5", "tools": tools}),
    );
    let told = call(app, &token, MESSAGES, &body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let rounds = told.header("cf-aig-max-tool-calls-clamped").to_owned();
    assert_eq!(rounds, "1");
    let sent = app.provider.requests()[1].body.clone();
    assert_eq!(
        (&sent["tools"][0]["max_uses"], &sent["tools"][1]["max_uses"]),
        (&json!(1), &json!(1))
    );
}

async fn what_is_stored_or_fetched_is_bounded_by_the_context_window(app: &TestApp) {
    let token = whole(app).await;
    let stored = json!({"model": "gpt-4o", "input": "hi", "max_output_tokens": 1000,
        "previous_response_id": "resp_1"});
    let by_url = |kind: &str| {
        let source = json!({"type": "url", "url": "https://example.com/x"});
        message(json!([{"type": kind, "source": source}]))
    };
    let picture = json!({"contents": [{"role": "user", "parts": [
            {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/x"}}]}],
        "generationConfig": {"maxOutputTokens": 1000}});
    let gemini = "google-ai-studio/v1beta/models/gemini-3.5-flash:generateContent";
    for (path, body, expected) in [
        (
            RESPONSES,
            stored,
            "$0.3460 (input 134,400 tokens, output up to 1,000 tokens)",
        ),
        (
            MESSAGES,
            by_url("document"),
            "$5.2750 (input 1,050,000 tokens, output up to 1,000 tokens)",
        ),
        (
            MESSAGES,
            by_url("image"),
            "$0.0491 (input 4,816 tokens, output up to 1,000 tokens)",
        ),
        (
            gemini,
            picture,
            "$0.0184 (input 6,232 tokens, output up to 1,000 tokens)",
        ),
    ] {
        assert_eq!(needs(app, &token, path, &body).await, expected, "{body}");
    }
}

/// Three pages and a megabyte of something that is no text.
fn pdf() -> String {
    let mut pdf = b"%PDF-1.4\n<</Type /Pages /Count 3>>\n".to_vec();
    for _ in 0..3 {
        pdf.extend(b"<</Type /Page>>\nstream\n");
        pdf.extend(vec![0x80; 350_000]);
    }
    base64(&pdf)
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            text.push(char::from(SIGNS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

async fn documents_and_images_are_bounded_by_their_own_structure(app: &TestApp) {
    let token = whole(app).await;
    let source = json!({"type": "base64", "media_type": "application/pdf", "data": pdf()});
    let document = message(json!([{"type": "document", "source": source}]));
    // Three pages of 10,000 tokens of text and an image of 4,784 each.
    let told = needs(app, &token, MESSAGES, &document).await;
    assert_eq!(
        told,
        "$0.2470 (input 44,384 tokens, output up to 1,000 tokens)"
    );
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 1, 64, 0, 0, 1, 64, 8, 2]);
    let picture = format!("data:image/png;base64,{}", base64(&png));
    let looks = |url: &str, detail: &str| {
        json!({"model": "gpt-5.4", "max_completion_tokens": 1000, "messages": [{"role": "user",
            "content": [{"type": "image_url", "image_url": {"url": url, "detail": detail}}]}]})
    };
    let chat = "openai/v1/chat/completions";
    for (body, expected) in [
        // 10,000 patches, each as 2.46 tokens.
        (
            looks("https://example.com/x", "original"),
            "$0.0766 (input 24,632 tokens, output up to 1,000 tokens)",
        ),
        (
            looks("https://example.com/x", "low"),
            "$0.0167 (input 662 tokens, output up to 1,000 tokens)",
        ),
        // A hundred patches.
        (
            looks(&picture, "original"),
            "$0.0157 (input 278 tokens, output up to 1,000 tokens)",
        ),
    ] {
        assert_eq!(needs(app, &token, chat, &body).await, expected);
    }
}

/// Six hundred kilobytes were held by the byte: $3.00 of input alone.
async fn long_text_is_held_by_its_tokens(app: &TestApp) {
    let token = whole(app).await;
    let sentence = "All human beings are born free and equal in dignity and rights. ";
    let text = sentence.repeat(600_000 / sentence.len());
    let gemini = "google-ai-studio/v1beta/models/gemini-3.5-flash:generateContent";
    let asked = json!({"contents": [{"parts": [{"text": text}]}],
        "generationConfig": {"maxOutputTokens": 1000}});
    for (path, body, most) in [
        (MESSAGES, message(json!(text)), 300_000),
        (gemini, asked, 240_000),
    ] {
        let told = needs(app, &token, path, &body).await;
        let tokens = told
            .split_once("(input ")
            .unwrap()
            .1
            .split_once(" tokens")
            .unwrap()
            .0;
        let tokens: u64 = tokens.replace(',', "").parse().unwrap();
        // It is about 122,000.
        assert!((122_000..most).contains(&tokens), "{told}");
    }
}

async fn a_call_that_waits_for_others_is_repeated(app: &TestApp) {
    let token = runner(app).await;
    app.give(100).await;
    leave(app, 1_000_000).await;
    let hangs = sandbox::provider::Behaviour {
        hang: true,
        ..Default::default()
    };
    app.provider
        .add_fault(sandbox::provider::Fault::next(hangs));
    let body = || with(asks("one"), json!({"max_tokens": 90}));
    let waiting = async {
        app.until(async || app.provider.counts().waiting == 1).await;
        let refused = chat(app, &token, body()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (429, 8112),
            "{}",
            refused.text
        );
        assert_eq!(
            (
                refused.header("retry-after"),
                refused.header("x-should-retry")
            ),
            ("5", "true")
        );
        assert!(
            refused.text.contains("running calls hold $0.00"),
            "{}",
            refused.text
        );
        // Codex gives up at 429, and repeats 503.
        let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
        let refused = send(
            request
                .header("user-agent", "codex_exec/0.171.0")
                .json(&body()),
        )
        .await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (503, 8112),
            "{}",
            refused.text
        );
        // What is too much even without them is refused for good.
        let refused = call(app, &token, MESSAGES, &message(json!("word ".repeat(500)))).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (402, 2021),
            "{}",
            refused.text
        );
        assert_eq!(
            (
                refused.header("retry-after"),
                refused.header("x-should-retry")
            ),
            ("", "false")
        );
        app.provider.clear_faults();
    };
    let (served, ()) = join(chat(app, &token, body()), waiting).await;
    assert_eq!(served.status, 200, "{}", served.text);
    assert!(nanos(app).await > 0);
    assert_eq!(chat(app, &token, body()).await.status, 200);
}

async fn the_log_of_a_refused_call_has_its_model_and_why(app: &TestApp) {
    let token = runner(app).await;
    let told = chat(app, &token, asks("one")).await;
    assert_eq!(told.status, 402);
    let kept = log(app, &told).await.call;
    assert_eq!(
        (kept.model.as_str(), kept.status_code),
        ("gpt-4o", Some(402))
    );
    assert!(
        kept.error
            .unwrap()
            .starts_with("The call needs at least $0.0001 of credit (input 19 tokens")
    );
}

crate::on_both_engines![
    editing_the_context_adds_nothing_but_a_compaction,
    a_tool_of_the_client_s_brings_nothing,
    a_server_side_tool_is_bounded_by_its_rounds,
    rounds_are_lowered_to_the_credit,
    what_is_stored_or_fetched_is_bounded_by_the_context_window,
    documents_and_images_are_bounded_by_their_own_structure,
    long_text_is_held_by_its_tokens,
    a_call_that_waits_for_others_is_repeated,
    the_log_of_a_refused_call_has_its_model_and_why,
];
