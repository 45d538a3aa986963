//! One log line and one count for every request, and an answer for those that fail in unusual ways.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::StatusCode;

use crate::app::App;
use crate::error::{ApiError, codes};
use crate::http::gateway::{self, Dialect};
use crate::proxy::{self, ProxyError};

/// For the log.
const PANICKED: &str = "a handler panicked";

/// Logs and counts the request; turns a panic or an overlong wait into an answer.
pub async fn observe(
    app: &App,
    dialect: Option<Dialect>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // The route's pattern, not its path: the number of labels must not grow with the accounts.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let limit = route
        .as_ref()
        .and_then(|route| gateway::time_limit(route.as_str(), app.config.gateway.call_max));
    let limit = limit.unwrap_or(app.config.http.request_timeout);
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    let response = match tokio::time::timeout(limit, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) if dialect.is_some() => ProxyError::internal(PANICKED).into_response(),
        Ok(Err(_)) => ApiError::internal(PANICKED).into_response(),
        Err(_) if dialect.is_some() => call_too_slow(limit).into_response(),
        Err(_) => too_slow().into_response(),
    };
    let (status, took) = (response.status(), begun.elapsed());
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    app.metrics.request(&method, route, status, took);
    let took_ms = took.as_millis();
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), took_ms, "answered");
    } else if status.is_client_error() {
        tracing::info!(status = status.as_u16(), took_ms, "answered");
    } else {
        tracing::debug!(status = status.as_u16(), took_ms, "answered");
    }
    response
}

/// A call ends by itself before this: only what comes before or after its provider can take so long.
fn call_too_slow(limit: Duration) -> ProxyError {
    let message = format!(
        "The gateway gave no answer within {} seconds. Look the call up in the gateway's logs before you send \
         it again: it may have been made.",
        limit.as_secs()
    );
    let status = StatusCode::GATEWAY_TIMEOUT;
    ProxyError::new(status, proxy::codes::INTERNAL, message)
}

fn too_slow() -> ApiError {
    let message = "The request took too long. Send it again in a second.";
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, codes::INTERNAL, message).after(1)
}
