//! `/client/v4/accounts/{account_id}/ai-gateway/…`, apart from billing.

mod client;
mod custom_providers;
mod logs;
mod provider_configs;
mod settings;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// The path of something of the gateways' management of the test's account.
fn path(app: &TestApp, rest: &str) -> String {
    format!("/client/v4/accounts/{}/ai-gateway/{rest}", app.account)
}

async fn call(app: &TestApp, method: Method, rest: &str) -> Answer {
    app.request(method, &path(app, rest)).send().await
}

async fn send(app: &TestApp, method: Method, rest: &str, body: Value) -> Answer {
    let request = app.request(method, &path(app, rest));
    request.json(body).send().await
}

/// What `POST gateways` wants at least.
fn required(id: &str) -> Value {
    json!({
        "id": id,
        "cache_invalidate_on_update": false,
        "cache_ttl": null,
        "collect_logs": true,
        "rate_limiting_interval": 0,
        "rate_limiting_limit": null,
    })
}

/// The same with more, or something else.
fn with(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn gateway(app: &TestApp, id: &str) -> Value {
    let made = send(app, Method::POST, "gateways", required(id)).await;
    assert_eq!(made.status, 200, "{}", made.text);
    made.body["result"].clone()
}

/// The paths and messages of an answer's faults.
#[track_caller]
fn faults(answer: &Answer) -> Vec<String> {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (400, 7001),
        "{}",
        answer.text
    );
    let errors = answer.body["errors"].as_array().unwrap();
    let line = |error: &Value| {
        let path = error["path"].as_array().unwrap().iter();
        let path: Vec<_> = path.map(|part| part.as_str().unwrap()).collect();
        format!("{}: {}", path.join("."), error["message"].as_str().unwrap())
    };
    errors.iter().map(line).collect()
}
