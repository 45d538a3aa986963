//! Zero data retention: calls that ask for it go with an account of the operator's that has it, or not at all.

use serde_json::json;

use super::keys::{number, shown};
use super::{Told, asks, runner, send, set, to};
use crate::app::TestApp;

async fn ask(app: &TestApp, token: &str, headers: &[(&str, &str)]) -> Told {
    let mut request = to(app, "openai/v1/chat/completions")
        .header("cf-aig-authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.json(&asks("one"))).await
}

async fn a_call_that_asks_for_it_goes_with_an_account_that_has_it(app: &TestApp) {
    app.give(100).await;
    let token = runner(app).await;
    let (ordinary, zdr) = (number("sk-operator-openai"), number("sk-operator-deepseek"));
    for (setting, header, expected) in [
        (false, None, ordinary),
        (false, Some("true"), zdr),
        (true, None, zdr),
        (true, Some("false"), ordinary),
    ] {
        set(app, json!({"zdr": setting})).await;
        let headers: Vec<_> = header.iter().map(|value| ("cf-aig-zdr", *value)).collect();
        let told = ask(app, &token, &headers).await;
        assert_eq!(told.status, 200, "{}", told.text);
        assert_eq!(shown(app), expected, "{setting} {header:?}");
    }
    // Nothing else of the call is changed.
    let requests = app.provider.requests();
    assert_eq!(requests[0].body, requests[1].body);
}

async fn without_such_an_account_it_is_not_made(app: &TestApp) {
    app.give(100).await;
    set(app, json!({"zdr": true})).await;
    let token = runner(app).await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": "one"}]});
    let messages = || {
        let request = to(app, "anthropic/v1/messages").header("anthropic-version", "2023-06-01");
        request
            .header("cf-aig-authorization", format!("Bearer {token}"))
            .json(&body)
    };
    let refused = send(messages()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, 8120));
    assert!(app.provider.requests().is_empty());
    // What one's own key may keep is between its owner and the provider.
    let own = send(messages().header("x-api-key", "sk-ant-operator")).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let waived = send(messages().header("cf-aig-zdr", "false")).await;
    assert_eq!(waived.status, 200, "{}", waived.text);
}

crate::on_both_engines![
    a_call_that_asks_for_it_goes_with_an_account_that_has_it
        with [("FAREBOX_PROVIDERS__ZDR_KEYS", "openai=sk-operator-deepseek")],
    without_such_an_account_it_is_not_made
        with [("FAREBOX_PROVIDERS__ZDR_KEYS", "openai=sk-operator-deepseek")],
];
