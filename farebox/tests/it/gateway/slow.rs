//! A client that reads slowly holds its provider up, and takes no memory for that.

use std::time::Duration;

use serde_json::json;

use super::{is_settled, runner, to};
use crate::app::TestApp;

/// More than the kernel keeps for two connections on loopback, and the gateway's few pieces.
const KEPT_MAX: u64 = 24 << 20;

async fn the_provider_is_not_read_faster_than_the_client_reads(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let prompt = "one [sandbox endless words=1 giant_bytes=65536]";
    let request = to(app, "openai/v1/chat/completions").bearer_auth(&token);
    let body = json!({"model": "gpt-4o", "stream": true, "max_tokens": 100,
        "messages": [{"role": "user", "content": prompt}]});
    let mut answer = request.json(&body).send().await.unwrap();
    let mut read = answer.chunk().await.unwrap().unwrap().len() as u64;
    assert!(held_up_at(app).await < KEPT_MAX);
    // It goes on with the client, and stops with it.
    while read < KEPT_MAX {
        read += answer.chunk().await.unwrap().unwrap().len() as u64;
    }
    let sent = held_up_at(app).await;
    assert!((read..read + KEPT_MAX).contains(&sent), "{read} {sent}");
    drop(answer);
    is_settled(app).await;
    assert_eq!(app.provider.counts().cancelled, 1);
}

/// How many bytes the provider has got rid of when it gets rid of no more, which lasts for half a second.
async fn held_up_at(app: &TestApp) -> u64 {
    let (mut before, mut still) = (0, 0);
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = app.provider.counts().bytes;
        still = if now == before { still + 1 } else { 0 };
        before = now;
        if still == 10 {
            return now;
        }
    }
    panic!("the provider is never held up: {before} bytes");
}

crate::on_both_engines![
    the_provider_is_not_read_faster_than_the_client_reads with [("FAREBOX_GATEWAY__DRAIN_SECONDS", "1")],
];
