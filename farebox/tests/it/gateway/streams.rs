//! Streams: passed on as they come, settled before their last byte, whatever becomes of either end.

use std::time::Duration;

use farebox::store::{charges, gateways, logs};
use serde_json::{Value, json};

use super::{Told, chat, is_settled, nanos, runner, send, to};
use crate::app::TestApp;

const GIVEN: i64 = 1_000_000_000;

fn streaming(words: &str) -> Value {
    json!({"model": "gpt-4o", "stream": true, "max_tokens": 2000,
        "messages": [{"role": "user", "content": words}]})
}

async fn basis(app: &TestApp, told: &Told) -> charges::Basis {
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let found = charges::find(&app.app.store.db, app.account, id)
        .await
        .unwrap();
    found.expect("a charge").charge.basis
}

async fn a_stream_is_passed_on_and_settled_before_its_end(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, streaming("one two")).await;
    assert_eq!(
        told.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert!(told.text.ends_with("data: [DONE]\n\n"), "{}", told.text);
    // The usage that the gateway asks for is not for a client who hasn't.
    assert!(!told.text.contains("usage"), "{}", told.text);
    assert_eq!(nanos(app).await, GIVEN - (2 * 2500 + 5 * 10_000));
    assert_eq!(basis(app, &told).await, charges::Basis::Reported);
    let mut body = streaming("one two");
    body["stream_options"] = json!({"include_usage": true});
    let told = chat(app, &token, body).await;
    assert!(told.text.contains("\"prompt_tokens\":2"), "{}", told.text);
}

async fn a_stream_of_anthropics_and_one_of_googles(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20, "stream": true,
        "messages": [{"role": "user", "content": "one two"}]});
    let request = to(app, "anthropic/v1/messages").header("x-api-key", &token);
    let told = send(
        request
            .header("anthropic-version", "2023-06-01")
            .json(&body),
    )
    .await;
    assert!(told.text.contains("message_stop"), "{}", told.text);
    let anthropics = 2 * 3000 + 5 * 15_000;
    assert_eq!(nanos(app).await, GIVEN - anthropics);
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "one two"}]}]});
    for alt in ["?alt=sse", ""] {
        let before = nanos(app).await;
        let path =
            format!("google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent{alt}");
        let told = send(to(app, &path).header("x-goog-api-key", &token).json(&body)).await;
        assert!(told.text.contains("STOP"), "{}", told.text);
        assert_eq!(before - nanos(app).await, 2 * 300 + 5 * 2500);
    }
}

async fn what_the_provider_cuts_is_estimated_and_never_free(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(
        app,
        &token,
        streaming("one [sandbox words=40 disconnect_after=20]"),
    )
    .await;
    assert!(told.text.starts_with("broken off"), "{}", told.text);
    app.until(async || nanos(app).await < GIVEN).await;
    assert_eq!(basis(app, &told).await, charges::Basis::Estimated);
    // Some twenty words, and not forty: each is a token, or two.
    let cost = GIVEN - nanos(app).await;
    assert!((10 * 10_000..45 * 10_000).contains(&cost), "{cost}");
}

/// Of an answer that is no stream a client gets all or nothing, and pays for all or nothing.
async fn what_breaks_off_before_a_client_has_any_of_it_is_free(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut body = streaming("one [sandbox words=40 piece_bytes=20 disconnect_after=2]");
    body["stream"] = json!(false);
    let told = chat(app, &token, body).await;
    assert_eq!((told.status.as_u16(), told.code()), (502, 2005));
    assert!(told.text.contains("Nothing was charged"), "{}", told.text);
    assert_eq!(nanos(app).await, GIVEN);
}

async fn the_log_of_a_stream_has_what_was_said(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, streaming("one two")).await;
    let kept = response(app, &told).await.unwrap();
    let kept = String::from_utf8(kept).unwrap();
    // The provider's own words: the usage, too, that the gateway has asked for.
    assert!(kept.ends_with("data: [DONE]\n\n"), "{kept}");
    assert!(kept.contains("\"prompt_tokens\":2"), "{kept}");
    // Of one that is too long the beginning is kept.
    let told = chat(app, &token, streaming("one [sandbox words=900]")).await;
    let kept = response(app, &told).await.unwrap();
    assert_eq!(kept.len(), 4096);
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let request = request.header("cf-aig-collect-log-payload", "false");
    let told = send(request.json(&streaming("one two"))).await;
    assert_eq!(response(app, &told).await, None);
}

