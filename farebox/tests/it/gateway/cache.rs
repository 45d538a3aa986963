//! Answers that are kept for the next call that is the same.

use std::time::Duration;

use farebox::gateways::prune_cache;
use farebox::store::logs::KeySource;
use ledger::Amount;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Told, asks, keys, leave, log, nanos, runner, send, set, to};
use crate::app::{TestApp, http_client};

const CHAT: &str = "openai/v1/chat/completions";

/// A chat by way of the gateway, with these headers.
async fn ask(app: &TestApp, token: &str, words: &str, headers: &[(&str, &str)]) -> Told {
    post(app, token, "default", asks(words), headers).await
}

async fn post(
    app: &TestApp,
    token: &str,
    gateway: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Told {
    let url = format!("{}/v1/{}/{gateway}/{CHAT}", app.url, app.account);
    let request = http_client().post(url);
    let mut request = request.header("cf-aig-authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.json(&body)).await
}

/// What the cache had to do with it; empty where nothing.
#[track_caller]
fn status(told: &Told) -> &str {
    assert_eq!(told.status, 200, "{}", told.text);
    told.header("cf-aig-cache-status")
}

/// How many calls a provider was asked for.
fn asked(app: &TestApp) -> usize {
    app.provider.requests().len()
}

async fn rows(app: &TestApp) -> usize {
    let sql = "SELECT key FROM cached_answers";
    app.app.store.db.query(sql, &[]).await.unwrap().len()
}

async fn the_same_call_again_costs_nothing(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    let first = ask(app, &token, "one", &[]).await;
    assert_eq!(status(&first), "MISS");
    assert_ne!(first.header("cf-aig-cost"), "0");
    let before = nanos(app).await;
    assert!(before < 1_000_000_000);

    let second = ask(app, &token, "one", &[("cf-aig-event-id", "again")]).await;
    assert_eq!(status(&second), "HIT");
    assert_eq!((&second.text, asked(app)), (&first.text, 1));
    assert_eq!(second.header("content-type"), first.header("content-type"));
    assert_eq!(second.header("cf-aig-cost"), "0");
    assert_eq!(nanos(app).await, before);
    let ours = ["content-type", "content-length", "date"];
    for name in second.headers.keys() {
        let name = name.as_str();
        assert!(name.starts_with("cf-") || ours.contains(&name), "{name}");
    }

    assert_ne!(
        first.header("cf-aig-log-id"),
        second.header("cf-aig-log-id")
    );
    let kept = log(app, &second).await.call;
    assert!(kept.cached && kept.success);
    assert_eq!((kept.cost, kept.tokens_in), (Some(Amount::ZERO), Some(0)));
    assert_eq!(kept.model, "gpt-4o");
    assert_eq!(kept.key_source, KeySource::None);
    assert_eq!(kept.event_id.as_deref(), Some("again"));
    assert!(!log(app, &first).await.call.cached);

    // A byte more, or another version of the API, is another call.
    assert_eq!(status(&ask(app, &token, "one ", &[]).await), "MISS");
    let beta = [("openai-beta", "assistants=v2")];
    assert_eq!(status(&ask(app, &token, "one", &beta).await), "MISS");
}

async fn who_has_nothing_is_served_what_is_kept(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    leave(app, 0).await;
    let refused = ask(app, &token, "two", &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (402, 2021));
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "HIT");
}

async fn who_may_not_call_is_not_served(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    let refused = ask(app, "fbx_unknown", "one", &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (401, 2009));
    let own = [("cf-aig-no-wholesale", "true")];
    let refused = ask(app, &token, "one", &own).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, 8102));
}

async fn a_key_of_the_callers_stands_for_the_body(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let mine = [("cf-aig-cache-key", "mine")];
    // Without a word of anybody's nothing is kept.
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "");
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "");
    let first = ask(app, &token, "one", &mine).await;
    assert_eq!(status(&first), "MISS");
    let second = ask(app, &token, "two words", &mine).await;
    assert_eq!((status(&second), &second.text), ("HIT", &first.text));
    let other = [("cf-aig-cache-key", "other")];
    assert_eq!(status(&ask(app, &token, "one", &other).await), "MISS");
    // For five minutes, where nobody says.
    app.tick(Duration::from_secs(290));
    assert_eq!(status(&ask(app, &token, "one", &mine).await), "HIT");
    app.tick(Duration::from_secs(11));
    assert_eq!(status(&ask(app, &token, "one", &mine).await), "MISS");
}

