//! Whose key a call goes with: the request's own, one that is stored on the gateway, or the operator's.

use farebox::store::logs::KeySource;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Told, asks, log, nanos, runner, send, to};
use crate::app::{Answer, PROVIDER_KEYS, TestApp};

const CHAT: &str = "openai/v1/chat/completions";
const CREDIT: i64 = 1_000_000_000;

/// Which of the provider's keys this is. All of them are good for each of its APIs.
pub fn number(key: &str) -> usize {
    let found = PROVIDER_KEYS.iter().position(|(_, known)| *known == key);
    found.unwrap()
}

pub async fn manage(app: &TestApp, method: Method, rest: &str, body: Value) -> Answer {
    let path = format!("/client/v4/accounts/{}/ai-gateway/{rest}", app.account);
    let answer = app.request(method, &path).json(body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

/// An alias can be stored before its key. Until the key is there, no call is paid out of credit in its place.
async fn an_alias_without_a_key_refuses_calls(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    send(to(app, "nobody/x").bearer_auth(&token)).await;
    let path = "gateways/default/provider_configs";
    let body = json!({ "provider_slug": "openai", "alias": "default", "default_config": true });
    let made = manage(app, Method::POST, path, body).await;
    assert_eq!(made.body["result"]["secret_preview"], "");
    let told = ask(app, &token, &[]).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2040));
    assert!(told.text.contains("has no secret yet"), "{}", told.text);
    assert_eq!(nanos(app).await, CREDIT);

    let id = made.body["result"]["id"].as_str().unwrap();
    let body = json!({ "alias": "default", "default_config": true, "secret": "xai-operator" });
    manage(app, Method::PUT, &format!("{path}/{id}"), body).await;
    assert_eq!(ask(app, &token, &[]).await.status, 200);
    assert_eq!(shown(app), number("xai-operator"));
    assert_eq!(nanos(app).await, CREDIT);
}

/// Stores a key on the gateway that calls go through, which is there once it was called.
pub async fn store(app: &TestApp, token: &str, alias: &str, secret: &str) {
    send(to(app, "nobody/x").bearer_auth(token)).await;
    let body = json!({
        "provider_slug": "openai", "alias": alias, "secret": secret, "default_config": false,
    });
    let path = "gateways/default/provider_configs";
    manage(app, Method::POST, path, body).await;
}

async fn set(app: &TestApp, settings: Value) {
    manage(app, Method::PATCH, "gateways/default", settings).await;
}

/// A chat by way of the gateway, with these headers.
async fn ask(app: &TestApp, token: &str, headers: &[(&str, &str)]) -> Told {
    let authorization = format!("Bearer {token}");
    let mut request = to(app, CHAT).header("cf-aig-authorization", authorization);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.json(&asks("one"))).await
}

/// The key that the provider was shown last.
#[track_caller]
pub fn shown(app: &TestApp) -> usize {
    let requests = app.provider.requests();
    let credentials = &requests.last().unwrap().credentials;
    assert_eq!(credentials.len(), 1, "{credentials:?}");
    credentials[0].key.unwrap()
}

