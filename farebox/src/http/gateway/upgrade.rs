//! Requests that want to leave HTTP for a WebSocket (RFC 6455), and their refusal.
//!
//! The refusal is 426. Codex 0.171.0 goes on over HTTP at once after 426; it repeats 404, 405 and 501 for
//! 12 seconds first, and ends at 400.

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::proxy::{ProxyError, codes};

/// Whether a request asks for a WebSocket.
pub fn is_requested(headers: &HeaderMap) -> bool {
    let values = headers.get_all(UPGRADE).into_iter();
    let mut protocols = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// This path has no WebSocket.
pub fn refused() -> ProxyError {
    let message = "This path is not served over WebSocket. Send the request over HTTP";
    ProxyError::new(StatusCode::UPGRADE_REQUIRED, codes::UPGRADE, message)
}

/// This method has nothing but a WebSocket.
pub fn needed() -> ProxyError {
    let message = "GET opens a WebSocket here. Send the request by POST, or ask for an upgrade";
    ProxyError::new(StatusCode::METHOD_NOT_ALLOWED, codes::UPGRADE, message)
}

/// The refusal on a path without a handler for this method; `None` if the request stays with HTTP.
pub fn refusal(headers: &HeaderMap) -> Option<Response> {
    is_requested(headers).then(|| refused().into_response())
}

/// Names the protocol to use instead, as RFC 9110, section 15.5.22 wants it of every 426.
pub fn name_protocol(headers: &mut HeaderMap) {
    headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_is_asked_for_by_name_in_any_case_and_among_others() {
        for (value, expected) in [
            ("websocket", true),
            ("WebSocket", true),
            ("h2c, websocket", true),
            ("h2c", false),
            ("websockets", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(UPGRADE, HeaderValue::from_static(value));
            assert_eq!(is_requested(&headers), expected, "{value}");
        }
        assert!(!is_requested(&HeaderMap::new()));
    }
}
