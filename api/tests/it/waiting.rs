//! Waiting for a top-up's money.

use std::time::{Duration, Instant};

use api::{Client, Error, TopupStatus, TopupStatusParams, TopupStatusResponse};

use crate::server::{Reply, Server};

async fn wait(client: &Client, limit: Duration) -> Result<TopupStatusResponse, Error> {
    let params = TopupStatusParams {
        account_id: "a1".into(),
        payment_intent_id: "in_1abc".into(),
    };
    client
        .ai_gateway()
        .billing()
        .topup()
        .wait_until_completed(params, limit)
        .await
}

#[tokio::test]
async fn the_server_is_asked_to_wait_a_minute_at_most() {
    for (limit, prefer) in [(3600, "wait=60"), (30, "wait=28")] {
        let server = Server::start([Reply::status("completed")]).await;
        let answer = wait(&server.client(), Duration::from_secs(limit))
            .await
            .unwrap();
        assert_eq!(answer.status, TopupStatus::Completed);
        assert_eq!(
            server.seen()[0].header("prefer"),
            Some(prefer),
            "limit {limit}"
        );
    }
    let server = Server::start([Reply::status("completed")]).await;
    wait(&server.client(), Duration::MAX).await.unwrap();
}

#[tokio::test]
async fn a_server_that_waits_is_given_the_time_and_asked_again_at_once() {
    let held =
        |status, milliseconds| Reply::status(status).after(Duration::from_millis(milliseconds));
    // The limit leaves one whole second for the first wait, and the answer takes a little longer.
    let server = Server::start([held("pending", 1100), held("completed", 0)]).await;
    let client = server
        .builder()
        .timeout(Duration::from_millis(500))
        .max_retries(0)
        .build()
        .unwrap();
    let started = Instant::now();
    wait(&client, Duration::from_millis(2900)).await.unwrap();
    assert_eq!(server.seen()[0].header("prefer"), Some("wait=1"));
    assert_eq!(
        server.seen().len(),
        2,
        "the wait must not run into the client's timeout"
    );
    assert!(
        started.elapsed() < Duration::from_millis(1600),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_does_not_wait_is_polled_with_pauses() {
    let replies = ["pending", "pending", "completed"].map(Reply::status);
    let server = Server::start(replies).await;
    let started = Instant::now();
    wait(&server.client(), Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(server.seen().len(), 3);
    assert!(
        started.elapsed() >= Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn past_the_limit_it_is_a_timeout() {
    let server = Server::start((0..9).map(|_| Reply::status("pending"))).await;
    let started = Instant::now();
    let error = wait(&server.client(), Duration::from_millis(700))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error:?}");
    assert!(started.elapsed() >= Duration::from_millis(700));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(server.seen().len(), 2);

    let silent = Server::start([Reply::status("completed").after(Duration::from_secs(30))]).await;
    let error = wait(&silent.client(), Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error:?}");
}

#[tokio::test]
async fn a_dead_topup_ends_the_wait_with_its_error() {
    let dead = r#"{"success":false,"errors":[{"code":7004,"message":"The card was declined."}],
        "result":null}"#;
    let server = Server::start([Reply::status("pending"), Reply::new(422, dead)]).await;
    let error = wait(&server.client(), Duration::from_secs(60))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::UnprocessableEntity(_)), "{error:?}");
    assert_eq!(
        error.failure().unwrap().errors[0].message,
        "The card was declined."
    );
}

#[tokio::test]
async fn a_status_that_is_not_known_ends_the_wait() {
    let server = Server::start([Reply::status("failed")]).await;
    let error = wait(&server.client(), Duration::from_secs(60))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert!(error.to_string().contains("failed"), "{error}");
}