async fn headers_say_for_how_long(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    for name in ["cf-aig-cache-ttl", "cf-cache-ttl"] {
        let minute = [(name, "60")];
        assert_eq!(status(&ask(app, &token, name, &minute).await), "MISS");
        assert_eq!(status(&ask(app, &token, name, &minute).await), "HIT");
        app.tick(Duration::from_secs(61));
        assert_eq!(status(&ask(app, &token, name, &minute).await), "MISS");
    }
    // The header goes before the gateway, and the name of today before the older one.
    set(app, json!({"cache_ttl": 3600})).await;
    let both = [("cf-aig-cache-ttl", "60"), ("cf-cache-ttl", "7200")];
    assert_eq!(status(&ask(app, &token, "both", &both).await), "MISS");
    assert_eq!(status(&ask(app, &token, "gateway's", &[]).await), "MISS");
    app.tick(Duration::from_secs(61));
    assert_eq!(status(&ask(app, &token, "both", &[]).await), "MISS");
    assert_eq!(status(&ask(app, &token, "gateway's", &[]).await), "HIT");

    for name in ["cf-aig-skip-cache", "cf-skip-cache"] {
        let before = asked(app);
        let skipping = [(name, "true"), ("cf-aig-cache-key", name)];
        assert_eq!(status(&ask(app, &token, "both", &skipping).await), "");
        assert_eq!(status(&ask(app, &token, "both", &skipping).await), "");
        assert_eq!(asked(app), before + 2);
        assert_eq!(
            status(&ask(app, &token, "both", &[(name, "false")]).await),
            "HIT"
        );
    }
}

async fn a_change_of_the_gateway_forgets_what_is_kept(app: &TestApp) {
    app.give(100).await;
    let settings = json!({"cache_ttl": 300, "cache_invalidate_on_update": false});
    set(app, settings).await;
    let token = runner(app).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    set(app, json!({"retry_delay": 1})).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "HIT");
    set(app, json!({"cache_invalidate_on_update": true})).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "HIT");
    set(app, json!({"retry_delay": 2})).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    // What nobody can find any more takes no room.
    prune_cache(&app.app).await.unwrap();
    assert_eq!(rows(app).await, 1);
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "HIT");
}

async fn nobody_gets_what_anothers_key_has_brought(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    let first = [("authorization", "Bearer operator-mistral")];
    let second = [("authorization", "Bearer gsk_operator")];
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    let own = ask(app, &token, "one", &first).await;
    assert_eq!((status(&own), own.header("cf-aig-cost")), ("MISS", ""));
    let own = ask(app, &token, "one", &first).await;
    assert_eq!((status(&own), own.header("cf-aig-cost")), ("HIT", ""));
    assert_eq!(status(&ask(app, &token, "one", &second).await), "MISS");

    // Nor by way of another gateway.
    let body = json!({"id": "other", "cache_ttl": 300, "cache_invalidate_on_update": false,
        "collect_logs": true, "rate_limiting_limit": 0, "rate_limiting_interval": 0});
    keys::manage(app, Method::POST, "gateways", body).await;
    let told = post(app, &token, "other", asks("one"), &[]).await;
    assert_eq!(status(&told), "MISS");

    // A stored key is another one than the operator's.
    let body = json!({"provider_slug": "openai", "alias": "default", "default_config": true,
        "secret": "sk-operator-deepseek"});
    let path = "gateways/default/provider_configs";
    keys::manage(app, Method::POST, path, body).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "HIT");
    assert_eq!(asked(app), 5);
}

async fn what_is_no_whole_answer_is_not_kept(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    for words in [
        "one [sandbox status=500]",
        "one [sandbox piece_bytes=20 disconnect_after=2]",
        // Longer than what is kept.
        "one [sandbox words=2000]",
    ] {
        for _ in 0..2 {
            let told = ask(app, &token, words, &[]).await;
            assert_ne!(told.header("cf-aig-cache-status"), "HIT", "{words}");
        }
    }
    // A stream is passed on as it comes, whatever is asked for.
    let body = json!({"model": "gpt-4o", "stream": true, "max_tokens": 10,
        "messages": [{"role": "user", "content": "one"}]});
    for _ in 0..2 {
        let key = [("cf-aig-cache-key", "stream")];
        let told = post(app, &token, "default", body.clone(), &key).await;
        assert_eq!(status(&told), "");
    }
    assert_eq!((asked(app), rows(app).await), (8, 0));
}

