//! What goes over the wire, and where to. The listeners here are threads that answer canned bytes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use http::{Method, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Of `api.example`, from 2020 to 2120: nobody trusts it but these tests.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBZTCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAthcGkuZXhh
bXBsZTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLYXBpLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARh2SEpun2L
FzrvqsSGwnSOSN8emhHkm1gj7ruopcihr1a1+K5o+UJvqw4Fl8lmgygztAKZ9UpX
Wz+ySjrrKyspo0cwRTAWBgNVHREEDzANggthcGkuZXhhbXBsZTAMBgNVHRMBAf8E
AjAAMB0GA1UdDgQWBBSxF0iQM/T1g6kPjRzXuoPf+Z2tTjAKBggqhkjOPQQDAgNJ
ADBGAiEA4zpXbbcRnAms9miMOZEyyEugvpY0I3wa752gmDlqquYCIQDFQn5eQHt4
g/i/Zko9qJ+hCe1l4UKPHvAtGcn1ELHGxg==
-----END CERTIFICATE-----";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6wnz0LNN6RRcmF1O
WstQ+ermll59BqQ2aMzxCwK+BImhRANCAARh2SEpun2LFzrvqsSGwnSOSN8emhHk
m1gj7ruopcihr1a1+K5o+UJvqw4Fl8lmgygztAKZ9UpXWz+ySjrrKysp
-----END PRIVATE KEY-----";

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

/// What a listener does next on one connection, which it closes after the last.
enum Act {
    /// Reads a request and answers it.
    Answer(&'static str),
    /// Makes TLS of it.
    Tls,
    /// Reads a request, and nothing more.
    HangUp,
    /// Reads whatever comes and says nothing.
    Silence,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A listener that does this, a list for each connection, and tells what it read.
fn listen(connections: Vec<Vec<Act>>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::channel();
    thread::spawn(move || {
        for acts in connections {
            let (stream, _) = listener.accept().unwrap();
            act(Box::new(stream), acts, &seen);
        }
    });
    (address, requests)
}

fn act(mut stream: Box<dyn Stream>, acts: Vec<Act>, seen: &mpsc::Sender<String>) {
    for act in acts {
        match act {
            Act::Answer(text) => {
                seen.send(read_request(&mut *stream)).unwrap();
                stream.write_all(text.as_bytes()).unwrap();
            }
            Act::Tls => {
                let connection = ServerConnection::new(Arc::new(server_tls())).unwrap();
                stream = Box::new(StreamOwned::new(connection, stream));
            }
            Act::HangUp => seen.send(read_request(&mut *stream)).unwrap(),
            Act::Silence => {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    }
}

fn read_request(stream: &mut dyn Stream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "cut: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let length = text.split_once("content-length: ").map_or(0, |(_, rest)| {
            rest.split("\r\n").next().unwrap().parse().unwrap()
        });
        if text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.len() >= length)
        {
            return text.into_owned();
        }
    }
}

fn server_tls() -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    config
}

/// A configuration that trusts `api.example`, and only that.
fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// A client whose names all lead to one address.
fn to(address: SocketAddr) -> Client {
    Client::new(tls(), Names::Checked(Arc::new([address])), None)
}

/// A client without names that goes through a proxy, but for one host.
fn through(proxy: &str) -> Client {
    let proxies = Matcher::builder().all(proxy).no("127.0.0.1").build();
    Client::new(tls(), Names::Checked(Arc::new([])), Some(proxies))
}

