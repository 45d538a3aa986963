//! `…/gateways/{gateway_id}/provider_configs`

use farebox::gateways::open_provider_key;
use farebox::store::{gateways, provider_configs};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{call, faults, gateway, send};
use crate::app::TestApp;

const KEYS: &str = "gateways/one/provider_configs";
const SECRET: &str = "sk-proj-0123456789abcdefghij";

fn key(alias: &str) -> Value {
    json!({
        "provider_slug": "openai", "alias": alias, "default_config": false,
        "secret": format!("{SECRET}-{alias}"),
    })
}

/// The key that a call would use, opened.
async fn used(app: &TestApp, provider: &str, alias: Option<&str>) -> Option<String> {
    let db = &app.app.store.db;
    let of = gateways::find(db, app.account, "one")
        .await
        .unwrap()
        .unwrap();
    let found = provider_configs::for_call(db, &of, provider, alias)
        .await
        .unwrap()?;
    let secret = open_provider_key(&app.app, &found).unwrap();
    Some(secret.expose_secret().to_owned())
}

async fn a_key_is_stored_and_never_told_again(app: &TestApp) {
    gateway(app, "one").await;
    let made = send(app, Method::POST, KEYS, key("default")).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let config = &made.body["result"];
    let id = config["id"].as_str().unwrap();
    assert_eq!(config["secret_id"], id);
    assert_eq!(config["secret_preview"], "****ault");
    assert_eq!(config["default_config"], false);
    assert_eq!(
        (&config["gateway_id"], &config["provider_slug"]),
        (&json!("one"), &json!("openai"))
    );
    let listed = call(app, Method::GET, KEYS).await;
    assert_eq!(listed.body["result"], json!([config]));
    assert_eq!(listed.body["result_info"]["total_count"], 1);
    for answer in [&made, &listed] {
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    let rows = app
        .app
        .store
        .db
        .query("SELECT * FROM provider_configs", &[])
        .await;
    assert!(!format!("{rows:?}").contains("0123456789abcdef-default"));
    assert!(!format!("{rows:?}").contains(SECRET));
    assert_eq!(
        used(app, "openai", None).await.unwrap(),
        format!("{SECRET}-default")
    );

    let removed = call(app, Method::DELETE, &format!("{KEYS}/{id}")).await;
    assert_eq!(&removed.body["result"], config);
    let gone = call(app, Method::DELETE, &format!("{KEYS}/{id}")).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (404, 7002));
    assert_eq!(call(app, Method::GET, KEYS).await.body["result"], json!([]));
}

async fn a_call_uses_the_key_that_it_names_or_the_default(app: &TestApp) {
    gateway(app, "one").await;
    for alias in ["prod", "default", "test"] {
        assert_eq!(send(app, Method::POST, KEYS, key(alias)).await.status, 200);
    }
    let secret = |alias: &str| Some(format!("{SECRET}-{alias}"));
    assert_eq!(used(app, "openai", Some("test")).await, secret("test"));
    assert_eq!(used(app, "openai", Some("nothing")).await, None);
    assert_eq!(used(app, "openai", None).await, secret("default"));
    assert_eq!(used(app, "groq", None).await, None);
    // One that is marked goes before one that is called so, and only one is marked.
    for marked in ["prod", "test"] {
        let body = super::with(key(marked), json!({ "default_config": true }));
        let configs = call(app, Method::GET, KEYS).await.body["result"].clone();
        let configs = configs.as_array().unwrap();
        let id = configs.iter().find(|one| one["alias"] == marked).unwrap()["id"].clone();
        let path = format!("{KEYS}/{}", id.as_str().unwrap());
        assert_eq!(send(app, Method::PUT, &path, body).await.status, 200);
        assert_eq!(used(app, "openai", None).await, secret(marked));
        let configs = call(app, Method::GET, KEYS).await.body["result"].clone();
        let marks = configs.as_array().unwrap().iter();
        assert_eq!(marks.filter(|one| one["default_config"] == true).count(), 1);
    }
    let db = &app.app.store.db;
    let of = gateways::find(db, app.account, "one")
        .await
        .unwrap()
        .unwrap();
    let aliases = provider_configs::aliases(db, &of, "openai").await.unwrap();
    assert_eq!(aliases, ["default", "prod", "test"]);
}

