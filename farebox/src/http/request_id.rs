//! An id for every request, in the shape of Cloudflare's `cf-ray`: on the answer, where the SDKs look
//! for it, and in every line that is logged meanwhile.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument;

use crate::ids;

/// The header that carries it.
pub const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// Gives the request its id.
pub async fn assign(request: Request, next: Next) -> Response {
    let id = ids::request();
    let span = tracing::info_span!(
        "request", id = %id, method = %request.method(), path = %request.uri().path()
    );
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(CF_RAY, value);
    }
    response
}
