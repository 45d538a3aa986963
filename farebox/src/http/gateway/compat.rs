//! `/v1/{account_id}/{gateway_id}/compat/…`: OpenAI's API for every provider, by `provider/model` (contract:
//! section 4.1).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::app::App;
use crate::catalog::{self, Provider};
use crate::http::gateway::answer::render;
use crate::http::gateway::incoming::Incoming;
use crate::http::gateway::named::{self, Format};
use crate::http::gateway::runner::Runner;
use crate::http::gateway::wishes;
use crate::proxy::{self, ProxyError};
use crate::store::provider_configs;

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

/// `models`: those with a price, of the providers for which there is a key here.
pub async fn models(
    State(app): State<Arc<App>>,
    runner: Runner,
    headers: HeaderMap,
) -> Result<Json<Value>, ProxyError> {
    let callable = callable(&app, &runner, &headers).await?;
    let catalog = app.catalog.current();
    let mut data = Vec::new();
    for provider in callable {
        let models = catalog.models(provider.slug);
        let priced = models.iter().filter(|model| model.tariff().is_some());
        data.extend(priced.map(|model| {
            json!({
                "id": format!("{}/{}", provider.slug, model.id),
                "object": "model",
                "created": 0,
                "owned_by": provider.slug,
            })
        }));
    }
    Ok(Json(json!({ "object": "list", "data": data })))
}

/// The providers that a call by `provider/model` can go to without a key of its own.
async fn callable(
    app: &App,
    runner: &Runner,
    headers: &HeaderMap,
) -> Result<Vec<&'static Provider>, ProxyError> {
    let stored = provider_configs::providers(&app.store.db, &runner.gateway).await?;
    let is_sold = !runner.gateway.settings.byok_only
        && !wishes::read(headers)?.no_wholesale
        && runner.name.is_some();
    let keys = &app.config.providers.keys;
    let callable = catalog::providers().iter().filter(|provider| {
        let has_key = (is_sold && keys.contains_key(provider.slug))
            || stored.iter().any(|slug| slug == provider.slug);
        let is_named = named::translated_to(provider).is_some()
            || provider.openai_path("chat/completions").is_some();
        has_key && is_named
    });
    Ok(callable.collect())
}
