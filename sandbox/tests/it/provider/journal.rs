use reqwest::Method;
use sandbox::provider::End;
use serde_json::json;

use super::client::{KEY, chat, start};

const PATH: &str = "/v1/chat/completions";

#[tokio::test]
async fn the_journal_has_what_was_asked_and_no_secret() {
    let app = start().await;
    let request = app.request(
        Method::POST,
        "/openai/v1/chat/completions?key=query-secret-123&a=1",
    );
    let request = request
        .header("cf-aig-authorization", "Bearer gateway-secret-token")
        .header("x-plain", "seen");
    let sent = request
        .json(&chat("Hello", json!({ "max_tokens": 7 })))
        .send();
    assert_eq!(sent.await.unwrap().status(), 200);
    let requests = app.provider.requests();
    let [entry] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!((entry.method.as_str(), entry.status), ("POST", Some(200)));
    assert_eq!(entry.path, "/openai/v1/chat/completions");
    assert_eq!(entry.body["max_tokens"], 7);
    assert_eq!(entry.query["a"], "1");
    assert_eq!(entry.headers["x-plain"], "seen");
    assert_eq!(entry.end, Some(End::Finished));
    let mut seen: Vec<_> = entry
        .credentials
        .iter()
        .map(|c| (c.at.as_str(), c.key))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("?key", None),
            ("authorization", Some(1)),
            ("cf-aig-authorization", None)
        ]
    );

    let told = app
        .plain(Method::GET, "/_sandbox/requests")
        .send()
        .await
        .unwrap()
        .text()
        .await;
    let told = told.unwrap();
    for secret in [KEY, "query-secret-123", "gateway-secret-token"] {
        assert!(
            !told.contains(secret) && !format!("{requests:?}").contains(secret),
            "{secret}"
        );
    }
    app.provider.clear_requests();
    assert!(app.provider.requests().is_empty());
    assert_eq!(app.provider.counts().requests, 1);
}

#[tokio::test]
async fn texts_that_a_test_watches_for_are_found_wherever_they_are() {
    let app = start().await;
    app.provider.watch_for(vec!["gateway-secret".to_owned()]);
    app.chat("Hello", json!({})).await.ok();
    app.chat("My gateway-secret", json!({})).await.ok();
    let request = app.request(Method::POST, &format!("{PATH}?a=x%2Dgateway%2Dsecret"));
    let request = request
        .header("x-odd", "gateway-secret")
        .json(&chat("a", json!({})));
    request.send().await.unwrap();
    let watched: Vec<_> = app
        .provider
        .requests()
        .into_iter()
        .map(|entry| entry.watched)
        .collect();
    assert_eq!(watched, [vec![], vec!["body"], vec!["x-odd", "query"]]);
}
