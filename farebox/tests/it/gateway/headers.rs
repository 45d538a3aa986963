//! Headers of one connection, one origin or one provider go no further, and pages call models if the operator says so.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::keys::manage;
use super::{Told, asks, nanos, runner, send, to};
use crate::app::{TestApp, http_client};

const CHAT: &str = "openai/v1/chat/completions";

async fn what_is_for_one_hop_or_another_provider_reaches_none(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let request = to(app, CHAT).bearer_auth(&token).json(&asks("one"));
    let request = request
        .header("connection", "keep-alive, X-Secret")
        .header("x-secret", "1")
        .header("proxy-authorization", "Basic eDp5")
        .header("keep-alive", "timeout=5")
        .header("x-api-key", "sk-ant-mine")
        .header("x-goog-api-key", "AIza-mine")
        .header("api-key", "azure-mine")
        .header("x-mine", "1");
    let told = send(request).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let sent = app.provider.requests().pop().unwrap();
    assert_eq!(sent.headers["x-mine"], "1");
    for name in [
        "x-secret",
        "proxy-authorization",
        "keep-alive",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
    ] {
        assert!(!sent.headers.contains_key(name), "{name}: {sent:?}");
    }
    // Anthropic's own key header stays Anthropic's.
    let request = to(app, "anthropic/v1/messages").header("x-api-key", "sk-ant-operator");
    let request = request
        .header("cf-aig-authorization", format!("Bearer {token}"))
        .header("anthropic-version", "2023-06-01")
        .header("api-key", "azure-mine");
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20, "messages": asks("one")["messages"]});
    assert_eq!(send(request.json(&body)).await.status, 200);
    let sent = app.provider.requests().pop().unwrap();
    assert!(sent.headers.contains_key("x-api-key") && !sent.headers.contains_key("api-key"));
}

/// Calls a provider of the account's own that answers with these bytes.
#[expect(clippy::disallowed_methods)]
async fn answered(app: &TestApp, token: &str, slug: &str, answer: &'static str) -> Told {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let body = json!({"name": slug, "slug": slug, "enable": true, "base_url": base});
    manage(app, Method::POST, "custom-providers", body).await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        // Until the other side has read it.
        let _ = stream.read(&mut request).await;
    });
    let request = to(app, &format!("custom-{slug}/chat/completions"));
    let request = request.header("cf-aig-authorization", format!("Bearer {token}"));
    let told = send(request.json(&asks("one"))).await;
    serving.abort();
    told
}

async fn what_a_provider_says_of_its_origin_stays_there(app: &TestApp) {
    let token = runner(app).await;
    let told = answered(
        app,
        &token,
        "loud",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nalt-svc: h3=\":443\"\r\n\
         strict-transport-security: max-age=1\r\naccess-control-allow-origin: *\r\nconnection: x-hop\r\n\
         x-hop: 1\r\nproxy-authenticate: Basic\r\nx-request-id: r\r\n\r\n{}",
    )
    .await;
    assert_eq!(
        (told.status.as_u16(), told.header("x-request-id")),
        (200, "r")
    );
    for name in [
        "alt-svc",
        "strict-transport-security",
        "access-control-allow-origin",
        "x-hop",
        "proxy-authenticate",
    ] {
        assert!(!told.headers.contains_key(name), "{name}");
    }
}

async fn a_provider_that_switches_protocols_has_given_no_answer(app: &TestApp) {
    let token = runner(app).await;
    let told = answered(
        app,
        &token,
        "switching",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    )
    .await;
    assert_eq!(
        (told.status.as_u16(), told.code()),
        (502, 2005),
        "{}",
        told.text
    );
}

const PAGE: &str = "https://app.example.org";

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Told {
    let request = http_client().request(Method::OPTIONS, format!("{}{path}", app.url));
    let request = request
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization, content-type",
        );
    send(request).await
}

async fn pages_of_allowed_origins_call_models(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let path = format!("/v1/{}/default/{CHAT}", app.account);
    let told = preflight(app, &path, PAGE).await;
    assert_eq!(told.status, 204, "{}", told.text);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "POST"),
        (
            "access-control-allow-headers",
            "authorization, content-type",
        ),
    ] {
        assert_eq!(told.header(name), value);
    }
    let call = to(app, CHAT).bearer_auth(&token).json(&asks("one"));
    let told = send(call.header("origin", PAGE)).await;
    assert_eq!(told.header("access-control-allow-origin"), PAGE);
    let exposed = told.header("access-control-expose-headers");
    for name in ["cf-aig-cost", "cf-aig-log-id", "cf-aig-balance"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    // A page can read why a call was refused.
    let refused = send(to(app, CHAT).header("origin", PAGE).json(&asks("one"))).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), PAGE);
    // Pages of other origins can't, and nobody's page manages an account.
    let told = preflight(app, &path, "https://evil.example").await;
    assert!(!told.headers.contains_key("access-control-allow-origin"));
    let path = app.billing("credit-balance");
    let told = preflight(app, &path, PAGE).await;
    assert!(!told.headers.contains_key("access-control-allow-origin"));
}

async fn all_origins_may_be_allowed(app: &TestApp) {
    let path = format!("/client/v4/accounts/{}/ai/v1/responses", app.account);
    let told = preflight(app, &path, PAGE).await;
    assert_eq!(
        (
            told.status.as_u16(),
            told.header("access-control-allow-origin")
        ),
        (204, "*")
    );
}

async fn no_page_calls_models_by_default(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let path = format!("/v1/{}/default/{CHAT}", app.account);
    let told = preflight(app, &path, PAGE).await;
    assert_eq!(told.status, 401);
    let call = to(app, CHAT).bearer_auth(&token).json(&asks("one"));
    let told = send(call.header("origin", PAGE)).await;
    assert!(!told.headers.contains_key("access-control-allow-origin"));
    assert!(nanos(app).await < 1_000_000_000);
}

crate::on_both_engines![
    what_is_for_one_hop_or_another_provider_reaches_none,
    what_a_provider_says_of_its_origin_stays_there with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
    a_provider_that_switches_protocols_has_given_no_answer with [("FAREBOX_GATEWAY__ALLOW_PRIVATE_UPSTREAMS", "true")],
    pages_of_allowed_origins_call_models with [("FAREBOX_GATEWAY__CORS_ORIGINS", "https://app.example.org")],
    all_origins_may_be_allowed with [("FAREBOX_GATEWAY__CORS_ORIGINS", "*")],
    no_page_calls_models_by_default,
];
