//! A gateway's own rate limit: so many calls in so many seconds, on all nodes together.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Told, asks, chat, keys, log, nanos, runner, send, set, to};
use crate::app::{TestApp, http_client};

fn limit(calls: i64, seconds: i64, technique: &str) -> Value {
    json!({"rate_limiting_limit": calls, "rate_limiting_interval": seconds,
        "rate_limiting_technique": technique})
}

/// Moves the clock to a second after an interval's beginning.
fn to_a_beginning(app: &TestApp, seconds: i64) {
    let length = seconds * 1000;
    let left = length - app.app.now().millis().rem_euclid(length);
    app.tick(Duration::from_millis(u64::try_from(left).unwrap() + 1000));
}

/// Seconds until there is room, of a call that was refused for its number.
#[track_caller]
fn wait(told: &Told) -> u64 {
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (429, 2003),
        "{}",
        told.text
    );
    told.header("retry-after").parse().unwrap()
}

async fn a_fixed_window_takes_so_many_calls(app: &TestApp) {
    app.give(100).await;
    set(app, limit(3, 3600, "fixed")).await;
    let token = runner(app).await;
    to_a_beginning(app, 3600);
    app.tick(Duration::from_secs(3000));
    // Who is nobody uses nothing up.
    let nobody = send(to(app, "openai/v1/chat/completions").json(&asks("one"))).await;
    assert_eq!(nobody.status, 401);
    for _ in 0..3 {
        assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    }
    let (before, seen) = (nanos(app).await, app.provider.requests().len());
    let told = chat(app, &token, asks("one")).await;
    let seconds = wait(&told);
    assert!((560..=599).contains(&seconds), "{seconds}");
    assert_eq!(
        (nanos(app).await, app.provider.requests().len()),
        (before, seen)
    );
    let kept = log(app, &told).await.call;
    assert_eq!((kept.status_code, kept.success), (Some(429), false));
    assert!(kept.error.unwrap().starts_with("Rate limited"));

    app.tick(Duration::from_secs(seconds - 30));
    assert!((1..=30).contains(&wait(&chat(app, &token, asks("one")).await)));
    app.tick(Duration::from_secs(30));
    for _ in 0..3 {
        assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    }
    assert!(wait(&chat(app, &token, asks("one")).await) > 3560);
}

async fn a_sliding_window_has_the_last_seconds(app: &TestApp) {
    app.give(100).await;
    set(app, limit(3, 600, "sliding")).await;
    let token = runner(app).await;
    for _ in 0..3 {
        assert_eq!(chat(app, &token, asks("one")).await.status, 200);
        app.tick(Duration::from_secs(200));
    }
    // The first of them goes now, a slice of a second later at most.
    app.tick(Duration::from_secs(1));
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    app.tick(Duration::from_secs(100));
    // Of a window that jumps there would be room now and then; of one that slides there is none.
    let seconds = wait(&chat(app, &token, asks("one")).await);
    assert!((70..=101).contains(&seconds), "{seconds}");
    app.tick(Duration::from_secs(seconds - 30));
    assert!((1..=30).contains(&wait(&chat(app, &token, asks("one")).await)));
    app.tick(Duration::from_secs(30));
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    assert!(wait(&chat(app, &token, asks("one")).await) > 140);
}

async fn of_many_at_once_so_many_come_through(app: &TestApp) {
    app.give(1000).await;
    let token = runner(app).await;
    for (technique, rest) in [("fixed", "1"), ("sliding", "2")] {
        // What was counted for the other technique is over.
        to_a_beginning(app, 7200);
        set(app, limit(10, 3600, technique)).await;
        let words = format!("one {rest}");
        let body = json!({"model": "gpt-4o", "max_tokens": 5,
            "messages": [{"role": "user", "content": words}]});
        let told = join_all((0..40).map(|_| chat(app, &token, body.clone()))).await;
        let served = told.iter().filter(|told| told.status == 200).count();
        assert_eq!(served, 10, "{technique}");
        for refused in told.iter().filter(|told| told.status != 200) {
            wait(refused);
        }
    }
}

