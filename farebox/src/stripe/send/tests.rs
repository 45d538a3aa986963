//! What goes over the wire and what a failing wire does. The listener here answers canned bytes
//! and knows nothing of Stripe: behaviour is tested against the sandbox.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use secrecy::SecretString;
use serde_json::Value;

use super::*;
use crate::stripe::StripeSettings;

/// What the listener does with one connection.
enum Act {
    Answer(&'static str),
    /// Reads the request and hangs up.
    HangUp,
    /// Reads the request and says nothing for longer than the client waits.
    Silence,
}

struct Wire {
    base_url: String,
    requests: mpsc::Receiver<String>,
}

fn wire(acts: Vec<Act>) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for act in acts {
            let (mut stream, _) = listener.accept().unwrap();
            sender.send(read_request(&mut stream)).unwrap();
            match act {
                Act::Answer(text) => stream.write_all(text.as_bytes()).unwrap(),
                Act::HangUp => {}
                Act::Silence => thread::sleep(Duration::from_millis(600)),
            }
        }
    });
    Wire { base_url, requests }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let length = text.split_once("content-length: ").map_or(0, |(_, rest)| {
            rest.split("\r\n").next().unwrap().parse().unwrap()
        });
        if text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.len() >= length)
            || count == 0
        {
            return text;
        }
    }
}

fn client(base_url: &str) -> Stripe {
    let settings = StripeSettings {
        base_url: base_url.to_owned(),
        secret_key: SecretString::from("sk_test_1"),
        timeout_ms: 300,
        connect_timeout_ms: 300,
        max_retries: 2,
    };
    Stripe::new(&settings).unwrap()
}

fn post() -> Call {
    Call::post("/v1/invoices", "topup:t1:inv")
        .with("discounts", "")
        .with("metadata[who]", "a&b é")
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const SLOW: &str =
    "HTTP/1.1 429 Slow\r\nretry-after: 60\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const REPLAYED: &str = "HTTP/1.1 500 No\r\nidempotent-replayed: true\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const STOP: &str = "HTTP/1.1 500 No\r\nstripe-should-retry: false\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_post_is_a_form_with_key_and_version() {
    let wire = wire(vec![Act::Answer(OK)]);
    client(&wire.base_url).send::<Value>(post()).await.unwrap();
    let request = wire.requests.recv().unwrap();
    assert!(
        request.starts_with("POST /v1/invoices HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        "authorization: Bearer sk_test_1",
        "stripe-version: 2026-05-27.dahlia",
        "idempotency-key: topup:t1:inv",
        "content-type: application/x-www-form-urlencoded",
    ] {
        assert!(
            request.contains(&format!("\r\n{line}\r\n")),
            "{line} in {request}"
        );
    }
    assert!(
        request.ends_with("\r\n\r\ndiscounts=&metadata%5Bwho%5D=a%26b+%C3%A9"),
        "{request}"
    );
}

#[tokio::test]
async fn a_get_has_a_query_and_no_key() {
    let wire = wire(vec![Act::Answer(OK)]);
    let call = Call::get("/v1/events").with("types[]", "invoice.paid");
    client(&wire.base_url).send::<Value>(call).await.unwrap();
    let request = wire.requests.recv().unwrap();
    assert!(
        request.starts_with("GET /v1/events?types%5B%5D=invoice.paid HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(!request.contains("idempotency-key"), "{request}");
}

#[tokio::test]
async fn a_broken_attempt_is_repeated_under_the_same_key() {
    let wire = wire(vec![Act::HangUp, Act::Answer(BUSY), Act::Answer(OK)]);
    client(&wire.base_url).send::<Value>(post()).await.unwrap();
    let requests: Vec<_> = wire.requests.iter().take(3).collect();
    assert_eq!(requests[0], requests[1]);
    assert_eq!(requests[0], requests[2]);
}

#[tokio::test]
async fn attempts_end() {
    let wire = wire(vec![
        Act::Answer(BUSY),
        Act::Answer(BUSY),
        Act::Answer(BUSY),
        Act::Answer(OK),
    ]);
    let error = client(&wire.base_url)
        .send::<Value>(post())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StripeError::Unavailable {
                status: Some(503),
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(wire.requests.try_iter().count(), 3);
}

#[tokio::test]
async fn a_stored_failure_and_stripes_no_are_not_repeated() {
    for answer in [REPLAYED, STOP] {
        let wire = wire(vec![Act::Answer(answer), Act::Answer(OK)]);
        let error = client(&wire.base_url)
            .send::<Value>(post())
            .await
            .unwrap_err();
        assert!(error.outcome_unknown(), "{error:?}");
        assert_eq!(wire.requests.try_iter().count(), 1);
    }
}

#[tokio::test]
async fn silence_is_a_timeout_with_an_unknown_outcome() {
    let wire = wire(vec![Act::Silence, Act::Silence, Act::Silence]);
    let error = client(&wire.base_url)
        .send::<Value>(post())
        .await
        .unwrap_err();
    assert!(error.outcome_unknown() && error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn a_refusal_after_silence_does_not_hide_what_the_silence_may_have_done() {
    let wire = wire(vec![Act::HangUp, Act::Answer(SLOW)]);
    let error = client(&wire.base_url)
        .send::<Value>(post())
        .await
        .unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
}

#[tokio::test]
async fn a_closed_port_did_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&base_url).send::<Value>(post()).await.unwrap_err();
    assert!(
        matches!(
            error,
            StripeError::Unavailable {
                status: None,
                may_have_run: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.is_transient() && !error.outcome_unknown());
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_quoted() {
    let wire = wire(vec![Act::Answer(
        "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"id\":\"pi_hush\"}}",
    )]);
    let error = client(&wire.base_url)
        .send::<Vec<u8>>(post())
        .await
        .unwrap_err();
    assert!(matches!(error, StripeError::Decode { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hush"));
}
