//! Who is at the other end of a connection, and the calls that they make: POSTs with the headers of the handshake.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::app::App;
use crate::http::gateway::incoming::{self, Incoming, Sent};
use crate::http::gateway::named::{self, Format};
use crate::http::gateway::runner::{AccountRunner, Runner};
use crate::http::gateway::socket::Place;
use crate::ids::LogId;
use crate::proxy::{Call, ProxyError};

/// `OpenAI-Beta` of clients of this protocol; a call over HTTP has nothing of it.
const BETA: &str = "responses_websockets=";

/// Headers of the handshake alone.
const HANDSHAKE: [HeaderName; 9] = [
    CONNECTION,
    UPGRADE,
    ORIGIN,
    HeaderName::from_static("sec-websocket-key"),
    HeaderName::from_static("sec-websocket-version"),
    HeaderName::from_static("sec-websocket-extensions"),
    HeaderName::from_static("sec-websocket-protocol"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
];

/// A client that has opened a connection.
pub struct Client {
    /// The gateway's.
    pub app: Arc<App>,
    /// Where its calls go.
    pub place: Place,
    /// The request that opened the connection.
    pub parts: Parts,
}

impl Client {
    /// Who calls. Each call asks anew: a token may have been revoked since the last one.
    ///
    /// # Errors
    /// As for a POST.
    pub async fn runner(&self) -> Result<Runner, ProxyError> {
        let parts = &mut self.parts.clone();
        match self.place {
            Place::Native { .. } => Runner::from_request_parts(parts, &self.app).await,
            Place::Named => {
                let runner = AccountRunner::from_request_parts(parts, &self.app).await;
                runner.map(|AccountRunner(runner)| runner)
            }
        }
    }

    /// The call that a body makes.
    ///
    /// # Errors
    /// As for a POST.
    pub async fn call(&self, runner: Runner, body: Bytes) -> Result<Call, ProxyError> {
        let app = &self.app;
        let max = app.config.gateway.body_limit_bytes;
        if body.len() > max {
            return Err(incoming::too_large(max));
        }
        let at = app.now();
        let incoming = Incoming {
            id: LogId::new(at),
            at,
            begun: Instant::now(),
            account: runner.account,
            gateway: Arc::new(runner.gateway),
            has_keys: runner.has_keys,
            caller: runner.name,
            headers: call_headers(&self.parts.headers),
            body,
        };
        let Place::Native { slug, path } = &self.place else {
            return named::call(app, incoming, Format::Responses).await;
        };
        let target = incoming::target(app, incoming.account, slug).await?;
        let sent = Sent {
            path: incoming::passed_path(&target, path),
            body: incoming.body.clone(),
            translation: None,
            compatibility: false,
        };
        incoming.call(target, Method::POST, sent)
    }
}

/// The headers of a POST by the same client.
fn call_headers(handshake: &HeaderMap) -> HeaderMap {
    let mut headers = handshake.clone();
    for name in HANDSHAKE {
        headers.remove(name);
    }
    let beta = HeaderName::from_static("openai-beta");
    let is_ours = |value: &HeaderValue| value.as_bytes().starts_with(BETA.as_bytes());
    if headers.get_all(&beta).iter().all(is_ours) {
        headers.remove(&beta);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_clients_headers_without_the_handshakes() {
        let mut handshake = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("session_id", "1"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("openai-beta", "responses_websockets=2026-02-06"),
        ] {
            handshake.insert(name, HeaderValue::from_static(value));
        }
        let headers = call_headers(&handshake);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["accept", "authorization", "content-type", "session_id"]
        );
        handshake.insert("openai-beta", HeaderValue::from_static("another=1"));
        assert!(call_headers(&handshake).contains_key("openai-beta"));
    }
}
