//! `/v1/{account_id}/{gateway_id}/compat/…`: OpenAI's API for every provider, by `provider/model` (contract:
//! section 4.1).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::app::App;
use crate::http::gateway::answer::render;
use crate::http::gateway::incoming::Incoming;
use crate::http::gateway::named::{self, Format};
use crate::http::gateway::runner::Runner;
use crate::proxy::{self, ProxyError};

/// `chat/completions`.
pub async fn chat(
    State(app): State<Arc<App>>,
    runner: Runner,
    request: Request,
) -> Result<Response, ProxyError> {
    make(&app, runner, request, Format::Chat).await
}

/// `embeddings`.
pub async fn embeddings(
    State(app): State<Arc<App>>,
    runner: Runner,
    request: Request,
) -> Result<Response, ProxyError> {
    make(&app, runner, request, Format::Embeddings).await
}

/// Makes a call in this format.
///
/// # Errors
/// As [`named::call`] and [`proxy::make`].
pub async fn make(
    app: &Arc<App>,
    runner: Runner,
    request: Request,
    format: Format,
) -> Result<Response, ProxyError> {
    let incoming = Incoming::read(app, runner, request).await?;
    let call = named::call(app, incoming, format).await?;
    proxy::make(app, call).await.map(render)
}
