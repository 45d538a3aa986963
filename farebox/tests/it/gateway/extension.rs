//! A streamed call starts with a hold that is likely to be enough, which grows while it runs. If there is no credit for more,
//! the answer ends as its API ends one at its output limit.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use farebox::store::charges;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::faults::Line;
use super::{Told, chat, is_settled, leave, nanos, runner, send, set, to};
use crate::app::{Database, Engine, TestApp};

/// Billionths of a dollar that a token costs which gpt-4o writes.
const OUTPUT: i64 = 10_000;

/// What a stream holds at first, in output tokens.
const LIKELY: i64 = 8192;

fn long(words: u32, more: &str) -> Value {
    json!({"model": "gpt-4o", "stream": true, "max_tokens": 60_000, "messages": [
        {"role": "user", "content": format!("one [sandbox words={words} words_per_event=50 {more}]")}]})
}

async fn holds(app: &TestApp) -> usize {
    let sql = "SELECT id FROM transfers WHERE phase = 'pending'";
    app.app.store.db.query(sql, &[]).await.unwrap().len()
}

async fn charge(app: &TestApp, told: &Told) -> charges::NewCharge {
    let id = told.header("cf-aig-log-id").parse().unwrap();
    let found = charges::find(&app.app.store.db, app.account, id).await;
    found.unwrap().expect("a charge").charge
}

/// An account may spend so many cents today.
async fn limit(app: &TestApp, cents: i64) {
    let sql = "INSERT INTO spending_limits (account_id, amount_cents, duration, strategy, updated_at) \
         SELECT account_id, $1, 'daily', 'fixed', 0 FROM balances";
    app.app
        .store
        .db
        .execute(sql, &[cents.into()])
        .await
        .unwrap();
}

async fn a_short_answer_is_one_hold_and_a_long_one_several(app: &TestApp) {
    app.give(200).await;
    let token = runner(app).await;
    let told = chat(app, &token, long(50, "")).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"), "{}", told.text);
    assert_eq!(holds(app).await, 1);
    let before = nanos(app).await;
    let told = chat(app, &token, long(30_000, "")).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"));
    assert!(told.text.contains("\"stop\""), "its own end");
    let more = holds(app).await - 1;
    // Silence counts, too, on a machine that is busy.
    assert!((3..=10).contains(&more), "{more}");
    let charge = charge(app, &told).await;
    assert_eq!(
        (charge.basis, charge.overrun.nanos()),
        (charges::Basis::Reported, 0)
    );
    assert_eq!(before - nanos(app).await, charge.charged.nanos());
    assert!(charge.charged.nanos() > 30_000 * OUTPUT);
    is_settled(app).await;
}

/// What a long answer could cost is not kept from others meanwhile.
async fn many_at_once_share_a_small_balance(app: &TestApp) {
    let token = runner(app).await;
    for (cents, all) in [(1000, true), (60, false)] {
        leave_cents(app, cents).await;
        let calls = (0..8).map(|n| {
            let model = ["claude-opus-4-5", "claude-sonnet-4-5"][n % 2];
            let body = json!({"model": model, "max_tokens": 32_000, "stream": true, "messages": [
                {"role": "user", "content": "one [sandbox words=300 words_per_event=10 between_ms=20]"}]});
            let request = to(app, "anthropic/v1/messages").header("x-api-key", &token);
            send(request.header("anthropic-version", "2023-06-01").json(&body))
        });
        let answers = join_all(calls).await;
        let served = answers.iter().filter(|told| told.status == 200);
        for told in served.clone() {
            assert!(told.text.contains("message_stop"), "{}", told.text);
            assert!(told.text.contains("end_turn") || told.text.contains("max_tokens"));
        }
        assert!(
            answers
                .iter()
                .all(|told| told.status == 200 || matches!(told.code(), 2021 | 8112))
        );
        let served = served.count();
        assert!(
            served == 8 || !all && served > 1,
            "{served} of 8 on {cents} cents"
        );
        is_settled(app).await;
        assert!(nanos(app).await >= 0);
    }
}

async fn leave_cents(app: &TestApp, cents: i64) {
    app.give(cents + 1).await;
    leave(app, cents * 10_000_000).await;
}

