//! Models that the operator runs: `[providers.NAME]`, sold as any other.

use reqwest::Method;
use sandbox::{Provider, ProviderConfig};
use serde_json::{Value, json};

use super::keys::manage;
use super::{Told, is_settled, leave, log, nanos, runner, send, to};
use crate::app::{Engine, TestApp, http_client};

const GIVEN: i64 = 1_000_000_000;

/// $0.20 and $0.80 for a million tokens: what a call with these words of prompt and answer costs.
const fn cost(read: i64, written: i64) -> i64 {
    read * 200 + written * 800
}

const PRICES: &str = r#"{"source":"operator","providers":{"vllm":{"models":[
    {"id":"our-llama","prices":[{"rates":{"input":"0.2","output":"0.8"}}]},
    {"id":"org/big","prices":[{"rates":{"input":"0.2","output":"0.8"}}]}]},
    "gone":{"models":[{"id":"our-llama","prices":[{"rates":{"input":"0.2","output":"0.8"}}]}]}}}"#;

/// A Farebox that sells `vllm`, which is a server of the sandbox's with these keys. In the options `@` is its
/// address.
async fn sells(
    engine: Engine,
    keys: &[&str],
    options: &[(&str, &str)],
    test: impl AsyncFnOnce(&TestApp, &Provider),
) {
    let server = Provider::start(ProviderConfig {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..ProviderConfig::default()
    });
    let server = server.await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let prices = directory.path().join("prices.json");
    std::fs::write(&prices, PRICES).unwrap();
    let url = server.url();
    let prices = prices.display().to_string();
    let mut all = vec![
        ("FAREBOX_PRICES__FILE", prices),
        ("FAREBOX_PROVIDERS__VLLM__BASE_URL", url.clone()),
        ("FAREBOX_PROVIDERS__VLLM__DIALECT", "vllm".to_owned()),
        (
            "FAREBOX_PROVIDERS__VLLM__ALLOW_PRIVATE_ADDRESS",
            "true".to_owned(),
        ),
        ("FAREBOX_PROVIDERS__VLLM__KEYS", keys.join(",")),
    ];
    if keys.is_empty() {
        // The sandbox's server takes any credential then, but not none.
        let header = "authorization: Bearer of-the-server".to_owned();
        all.push(("FAREBOX_PROVIDERS__VLLM__HEADERS", header));
    }
    all.extend(
        options
            .iter()
            .map(|(name, value)| (*name, value.replace('@', &url))),
    );
    let all: Vec<_> = all
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    if let Some(app) = TestApp::start(engine, &all).await {
        app.give(100).await;
        test(&app, &server).await;
    }
}

/// Makes two tests of each function, one an engine, with the server's keys and further options.
macro_rules! operated {
    ($($name:ident of $keys:expr, with $options:expr;)+) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::sells(crate::app::Engine::Sqlite, $keys, $options, super::$name).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::sells(crate::app::Engine::Postgres, $keys, $options, super::$name).await;
            }
        })+
    };
}

