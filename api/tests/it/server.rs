//! A server that answers by a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// One answer of the script.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    after: Duration,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            after: Duration::ZERO,
        }
    }

    /// A success with this JSON as its result.
    pub(crate) fn result(result: &str) -> Self {
        Self::new(
            200,
            format!(r#"{{"success":true,"errors":[],"messages":[],"result":{result}}}"#),
        )
    }

    pub(crate) fn status(status: &str) -> Self {
        Self::result(&format!(
            r#"{{"payment_intent_id":"in_1abc","status":"{status}"}}"#
        ))
    }

    /// A failure to be retried at once.
    pub(crate) fn brief(status: u16) -> Self {
        Self::new(status, "null").header("retry-after-ms", "1")
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The running server. It ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) origin: String,
    script: Arc<Script>,
}

struct Script {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Server {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_after_broken_connections(0, replies).await
    }

    /// Drops so many connections unanswered before it serves.
    pub(crate) async fn start_after_broken_connections(
        broken: usize,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into_iter().collect()),
            seen: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        TaskTracker::new().spawn(async move {
            for _ in 0..broken {
                drop(listener.accept().await.unwrap());
            }
            axum::serve(listener, router).await.unwrap();
        });
        Self { origin, script }
    }

    /// A client's builder with this server's address and the API reference's example token.
    pub(crate) fn builder(&self) -> api::ClientBuilder {
        api::Client::builder()
            .base_url(format!("{}/client/v4", self.origin))
            .api_token("Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY")
    }

    pub(crate) fn client(&self) -> api::Client {
        self.builder().build().unwrap()
    }

    /// What has arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let body = String::from_utf8(body.to_vec()).unwrap();
    script.seen.lock().unwrap().push(Seen {
        method,
        uri,
        headers,
        body,
    });
    let next = script.replies.lock().unwrap().pop_front();
    let reply = next.unwrap_or_else(|| Reply::new(418, "the script is over"));
    tokio::time::sleep(reply.after).await;
    let headers = reply
        .headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    (
        StatusCode::from_u16(reply.status).unwrap(),
        headers.collect(),
        reply.body,
    )
}