async fn a_key_is_changed_in_place(app: &TestApp) {
    gateway(app, "one").await;
    let made = send(app, Method::POST, KEYS, key("default")).await;
    send(app, Method::POST, KEYS, key("other")).await;
    let path = format!("{KEYS}/{}", made.body["result"]["id"].as_str().unwrap());
    let named = json!({ "alias": "prod", "default_config": true });
    let changed = send(app, Method::PUT, &path, named).await;
    assert_eq!(changed.body["result"]["secret_preview"], "****ault");
    assert_eq!(
        used(app, "openai", Some("prod")).await,
        Some(format!("{SECRET}-default"))
    );
    let short = json!({ "alias": "prod", "default_config": true, "secret": "short" });
    let changed = send(app, Method::PUT, &path, short).await;
    assert_eq!(changed.body["result"]["secret_preview"], "****");
    assert_eq!(used(app, "openai", None).await.unwrap(), "short");
    for (body, fault) in [
        (
            json!({ "alias": "other", "default_config": true }),
            "body.alias: A key for openai",
        ),
        (json!({ "alias": "prod" }), "body.default_config: Required"),
        (
            json!({ "alias": "a", "default_config": true, "provider_slug": "groq" }),
            "body.provider_slug: A key stays",
        ),
    ] {
        let refused = faults(&send(app, Method::PUT, &path, body).await);
        assert!(refused[0].starts_with(fault), "{refused:?}");
    }
}

async fn every_fault_is_named_at_once(app: &TestApp) {
    gateway(app, "one").await;
    let missing = faults(&send(app, Method::POST, KEYS, json!({})).await);
    let wrong = json!({
        "provider_slug": "Open AI", "alias": "a b", "default_config": 1, "secret": "new\nline",
        "secret_id": "x", "rate_limit": 5, "rate_limit_period": 0, "other": 1,
    });
    let wrong = faults(&send(app, Method::POST, KEYS, wrong).await);
    let unknown = json!({
        "provider_slug": "unheard-of", "alias": "a", "default_config": true, "secret": "s",
    });
    let unknown = faults(&send(app, Method::POST, KEYS, unknown).await);
    let elsewhere = json!({
        "provider_slug": "openai", "alias": "a", "default_config": true, "secret_id": "s",
    });
    let elsewhere = faults(&send(app, Method::POST, KEYS, elsewhere).await);
    let all = [missing, wrong, unknown, elsewhere].map(|faults| faults.join("\n"));
    insta::assert_snapshot!("provider_config_faults", all.join("\n\n"));
    assert_eq!(send(app, Method::POST, KEYS, key("a")).await.status, 200);
    let twice = faults(&send(app, Method::POST, KEYS, key("a")).await);
    assert!(
        twice[0].starts_with("body.alias: A key for openai with the alias a"),
        "{twice:?}"
    );
}

/// The keys of another account, or of another gateway, are not there.
async fn keys_belong_to_their_gateway(app: &TestApp) {
    gateway(app, "one").await;
    gateway(app, "two").await;
    let made = send(app, Method::POST, KEYS, key("default")).await;
    let id = made.body["result"]["id"].as_str().unwrap();
    let elsewhere = format!("gateways/two/provider_configs/{id}");
    let body = json!({ "alias": "a", "default_config": false });
    let put = send(app, Method::PUT, &elsewhere, body).await;
    assert_eq!((put.status.as_u16(), put.code()), (404, 7002));
    let gone = call(app, Method::DELETE, &elsewhere).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (404, 7002));
    let none = call(app, Method::GET, "gateways/three/provider_configs").await;
    assert_eq!((none.status.as_u16(), none.code()), (404, 7002));
    // They go with it.
    assert_eq!(call(app, Method::DELETE, "gateways/one").await.status, 200);
    gateway(app, "one").await;
    assert_eq!(used(app, "openai", None).await, None);
}

crate::on_both_engines![
    a_key_is_stored_and_never_told_again,
    a_call_uses_the_key_that_it_names_or_the_default,
    a_key_is_changed_in_place,
    every_fault_is_named_at_once,
    keys_belong_to_their_gateway,
];