fn request(method: Method, uri: &str, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(uri);
    let request = request
        .header("x-one", "1")
        .header("authorization", "Bearer k");
    request
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

/// The answer's status and body.
async fn send(client: &Client, request: Request<Full<Bytes>>) -> (StatusCode, String) {
    let answer = client.send(request).await;
    let (head, mut body) = answer
        .unwrap_or_else(|error| panic!("{error}"))
        .into_parts();
    let mut text = String::new();
    while let Some(piece) = next_piece(&mut body).await.unwrap() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    (head.status, text)
}

async fn get(client: &Client, uri: &str) -> (StatusCode, String) {
    send(client, request(Method::GET, uri, "")).await
}

fn hi() -> (StatusCode, String) {
    (StatusCode::OK, "hi".to_owned())
}

#[tokio::test]
async fn what_is_sent_is_the_request_and_little_more() {
    let (address, requests) = listen(vec![vec![Act::Answer(OK), Act::Answer(OK)]]);
    let client = to(address);
    let uri = format!("http://{address}/v1/chat?key=1");
    let post = request(Method::POST, &uri, "{}");
    assert_eq!(send(&client, post).await, hi());
    let head = "x-one: 1\r\nauthorization: Bearer k\r\n";
    let expected = format!(
        "POST /v1/chat?key=1 HTTP/1.1\r\n{head}accept: */*\r\nhost: {address}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    assert_eq!(requests.recv().unwrap(), expected);

    // Whoever says what is accepted is left alone; where there is no body, none is announced.
    let mut plain = request(Method::POST, &uri, "");
    plain
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    assert_eq!(send(&client, plain).await, hi());
    let expected = format!(
        "POST /v1/chat?key=1 HTTP/1.1\r\n{head}accept: text/event-stream\r\nhost: {address}\r\n\r\n"
    );
    assert_eq!(requests.recv().unwrap(), expected);
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_was_closed_is_replaced() {
    let (address, requests) = listen(vec![
        vec![Act::Answer(OK), Act::Answer(OK)],
        vec![Act::Answer(OK)],
    ]);
    let client = to(address);
    // Without the second connection the third answer would never come; with a third the first two were not kept.
    for _ in 0..3 {
        assert_eq!(get(&client, &format!("http://{address}/")).await, hi());
    }
    assert_eq!(requests.iter().count(), 3);
}

#[tokio::test]
async fn a_name_leads_to_what_was_checked_and_nowhere_else() {
    let (address, requests) = listen(vec![vec![Act::Answer(OK)], vec![Act::Tls, Act::Answer(OK)]]);
    let client = to(address);
    let port = address.port();
    assert_eq!(
        get(&client, &format!("http://nowhere.invalid:{port}/x")).await,
        hi()
    );
    let seen = requests.recv().unwrap();
    assert!(
        seen.contains(&format!("host: nowhere.invalid:{port}\r\n")),
        "{seen}"
    );
    assert_eq!(
        get(&client, &format!("https://api.example:{port}/x")).await,
        hi()
    );
    let seen = requests.recv().unwrap();
    assert!(seen.starts_with("GET /x HTTP/1.1\r\n"), "{seen}");
    let nowhere = Client::new(tls(), Names::Checked(Arc::new([])), None);
    let failed = nowhere
        .send(request(Method::GET, "http://localhost/", ""))
        .await;
    assert!(failed.is_err());
}

#[tokio::test]
async fn a_proxy_is_handed_what_is_plain() {
    let (proxy, requests) = listen(vec![vec![Act::Answer(OK)]]);
    let client = through(&format!("http://user:pass@{proxy}"));
    assert_eq!(get(&client, "http://api.example/v1/chat?a=b").await, hi());
    let expected = "GET http://api.example/v1/chat?a=b HTTP/1.1\r\nx-one: 1\r\nauthorization: Bearer k\r\n\
        accept: */*\r\nproxy-authorization: Basic dXNlcjpwYXNz\r\nhost: api.example\r\n\r\n";
    assert_eq!(requests.recv().unwrap(), expected);
}

#[tokio::test]
async fn a_proxy_sees_nothing_of_what_goes_through_its_tunnel() {
    let (proxy, requests) = listen(vec![vec![
        Act::Answer("HTTP/1.1 200 Connection established\r\n\r\n"),
        Act::Tls,
        Act::Answer(OK),
    ]]);
    let client = through(&format!("http://user:pass@{proxy}"));
    assert_eq!(
        get(&client, "https://api.example/v1/chat?key=1").await,
        hi()
    );
    let expected = "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\
        Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
    assert_eq!(requests.recv().unwrap(), expected);
    let expected = "GET /v1/chat?key=1 HTTP/1.1\r\nx-one: 1\r\nauthorization: Bearer k\r\n\
        accept: */*\r\nhost: api.example\r\n\r\n";
    assert_eq!(requests.recv().unwrap(), expected);
}

#[tokio::test]
async fn what_the_environment_excepts_goes_through_no_proxy() {
    let (address, requests) = listen(vec![vec![Act::Answer(OK)]]);
    let client = through("http://user:pass@192.0.2.1:1");
    assert_eq!(get(&client, &format!("http://{address}/x")).await, hi());
    let seen = requests.recv().unwrap();
    assert!(
        seen.starts_with("GET /x HTTP/1.1\r\n") && !seen.contains("proxy-"),
        "{seen}"
    );
}

#[tokio::test]
async fn no_redirect_is_followed_and_nothing_is_unpacked() {
    let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /y\r\ncontent-length: 0\r\n\r\n";
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi";
    let (address, requests) = listen(vec![vec![Act::Answer(moved), Act::Answer(packed)]]);
    let client = to(address);
    let (status, _) = get(&client, &format!("http://{address}/x")).await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(get(&client, &format!("http://{address}/x")).await, hi());
    for _ in 0..2 {
        let seen = requests.recv().unwrap();
        assert!(
            seen.starts_with("GET /x ") && !seen.contains("accept-encoding"),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn trailers_are_passed_over_and_a_cut_answer_is_no_whole_one() {
    let trailed = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
        1\r\nh\r\n1\r\ni\r\n0\r\nx-sum: 7\r\n\r\n";
    let cut = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n";
    let (address, _requests) = listen(vec![vec![Act::Answer(trailed), Act::Answer(cut)]]);
    let client = to(address);
    let uri = format!("http://{address}/");
    assert_eq!(get(&client, &uri).await, hi());
    let answer = client.send(request(Method::GET, &uri, "")).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(
        next_piece(&mut body).await.unwrap().as_deref(),
        Some(&b"h"[..])
    );
    assert!(next_piece(&mut body).await.is_err());
}

/// The log shall say why, and never the address.
#[tokio::test]
async fn why_no_answer_came_is_told_without_the_address() {
    let answers = |text| vec![vec![Act::Answer(text)]];
    let refusing = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let told = |address: SocketAddr, scheme: &'static str| async move {
        let names = Names::Checked(Arc::new([address]));
        let client = Client::within(Duration::from_millis(300), tls(), names, None);
        let uri = format!("{scheme}://api.example:{}/x?key=secret", address.port());
        failure(&client, &uri).await
    };
    for (address, scheme, expected) in [
        (refusing, "http", "tcp connect error: Connection refused"),
        (
            listen(vec![vec![Act::Silence]]).0,
            "https",
            "no connection within 300ms",
        ),
        (
            listen(answers("nonsense\r\n\r\n")).0,
            "http",
            "invalid HTTP version parsed",
        ),
        (
            listen(vec![vec![Act::HangUp]]).0,
            "http",
            "connection closed before message completed",
        ),
        (
            listen(answers("HTTP/1.1 400 Bad\r\n\r\n")).0,
            "ftp",
            "unsupported scheme ftp",
        ),
    ] {
        let told = told(address, scheme).await;
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let refused = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let (proxy, _requests) = listen(answers(refused));
    let client = through(&format!("http://user:pass@{proxy}"));
    let told = failure(&client, "https://api.example/x?key=secret").await;
    assert!(told.contains("proxy authorization required"), "{told}");
    // Another's certificate.
    let (other, _requests) = listen(vec![vec![Act::Tls, Act::HangUp]]);
    let uri = format!("https://other.example:{}/x?key=secret", other.port());
    let told = failure(&to(other), &uri).await;
    assert!(told.contains("certificate not valid for name"), "{told}");
}

async fn failure(client: &Client, uri: &str) -> String {
    let failed = client.send(request(Method::GET, uri, "")).await;
    let told = failed.unwrap_err().to_string();
    for hidden in ["secret", "key=", "user:pass", "dXNlcjpwYXNz"] {
        assert!(!told.contains(hidden), "{told}");
    }
    told
}