fn asks(model: &str) -> Value {
    json!({"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "one two"}]})
}

/// What the server was sent, without the look at its models.
fn calls(server: &Provider) -> Vec<sandbox::provider::Recorded> {
    let requests = server.requests().into_iter();
    requests
        .filter(|request| request.method == "POST")
        .collect()
}

async fn native(app: &TestApp, token: &str, body: &Value) -> Told {
    send(
        to(app, "vllm/v1/chat/completions")
            .bearer_auth(token)
            .json(body),
    )
    .await
}

async fn it_is_sold_on_every_path(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    let ai = format!(
        "{}/client/v4/accounts/{}/ai/v1/chat/completions",
        app.url, app.account
    );
    let requests = [
        (to(app, "vllm/v1/chat/completions"), "our-llama"),
        (to(app, "vllm/chat/completions"), "our-llama"),
        (to(app, "compat/chat/completions"), "vllm/our-llama"),
        (to(app, "compat/chat/completions"), "vllm/org/big"),
        (http_client().request(Method::POST, ai), "vllm/our-llama"),
    ];
    let mut spent = 0;
    for (request, model) in requests {
        let told = send(request.bearer_auth(&token).json(&asks(model))).await;
        assert_eq!(told.status, 200, "{model}: {}", told.text);
        spent += cost(2, 5);
        assert_eq!(nanos(app).await, GIVEN - spent, "{model}");
        let kept = log(app, &told).await.call;
        assert_eq!(kept.provider, "vllm");
        assert_eq!(kept.tokens_in, Some(2));
    }
    for sent in calls(server) {
        assert_eq!(sent.path, "/v1/chat/completions");
        assert_eq!(sent.headers["x-team"], "blue");
        assert_eq!(sent.credentials.len(), 1);
        assert_eq!(sent.credentials[0].key, Some(0));
    }
    // A stream brings the usage that the client hasn't asked for, and hides it.
    let mut body = asks("our-llama");
    body["stream"] = json!(true);
    let told = native(app, &token, &body).await;
    assert!(!told.text.contains("usage"), "{}", told.text);
    assert_eq!(nanos(app).await, GIVEN - spent - cost(2, 5));
}

async fn a_model_without_a_price_is_refused(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    let told = native(app, &token, &asks("another")).await;
    assert_eq!(told.status, 400, "{}", told.text);
    assert!(told.text.contains("vllm/another"), "{}", told.text);
    for path in ["vllm/props", "vllm/v1/files", "vllm/metrics"] {
        let told = send(to(app, path).bearer_auth(&token).json(&json!({}))).await;
        assert_eq!(told.status, 400, "{path}: {}", told.text);
    }
    assert!(calls(server).is_empty());
    assert_eq!(nanos(app).await, GIVEN);
}

async fn another_key_makes_no_call_free(app: &TestApp, server: &Provider) {
    let token = format!("Bearer {}", runner(app).await);
    let call = |path: &str| {
        to(app, path)
            .header("cf-aig-authorization", &token)
            .json(&asks("our-llama"))
    };
    let path = "vllm/v1/chat/completions";
    let requests = [
        call(path).header("authorization", "Bearer junk"),
        call(path).header("authorization", ""),
        call(path).header("x-api-key", "junk"),
        call(path)
            .header("api-key", "junk")
            .header("x-goog-api-key", "junk"),
        call("vllm/v1/chat/completions?key=junk"),
    ];
    server.watch_for(vec!["junk".to_owned()]);
    let mut spent = 0;
    for request in requests {
        let told = send(request).await;
        assert_eq!(told.status, 200, "{}", told.text);
        spent += cost(2, 5);
        assert_eq!(nanos(app).await, GIVEN - spent);
    }
    for sent in calls(server) {
        // A key in the query is none of this API's, and passed on as any parameter.
        assert!(
            sent.watched.iter().all(|place| place == "query"),
            "{sent:?}"
        );
        let shown = sent.credentials.iter();
        let shown = shown
            .filter(|credential| credential.at == "authorization")
            .count();
        assert_eq!(shown, 1, "{sent:?}");
        for name in ["x-api-key", "api-key", "x-goog-api-key"] {
            assert!(!sent.headers.contains_key(name), "{name}");
        }
    }
    let stored = json!({"provider_slug": "vllm", "alias": "default", "secret": "junk", "default_config": true});
    let path = format!(
        "/client/v4/accounts/{}/ai-gateway/gateways/default/provider_configs",
        app.account
    );
    let refused = app.request(Method::POST, &path).json(stored).send().await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("takes no keys"), "{}", refused.text);
}

async fn customers_bring_keys_where_the_operator_allows_it(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    let own = || {
        to(app, "vllm/v1/chat/completions")
            .header("cf-aig-authorization", format!("Bearer {token}"))
    };
    let told = send(own().bearer_auth("sk-theirs").json(&asks("our-llama"))).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(calls(server)[0].credentials[0].key, Some(1));
    let stored = json!({"provider_slug": "vllm", "alias": "default", "secret": "sk-theirs", "default_config": true});
    manage(
        app,
        Method::POST,
        "gateways/default/provider_configs",
        stored,
    )
    .await;
    assert_eq!(send(own().json(&asks("our-llama"))).await.status, 200);
    assert_eq!(nanos(app).await, GIVEN);
}

async fn calls_go_on_with_the_next_key(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    for turn in 1..=4 {
        let told = native(app, &token, &asks("our-llama")).await;
        assert_eq!(told.status, 200, "{}", told.text);
        assert_eq!(nanos(app).await, GIVEN - turn * cost(2, 5));
    }
    // Half of them began with a key that the server doesn't know.
    assert_eq!(calls(server).len(), 4 + 2);
}

async fn each_limit_is_lowered(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    // Enough for the prompt by its bytes and what a chat template may add, and some output.
    leave(app, 100_000).await;
    let mut body = asks("our-llama");
    body["max_tokens"] = json!(1);
    body["n_predict"] = json!(-1);
    body["num_predict"] = json!(50_000);
    let told = native(app, &token, &body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let sent = calls(server).pop().unwrap().body;
    assert_eq!(sent["max_tokens"], 1);
    let limit = sent["n_predict"].as_i64().unwrap();
    assert!((1..100).contains(&limit), "{sent}");
    assert_eq!(sent["num_predict"], limit);
    is_settled(app).await;
}

async fn what_the_api_does_not_define_is_refused(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    let mut body = asks("our-llama");
    body["top_k"] = json!(3);
    body["min_tokens"] = json!(9);
    let told = native(app, &token, &body).await;
    assert_eq!(told.status, 400, "{}", told.text);
    assert!(told.text.contains("min_tokens, top_k"), "{}", told.text);
    assert!(calls(server).is_empty());
    assert_eq!(native(app, &token, &asks("our-llama")).await.status, 200);
}

async fn what_the_api_does_not_define_is_removed(app: &TestApp, server: &Provider) {
    let token = runner(app).await;
    let mut body = asks("our-llama");
    body["top_k"] = json!(3);
    let told = native(app, &token, &body).await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(calls(server).pop().unwrap().body, asks("our-llama"));
}

async fn models_are_listed(app: &TestApp, _: &Provider) {
    let token = runner(app).await;
    let url = format!("{}/v1/{}/default/compat/models", app.url, app.account);
    let told = send(http_client().get(url).bearer_auth(&token)).await;
    let list = told.json();
    let ids = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap());
    let ids: Vec<_> = ids.filter(|id| id.starts_with("vllm/")).collect();
    assert_eq!(ids, ["vllm/our-llama"]);
}

async fn a_server_that_is_down_costs_nothing(app: &TestApp, _: &Provider) {
    let token = runner(app).await;
    let told = send(
        to(app, "gone/chat/completions")
            .bearer_auth(&token)
            .json(&asks("our-llama")),
    )
    .await;
    let fails = |told: &Told| (told.status.as_u16(), told.code());
    assert_eq!(fails(&told), (502, 2005), "{}", told.text);
    let told = send(
        to(app, "compat/chat/completions")
            .bearer_auth(&token)
            .json(&asks("gone/our-llama")),
    )
    .await;
    assert_eq!(fails(&told), (502, 2005), "{}", told.text);
    assert_eq!(nanos(app).await, GIVEN);
}

operated! {
    it_is_sold_on_every_path of &["sk-ours"], with &[
        ("FAREBOX_PROVIDERS__VLLM__BASE_URL", "@/v1"),
        ("FAREBOX_PROVIDERS__VLLM__HEADERS", "x-team: blue"),
    ];
    a_model_without_a_price_is_refused of &[], with &[];
    another_key_makes_no_call_free of &[], with &[];
    customers_bring_keys_where_the_operator_allows_it of &["sk-ours", "sk-theirs"], with &[
        ("FAREBOX_PROVIDERS__VLLM__KEYS", "sk-ours"),
        ("FAREBOX_PROVIDERS__VLLM__CUSTOMER_KEYS", "true"),
    ];
    calls_go_on_with_the_next_key of &["sk-ours"], with &[
        ("FAREBOX_PROVIDERS__VLLM__KEYS", "sk-revoked,sk-ours"),
    ];
    each_limit_is_lowered of &[], with &[
        ("FAREBOX_PROVIDERS__VLLM__DIALECT", "llama.cpp"),
        ("FAREBOX_PROVIDERS__VLLM__CONTEXT_TOKENS", "4096"),
    ];
    what_the_api_does_not_define_is_refused of &[], with &[
        ("FAREBOX_PROVIDERS__VLLM__UNKNOWN_PARAMETERS", "refuse"),
    ];
    what_the_api_does_not_define_is_removed of &[], with &[
        ("FAREBOX_PROVIDERS__VLLM__UNKNOWN_PARAMETERS", "strip"),
    ];
    models_are_listed of &[], with &[("FAREBOX_PROVIDERS__VLLM__MODELS", "our-llama")];
    a_server_that_is_down_costs_nothing of &[], with &[
        ("FAREBOX_PROVIDERS__GONE__BASE_URL", "http://127.0.0.1:1"),
        ("FAREBOX_PROVIDERS__GONE__ALLOW_PRIVATE_ADDRESS", "true"),
    ];
}
