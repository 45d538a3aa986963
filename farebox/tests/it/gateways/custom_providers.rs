//! `…/ai-gateway/custom-providers` and `…/gateways/{gateway_id}/url/{provider}`

use farebox::gateways::open_provider_headers;
use farebox::store::custom_providers;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{call, faults, gateway, path, send, with};
use crate::app::TestApp;

const PROVIDERS: &str = "custom-providers";

fn provider(slug: &str) -> Value {
    json!({ "name": format!("Provider {slug}"), "slug": slug, "base_url": "https://1.1.1.1/v1" })
}

async fn make(app: &TestApp, body: Value) -> Value {
    let made = send(app, Method::POST, PROVIDERS, body).await;
    assert_eq!(made.status, 200, "{}", made.text);
    made.body["result"].clone()
}

async fn a_provider_is_made_shown_changed_and_removed(app: &TestApp) {
    let made = make(app, provider("one")).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!((id.len(), id.matches('-').count()), (36, 4));
    let shape = json!({
        "name": "Provider one", "slug": "one", "base_url": "https://1.1.1.1/v1", "enable": false,
        "beta": false, "description": null, "headers": null, "link": null, "curl_example": null,
        "js_example": null, "position": null,
    });
    for (name, value) in shape.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    let one = format!("{PROVIDERS}/{id}");
    assert_eq!(call(app, Method::GET, &one).await.body["result"], made);
    let change = json!({ "enable": true, "description": "Ours", "position": 3, "slug": "one" });
    let changed = send(app, Method::PATCH, &one, change.clone()).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let shown = call(app, Method::GET, &one).await.body["result"].clone();
    for (name, value) in with(shape, change).as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    let removed = call(app, Method::DELETE, &one).await;
    assert_eq!(removed.body["result"], shown);
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::PATCH, json!({})),
        (Method::DELETE, json!({})),
    ] {
        let gone = send(app, method, &one, body).await;
        assert_eq!((gone.status.as_u16(), gone.code()), (404, 7002));
    }
}