async fn an_answer_that_was_cut_is_not_kept(app: &TestApp) {
    app.give(1).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    let cut = ask(app, &token, "one", &[]).await;
    assert_eq!(status(&cut), "MISS");
    assert!(!cut.header("cf-aig-max-tokens-clamped").is_empty());
    app.give(100).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "HIT");
}

async fn what_is_too_old_or_too_much_goes(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let body = json!({"id": "small", "cache_ttl": 300, "cache_invalidate_on_update": false,
        "collect_logs": true, "rate_limiting_limit": 0, "rate_limiting_interval": 0});
    keys::manage(app, Method::POST, "gateways", body).await;
    let token = runner(app).await;
    let small = post(app, &token, "small", asks("one"), &[]).await;
    assert_eq!(status(&small), "MISS");
    for number in 0..12 {
        let told = ask(app, &token, &format!("number {number}"), &[]).await;
        assert_eq!(status(&told), "MISS");
        app.tick(Duration::from_secs(1));
    }
    prune_cache(&app.app).await.unwrap();
    let sql = "SELECT CAST(SUM(size) AS BIGINT) FROM cached_answers";
    let taken = app.app.store.db.query_opt(sql, &[]).await.unwrap();
    let taken = taken.unwrap().int().unwrap();
    assert!(taken <= 2000, "{taken}");
    let left = rows(app).await;
    assert!((2..13).contains(&left), "{left}");
    // The one that has most makes room, with what would go first.
    let told = post(app, &token, "small", asks("one"), &[]).await;
    assert_eq!(status(&told), "HIT");
    assert_eq!(status(&ask(app, &token, "number 11", &[]).await), "HIT");
    assert_eq!(status(&ask(app, &token, "number 0", &[]).await), "MISS");

    keys::manage(app, Method::DELETE, "gateways/small", json!({})).await;
    prune_cache(&app.app).await.unwrap();
    let sql = "SELECT DISTINCT gateway FROM cached_answers";
    assert_eq!(app.app.store.db.query(sql, &[]).await.unwrap().len(), 1);
    app.tick(Duration::from_secs(301));
    prune_cache(&app.app).await.unwrap();
    assert_eq!(rows(app).await, 0);
}

async fn two_nodes_keep_for_each_other(app: &TestApp) {
    let Some((other, url)) = app.another_gateway().await else {
        return;
    };
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    assert_eq!(status(&ask(app, &token, "one", &[]).await), "MISS");
    let url = format!("{url}/v1/{}/default/{CHAT}", app.account);
    let request = http_client().post(url).bearer_auth(&token);
    assert_eq!(status(&send(request.json(&asks("one"))).await), "HIT");
    other.shut_down().await;
}

async fn other_apis_are_kept_as_well(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    let gemini = "google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent";
    for (path, body) in [
        (
            "anthropic/v1/messages",
            json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
                "messages": [{"role": "user", "content": "one"}]}),
        ),
        (
            gemini,
            json!({"contents": [{"parts": [{"text": "one"}]}],
                "generationConfig": {"maxOutputTokens": 20}}),
        ),
        (
            "openai/v1/embeddings",
            json!({"model": "text-embedding-3-small", "input": "one"}),
        ),
    ] {
        let again = async || {
            let request = to(app, path).bearer_auth(&token);
            send(
                request
                    .header("anthropic-version", "2023-06-01")
                    .json(&body),
            )
            .await
        };
        let (first, second) = (again().await, again().await);
        assert_eq!((status(&first), status(&second)), ("MISS", "HIT"), "{path}");
        assert_eq!(first.text, second.text);
    }
}

crate::on_both_engines![
    the_same_call_again_costs_nothing,
    who_has_nothing_is_served_what_is_kept,
    who_may_not_call_is_not_served,
    a_key_of_the_callers_stands_for_the_body,
    headers_say_for_how_long,
    a_change_of_the_gateway_forgets_what_is_kept,
    nobody_gets_what_anothers_key_has_brought,
    what_is_no_whole_answer_is_not_kept with [("FAREBOX_GATEWAY__CACHE_BODY_MAX_BYTES", "4096")],
    an_answer_that_was_cut_is_not_kept,
    what_is_too_old_or_too_much_goes with [("FAREBOX_GATEWAY__CACHE_MAX_BYTES", "2000")],
    two_nodes_keep_for_each_other,
    other_apis_are_kept_as_well,
];
