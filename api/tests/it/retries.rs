//! When the client tries again, and when it must not.

use std::time::{Duration, Instant};

use api::{Error, TokenStatus, TokenVerify};

use crate::server::{Reply, Server};

fn active() -> Reply {
    Reply::result(r#"{"id":"t1","status":"active"}"#)
}

/// What came out, and how many requests it took.
async fn outcome(replies: Vec<Reply>) -> (Result<TokenVerify, Error>, usize) {
    let server = Server::start(replies).await;
    let result = server.client().user().tokens().verify().await;
    (result, server.seen().len())
}

#[tokio::test]
async fn a_passing_failure_is_retried() {
    for status in [408, 409, 429, 500, 502, 503, 504] {
        let (result, requests) = outcome(vec![Reply::brief(status), active()]).await;
        assert_eq!(result.unwrap().status, TokenStatus::Active, "{status}");
        assert_eq!(requests, 2, "{status}");
    }
}

#[tokio::test]
async fn a_lasting_failure_is_not() {
    for status in [400, 401, 402, 403, 404, 422] {
        let (result, requests) = outcome(vec![Reply::brief(status), active()]).await;
        assert_eq!(result.unwrap_err().failure().unwrap().status, status);
        assert_eq!(requests, 1, "{status}");
    }
}

#[tokio::test]
async fn two_retries_are_the_most() {
    let replies = vec![
        Reply::brief(503),
        Reply::brief(503),
        Reply::brief(500),
        active(),
    ];
    let (result, requests) = outcome(replies).await;
    assert_eq!(
        result.unwrap_err().failure().unwrap().status,
        500,
        "the last answer counts"
    );
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn the_number_of_retries_is_the_callers() {
    for (retries, expected) in [(0, 1), (4, 5)] {
        let server = Server::start((0..9).map(|_| Reply::brief(503))).await;
        let client = server.builder().max_retries(retries).build().unwrap();
        client.user().tokens().verify().await.unwrap_err();
        assert_eq!(server.seen().len(), expected);
    }
}

#[tokio::test]
async fn the_server_decides_with_x_should_retry() {
    let never = Reply::brief(503).header("x-should-retry", "false");
    let (result, requests) = outcome(vec![never, active()]).await;
    assert!(matches!(result, Err(Error::InternalServer(_))));
    assert_eq!(requests, 1);

    let always = Reply::brief(404).header("x-should-retry", "true");
    let (result, requests) = outcome(vec![always, active()]).await;
    assert!(result.is_ok());
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn the_wait_is_the_servers_or_half_a_second() {
    let waits = [
        (Reply::new(503, ""), 375),
        (Reply::new(503, "").header("retry-after", "1"), 1000),
        (
            Reply::new(503, "")
                .header("retry-after-ms", "120")
                .header("retry-after", "1"),
            120,
        ),
    ];
    for (reply, milliseconds) in waits {
        let started = Instant::now();
        outcome(vec![reply, active()]).await.0.unwrap();
        let (took, least) = (started.elapsed(), Duration::from_millis(milliseconds));
        assert!(took >= least, "{took:?} is less than {least:?}");
        assert!(
            took < least + Duration::from_secs(2),
            "{took:?} for {least:?}"
        );
    }
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    let server = Server::start_after_broken_connections(2, [active()]).await;
    let token = server.client().user().tokens().verify().await.unwrap();
    assert_eq!(token.status, TokenStatus::Active);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_connection_error() {
    let server = Server::start_after_broken_connections(9, []).await;
    let client = server.builder().max_retries(1).build().unwrap();
    let error = client.user().tokens().verify().await.unwrap_err();
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
    assert_eq!(error.to_string(), "connection failed");
}

#[tokio::test]
async fn a_timeout_ends_the_attempt_and_is_retried() {
    let slow = || active().after(Duration::from_secs(30));
    let server = Server::start([slow(), active(), slow()]).await;
    let quick = server.builder().timeout(Duration::from_millis(500));
    quick
        .clone()
        .build()
        .unwrap()
        .user()
        .tokens()
        .verify()
        .await
        .unwrap();
    assert_eq!(server.seen().len(), 2);

    let once = quick.max_retries(0).build().unwrap();
    let error = once.user().tokens().verify().await.unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error:?}");
}