async fn headers_are_sealed(app: &TestApp) {
    let headers =
        json!({ "X-Team": "research", "authorization": "Bearer very-secret" }).to_string();
    let body = with(provider("one"), json!({ "headers": headers }));
    let made = make(app, body).await;
    let masked = r#"{"authorization":"****","x-team":"****"}"#;
    assert_eq!(made["headers"], masked);
    let listed = call(app, Method::GET, PROVIDERS).await;
    let db = &app.app.store.db;
    let rows = db
        .query("SELECT * FROM custom_providers", &[])
        .await
        .unwrap();
    for text in [listed.text, format!("{rows:?}")] {
        assert!(!text.contains("very-secret"), "{text}");
    }
    let found = custom_providers::find_by_slug(db, app.account, "one")
        .await
        .unwrap();
    let opened = open_provider_headers(&app.app, &found.unwrap()).unwrap();
    assert_eq!(
        opened["authorization"].expose_secret(),
        "Bearer very-secret"
    );
    assert_eq!(opened["x-team"].expose_secret(), "research");

    let one = format!("{PROVIDERS}/{}", made["id"].as_str().unwrap());
    let named = send(app, Method::PATCH, &one, json!({ "name": "Other" })).await;
    assert_eq!(named.body["result"]["headers"], masked);
    let lines = json!({ "headers": "X-Team: research\r\nx-key:  a:b \n" });
    let named = send(app, Method::PATCH, &one, lines).await;
    assert_eq!(
        named.body["result"]["headers"],
        r#"{"x-key":"****","x-team":"****"}"#
    );
    let found = custom_providers::find_by_slug(db, app.account, "one");
    let opened = open_provider_headers(&app.app, &found.await.unwrap().unwrap()).unwrap();
    assert_eq!(opened["x-key"].expose_secret(), "a:b");
    let none = send(app, Method::PATCH, &one, json!({ "headers": null })).await;
    assert_eq!(none.body["result"]["headers"], Value::Null);
    for (headers, fault) in [
        ("not json", "Invalid: write a JSON object"),
        ("x-team: a\rx-other: b", "x-team has a value"),
        (r#"{"a":1}"#, "Invalid: write a JSON object"),
        (r#"{"a b":"1"}"#, "\"a b\" can't be the name"),
        (r#"{"Host":"x"}"#, "host can't be set"),
        (
            r#"{"cf-aig-authorization":"x"}"#,
            "cf-aig-authorization can't be set",
        ),
        (r#"{"a":"new\nline"}"#, "a has a value"),
        (r#"{"a":"****"}"#, "a is only shown as ****"),
    ] {
        let refused = send(app, Method::PATCH, &one, json!({ "headers": headers })).await;
        let refused = faults(&refused);
        assert!(
            refused[0].starts_with(&format!("body.headers: {fault}")),
            "{refused:?}"
        );
    }
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    let missing = faults(&send(app, Method::POST, PROVIDERS, json!({})).await);
    let wrong = json!({
        "name": null, "slug": "No", "base_url": 1, "enable": "yes", "beta": null, "position": -1,
        "headers": {}, "description": "", "link": 7, "unheard_of": 1,
    });
    let wrong = faults(&send(app, Method::POST, PROVIDERS, wrong).await);
    let query = "custom-providers?enable=maybe&order_by=cost%20UP&per_page=101&page=x";
    let query = faults(&call(app, Method::GET, query).await);
    let all = [missing, wrong, query].map(|faults| faults.join("\n"));
    insta::assert_snapshot!("custom_provider_faults", all.join("\n\n"));
    make(app, provider("one")).await;
    let twice = faults(&send(app, Method::POST, PROVIDERS, provider("one")).await);
    assert!(
        twice[0].starts_with("body.slug: A custom provider one exists"),
        "{twice:?}"
    );
}

/// Nobody may name an address that only this machine can reach.
async fn what_is_not_public_is_refused(app: &TestApp) {
    let made = make(app, provider("one")).await;
    let one = format!("{PROVIDERS}/{}", made["id"].as_str().unwrap());
    for (base_url, why) in [
        (
            "https://1.1.1.1/v1\r\nx-evil: 1",
            "write an address such as",
        ),
        ("http://1.1.1.1", "write https://"),
        (
            "https://127.0.0.1:8080",
            "127.0.0.1 is an address of this machine",
        ),
        ("https://10.1.2.3/v1", "10.1.2.3 is an address"),
        (
            "https://169.254.169.254/latest/meta-data",
            "169.254.169.254 is",
        ),
        ("https://[::1]/v1", "::1 is an address"),
        ("https://[::ffff:192.168.0.1]", "::ffff:192.168.0.1 is"),
        ("https://localhost/v1", "localhost is an address"),
        ("https://0177.1/v1", "127.0.0.1 is an address"),
        ("https://a:b@1.1.1.1", "leave out the user"),
        ("https://1.1.1.1/?x", "leave out what follows"),
        ("somewhere", "write an address such as"),
    ] {
        let expected = format!("body.base_url: Invalid address: {why}");
        for (method, path) in [(Method::POST, PROVIDERS), (Method::PATCH, one.as_str())] {
            let body = match method {
                Method::POST => with(provider("two"), json!({ "base_url": base_url })),
                _ => json!({ "base_url": base_url }),
            };
            let refused = faults(&send(app, method, path, body).await);
            assert!(refused[0].starts_with(&expected), "{refused:?}");
        }
    }
    assert_eq!(call(app, Method::GET, &one).await.body["result"], made);
}

async fn an_operator_may_allow_it(app: &TestApp) {
    for (slug, base_url) in [
        ("a", "http://127.0.0.1:9000/v1"),
        ("b", "https://localhost"),
    ] {
        make(app, with(provider(slug), json!({ "base_url": base_url }))).await;
    }
}

async fn lists_have_filters_and_an_order(app: &TestApp) {
    for (slug, enable, beta, position) in [
        ("alpha", true, false, Some(2)),
        ("beta_1", false, true, None),
        ("gamma", true, true, Some(1)),
    ] {
        let more = json!({ "enable": enable, "beta": beta, "position": position });
        make(app, with(provider(slug), more)).await;
    }
    let slugs = async |query: &str| {
        let listed = call(app, Method::GET, &format!("{PROVIDERS}?{query}")).await;
        assert_eq!(listed.status, 200, "{}", listed.text);
        let slugs = listed.body["result"].as_array().unwrap().iter();
        let slugs: Vec<_> = slugs
            .map(|one| one["slug"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(listed.body["result_info"]["count"], slugs.len());
        slugs.join(" ")
    };
    assert_eq!(slugs("").await, "alpha beta_1 gamma");
    assert_eq!(slugs("enable=true").await, "alpha gamma");
    assert_eq!(slugs("enable=false&beta=true").await, "beta_1");
    assert_eq!(slugs("search=A_1").await, "beta_1");
    assert_eq!(slugs("search=provider").await, "alpha beta_1 gamma");
    assert_eq!(
        slugs("order_by=name%20DESC&per_page=2").await,
        "gamma beta_1"
    );
    assert_eq!(slugs("order_by=position%20ASC").await, "beta_1 gamma alpha");
    assert_eq!(
        slugs("order_by=position%20DESC").await,
        "alpha gamma beta_1"
    );
    assert_eq!(slugs("page=2&per_page=2").await, "gamma");
    assert_eq!(slugs("page=3&per_page=2").await, "");
    let other = app.another_account().await;
    let token = app.token_for(other, &["AI Gateway Write"]).await;
    let theirs = path(app, PROVIDERS).replace(&app.account.to_string(), &other.to_string());
    let request = app.anonymous(Method::GET, &theirs);
    let listed = request
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await;
    assert_eq!(listed.body["result"], json!([]));
}

/// A provider of one's own can be called, and have keys, like any other.
async fn a_provider_has_a_url_and_keys(app: &TestApp) {
    gateway(app, "one").await;
    make(app, provider("mine")).await;
    let url = async |provider: &str| {
        let path = format!("gateways/one/url/{provider}");
        let answer = call(app, Method::GET, &path).await;
        answer.body["result"].as_str().map(str::to_owned)
    };
    let expected = |provider: &str| Some(format!("{}/v1/{}/one/{provider}", app.url, app.account));
    for provider in ["anthropic", "custom-mine", "compat"] {
        assert_eq!(url(provider).await, expected(provider));
    }
    for provider in ["unheard-of", "custom-unheard-of", "custom-"] {
        assert_eq!(url(provider).await, None);
    }
    let none = call(app, Method::GET, "gateways/two/url/openai").await;
    assert_eq!((none.status.as_u16(), none.code()), (404, 7002));
    let key = |slug: &str| json!({ "provider_slug": slug, "alias": "default", "default_config": true, "secret": "s" });
    let configs = "gateways/one/provider_configs";
    let stored = send(app, Method::POST, configs, key("custom-mine")).await;
    assert_eq!(stored.status, 200, "{}", stored.text);
    let refused = faults(&send(app, Method::POST, configs, key("custom-yours")).await);
    assert!(refused[0].starts_with("body.provider_slug: There is no provider custom-yours"));
}

async fn a_url_is_as_the_operator_says(app: &TestApp) {
    gateway(app, "one").await;
    let answer = call(app, Method::GET, "gateways/one/url/openai").await;
    let expected = format!("https://ai.example.org/v1/{}/one/openai", app.account);
    assert_eq!(answer.body["result"], expected);
}

/// What a proxy in front says of its own side is believed from a proxy that is trusted, and from nobody else.
async fn a_url_is_as_a_trusted_proxy_says(app: &TestApp) {
    gateway(app, "one").await;
    let request = app.request(Method::GET, &path(app, "gateways/one/url/openai"));
    let request = request
        .header("x-forwarded-proto", "https")
        .header("host", "ai.example.org");
    let answer = request.send().await;
    let expected = format!("https://ai.example.org/v1/{}/one/openai", app.account);
    assert_eq!(answer.body["result"], expected);
}

crate::on_both_engines![
    a_provider_is_made_shown_changed_and_removed,
    headers_are_sealed,
    every_fault_is_named_at_once,
    what_is_not_public_is_refused,
    an_operator_may_allow_it with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
    lists_have_filters_and_an_order,
    a_provider_has_a_url_and_keys,
    a_url_is_as_the_operator_says with [("FAREBOX_HTTP__PUBLIC_URL", "https://ai.example.org")],
    a_url_is_as_a_trusted_proxy_says with [("FAREBOX_HTTP__TRUSTED_PROXIES", "127.0.0.1")],
];
