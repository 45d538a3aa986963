//! The models of `dev` and `demo`: the sandbox's, but for those that the operator has configured.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::billing::with_credit;
use super::{dev, dev_with};
use crate::app::http_client;
use crate::process::{printed, run};

/// The status of a chat with a model of this provider's, and its text.
async fn asked(ready: &Value, provider: &str, model: &str) -> (u16, String) {
    let text = |field: &str| ready[field].as_str().unwrap();
    let url = format!("{}/{provider}/chat/completions", text("gateway_url"));
    let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
    let request = http_client().post(url).bearer_auth(text("token"));
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_has_models() {
    let (running, ready) = dev(&[]).await;
    let chats = [("openai/v1", "gpt-4o"), ("groq", "llama-3.3-70b-versatile")];
    assert_eq!(asked(&ready, chats[0].0, chats[0].1).await.0, 402);
    with_credit(&ready).await;
    for (provider, model) in chats {
        let (status, text) = asked(&ready, provider, model).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("The prompt has 1 words."), "{text}");
    }
    running.terminate().await;
}

/// The operator's own provider, at which nobody listens.
fn of_ones_own() -> BTreeMap<String, String> {
    let own = [
        ("FAREBOX_PROVIDERS__KEYS", "openai=sk-own"),
        ("FAREBOX_PROVIDERS__URLS", "openai=http://127.0.0.1:1"),
    ];
    let own = own.into_iter();
    own.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_leaves_the_operators_providers_alone() {
    let (running, ready) = dev_with(&[], &of_ones_own()).await;
    with_credit(&ready).await;
    let (status, text) = asked(&ready, "openai/v1", "gpt-4o").await;
    assert_eq!(status, 502, "{text}");
    let (status, text) = asked(&ready, "groq", "llama-3.3-70b-versatile").await;
    assert_eq!(status, 200, "{text}");
    running.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_takes_prices_and_gateway_options() {
    let directory = tempfile::tempdir().unwrap();
    let prices = directory.path().join("prices.json");
    let dear = r#"{"source":"ours","providers":{"openai":{"models":[
        {"id":"gpt-4o","prices":[{"rates":{"input":"2500000","output":"1"}}]}]}}}"#;
    std::fs::write(&prices, dear).unwrap();
    let options = [
        ("FAREBOX_PRICES__FILE", prices.display().to_string()),
        ("FAREBOX_GATEWAY__BODY_LIMIT_BYTES", "2048".to_owned()),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value));
    let (running, ready) = dev_with(&[], &options.into_iter().collect()).await;
    with_credit(&ready).await;
    let (status, text) = asked(&ready, "openai/v1", "gpt-4o").await;
    assert_eq!(status, 402, "{text}");
    let (status, text) = asked(&ready, "openai/v1", &"x".repeat(3000)).await;
    assert_eq!(status, 413, "{text}");
    running.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_everything() {
    // A provider of one's own is neither asked nor in the way.
    let shown = printed(&run(&["demo"], &of_ones_own()).await, 0);
    for line in [
        "\"status\":\"completed\"",
        "It cost 0.006 cents; the balance is 8999.994 cents.",
        "message_stop",
        "cf-aig-max-tokens-clamped: ",
        "\"internalCode\":2021",
        "6 charges of calls",
        "the books are right",
        "as it should be",
    ] {
        assert!(shown.contains(line), "{line} is missing in\n{shown}");
    }
}
