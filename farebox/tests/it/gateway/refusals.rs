//! Calls that are not made, each with its code and what to do.

use std::time::Duration;

use farebox::admin::{self, Command};
use serde_json::{Value, json};

use super::{asks, chat, log, nanos, runner, send, set, to};
use crate::app::TestApp;

const CHAT: &str = "openai/v1/chat/completions";

async fn without_a_token_that_may_run_nobody_calls(app: &TestApp) {
    app.give(100).await;
    let stranger = app.another_account().await;
    let strangers = app.token_for(stranger, &["AI Gateway Run"]).await;
    let none = to(app, CHAT);
    let unknown = to(app, CHAT).bearer_auth("fbx_unknown");
    let others = to(app, CHAT).bearer_auth(&strangers);
    for request in [none, unknown, others] {
        let told = send(request.json(&asks("one"))).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (401, 2009),
            "{}",
            told.text
        );
    }
    // Reading and buying is something else than running.
    let told = chat(app, &app.token, asks("one")).await;
    assert_eq!((told.status.as_u16(), told.code()), (403, 2009));
    assert!(told.text.contains("AI Gateway Run"));
    assert!(app.provider.requests().is_empty());
}

async fn a_token_that_is_revoked_or_expired_is_refused_at_once(app: &TestApp) {
    app.give(100).await;
    let run = async |command| {
        let done = admin::run(&app.app.store.db, &app.app.keyring, command, app.app.now());
        done.await.unwrap()
    };
    let create = |seconds| Command::CreateToken {
        account: app.account.to_string(),
        name: "runner".to_owned(),
        permissions: vec!["AI Gateway Run".to_owned()],
        expires_in_seconds: seconds,
    };
    let call = async |made: &Value| {
        let told = chat(app, made["token"].as_str().unwrap(), asks("one")).await;
        told.status.as_u16()
    };
    let (revoked, expiring) = (run(create(None)).await, run(create(Some(60))).await);
    assert_eq!((call(&revoked).await, call(&expiring).await), (200, 200));
    let id = revoked["id"].as_str().unwrap().to_owned();
    run(Command::RevokeToken { id }).await;
    assert_eq!((call(&revoked).await, call(&expiring).await), (401, 200));
    app.tick(Duration::from_secs(61));
    assert_eq!(call(&expiring).await, 401);
}

/// Where nobody is asked, nobody is refused; but a bad token names no one, and is counted.
async fn an_open_gateway_lets_in_whoever_comes(app: &TestApp) {
    let token = runner(app).await;
    set(app, json!({ "authentication": false })).await;
    let call = async |shown: Option<&str>| {
        let mut request = to(app, CHAT)
            .bearer_auth("operator-mistral")
            .json(&asks("one"));
        if let Some(shown) = shown {
            request = request.header("cf-aig-authorization", shown);
        }
        let told = send(request).await;
        assert_eq!(told.status, 200, "{shown:?}: {}", told.text);
        log(app, &told).await.call.authentication
    };
    assert!(!call(None).await);
    assert!(call(Some(&token)).await);
    assert!(!call(Some("fbx_wrong")).await);
    assert!(!call(Some("fbx_wrong")).await);
    // That was all that an address may fail.
    let nowhere = || {
        let url = format!("{}/v1/{}/nowhere/{CHAT}", app.url, app.account);
        crate::app::http_client().post(url)
    };
    let told = send(nowhere().bearer_auth("fbx_wrong").json(&asks("one"))).await;
    assert_eq!(told.status, 429, "{}", told.text);
    // A valid token is let in all the same, and it is told that there is nothing.
    let told = send(nowhere().bearer_auth(&token).json(&asks("one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2001));
}

async fn each_cause_has_its_code(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let unpriced = json!({"model": "unheard-of", "messages": []});
    let nameless = json!({"messages": []});
    for (path, body, status, code) in [
        ("nobody/v1/chat/completions", asks("one"), 400, 2008),
        (CHAT, unpriced, 400, 8101),
        (CHAT, nameless, 400, 2019),
        (CHAT, json!([1, 2]), 400, 2019),
        ("openai/v1/batches", json!({}), 400, 8104),
        ("cerebras/v1/chat/completions", asks("one"), 400, 8103),
    ] {
        let told = send(to(app, path).bearer_auth(&token).json(&body)).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (status, code),
            "{path} {}",
            told.text
        );
        assert_eq!(told.json()["httpCode"], status);
    }
    let told = send(to(app, CHAT).bearer_auth(&token).body("{")).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (400, 2019),
        "{}",
        told.text
    );
    let url = format!("{}/v1/{}/nowhere/{CHAT}", app.url, app.account);
    let told = send(
        crate::app::http_client()
            .post(url)
            .bearer_auth(&token)
            .json(&asks("one")),
    )
    .await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2001));
    assert!(app.provider.requests().is_empty());
    assert_eq!(nanos(app).await, 1_000_000_000);
}

