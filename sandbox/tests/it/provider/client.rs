//! A provider with a client to it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use sandbox::provider::Counts;
use sandbox::{Provider, ProviderConfig};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "sk-provider-key-of-the-tests";

pub(crate) struct App {
    pub(crate) provider: Provider,
    client: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) async fn start() -> App {
    crate::client::tls();
    let config = ProviderConfig {
        keys: vec!["sk-another-key".to_owned(), KEY.to_owned()],
        ..ProviderConfig::default()
    };
    let provider = Provider::start(config).await.unwrap();
    // A fresh connection for each request: a retry by the client must never hide a closed one.
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .pool_max_idle_per_host(0)
        .retry(reqwest::retry::never())
        .build()
        .unwrap();
    App { provider, client }
}

impl App {
    /// A request without a credential.
    pub(crate) fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.provider.url());
        self.client.request(method, url)
    }

    /// A request with every API's credential and version.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.plain(method, path);
        match path {
            path if path.contains("/v1beta/") => request.header("x-goog-api-key", KEY),
            path if path.contains("/messages") => request
                .header("x-api-key", KEY)
                .header("anthropic-version", "2023-06-01"),
            path if path.contains("/deployments/") => request.header("api-key", KEY),
            _ => request.bearer_auth(KEY),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let sent = self.request(Method::POST, path).json(&body).send().await;
        read(sent.unwrap()).await.unwrap()
    }

    /// Waits until the counts are as wanted, and not for ever.
    pub(crate) async fn until(&self, is_wanted: impl Fn(&Counts) -> bool) -> Counts {
        let waiting = self.provider.until(is_wanted);
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        waited.unwrap_or_else(|_| panic!("it never came to that: {:?}", self.provider.counts()))
    }

    /// A chat with one message and whatever else.
    pub(crate) async fn chat(&self, prompt: &str, more: Value) -> Answer {
        self.post("/v1/chat/completions", chat(prompt, more)).await
    }
}

/// A chat with one message and whatever else.
pub(crate) fn chat(prompt: &str, more: Value) -> Value {
    let body = json!({
        "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": prompt }],
    });
    with(body, more)
}

pub(crate) fn with(mut body: Value, more: Value) -> Value {
    let all = body.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    body
}

pub(crate) async fn read(response: reqwest::Response) -> reqwest::Result<Answer> {
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The data of each event of a stream, `[DONE]` left out.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        assert!(
            self.header("content-type")
                .unwrap()
                .starts_with("text/event-stream")
        );
        let data = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap_or_else(|_| panic!("no JSON: {data}")))
            .collect()
    }
}