async fn a_stored_key_goes_before_the_operators_and_costs_nothing(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    assert_eq!(ask(app, &token, &[]).await.status, 200);
    assert_eq!(shown(app), number("sk-operator-openai"));
    let before = nanos(app).await;
    assert!(before < CREDIT);

    store(app, &token, "default", "sk-operator-deepseek").await;
    let told = ask(app, &token, &[]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(shown(app), number("sk-operator-deepseek"));
    assert_eq!(nanos(app).await, before);
    assert_eq!(log(app, &told).await.call.key_source, KeySource::Stored);

    // And behind the request's own.
    let own = ask(app, &token, &[("authorization", "Bearer operator-mistral")]).await;
    assert_eq!(own.status, 200, "{}", own.text);
    assert_eq!(shown(app), number("operator-mistral"));
    assert_eq!(log(app, &own).await.call.key_source, KeySource::Request);
    assert_eq!(nanos(app).await, before);
}

async fn a_call_names_the_key_that_it_wants(app: &TestApp) {
    let token = runner(app).await;
    store(app, &token, "default", "sk-operator-deepseek").await;
    store(app, &token, "work", "xai-operator").await;
    let told = ask(app, &token, &[("cf-aig-byok-alias", "work")]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(shown(app), number("xai-operator"));
    let asked = app.provider.requests().len();
    let told = ask(app, &token, &[("cf-aig-byok-alias", "home")]).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2040));
    let message = "Provider 'openai' has no BYOK credential named 'home'. Configured aliases: 'default', 'work'";
    assert!(told.text.contains(message), "{}", told.text);
    assert_eq!(app.provider.requests().len(), asked);

    // What is marked as the default goes before what is called so, and a name before both.
    let body = json!({
        "provider_slug": "openai", "alias": "marked", "secret": "operator-mistral",
        "default_config": true,
    });
    manage(app, Method::POST, "gateways/default/provider_configs", body).await;
    for (headers, key) in [
        (&[][..], "operator-mistral"),
        (&[("cf-aig-byok-alias", "default")], "sk-operator-deepseek"),
        (&[("cf-aig-byok-alias", "work")], "xai-operator"),
    ] {
        let told = ask(app, &token, headers).await;
        assert_eq!(told.status, 200, "{}", told.text);
        assert_eq!(shown(app), number(key), "{headers:?}");
    }
}

async fn only_its_own_gateways_and_providers_keys_are_used(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    store(app, &token, "default", "sk-operator-deepseek").await;
    let body = json!({
        "id": "other", "cache_invalidate_on_update": false, "cache_ttl": 0, "collect_logs": true,
        "rate_limiting_interval": 0, "rate_limiting_limit": 0,
    });
    manage(app, Method::POST, "gateways", body).await;
    let url = format!("{}/v1/{}/other/{CHAT}", app.url, app.account);
    let request = crate::app::http_client().post(url).bearer_auth(&token);
    assert_eq!(send(request.json(&asks("one"))).await.status, 200);
    assert_eq!(shown(app), number("sk-operator-openai"));
    let messages = to(app, "anthropic/v1/messages")
        .header("x-api-key", &token)
        .header("anthropic-version", "2023-06-01")
        .json(&json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
            "messages": [{"role": "user", "content": "one"}]}));
    assert_eq!(send(messages).await.status, 200);
    assert_eq!(shown(app), number("sk-ant-operator"));
}

async fn with_byok_only_a_stored_key_is_needed(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    assert_eq!(ask(app, &token, &[]).await.status, 200);
    set(app, json!({ "byok_only": true })).await;
    let told = ask(app, &token, &[]).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 8102));
    store(app, &token, "default", "sk-operator-deepseek").await;
    let told = ask(app, &token, &[]).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(shown(app), number("sk-operator-deepseek"));
}

/// Who has turned authentication off lets everybody use what is stored, but never the account's credit.
async fn strangers_use_what_is_stored_only_where_they_may(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    store(app, &token, "default", "sk-operator-deepseek").await;
    let told = send(to(app, CHAT).json(&asks("one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (401, 2009));
    set(app, json!({ "authentication": false })).await;
    let told = send(to(app, CHAT).json(&asks("one"))).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(shown(app), number("sk-operator-deepseek"));
    let told = send(to(app, "groq/chat/completions").json(&asks("one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (401, 2009));
    assert_eq!(nanos(app).await, CREDIT);
}

crate::on_both_engines![
    a_stored_key_goes_before_the_operators_and_costs_nothing,
    a_call_names_the_key_that_it_wants,
    an_alias_without_a_key_refuses_calls,
    only_its_own_gateways_and_providers_keys_are_used,
    with_byok_only_a_stored_key_is_needed,
    strangers_use_what_is_stored_only_where_they_may,
];
