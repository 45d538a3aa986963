//! What the client makes of a bad answer.

use api::{Client, Error, TokenVerify};

use crate::server::{Reply, Server};

async fn outcome(reply: Reply) -> Result<TokenVerify, Error> {
    let server = Server::start([reply]).await;
    server
        .builder()
        .max_retries(0)
        .build()
        .unwrap()
        .user()
        .tokens()
        .verify()
        .await
}

async fn error(reply: Reply) -> Error {
    outcome(reply).await.unwrap_err()
}

#[tokio::test]
async fn each_status_has_its_error() {
    for status in [
        301, 400, 401, 402, 403, 404, 409, 418, 422, 429, 500, 503, 599,
    ] {
        let error = error(Reply::new(status, "")).await;
        let fits = match status {
            400 => matches!(error, Error::BadRequest(_)),
            401 => matches!(error, Error::Authentication(_)),
            403 => matches!(error, Error::PermissionDenied(_)),
            404 => matches!(error, Error::NotFound(_)),
            409 => matches!(error, Error::Conflict(_)),
            422 => matches!(error, Error::UnprocessableEntity(_)),
            429 => matches!(error, Error::RateLimited(_)),
            500.. => matches!(error, Error::InternalServer(_)),
            _ => matches!(error, Error::Status(_)),
        };
        assert!(fits, "{status}: {error:?}");
        assert_eq!(error.failure().unwrap().status, status);
    }
}

#[tokio::test]
async fn an_error_says_what_the_server_said() {
    let body = r#"{"success":false,"errors":[
        {"code":7001,"message":"Input Validation Error","path":["body","amount"]},
        {"code":7002,"message":"Other"}],"result":{}}"#;
    let error = error(Reply::new(400, body).header("cf-ray", "8c1f-VIE")).await;
    assert_eq!(
        error.to_string(),
        "bad request: HTTP 400, code 7001: Input Validation Error at body.amount; \
         code 7002: Other (request 8c1f-VIE)"
    );
    let failure = error.failure().unwrap();
    assert_eq!(
        failure.errors[0].path,
        Some(vec!["body".into(), "amount".into()])
    );
    assert_eq!(failure.request_id.as_deref(), Some("8c1f-VIE"));
}

#[tokio::test]
async fn a_body_that_says_nothing_still_gives_the_status() {
    for body in [
        "",
        "null",
        "[]",
        "<html>502 Bad Gateway</html>",
        r#"{"errors":"no"}"#,
        "{}",
    ] {
        let error = error(Reply::new(429, body)).await;
        assert_eq!(error.to_string(), "rate limited: HTTP 429", "{body}");
    }
}

#[tokio::test]
async fn a_200_that_says_it_failed_is_an_error() {
    let body = r#"{"success":false,"errors":[{"code":971,"message":"Please wait"}],"result":{}}"#;
    let error = error(Reply::new(200, body)).await;
    assert_eq!(
        error.to_string(),
        "the call failed: HTTP 200, code 971: Please wait"
    );
    assert!(matches!(error, Error::Status(_)));
}

#[tokio::test]
async fn an_answer_that_can_not_be_read_is_an_error_of_its_own() {
    let answers = [
        (Reply::new(200, "<html>"), "expected value"),
        (
            Reply::new(200, r#"{"success":true,"errors":[]}"#),
            "`result` is missing",
        ),
        (Reply::result("null"), "`result` is missing"),
        (Reply::result("{}"), "missing field `id`"),
        (
            Reply::result(r#"{"id":"t1","status":"paused"}"#),
            "unknown variant `paused`",
        ),
    ];
    for (reply, expected) in answers {
        let error = error(reply.header("cf-ray", "8c1f-VIE")).await;
        let Error::Decode { detail, request_id } = error else {
            panic!("{expected}: {error:?}");
        };
        assert!(detail.contains(expected), "{detail}");
        assert_eq!(request_id.as_deref(), Some("8c1f-VIE"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stranger = Server::start([Reply::result(r#"{"id":"t1","status":"active"}"#)]).await;
    let error = error(Reply::new(302, "").header("location", stranger.origin.clone())).await;
    assert_eq!(error.failure().unwrap().status, 302);
    assert!(
        stranger.seen().is_empty(),
        "the key must not go to a stranger"
    );
}

/// TLS is set up without a process-wide provider: building the client doesn't panic, and a server
/// that speaks no TLS is a connection error.
#[tokio::test]
async fn tls_needs_no_provider_to_be_installed() {
    let server = Server::start([]).await;
    let base_url = server.origin.replace("http://", "https://");
    let client = Client::builder()
        .base_url(base_url)
        .api_token("t")
        .max_retries(0);
    let error = client
        .build()
        .unwrap()
        .user()
        .tokens()
        .verify()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
}
