//! What those that are compatible with OpenAI do otherwise.

use serde_json::{Value, json};

use super::client::{App, chat, start};

const PROMPT: &str = "a b c [sandbox cached_tokens=2 reasoning_tokens=3 web_searches=1]";

async fn usage(app: &App, prefix: &str) -> Value {
    let path = format!("/{prefix}/chat/completions");
    app.post(&path, chat(PROMPT, json!({}))).await.ok()["usage"].clone()
}

async fn streamed(app: &App, prefix: &str) -> Vec<Value> {
    let path = format!("/{prefix}/chat/completions");
    app.post(&path, chat(PROMPT, json!({ "stream": true })))
        .await
        .events()
}

#[tokio::test]
async fn usage_is_told_in_each_ones_way() {
    let app = start().await;
    let told = |usage: &Value| {
        ["prompt_tokens", "completion_tokens", "total_tokens"]
            .map(|name| usage[name].as_u64().unwrap())
    };
    for prefix in [
        "v1",
        "groq/openai/v1",
        "deepseek",
        "mistral/v1",
        "perplexity-ai",
    ] {
        assert_eq!(told(&usage(&app, prefix).await), [7, 8, 15], "{prefix}");
    }
    assert_eq!(
        told(&usage(&app, "grok/v1").await),
        [7, 5, 15],
        "reasoning stands beside"
    );
    let deepseek = usage(&app, "deepseek").await;
    assert_eq!(
        (
            &deepseek["prompt_cache_hit_tokens"],
            &deepseek["prompt_cache_miss_tokens"]
        ),
        (&json!(2), &json!(5))
    );
    assert_eq!(usage(&app, "perplexity-ai").await["num_search_queries"], 1);
}

#[tokio::test]
async fn some_tell_the_usage_of_a_stream_unasked() {
    let app = start().await;
    let has_usage = |event: &Value| event["usage"].is_object();
    assert!(!streamed(&app, "v1").await.iter().any(has_usage));
    let groq = streamed(&app, "groq/openai/v1").await;
    assert_eq!(groq.last().unwrap()["x_groq"]["usage"]["total_tokens"], 15);
    assert!(!groq.iter().any(has_usage));
    let mistral = streamed(&app, "mistral/v1").await;
    let (last, others) = mistral.split_last().unwrap();
    assert!(has_usage(last) && !others.iter().any(has_usage));
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert!(streamed(&app, "perplexity-ai").await.iter().all(has_usage));
    let path = "/openai/deployments/gpt/chat/completions?api-version=1";
    let azure = app
        .post(path, chat("a", json!({ "stream": true })))
        .await
        .events();
    assert_eq!(azure[0]["choices"], json!([]));
    assert!(azure[0]["prompt_filter_results"].is_array());
}
