//! Calls to providers of an account's own.

use farebox::store::custom_providers::{self, CustomProvider};
use farebox::store::logs::KeySource;
use reqwest::Method;
use serde_json::{Value, json};

use super::keys::{manage, number, shown};
use super::{Told, asks, log, nanos, runner, send, to};
use crate::app::TestApp;

const CHAT: &str = "custom-mine/chat/completions";

/// Makes the provider `mine`, which is the sandbox's, with these changes.
async fn make(app: &TestApp, more: Value) -> String {
    let headers = json!({ "X-Team": "research", "authorization": "Bearer sk-operator-deepseek" });
    let mut body = json!({
        "name": "Mine", "slug": "mine", "enable": true, "headers": headers.to_string(),
        "base_url": format!("{}/v1", app.provider.url()),
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = manage(app, Method::POST, "custom-providers", body).await;
    made.body["result"]["id"].as_str().unwrap().to_owned()
}

async fn ask(app: &TestApp, token: &str, own: Option<&str>) -> Told {
    let authorization = format!("Bearer {token}");
    let mut request = to(app, CHAT).header("cf-aig-authorization", authorization);
    if let Some(own) = own {
        request = request.bearer_auth(own);
    }
    send(request.json(&asks("one two"))).await
}

async fn a_provider_of_ones_own_is_called_for_nothing(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    make(app, json!({})).await;
    app.provider.watch_for(vec![token.clone()]);
    let told = ask(app, &token, None).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(shown(app), number("sk-operator-deepseek"));
    let sent = app.provider.requests().pop().unwrap();
    assert_eq!(sent.path, "/v1/chat/completions");
    assert_eq!(sent.headers["x-team"], "research");
    assert!(sent.watched.is_empty(), "{sent:?}");
    assert_eq!(nanos(app).await, 1_000_000_000);
    let kept = log(app, &told).await.call;
    assert_eq!(kept.provider, "custom-mine");
    assert_ne!(kept.key_source, KeySource::Operator);
    assert_eq!(kept.tokens_in, Some(2));

    // A key that is stored for it goes before the headers', and the request's own before both.
    let stored = json!({
        "provider_slug": "custom-mine", "alias": "default", "secret": "operator-mistral",
        "default_config": true,
    });
    manage(
        app,
        Method::POST,
        "gateways/default/provider_configs",
        stored,
    )
    .await;
    assert_eq!(ask(app, &token, None).await.status, 200);
    assert_eq!(shown(app), number("operator-mistral"));
    assert_eq!(ask(app, &token, Some("xai-operator")).await.status, 200);
    assert_eq!(shown(app), number("xai-operator"));
}

async fn a_name_is_called_where_it_leads(app: &TestApp) {
    let token = runner(app).await;
    let base = app.provider.url().replace("127.0.0.1", "localhost");
    make(app, json!({ "base_url": format!("{base}/v1/") })).await;
    let told = ask(app, &token, None).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let nowhere = json!({ "slug": "nowhere", "base_url": "http://nowhere.invalid/v1" });
    make(app, nowhere).await;
    let request = to(app, "custom-nowhere/chat/completions").bearer_auth(&token);
    let told = send(request.json(&asks("one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (502, 2005));
}

async fn only_what_is_enabled_is_called(app: &TestApp) {
    let token = runner(app).await;
    let told = ask(app, &token, None).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2008));
    let id = make(app, json!({ "enable": false })).await;
    let told = ask(app, &token, None).await;
    assert_eq!((told.status.as_u16(), told.code()), (400, 2008));
    let one = format!("custom-providers/{id}");
    manage(app, Method::PATCH, &one, json!({ "enable": true })).await;
    assert_eq!(ask(app, &token, None).await.status, 200);
    let told = send(to(app, CHAT).json(&asks("one"))).await;
    assert_eq!((told.status.as_u16(), told.code()), (401, 2009));
}

/// What has been set while the operator allowed it, or has led elsewhere then, is refused when it is called.
async fn nothing_private_is_reached(app: &TestApp) {
    let token = runner(app).await;
    let port = app.provider.url().rsplit(':').next().unwrap().to_owned();
    for (slug, base_url) in [
        ("plain", format!("http://127.0.0.1:{port}/v1")),
        ("literal", format!("https://127.0.0.1:{port}/v1")),
        ("mapped", format!("https://[::ffff:127.0.0.1]:{port}/v1")),
        ("named", format!("https://localhost:{port}/v1")),
    ] {
        let provider = kept(app, slug, base_url);
        let db = &app.app.store.db;
        custom_providers::create(db, &provider).await.unwrap();
        let path = format!("custom-{slug}/chat/completions");
        let told = send(to(app, &path).bearer_auth(&token).json(&asks("one"))).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (400, 8110),
            "{slug} {}",
            told.text
        );
    }
    assert!(app.provider.requests().is_empty());
}

fn kept(app: &TestApp, slug: &str, base_url: String) -> CustomProvider {
    CustomProvider {
        id: format!("{slug:0<36}"),
        account: app.account,
        slug: slug.to_owned(),
        name: slug.to_owned(),
        base_url,
        enable: true,
        beta: false,
        description: None,
        link: None,
        curl_example: None,
        js_example: None,
        position: None,
        header_names: Vec::new(),
        sealed_headers: None,
        created_at: app.app.now(),
        modified_at: app.app.now(),
    }
}

crate::on_both_engines![
    a_provider_of_ones_own_is_called_for_nothing with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
    a_name_is_called_where_it_leads with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
    only_what_is_enabled_is_called with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
    nothing_private_is_reached,
];