/// The answer ends where the account's limit does, and is charged for what came.
async fn cut(
    app: &TestApp,
    path: &str,
    body: &Value,
    cents: i64,
    headers: &[(&str, &str)],
) -> Told {
    app.give(500).await;
    let token = runner(app).await;
    limit(app, cents).await;
    let before = nanos(app).await;
    let mut request = to(app, path).header("cf-aig-authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let told = send(request.json(body)).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert!(!told.text.starts_with("broken off"), "{}", told.text);
    is_settled(app).await;
    let charge = charge(app, &told).await;
    let cost = before - nanos(app).await;
    assert_eq!((charge.charged.nanos(), charge.overrun.nanos()), (cost, 0));
    assert_eq!(charge.basis, charges::Basis::Estimated);
    let most = cents * 10_000_000;
    assert!((most * 3 / 4..=most).contains(&cost), "{cost} of {most}");
    app.provider.until(|counts| counts.waiting == 0).await;
    told
}

/// Whole events alone, each of them JSON but the last word of a chat.
fn events(told: &Told) -> Vec<Value> {
    let events = told
        .text
        .split("\n\n")
        .filter(|event| !event.trim().is_empty());
    let data = events.map(|event| {
        event
            .lines()
            .find_map(|line| line.strip_prefix("data: "))
            .expect("data")
    });
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

async fn a_chat_ends_with_length(app: &TestApp) {
    let mut body = long(40_000, "");
    body["stream_options"] = json!({"include_usage": true});
    let told = cut(app, "openai/v1/chat/completions", &body, 10, &[]).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"));
    let events = events(&told);
    let [.., last, usage] = events.as_slice() else {
        panic!("events")
    };
    assert_eq!(last["choices"][0]["finish_reason"], "length");
    assert_eq!(last["id"], events[0]["id"]);
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["completion_tokens"].as_i64().unwrap() > LIKELY / 2);
}

/// Also in pieces that are no whole events, and without the usage for whom has not asked.
async fn and_in_whole_events_however_they_come(app: &TestApp) {
    let body = long(40_000, "piece_bytes=1000");
    let told = cut(app, "openai/v1/chat/completions", &body, 10, &[]).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"));
    let events = events(&told);
    assert_eq!(
        events.last().unwrap()["choices"][0]["finish_reason"],
        "length"
    );
    assert!(!told.text.contains("\"usage\":{"));
}

async fn a_message_ends_with_max_tokens(app: &TestApp) {
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 60_000, "stream": true, "messages": [
        {"role": "user", "content": "one [sandbox words=40000 words_per_event=50]"}]});
    let version = [("anthropic-version", "2023-06-01")];
    let told = cut(app, "anthropic/v1/messages", &body, 15, &version).await;
    let events = events(&told);
    let kinds: Vec<_> = events
        .iter()
        .rev()
        .take(3)
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["message_stop", "message_delta", "content_block_stop"]
    );
    let delta = &events[events.len() - 2];
    assert_eq!(delta["delta"]["stop_reason"], "max_tokens");
    assert!(delta["usage"]["output_tokens"].as_i64().unwrap() > LIKELY / 2);
}

async fn a_translated_chat_ends_by_its_translation(app: &TestApp) {
    let mut body = long(40_000, "");
    body["model"] = json!("anthropic/claude-sonnet-4-5");
    let told = cut(app, "compat/chat/completions", &body, 15, &[]).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"));
    let events = events(&told);
    assert_eq!(
        events.last().unwrap()["choices"][0]["finish_reason"],
        "length"
    );
}

async fn geminis_last_candidate_says_max_tokens(app: &TestApp) {
    let body = json!({"contents": [{"role": "user", "parts": [
        {"text": "one [sandbox words=40000 words_per_event=50]"}]}]});
    let path = "google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    let told = cut(app, path, &body, 3, &[]).await;
    let events = events(&told);
    let last = events.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert!(
        last["usageMetadata"]["candidatesTokenCount"]
            .as_i64()
            .unwrap()
            > 0
    );
}

fn response() -> Value {
    json!({"model": "gpt-4o", "stream": true, "max_output_tokens": 60_000,
        "input": "one [sandbox words=40000 words_per_event=50]"})
}

