//! Responses over WebSocket: OpenAI's "WebSocket mode" of the Responses API, as openai 3.57.0 (`responses.connect`)
//! and Codex 0.171.0 speak it.
//!
//! A client sends `response.create` events and receives the events of each response, a JSON text message each. Every
//! `response.create` is a call of its own: authorised, held, sent to the provider over HTTP, charged and logged as if
//! it had come by POST. So a provider needs no WebSocket, and the books know no connections.

mod client;
mod connections;
mod create;
mod events;
mod frames;
mod history;
mod pending;
mod session;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::header::{SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wire::{Api, Endpoint};

pub use connections::Connections;

use crate::app::App;
use crate::catalog;
use crate::http::gateway::incoming::bad_format;
use crate::http::gateway::runner::Runner;
use crate::http::gateway::upgrade;
use crate::proxy::{ProxyError, codes};
use client::Client;
use session::Session;

/// The only version of the protocol (RFC 6455, section 4.1).
const VERSION: &str = "13";

/// Where the calls of a connection go.
#[derive(Clone, Debug)]
pub enum Place {
    /// To this provider and path below it, as its own SDK calls it.
    Native {
        /// As in paths.
        slug: String,
        /// With its query.
        path: String,
    },
    /// To the provider that each call's `author/model` names.
    Named,
}

impl Place {
    /// Where a request with the provider's own path wants its calls to go; `None` if it wants no WebSocket, or none is
    /// served there.
    pub fn native(method: &Method, headers: &HeaderMap, slug: &str, path: &str) -> Option<Self> {
        let is_asked = method == Method::GET && upgrade::is_requested(headers);
        let provider = catalog::provider(slug).unwrap_or(catalog::custom_provider());
        let endpoint = Endpoint::find(provider.dialect, path).filter(|_| is_asked)?;
        (endpoint.api == Api::Responses).then(|| Self::Native {
            slug: slug.to_owned(),
            path: path.to_owned(),
        })
    }
}

/// Opens the connection. Its session goes on after the answer, as a task that a shutdown waits for.
///
/// # Errors
/// If WebSockets are off, the handshake is not RFC 6455's, the account has too many connections, or a web page of
/// another site asks.
pub fn open(
    app: &Arc<App>,
    runner: &Runner,
    place: Place,
    mut request: Request,
) -> Result<Response, ProxyError> {
    let max = app.config.gateway.websockets_per_account;
    if max == 0 {
        return Err(upgrade::refused());
    }
    let accept = accept_key(request.headers())?;
    refuse_other_sites(runner, request.headers())?;
    let place_taken = app.websockets.take(runner.account, max);
    let connection = place_taken.ok_or_else(|| too_many(max))?;
    let upgraded = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let answer = switched(&accept);
    let client = Client {
        app: app.clone(),
        place,
        parts,
    };
    app.tasks.spawn(async move {
        let _counted = connection;
        match upgraded.await {
            Ok(upgraded) => Session::run(client, TokioIo::new(upgraded)).await,
            Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
        }
    });
    Ok(answer)
}

fn switched(accept: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept.clone());
    response
}

/// What proves to the client that its handshake was understood (RFC 6455, section 4.2.2).
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, ProxyError> {
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != VERSION) {
        return Err(bad_format("sec-websocket-version must be 13"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    // 16 random bytes in base64.
    let key = key.filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| bad_format("sec-websocket-key must be 16 bytes in base64"))?;
    HeaderValue::from_str(&derive_accept_key(key)).map_err(ProxyError::internal)
}

/// Browsers let any page open a WebSocket anywhere. Without a token the page would use the keys that are stored on the
/// gateway.
fn refuse_other_sites(runner: &Runner, headers: &HeaderMap) -> Result<(), ProxyError> {
    let Some(origin) = headers.get(ORIGIN).filter(|_| runner.name.is_none()) else {
        return Ok(());
    };
    let site = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if site.is_some_and(|(_, site)| Some(site) == host) {
        return Ok(());
    }
    let message = "A web page of another site may not open a WebSocket without a token. Send cf-aig-authorization";
    Err(ProxyError::new(
        StatusCode::FORBIDDEN,
        codes::UNAUTHORIZED,
        message,
    ))
}

fn too_many(max: usize) -> ProxyError {
    let message = format!(
        "This account has {max} WebSocket connections open, the most that [gateway] websockets_per_account \
         allows. Close one, or send the request over HTTP"
    );
    ProxyError::new(StatusCode::TOO_MANY_REQUESTS, codes::RATE_LIMITED, message).after(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_have_a_websocket_at_every_provider_that_has_them() {
        let mut headers = HeaderMap::new();
        let native = |headers: &HeaderMap, method: Method, path: &str| {
            Place::native(&method, headers, "openai", path).is_some()
        };
        assert!(!native(&headers, Method::GET, "responses"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        for (method, path, expected) in [
            (Method::GET, "responses", true),
            (Method::GET, "v1/responses?user=1", true),
            (Method::POST, "v1/responses", false),
            (Method::GET, "v1/realtime", false),
            (Method::GET, "v1/chat/completions", false),
        ] {
            assert_eq!(native(&headers, method, path), expected, "{path}");
        }
    }

    #[test]
    fn the_key_is_answered_as_the_protocol_says() {
        // RFC 6455, section 1.3.
        let mut headers = HeaderMap::new();
        headers.insert(
            SEC_WEBSOCKET_KEY,
            HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="),
        );
        assert!(accept_key(&headers).is_err());
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        assert_eq!(
            accept_key(&headers).unwrap(),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("short"));
        assert!(accept_key(&headers).is_err());
    }
}
