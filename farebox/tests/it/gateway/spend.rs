//! Spend rules of a gateway: what is let through, what is lowered, what is refused, and what frees them.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Dollars;
use farebox::store::buckets::Reserve;
use farebox::store::gateways::{self, Gateway};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use ledger::{
    Account, Amount, BucketId, Cap, Code, Operation, Strategy, Timestamp, TransferId, Window,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::keys::manage;
use super::{Told, asks, chat, log, nanos, runner, send, to};
use crate::app::TestApp;

/// $10, in billionths.
const GIVEN: i64 = 10_000_000_000;

/// What a token that is read costs, and one that is written.
const INPUT: i64 = 2500;
const OUTPUT: i64 = 10_000;

fn limited(words: &str, limit: u64) -> Value {
    json!({"model": "gpt-4o", "max_tokens": limit, "messages": [{"role": "user", "content": words}]})
}

fn dollars(nanos: i64) -> Value {
    serde_json::from_str(&Dollars::from_nanos(nanos).to_string()).unwrap()
}

fn rule(id: &str, nanos: i64, window: i64, technique: &str) -> Value {
    json!({ "id": id, "limit": dollars(nanos), "limitType": "cost", "window": window, "technique": technique })
}

fn with(mut rule: Value, more: Value) -> Value {
    let more = more.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(more);
    rule
}

/// Sets the rules of the gateway that calls go through, in place of those that it had.
async fn set(app: &TestApp, rules: Value) {
    let limits = json!({ "spend_limits": { "enabled": true, "rules": rules } });
    manage(app, Method::PATCH, "gateways/default", limits).await;
}

/// The account's token; its gateway is there, with credit, and cuts calls to what there is or doesn't.
async fn start(app: &TestApp, clamps: bool) -> String {
    let token = runner(app).await;
    send(to(app, "nobody/x").bearer_auth(&token)).await;
    let settings = json!({ "clamp_max_tokens": clamps });
    manage(app, Method::PATCH, "gateways/default", settings).await;
    app.give(1000).await;
    token
}

async fn gateway(app: &TestApp) -> Gateway {
    let found = gateways::find(&app.app.store.db, app.account, "default");
    found.await.unwrap().unwrap()
}

/// What was spent in each bucket and when, oldest first.
async fn spent(app: &TestApp) -> BTreeMap<String, Vec<(i64, i64)>> {
    let sql = "SELECT bucket, at, amount FROM bucket_spend ORDER BY bucket, at";
    let mut buckets = BTreeMap::<_, Vec<_>>::new();
    for mut row in app.app.store.db.query(sql, &[]).await.unwrap() {
        let bucket = row.text().unwrap();
        let spent = (row.int().unwrap(), row.int().unwrap());
        buckets.entry(bucket).or_default().push(spent);
    }
    buckets
}

/// All that was spent in all buckets.
async fn sum(app: &TestApp) -> i64 {
    let spent = spent(app).await;
    spent.values().flatten().map(|(_, amount)| amount).sum()
}

async fn reserved(app: &TestApp) -> Vec<i64> {
    let sql = "SELECT amount FROM bucket_reservations ORDER BY amount";
    let rows = app.app.store.db.query(sql, &[]).await.unwrap();
    rows.into_iter().map(|mut row| row.int().unwrap()).collect()
}

/// The call was refused by this rule.
#[track_caller]
fn is_refused(told: &Told, rule: &str) {
    let status = told.status.as_u16();
    assert_eq!((status, told.code()), (429, 2041), "{}", told.text);
    let message = format!("Spend limit exceeded: rule '{rule}' (cost limit ");
    assert!(told.text.contains(&message), "{}", told.text);
}

#[track_caller]
fn is_served(told: &Told) {
    assert_eq!(told.status, 200, "{}", told.text);
}

/// What the refusal says that the call needs, in billionths.
fn needs(told: &Told) -> i64 {
    let (_, rest) = told.text.split_once("the call needs ").unwrap();
    let (needs, _) = rest.split_once(" at least").unwrap();
    needs.parse::<Dollars>().unwrap().nanos()
}

fn retry_after(told: &Told) -> i64 {
    told.header("retry-after").parse().unwrap()
}

async fn a_limit_is_exact_to_the_nano(app: &TestApp) {
    let token = start(app, false).await;
    let body = limited("one", 100);
    set(app, json!([rule("r", 1, 3600, "sliding")])).await;
    let told = chat(app, &token, body.clone()).await;
    is_refused(&told, "r");
    let message =
        "rule 'r' (cost limit 0.000000001 per 3600s, sliding) for openai gpt-4o: the call needs ";
    assert!(told.text.contains(message), "{}", told.text);
    // A call that is more than the whole limit never fits.
    assert_eq!(told.header("retry-after"), "");
    assert_eq!(log(app, &told).await.call.status_code, Some(429));
    assert!(app.provider.requests().is_empty());
    assert_eq!(nanos(app).await, GIVEN);

    let needs = needs(&told);
    set(app, json!([rule("r", needs - 1, 3600, "sliding")])).await;
    is_refused(&chat(app, &token, body.clone()).await, "r");
    set(app, json!([rule("r", needs, 3600, "sliding")])).await;
    is_served(&chat(app, &token, body.clone()).await);
    let cost = GIVEN - nanos(app).await;
    assert_eq!((sum(app).await, reserved(app).await), (cost, vec![]));
    assert!(cost < needs);

    // What it cost counts, and no more than that.
    set(app, json!([rule("r", cost + needs - 1, 3600, "sliding")])).await;
    let told = chat(app, &token, body.clone()).await;
    is_refused(&told, "r");
    assert!((3500..=3600).contains(&retry_after(&told)), "{told:?}");
    set(app, json!([rule("r", cost + needs, 3600, "sliding")])).await;
    is_served(&chat(app, &token, body).await);
    assert_eq!(GIVEN - nanos(app).await, 2 * cost);
    assert_eq!(sum(app).await, 2 * cost);
}

async fn fifty_at_once_on_a_limit_that_fits_five(app: &TestApp) {
    use sandbox::provider::{Behaviour, Fault};
    let token = start(app, false).await;
    let body = limited("one [sandbox words=200]", 200);
    set(app, json!([rule("r", 1, 3600, "fixed")])).await;
    let needs = needs(&chat(app, &token, body.clone()).await);
    set(app, json!([rule("r", 6 * needs - 1, 3600, "fixed")])).await;
    let hangs = Behaviour {
        hang: true,
        words: Some(200),
        ..Behaviour::default()
    };
    let fault = app.provider.add_fault(Fault {
        times: 50,
        ..Fault::next(hangs)
    });
    let calls = (0..50).map(|_| chat(app, &token, body.clone()));
    let mut calls: FuturesUnordered<_> = calls.collect();
    for _ in 0..45 {
        let told = calls.next().await.unwrap();
        is_refused(&told, "r");
        // Any of those under way may end at once.
        assert_eq!(retry_after(&told), 1);
    }
    assert_eq!(reserved(app).await, [needs; 5]);
    app.provider.release(fault);
    while let Some(told) = calls.next().await {
        is_served(&told);
    }
    assert!(reserved(app).await.is_empty());
    assert_eq!(sum(app).await, GIVEN - nanos(app).await);
    assert!(sum(app).await <= 5 * needs);
    app.provider.clear_faults();
}

async fn what_is_left_is_spent_and_the_answer_cut_to_it(app: &TestApp) {
    let token = start(app, true).await;
    let limit = 10_000_000;
    set(app, json!([rule("r", limit, 3600, "sliding")])).await;
    let words = "one [sandbox words=5000]";
    let told = chat(app, &token, asks(words)).await;
    is_served(&told);
    let clamped: i64 = told.header("cf-aig-max-tokens-clamped").parse().unwrap();
    assert!((900..1000).contains(&clamped), "{clamped}");
    let sent = &app.provider.requests()[0].body;
    assert_eq!(sent["max_completion_tokens"], clamped);
    assert_eq!(told.json()["usage"]["completion_tokens"], clamped);
    // What is left pays for a little more, and then not even for the least.
    let mut told = told;
    while told.status == 200 {
        assert_eq!(sum(app).await, GIVEN - nanos(app).await);
        told = chat(app, &token, asks("one [sandbox words=5000]")).await;
    }
    is_refused(&told, "r");
    let left = limit - sum(app).await;
    assert!(left >= 0 && left < needs(&told), "{left}");
}

async fn every_rule_counts_what_it_is_about(app: &TestApp) {
    let token = start(app, false).await;
    let filter = |values: Value| json!({ "mode": "filter", "values": values });
    let rules = |nanos: i64| {
        json!([
            with(rule("off", 1, 3600, "fixed"), json!({ "enabled": false })),
            with(
                rule("mini", nanos, 3600, "fixed"),
                json!({ "model": filter(json!(["openai/gpt-4o-mini"])) })
            ),
            with(
                rule("claude", nanos, 3600, "fixed"),
                json!({ "provider": filter(json!(["anthropic"])) })
            ),
            with(
                rule("free", nanos, 3600, "fixed"),
                json!({ "metadata": { "plan": filter(json!(["free"])) } })
            ),
            with(
                rule("user", nanos, 3600, "fixed"),
                json!({ "metadata": { "user": { "mode": "partition" } } })
            ),
        ])
    };
    let ask = async |metadata: &str, model: &str| {
        let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
        let mut body = limited("one", 100);
        body["model"] = json!(model);
        send(request.header("cf-aig-metadata", metadata).json(&body)).await
    };
    set(app, rules(1)).await;
    // What no rule is about passes, and is counted nowhere.
    for (metadata, model) in [
        ("{}", "gpt-4o"),
        (r#"{"plan":"pro","team":"red"}"#, "gpt-4o"),
    ] {
        is_served(&ask(metadata, model).await);
    }
    assert!(spent(app).await.is_empty());
    is_refused(&ask("{}", "gpt-4o-mini").await, "mini");
    is_refused(&ask(r#"{"plan":"free"}"#, "gpt-4o").await, "free");
    let told = ask(r#"{"plan":"free","user":"ada"}"#, "gpt-4o").await;
    is_refused(&told, "free");
    let request = to(app, "anthropic/v1/messages").header("x-api-key", &token);
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": "one"}]});
    let request = request.header("anthropic-version", "2023-06-01");
    is_refused(&send(request.json(&body)).await, "claude");

    // Each value of a partition has the whole limit, and a number is the text that looks like it.
    set(app, rules(needs(&told))).await;
    for user in [r#"{"user":"ada"}"#, r#"{"user":"grace"}"#, r#"{"user":7}"#] {
        is_served(&ask(user, "gpt-4o").await);
        is_refused(&ask(user, "gpt-4o").await, "user");
    }
    is_refused(&ask(r#"{"user":"7"}"#, "gpt-4o").await, "user");
    is_refused(
        &ask(r#"{"user":"ada","plan":"free"}"#, "gpt-4o").await,
        "user",
    );
    assert_eq!(spent(app).await.len(), 3);
    // A call counts under every rule that is about it.
    is_served(&ask(r#"{"user":"alan","plan":"free"}"#, "gpt-4o").await);
    is_refused(&ask(r#"{"plan":"free"}"#, "gpt-4o").await, "free");
    assert_eq!(spent(app).await.len(), 5);
}

/// Sets the clock to the beginning of a minute.
fn to_a_minute(app: &TestApp) {
    let millis = app.app.now().millis().rem_euclid(60_000);
    app.tick(Duration::from_millis(
        u64::try_from(60_000 - millis).unwrap(),
    ));
}

async fn fixed_windows_end_on_the_clock(app: &TestApp) {
    let token = start(app, false).await;
    let body = limited("one", 100);
    set(app, json!([rule("r", 1, 60, "fixed")])).await;
    let needs = needs(&chat(app, &token, body.clone()).await);
    set(app, json!([rule("r", needs, 60, "fixed")])).await;
    to_a_minute(app);
    app.tick(Duration::from_secs(20));
    is_served(&chat(app, &token, body.clone()).await);
    let told = chat(app, &token, body.clone()).await;
    is_refused(&told, "r");
    let wait = retry_after(&told);
    assert!((30..=40).contains(&wait), "{wait}");
    app.tick(Duration::from_secs(20));
    is_refused(&chat(app, &token, body.clone()).await, "r");
    app.tick(Duration::from_secs(u64::try_from(wait).unwrap() - 20));
    is_served(&chat(app, &token, body).await);
}

async fn sliding_windows_free_bit_by_bit(app: &TestApp) {
    let token = start(app, false).await;
    let body = limited("one", 100);
    set(app, json!([rule("r", 1, 60, "sliding")])).await;
    let needs = needs(&chat(app, &token, body.clone()).await);
    // Two fit, however they lie to the clock's minutes, and a third when the first has left.
    let cost = INPUT + 5 * OUTPUT;
    set(app, json!([rule("r", needs + cost, 60, "sliding")])).await;
    to_a_minute(app);
    app.tick(Duration::from_secs(40));
    is_served(&chat(app, &token, body.clone()).await);
    app.tick(Duration::from_secs(30));
    is_served(&chat(app, &token, body.clone()).await);
    let told = chat(app, &token, body.clone()).await;
    is_refused(&told, "r");
    let wait = retry_after(&told);
    assert!((20..=30).contains(&wait), "{wait}");
    app.tick(Duration::from_secs(u64::try_from(wait).unwrap() - 8));
    is_refused(&chat(app, &token, body.clone()).await, "r");
    app.tick(Duration::from_secs(8));
    is_served(&chat(app, &token, body.clone()).await);
    is_refused(&chat(app, &token, body).await, "r");
    assert_eq!(sum(app).await, 3 * cost);
}

async fn whoever_needs_more_waits_for_more(app: &TestApp) {
    let token = start(app, false).await;
    set(app, json!([rule("r", 1, 60, "sliding")])).await;
    let needs = needs(&chat(app, &token, limited("one", 5)).await);
    let cost = INPUT + 5 * OUTPUT;
    set(app, json!([rule("r", 4 * cost + needs, 60, "sliding")])).await;
    for _ in 0..5 {
        is_served(&chat(app, &token, limited("one", 5)).await);
        app.tick(Duration::from_secs(10));
    }
    // What one of them needs is there when the first of them has left; with ten tokens more, when the third has.
    for (limit, left) in [(5, 10), (6, 20), (15, 30), (25, 50)] {
        let told = chat(app, &token, limited("one", limit)).await;
        is_refused(&told, "r");
        let wait = retry_after(&told);
        assert!((left - 8..=left).contains(&wait), "{limit}: {wait}");
    }
}

async fn what_was_counted_stays_with_the_rules_id(app: &TestApp) {
    let token = start(app, false).await;
    let body = limited("one", 100);
    set(app, json!([rule("r", 1, 3600, "fixed")])).await;
    let needs = needs(&chat(app, &token, body.clone()).await);
    set(app, json!([rule("r", needs, 3600, "fixed")])).await;
    is_served(&chat(app, &token, body.clone()).await);
    let put = async |rules: Value| {
        let all = json!({
            "cache_invalidate_on_update": false, "cache_ttl": 0, "collect_logs": true,
            "rate_limiting_interval": 0, "rate_limiting_limit": 0, "clamp_max_tokens": false,
            "spend_limits": { "enabled": true, "rules": rules },
        });
        manage(app, Method::PUT, "gateways/default", all).await;
    };
    put(json!([rule("r", needs, 7200, "sliding")])).await;
    is_refused(&chat(app, &token, body.clone()).await, "r");
    // Another rule begins with nothing, and so does one on a gateway that is made anew.
    put(json!([rule("other", needs, 7200, "sliding")])).await;
    is_served(&chat(app, &token, body.clone()).await);
    is_refused(&chat(app, &token, body.clone()).await, "other");
    manage(app, Method::DELETE, "gateways/default", Value::Null).await;
    app.until(async || {
        farebox::gateways::prune_spend(&app.app).await.unwrap();
        spent(app).await.is_empty()
    })
    .await;
    send(to(app, "nobody/x").bearer_auth(&token)).await;
    put(json!([rule("other", needs, 7200, "sliding")])).await;
    is_served(&chat(app, &token, body.clone()).await);
    is_refused(&chat(app, &token, body).await, "other");
}

/// A chat with a provider's key of the caller's own.
async fn own(app: &TestApp, token: &str, body: &Value) -> Told {
    let request = to(app, "openai/v1/chat/completions")
        .header("cf-aig-authorization", format!("Bearer {token}"))
        .bearer_auth("operator-mistral");
    send(request.json(body)).await
}

async fn calls_with_keys_of_their_own_count_and_take_no_credit(app: &TestApp) {
    let token = runner(app).await;
    send(to(app, "nobody/x").bearer_auth(&token)).await;
    let limit = 10_000_000;
    set(app, json!([rule("r", limit, 3600, "sliding")])).await;
    let told = own(app, &token, &limited("one two", 10)).await;
    is_served(&told);
    assert_eq!(told.header("cf-aig-cost"), "");
    assert_eq!(sum(app).await, 2 * INPUT + 5 * OUTPUT);
    let logged = log(app, &told).await.call;
    assert_eq!(logged.cost, Some(Amount::from_nanos(sum(app).await)));

    // A stream is counted by its usage, which is not for a client who hasn't asked for it.
    let mut stream = limited("one two", 10);
    stream["stream"] = json!(true);
    let told = own(app, &token, &stream).await;
    assert!(told.text.ends_with("data: [DONE]\n\n"), "{}", told.text);
    assert!(!told.text.contains("prompt_tokens"), "{}", told.text);
    assert_eq!(sum(app).await, 2 * (2 * INPUT + 5 * OUTPUT));

    let mut told = own(app, &token, &asks("one [sandbox words=5000]")).await;
    let clamped: i64 = told.header("cf-aig-max-tokens-clamped").parse().unwrap();
    assert_eq!(told.json()["usage"]["completion_tokens"], clamped);
    while told.status == 200 {
        told = own(app, &token, &asks("one [sandbox words=5000]")).await;
    }
    is_refused(&told, "r");
    assert!(sum(app).await <= limit && reserved(app).await.is_empty());
    // What has no price can't be counted.
    let mut unknown = limited("one", 10);
    unknown["model"] = json!("nobody-knows");
    is_served(&own(app, &token, &unknown).await);
    assert_eq!(nanos(app).await, 0);
}

async fn what_ends_otherwise_frees_its_rule(app: &TestApp) {
    let token = start(app, true).await;
    set(app, json!([rule("r", 10 * GIVEN, 3600, "sliding")])).await;
    // An error of the provider's.
    let told = chat(app, &token, limited("one [sandbox status=500]", 10)).await;
    assert_eq!(told.status, 500);
    let told = own(app, &token, &limited("one [sandbox status=500]", 10)).await;
    assert_eq!(told.status, 500);
    assert_eq!((sum(app).await, reserved(app).await), (0, vec![]));

    // A client who leaves: it counts what is charged.
    let mut body = limited("one [sandbox words=30 between_ms=5]", 100);
    body["stream"] = json!(true);
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let mut answer = request.json(&body).send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    assert_eq!(reserved(app).await.len(), 1);
    drop(answer);
    app.until(async || reserved(app).await.is_empty()).await;
    let cost = GIVEN - nanos(app).await;
    assert!(cost >= 30 * OUTPUT, "{cost}");
    assert_eq!(sum(app).await, cost);

    // What the balance or the account's own limit refuses has reserved nothing.
    let path = app.billing("spending-limit");
    let limit = json!({"amount": 100, "duration": "daily", "strategy": "fixed"});
    let request = app.request(Method::POST, &path).json(limit);
    assert_eq!(request.send().await.status, 201);
    let settings = json!({ "clamp_max_tokens": false });
    manage(app, Method::PATCH, "gateways/default", settings).await;
    let told = chat(app, &token, limited("one", 100_000)).await;
    assert_eq!((told.status.as_u16(), told.code()), (429, 8105));
    app.request(Method::DELETE, &path).send().await;
    let told = chat(app, &token, limited("one", 1_000_000)).await;
    assert_eq!((told.status.as_u16(), told.code()), (402, 2021));
    assert_eq!((sum(app).await, reserved(app).await), (cost, vec![]));
}

/// An answer that is kept costs nothing, and so no rule keeps it back.
async fn a_kept_answer_is_served_to_whoever_has_spent_all(app: &TestApp) {
    let token = start(app, true).await;
    let settings = json!({ "cache_ttl": 300 });
    manage(app, Method::PATCH, "gateways/default", settings).await;
    set(app, json!([rule("r", GIVEN, 3600, "sliding")])).await;
    is_served(&chat(app, &token, limited("one", 100)).await);
    let spent = sum(app).await;
    set(app, json!([rule("r", 1, 3600, "sliding")])).await;
    is_refused(&chat(app, &token, limited("two", 100)).await, "r");
    let told = chat(app, &token, limited("one", 100)).await;
    is_served(&told);
    assert_eq!(told.header("cf-aig-cache-status"), "HIT");
    assert_eq!(sum(app).await, spent);
}

/// A provider that reports nonsense does not lock a rule for a month.
async fn a_wrong_usage_counts_no_more_than_was_reserved(app: &TestApp) {
    let token = start(app, true).await;
    set(app, json!([rule("r", 50_000_000, 3600, "sliding")])).await;
    // Not so much that it counts as no report at all.
    let wrong = json!({"prompt_tokens": 90_000_000, "completion_tokens": 90_000_000,
        "total_tokens": 180_000_000});
    let words = format!("one [sandbox usage={{\"instead\":{wrong}}}]");
    is_served(&own(app, &token, &limited(&words, 100)).await);
    let counted = sum(app).await;
    assert!((100 * OUTPUT..2_000_000).contains(&counted), "{counted}");
    is_served(&chat(app, &token, limited(&words, 100)).await);
    assert_eq!(sum(app).await - counted, GIVEN - nanos(app).await);
}

async fn open_holds(app: &TestApp) -> usize {
    let sql = "SELECT id FROM holds WHERE state = 'open'";
    app.app.store.db.query(sql, &[]).await.unwrap().len()
}

const LASTS: i64 = 100_000;

/// What a process has reserved that is gone, or another node's call.
fn left_behind(app: &TestApp, gateway: &Gateway, number: u8, nanos: i64) -> (Reserve, Operation) {
    let id = TransferId::from_u128(u128::from(number) + 1);
    let expires_at = app.app.now().checked_add_millis(LASTS).unwrap();
    let (most, least) = (Amount::from_nanos(nanos), Amount::from_nanos(nanos));
    let hold = Operation::HoldUpTo {
        id,
        account: app.account,
        credit: Account::Revenue,
        most,
        least,
        code: Code::Usage,
        reference: String::new(),
        expires_at,
    };
    let reserve = Reserve {
        id,
        account: app.account,
        gateway: gateway.seq,
        caps: vec![Cap {
            bucket: farebox::ids::bucket(gateway.seq, "r", &[]),
            limit: Amount::from_nanos(1_000_000),
            window: Window {
                seconds: 3600,
                strategy: Strategy::Sliding,
            },
        }],
        most,
        least,
        expires_at,
        replaces: None,
    };
    (reserve, hold)
}

async fn what_a_crash_leaves_is_free_when_its_time_is_over(app: &TestApp) {
    let token = start(app, false).await;
    set(app, json!([rule("r", 1_000_000, 3600, "sliding")])).await;
    let gateway = gateway(app).await;
    let committer = &app.app.store.committer;
    let (reserve, hold) = left_behind(app, &gateway, 1, 900_000);
    committer.reserve(reserve, Some(hold)).await.unwrap();
    let (reserve, _) = left_behind(app, &gateway, 2, 100_000);
    committer.reserve(reserve, None).await.unwrap();
    let told = chat(app, &token, limited("one", 5)).await;
    is_refused(&told, "r");
    assert_eq!(retry_after(&told), 1);
    app.tick(Duration::from_millis(LASTS.unsigned_abs()));
    is_served(&chat(app, &token, limited("one", 5)).await);
    app.until(async || {
        farebox::gateways::prune_spend(&app.app).await.unwrap();
        reserved(app).await.is_empty()
    })
    .await;
    // The hold's own job has released it as well.
    app.until(async || open_holds(app).await == 0).await;
    assert_eq!(nanos(app).await, GIVEN - INPUT - 5 * OUTPUT);
}

async fn nodes_take_turns(app: &TestApp) {
    let Some(other) = app.another_node().await else {
        return;
    };
    start(app, false).await;
    let gateway = gateway(app).await;
    let nodes = [&app.app, &other];
    let asked = (0..60).map(async |number: u8| {
        // Every other one takes credit.
        let (reserve, hold) = left_behind(app, &gateway, number, 180_000);
        let hold = Some(hold).filter(|_| number % 4 < 2);
        let committer = &nodes[usize::from(number % 2)].store.committer;
        committer.reserve(reserve, hold).await.is_ok()
    });
    let granted = join_all(asked).await;
    let granted = granted.into_iter().filter(|granted| *granted).count();
    assert_eq!((granted, reserved(app).await.len()), (5, 5));
    app.tick(Duration::from_millis(LASTS.unsigned_abs()));
    app.until(async || {
        farebox::gateways::prune_spend(&app.app).await.unwrap();
        reserved(app).await.is_empty() && open_holds(app).await == 0
    })
    .await;
    other.shut_down().await;
}

/// Whatever calls come, at once or one after the other, no window of any rule ever has more than its limit.
async fn no_window_is_ever_above_its_limit(app: &TestApp) {
    let token = start(app, true).await;
    let limits = [
        ("fixed", 5, 1_500_000, true),
        ("sliding", 7, 2_000_000, false),
    ];
    let rules = limits.map(|(technique, window, limit, _)| {
        with(
            rule(technique, limit, window, technique),
            json!({ "metadata": { technique: { "mode": "partition" } } }),
        )
    });
    set(app, json!(rules)).await;
    let gateway = gateway(app).await;
    let mut refused = 0;
    for round in 0..30_u64 {
        let calls = (0..6).map(async |number: u64| {
            let mixed = round * 6 + number;
            let words = 1 + mixed * 37 % 60;
            let trouble = [
                "",
                "disconnect_after=3",
                "",
                "status=503",
                "",
                "between_ms=3",
            ];
            let trouble = trouble[usize::try_from(mixed % 6).unwrap()];
            let mut body = limited(
                &format!("one [sandbox words={words} {trouble}]"),
                words + mixed % 40,
            );
            body["stream"] = json!(mixed % 4 == 1);
            let request = to(app, "openai/v1/chat/completions")
                .header("cf-aig-metadata", r#"{"fixed":"all","sliding":"all"}"#);
            let request = match mixed % 5 {
                0 => request
                    .header("cf-aig-authorization", format!("Bearer {token}"))
                    .bearer_auth("operator-mistral"),
                _ => request.bearer_auth(&token),
            };
            send(request.json(&body)).await
        });
        for told in join_all(calls).await {
            match told.status.as_u16() {
                429 => {
                    assert_eq!(told.code(), 2041);
                    refused += 1;
                }
                status => assert!(matches!(status, 200 | 502 | 503), "{}", told.text),
            }
        }
        app.tick(Duration::from_millis(round * 731 % 3000));
    }
    assert!(refused > 10, "{refused}");
    app.until(async || reserved(app).await.is_empty()).await;
    let spent = spent(app).await;
    for (technique, window, limit, is_fixed) in limits {
        let split = [(technique, "all".to_owned())];
        let bucket: BucketId = farebox::ids::bucket(gateway.seq, technique, &split);
        let rows = &spent[&bucket.to_string()];
        let strategy = match is_fixed {
            true => Strategy::Fixed,
            false => Strategy::Sliding,
        };
        let window = Window {
            seconds: window,
            strategy,
        };
        let mut fullest = 0;
        for (end, _) in rows {
            let start = window.start(Timestamp::from_millis(*end)).millis();
            let inside = rows.iter().filter(|(at, _)| (start..=*end).contains(at));
            let sum: i64 = inside.map(|(_, amount)| amount).sum();
            assert!(sum <= limit, "{technique}: {sum} until {end}");
            fullest = fullest.max(sum);
        }
        assert!(fullest > limit / 2, "{technique}: {fullest} of {limit}");
    }
}

/// Years of calls cost a look-up and no sum, what is old is forgotten, and the audit sees a wrong sum.
async fn sums_are_kept_right_and_old_ones_forgotten(app: &TestApp) {
    let token = start(app, false).await;
    set(app, json!([rule("r", GIVEN, 366 * 24 * 3600, "sliding")])).await;
    for _ in 0..3 {
        is_served(&chat(app, &token, limited("one", 5)).await);
        app.tick(Duration::from_secs(200 * 24 * 3600));
    }
    let cost = INPUT + 5 * OUTPUT;
    assert_eq!(sum(app).await, 3 * cost);
    farebox::gateways::prune_spend(&app.app).await.unwrap();
    // Two of them are older than any window.
    assert_eq!(sum(app).await, cost);
    set(
        app,
        json!([rule("r", 2 * cost, 366 * 24 * 3600, "sliding")]),
    )
    .await;
    let told = chat(app, &token, limited("one", 5)).await;
    is_refused(&told, "r");
    set(
        app,
        json!([rule("r", cost + needs(&told), 366 * 24 * 3600, "sliding")]),
    )
    .await;
    is_served(&chat(app, &token, limited("one", 5)).await);

    let db = &app.app.store.db;
    let newest = "at = (SELECT MAX(at) FROM bucket_spend)";
    let sql = |set: &str| format!("UPDATE bucket_spend SET total = total {set} WHERE {newest}");
    db.execute(&sql("+ 1"), &[]).await.unwrap();
    let audit = farebox::store::audit::check(db).await.unwrap();
    assert_eq!(audit.problems.len(), 1, "{:?}", audit.problems);
    assert!(audit.problems[0].row.starts_with("bucket_spend "));
    db.execute(&sql("- 1"), &[]).await.unwrap();

    // A reservation of a call that has been settled.
    let sql = "INSERT INTO bucket_reservations (id, gateway, bucket, amount, expires_at) \
         SELECT id, 1, 'x', 5, $1 FROM holds WHERE state = 'posted' LIMIT 1";
    let later = app.app.now().millis() + 1_000_000;
    db.execute(sql, &[later.into()]).await.unwrap();
    let audit = farebox::store::audit::check(db).await.unwrap();
    assert_eq!(audit.problems.len(), 1, "{:?}", audit.problems);
    assert!(audit.problems[0].row.starts_with("bucket_reservations "));
    let sql = "DELETE FROM bucket_reservations";
    db.execute(sql, &[]).await.unwrap();
}

crate::on_both_engines![
    a_limit_is_exact_to_the_nano,
    fifty_at_once_on_a_limit_that_fits_five,
    what_is_left_is_spent_and_the_answer_cut_to_it,
    every_rule_counts_what_it_is_about,
    fixed_windows_end_on_the_clock,
    sliding_windows_free_bit_by_bit,
    whoever_needs_more_waits_for_more,
    what_was_counted_stays_with_the_rules_id,
    calls_with_keys_of_their_own_count_and_take_no_credit,
    what_ends_otherwise_frees_its_rule,
    a_wrong_usage_counts_no_more_than_was_reserved,
    a_kept_answer_is_served_to_whoever_has_spent_all,
    what_a_crash_leaves_is_free_when_its_time_is_over,
    nodes_take_turns,
    no_window_is_ever_above_its_limit,
    sums_are_kept_right_and_old_ones_forgotten,
];
