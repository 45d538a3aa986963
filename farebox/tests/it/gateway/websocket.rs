//! Requests for a WebSocket: refused with 426 on every path that has none.

use reqwest::Method;
use reqwest::header::{CONNECTION, UPGRADE};

use super::{Told, runner, send};
use crate::app::{TestApp, http_client};

/// The opening handshake of RFC 6455, section 4.1, on a path of the test's account.
async fn ask_to_upgrade(app: &TestApp, token: &str, path: &str) -> Told {
    let url = format!(
        "{}{}",
        app.url,
        path.replace("{account}", &app.account.to_string())
    );
    let request = http_client().request(Method::GET, url).bearer_auth(token);
    let request = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket");
    let request = request.header("sec-websocket-version", "13");
    send(request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")).await
}

async fn what_has_no_websocket_says_so_by_426(app: &TestApp) {
    let token = runner(app).await;
    for path in [
        "/v1/{account}/default/openai/v1/chat/completions",
        "/v1/{account}/default/openai/v1/realtime?model=gpt-realtime",
        "/v1/{account}/default/anthropic/v1/messages",
        "/v1/{account}/default/compat/chat/completions",
        "/v1/{account}/default",
        "/v1/responses",
        "/client/v4/accounts/{account}/ai/v1/chat/completions",
        "/client/v4/accounts/{account}/ai/run",
    ] {
        let told = ask_to_upgrade(app, &token, path).await;
        assert_eq!(told.status, 426, "{path}: {}", told.text);
        assert_eq!(told.header("upgrade"), "HTTP/1.1", "{path}");
        assert_eq!(told.code(), 8115, "{path}");
    }
    assert!(app.provider.requests().is_empty());
}

async fn who_may_not_run_is_told_that_first(app: &TestApp) {
    let path = "/v1/{account}/default/openai/responses";
    let told = ask_to_upgrade(app, "fbx_unknown", path).await;
    assert_eq!((told.status.as_u16(), told.code()), (401, 2009));
}

crate::on_both_engines![
    what_has_no_websocket_says_so_by_426,
    who_may_not_run_is_told_that_first,
];
