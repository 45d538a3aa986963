//! An id for every request, in the shape of Cloudflare's `cf-ray`: on the answer, where the SDKs look
//! for it, and in every line that is logged meanwhile.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument;

use crate::app::App;
use crate::http::gateway::{self, Dialect, cors};
use crate::http::trace;
use crate::ids;

/// The header that carries it.
pub const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// Gives the request its id, has it observed under that, and gives an answer of the data plane its client's shape.
/// One layer for all, because each layer is an allocation or two for every request.
pub async fn assign(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = ids::request();
    let span = tracing::info_span!(
        "request", id = %id, method = %request.method(), path = %request.uri().path()
    );
    let dialect = Dialect::of(request.uri().path(), request.headers());
    let page = cors::allowed(&app.config.gateway, &request);
    let preflight = page.as_ref().and_then(|page| page.preflight(&request));
    let mut response = match preflight {
        Some(response) => response,
        None => {
            let observed = trace::observe(&app, dialect, request, next);
            observed.instrument(span).await
        }
    };
    if dialect.is_some() || gateway::is_refusal(&response) {
        response = gateway::shaped(&app, dialect.unwrap_or(Dialect::Cloudflare), response);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(CF_RAY, value);
    }
    if let Some(page) = page {
        page.expose(&mut response);
    }
    response
}