async fn a_header_that_cant_be_read_is_told(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for (name, value, code) in [
        ("cf-aig-request-timeout", "soon", 8109),
        ("cf-aig-max-attempts", "6", 8109),
        ("cf-aig-backoff", "never", 8109),
        ("cf-aig-collect-log", "maybe", 8109),
        ("cf-aig-metadata", "{", 8109),
        ("cf-aig-zdr", "perhaps", 8109),
        ("cf-aig-cache-ttl", "59", 8109),
        ("cf-aig-cache-ttl", "2678401", 8109),
        ("cf-cache-ttl", "soon", 8109),
        ("cf-aig-skip-cache", "1", 8109),
        ("cf-skip-cache", "", 8109),
        ("cf-aig-metadata", r#"{"user": "a\u0000"}"#, 8109),
        ("cf-aig-metadata", r#"{"\u0000": 1}"#, 8109),
        ("cf-aig-byok-alias", "work", 2040),
    ] {
        let request = to(app, CHAT).bearer_auth(&token).header(name, value);
        let told = send(request.json(&asks("one"))).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, code),
            "{name}: {}",
            told.text
        );
    }
}

/// PostgreSQL keeps U+0000 in no text. What it is said in stays what it was: bodies are bytes.
async fn the_one_character_that_no_text_may_have_is_told(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let told = chat(app, &token, json!({"model": "gpt-4o\u{0}", "messages": []})).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (400, 2019),
        "{}",
        told.text
    );
    assert_eq!(log(app, &told).await.call.model, "");
    let url = format!("{}/v1/{}/a%00/{CHAT}", app.url, app.account);
    let request = crate::app::http_client().post(url).bearer_auth(&token);
    let told = send(request.json(&asks("one"))).await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (400, 2001),
        "{}",
        told.text
    );
    let told = chat(app, &token, asks("one\u{0}")).await;
    assert_eq!(told.status, 200, "{}", told.text);
}

async fn whoever_wants_only_their_own_key_pays_nothing(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let request = to(app, CHAT)
        .bearer_auth(&token)
        .header("cf-aig-no-wholesale", "true");
    let told = send(request.json(&asks("one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 8102));
    let kept = log(app, &told).await;
    assert!(!kept.call.success);
    assert_eq!(kept.call.status_code, Some(400));
}

async fn a_body_that_is_too_large_is_told(app: &TestApp) {
    let token = runner(app).await;
    let told = chat(app, &token, asks(&"word ".repeat(1000))).await;
    assert_eq!((told.status.as_u16(), told.code()), (413, 8108));
}

async fn whoever_keeps_failing_has_to_wait(app: &TestApp) {
    let mut last = 0;
    for _ in 0..8 {
        let told = send(to(app, CHAT).bearer_auth("fbx_wrong").json(&asks("one"))).await;
        last = told.status.as_u16();
    }
    assert_eq!(last, 429);
}

crate::on_both_engines![
    without_a_token_that_may_run_nobody_calls,
    a_token_that_is_revoked_or_expired_is_refused_at_once,
    an_open_gateway_lets_in_whoever_comes with [("FAREBOX_HTTP__AUTH_FAILURES_PER_MINUTE", "2")],
    each_cause_has_its_code,
    a_header_that_cant_be_read_is_told,
    the_one_character_that_no_text_may_have_is_told,
    whoever_wants_only_their_own_key_pays_nothing,
    a_body_that_is_too_large_is_told with [("FAREBOX_GATEWAY__BODY_LIMIT_BYTES", "1024")],
    whoever_keeps_failing_has_to_wait with [("FAREBOX_HTTP__AUTH_FAILURES_PER_MINUTE", "5")],
];