async fn two_nodes_count_together(app: &TestApp) {
    let Some((other, url)) = app.another_gateway().await else {
        return;
    };
    app.give(1000).await;
    set(app, limit(11, 3600, "sliding")).await;
    let token = runner(app).await;
    let nodes = [app.url.clone(), url];
    let calls = (0..40).map(|number| {
        let node = &nodes[number % 2];
        let url = format!(
            "{node}/v1/{}/default/openai/v1/chat/completions",
            app.account
        );
        let body = json!({"model": "gpt-4o", "max_tokens": 5,
            "messages": [{"role": "user", "content": "one"}]});
        send(http_client().post(url).bearer_auth(&token).json(&body))
    });
    let told = join_all(calls).await;
    let served = told.iter().filter(|told| told.status == 200).count();
    assert_eq!(served, 11);
    other.shut_down().await;
}

async fn kept_answers_and_keys_of_ones_own_count(app: &TestApp) {
    app.give(100).await;
    set(app, limit(3, 3600, "sliding")).await;
    set(app, json!({"cache_ttl": 300})).await;
    let token = runner(app).await;
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    let hit = chat(app, &token, asks("one")).await;
    assert_eq!(hit.header("cf-aig-cache-status"), "HIT");
    let own = async || {
        let request = to(app, "openai/v1/chat/completions")
            .header("cf-aig-authorization", format!("Bearer {token}"))
            .bearer_auth("operator-mistral");
        send(request.json(&asks("one"))).await
    };
    assert_eq!(own().await.status, 200);
    wait(&own().await);
    wait(&chat(app, &token, asks("one")).await);
}

async fn each_gateway_has_its_own_and_a_higher_one_acts_at_once(app: &TestApp) {
    app.give(100).await;
    set(app, limit(1, 3600, "sliding")).await;
    let token = runner(app).await;
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    wait(&chat(app, &token, asks("one")).await);
    let body = json!({"id": "other", "cache_ttl": 0, "cache_invalidate_on_update": false,
        "collect_logs": true, "rate_limiting_limit": 1, "rate_limiting_interval": 3600});
    keys::manage(app, reqwest::Method::POST, "gateways", body).await;
    let url = format!(
        "{}/v1/{}/other/openai/v1/chat/completions",
        app.url, app.account
    );
    let request = http_client().post(url).bearer_auth(&token);
    assert_eq!(send(request.json(&asks("one"))).await.status, 200);

    set(app, limit(2, 3600, "sliding")).await;
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    wait(&chat(app, &token, asks("one")).await);
    // Half of it is no limit.
    set(app, limit(2, 0, "sliding")).await;
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
}

/// What counts no more is removed, and what counts stays.
async fn nothing_is_kept_for_longer_than_it_counts(app: &TestApp) {
    app.give(100).await;
    set(app, limit(1, 3600, "sliding")).await;
    let token = runner(app).await;
    assert_eq!(chat(app, &token, asks("one")).await.status, 200);
    farebox::gateways::prune_cache(&app.app).await.unwrap();
    wait(&chat(app, &token, asks("one")).await);
    let sql = "SELECT slice FROM rate_counts";
    let counted = async || {
        app.app
            .store
            .db
            .query_volatile(sql, &[])
            .await
            .unwrap()
            .len()
    };
    assert_eq!(counted().await, 1);
    app.tick(Duration::from_secs(3607));
    farebox::gateways::prune_cache(&app.app).await.unwrap();
    assert_eq!(counted().await, 0);
}

crate::on_both_engines![
    a_fixed_window_takes_so_many_calls,
    a_sliding_window_has_the_last_seconds,
    of_many_at_once_so_many_come_through,
    two_nodes_count_together,
    kept_answers_and_keys_of_ones_own_count,
    each_gateway_has_its_own_and_a_higher_one_acts_at_once,
    nothing_is_kept_for_longer_than_it_counts,
];