async fn response(app: &TestApp, told: &Told) -> Option<Vec<u8>> {
    let db = &app.app.store.db;
    let gateway = gateways::find(db, app.account, "default").await.unwrap();
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let kept = logs::payloads(db, &gateway.unwrap(), id).await.unwrap();
    kept.response.map(|body| body.unpack().unwrap())
}

/// Also where it breaks with its first piece: the client has paid for it.
async fn what_came_before_a_break_reaches_the_client(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for bytes in [1, 300, 3000] {
        let wish = format!("one [sandbox words=100 piece_bytes={bytes} disconnect_after=1]");
        let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
        let mut body = streaming(&wish);
        // So that nothing is taken out of it.
        body["stream_options"] = json!({"include_usage": true});
        let mut answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut read = 0;
        while let Ok(Some(piece)) = answer.chunk().await {
            read += piece.len();
        }
        assert_eq!(read, bytes);
    }
}

async fn a_stream_without_usage_is_estimated(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(
        app,
        &token,
        streaming(r#"one [sandbox words=40 usage="missing"]"#),
    )
    .await;
    assert!(told.text.contains("[DONE]"));
    assert_eq!(basis(app, &told).await, charges::Basis::Estimated);
    assert!(GIVEN - nanos(app).await > 30 * 10_000);
}

async fn a_wrong_usage_takes_no_more_than_was_held(app: &TestApp) {
    app.give(1).await;
    let token = runner(app).await;
    let wrong = json!({"prompt_tokens": 1_000_000_000, "completion_tokens": 1_000_000_000,
        "total_tokens": 2_000_000_000});
    let told = chat(
        app,
        &token,
        streaming(&format!("one [sandbox usage={{\"instead\":{wrong}}}]")),
    )
    .await;
    assert!(told.text.contains("[DONE]"), "{}", told.text);
    assert!((0..10_000_000).contains(&nanos(app).await));
}

/// Leaves after the first piece.
async fn leave(app: &TestApp, token: &str, body: Value) {
    let request = to(app, "openai/v1/chat/completions")
        .bearer_auth(token)
        .json(&body);
    let mut answer = request.send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
}

async fn whoever_leaves_pays_for_what_was_written(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    leave(
        app,
        &token,
        streaming("one [sandbox words=30 between_ms=5]"),
    )
    .await;
    // It is read to its end, which says exactly what it was.
    app.until(async || nanos(app).await < GIVEN).await;
    let cost = GIVEN - nanos(app).await;
    assert_eq!(cost % 2500, 0);
    assert!(cost >= 30 * 10_000, "{cost}");
    assert_eq!(app.provider.counts().finished, 1);
}

async fn and_what_has_no_end_is_cut(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    leave(
        app,
        &token,
        streaming("one [sandbox endless=true between_ms=20]"),
    )
    .await;
    app.until(async || nanos(app).await < GIVEN).await;
    app.provider.until(|counts| counts.cancelled == 1).await;
}

async fn or_at_once_where_the_operator_says_so(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mut body = streaming("one [sandbox words=60 stall_after=1]");
    body["stream"] = json!(false);
    let waiting = chat(app, &token, body);
    let left = tokio::time::timeout(Duration::from_millis(500), waiting).await;
    assert!(left.is_err());
    is_settled(app).await;
    assert!(nanos(app).await < GIVEN);
}

async fn and_so_is_a_stream(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    // Silent for longer than this test may take: that nobody listens is seen all the same.
    let body = streaming("one [sandbox words=60 stall_after=20]");
    leave(app, &token, body).await;
    app.provider.until(|counts| counts.cancelled == 1).await;
    app.until(async || nanos(app).await < GIVEN).await;
    let cost = GIVEN - nanos(app).await;
    assert!((0..45 * 10_000).contains(&cost), "{cost}");
}

/// Whoever leaves while nothing comes: before the head of an answer, for which the provider has its time, and
/// before the rest of it.
async fn so_is_what_never_comes(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for (stream, trouble, charges) in [
        (false, "hang", 0),
        (false, "stall_after=1", 1),
        (true, "stall_after=3", 2),
    ] {
        let mut body = streaming(&format!("one [sandbox {trouble}]"));
        body["stream"] = json!(stream);
        let waiting = chat(app, &token, body);
        let left = tokio::time::timeout(Duration::from_millis(500), waiting).await;
        assert!(left.is_err());
        is_settled(app).await;
        let sql = "SELECT id FROM charges";
        let found = app.app.store.db.query(sql, &[]).await.unwrap();
        assert_eq!(found.len(), charges, "{trouble}");
    }
}

async fn a_provider_that_is_silent_is_given_up(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let body = streaming("one [sandbox hang=true]");
    let told = send(request.header("cf-aig-request-timeout", "200").json(&body)).await;
    assert_eq!((told.status.as_u16(), told.code()), (504, 8107));
    assert_eq!(nanos(app).await, GIVEN);
}

async fn a_retry_is_charged_once(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let fails = sandbox::provider::Behaviour {
        status: Some(503),
        ..Default::default()
    };
    app.provider
        .add_fault(sandbox::provider::Fault::next(fails));
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let told = send(
        request
            .header("cf-aig-max-attempts", "3")
            .json(&streaming("one two")),
    )
    .await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(app.provider.requests().len(), 2);
    assert_eq!(nanos(app).await, GIVEN - (2 * 2500 + 5 * 10_000));
}

async fn a_server_that_stops_cuts_what_has_no_end_and_settles_it(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let body = streaming("one [sandbox endless=true between_ms=20]");
    let mut answer = request.json(&body).send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    let stopping = async {
        let stopped = tokio::time::timeout(Duration::from_secs(8), app.app.shut_down());
        stopped.await.expect("it stops");
    };
    let reading = async { while let Ok(Some(_)) = answer.chunk().await {} };
    tokio::join!(stopping, reading);
    let sql = "SELECT id FROM charges";
    assert_eq!(app.app.store.db.query(sql, &[]).await.unwrap().len(), 1);
}

crate::on_both_engines![
    a_server_that_stops_cuts_what_has_no_end_and_settles_it with [("FAREBOX_GATEWAY__DRAIN_SECONDS", "1")],
    a_stream_is_passed_on_and_settled_before_its_end,
    a_stream_of_anthropics_and_one_of_googles,
    what_the_provider_cuts_is_estimated_and_never_free,
    what_came_before_a_break_reaches_the_client,
    what_breaks_off_before_a_client_has_any_of_it_is_free,
    the_log_of_a_stream_has_what_was_said with [("FAREBOX_GATEWAY__LOG_BODY_MAX_BYTES", "8192")],
    a_stream_without_usage_is_estimated,
    a_wrong_usage_takes_no_more_than_was_held,
    whoever_leaves_pays_for_what_was_written,
    and_what_has_no_end_is_cut with [("FAREBOX_GATEWAY__DRAIN_SECONDS", "1")],
    or_at_once_where_the_operator_says_so with [
        ("FAREBOX_PROVIDERS__CUT_WHEN_CLIENT_LEAVES", "openai"),
        ("FAREBOX_GATEWAY__DRAIN_SECONDS", "600"),
    ],
    and_so_is_a_stream with [
        ("FAREBOX_PROVIDERS__CUT_WHEN_CLIENT_LEAVES", "openai"),
        ("FAREBOX_GATEWAY__DRAIN_SECONDS", "600"),
    ],
    so_is_what_never_comes with [
        ("FAREBOX_GATEWAY__DRAIN_SECONDS", "1"),
        ("FAREBOX_GATEWAY__FIRST_BYTE_SECONDS", "2"),
    ],
    a_provider_that_is_silent_is_given_up,
    a_retry_is_charged_once,
];