async fn a_response_is_incomplete_and_whole(app: &TestApp) {
    let told = cut(app, "openai/v1/responses", &response(), 10, &[]).await;
    let events = events(&told);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    let response = &last["response"];
    assert_eq!(
        (
            &response["status"],
            &response["incomplete_details"]["reason"]
        ),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(response["id"], events[0]["response"]["id"]);
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta");
    let text: String = deltas
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(response["output"][0]["content"][0]["text"], text.as_str());
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert!(response["usage"]["output_tokens"].as_i64().unwrap() > LIKELY / 2);
}

/// Codex asks again after `response.incomplete`, and after 402: five times each.
async fn codex_is_told_that_asking_again_is_of_no_use(app: &TestApp) {
    let headers = [("originator", "codex_cli_rs")];
    let told = cut(app, "openai/v1/responses", &response(), 10, &headers).await;
    let events = events(&told);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"]["code"], "insufficient_quota");
    app.app
        .store
        .db
        .execute("DELETE FROM spending_limits", &[])
        .await
        .unwrap();
    leave(app, 0).await;
    let token = runner(app).await;
    for (originator, status) in [("codex_exec", 400), ("opencode", 402)] {
        let request = to(app, "openai/v1/responses")
            .bearer_auth(&token)
            .header("originator", originator);
        let told = send(request.json(&response())).await;
        assert_eq!(told.status, status, "{}", told.text);
    }
}

/// Its limit is lowered to what there is, as ever: the provider ends it, and nothing is cut here.
async fn what_the_balance_cant_pay_for_is_ended_by_the_provider(app: &TestApp) {
    app.give(20).await;
    let token = runner(app).await;
    let told = chat(app, &token, long(40_000, "")).await;
    let clamped: i64 = told.header("cf-aig-max-tokens-clamped").parse().unwrap();
    assert!((19_000..20_000).contains(&clamped), "{clamped}");
    assert!(told.text.contains("\"length\"") && told.text.ends_with("data: [DONE]\n\n"));
    assert_eq!(charge(app, &told).await.basis, charges::Basis::Reported);
    assert!((0..2_000_000).contains(&nanos(app).await));
}

async fn a_spend_rule_counts_every_extension(app: &TestApp) {
    app.give(500).await;
    let token = runner(app).await;
    let rule = json!({"id": "r", "limit": 0.4, "limitType": "cost", "window": 3600, "technique": "sliding"});
    set(
        app,
        json!({"spend_limits": {"enabled": true, "rules": [rule]}}),
    )
    .await;
    let told = chat(app, &token, long(20_000, "")).await;
    assert!(told.text.contains("\"stop\""), "there is enough");
    let first = charge(app, &told).await.charged.nanos();
    let told = chat(app, &token, long(40_000, "")).await;
    assert!(told.text.contains("\"length\"") && told.text.ends_with("data: [DONE]\n\n"));
    let spent = 5_000_000_000 - nanos(app).await;
    assert!(
        (first + LIKELY * OUTPUT..=400_000_000).contains(&spent),
        "{spent}"
    );
    let sql = "SELECT CAST(SUM(amount) AS BIGINT), (SELECT COUNT(*) FROM bucket_reservations) FROM bucket_spend";
    let mut row = app.app.store.db.query_opt(sql, &[]).await.unwrap().unwrap();
    assert_eq!((row.int().unwrap(), row.int().unwrap()), (spent, 0));
    is_settled(app).await;
}

/// A part of a lease grows in memory while there is anything idle, and leaves the lease for a hold of its own then.
async fn a_part_of_a_lease_grows(app: &TestApp) {
    if app.app.store.db.engine() != "sqlite" {
        return;
    }
    let token = runner(app).await;
    app.give(40_000).await;
    let (leases, now) = (app.app.store.committer.leases(), app.app.now());
    let mut body = long(1, "");
    app.until(async || {
        join_all((0..20).map(|_| chat(app, &token, body.clone()))).await;
        leases.has_idle(app.account, now)
    })
    .await;
    let before = (holds(app).await, nanos(app).await);
    body = long(30_000, "");
    let told = chat(app, &token, body).await;
    assert!(told.text.contains("\"stop\""));
    let charge = charge(app, &told).await;
    assert_eq!(before.1 - nanos(app).await, charge.charged.nanos());
    assert_eq!(charge.overrun.nanos(), 0);
    assert_eq!(holds(app).await, before.0);
    // All that is idle goes to somebody else while such a call runs.
    let calls = (0..6).map(|_| chat(app, &token, long(30_000, "between_ms=1")));
    for told in join_all(calls).await {
        assert!(told.text.contains("\"stop\""));
    }
    app.tick(Duration::from_secs(5));
    is_settled(app).await;
    let told = app.balance().await;
    assert_eq!(told.available, Some(told.balance));
}

/// Nobody knows whether the hold was extended: the call is charged out of the one that is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extension_whose_answer_is_lost_is_found_out() {
    let Some(database) = Database::create(Engine::Postgres).await else {
        return;
    };
    let line = Arc::new(Line::default());
    let url = line.lay(&database.url).await;
    let app = TestApp::start(Engine::Postgres, &[("FAREBOX_DATABASE__URL", &url)])
        .await
        .unwrap();
    app.give(200).await;
    let token = runner(&app).await;
    let request = to(&app, "openai/v1/chat/completions").bearer_auth(&token);
    let mut answer = request
        .json(&long(30_000, "between_ms=4"))
        .send()
        .await
        .unwrap();
    assert!(answer.chunk().await.unwrap().is_some());
    line.is_armed.store(true, Ordering::SeqCst);
    let meanwhile = async {
        app.until(async || line.is_down.load(Ordering::SeqCst))
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        line.is_down.store(false, Ordering::SeqCst);
    };
    let reading = async { while answer.chunk().await.unwrap().is_some() {} };
    tokio::join!(reading, meanwhile);
    is_settled(&app).await;
    let cost = 2_000_000_000 - nanos(&app).await;
    // The prompt has 5 words.
    assert_eq!(cost, 5 * 2500 + 30_000 * OUTPUT);
}

crate::on_both_engines![
    a_short_answer_is_one_hold_and_a_long_one_several,
    many_at_once_share_a_small_balance,
    a_chat_ends_with_length,
    and_in_whole_events_however_they_come,
    a_message_ends_with_max_tokens,
    a_translated_chat_ends_by_its_translation,
    geminis_last_candidate_says_max_tokens,
    a_response_is_incomplete_and_whole,
    codex_is_told_that_asking_again_is_of_no_use,
    what_the_balance_cant_pay_for_is_ended_by_the_provider,
    a_spend_rule_counts_every_extension,
    a_part_of_a_lease_grows,
];
