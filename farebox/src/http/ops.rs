//! What an operator's tools ask for: is it alive, can it serve, what has it counted.

use std::sync::Arc;

use ::api::Envelope;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::error::ApiError;
use crate::http::envelope::Nothing;
use crate::store::{StoreError, jobs, topups};

/// The process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "operations",
    responses((status = 200, description = "The process answers", body = String)),
    security(())
)]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can serve: its database answers.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "operations",
    responses(
        (status = 200, description = "It can serve", body = String),
        (status = 503, description = "It can't just now", body = Envelope<Nothing>),
    ),
    security(())
)]
pub async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    app.store.ping().await?;
    Ok("ready\n")
}

/// The metrics, on their own listener.
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    count_rows(&app).await?;
    let text = app.metrics.render().map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// What is in the database is counted when it is asked for.
async fn count_rows(app: &App) -> Result<(), StoreError> {
    app.metrics
        .set_topups_open(&topups::count_open(&app.store.db).await?);
    app.metrics.set_jobs(jobs::count(&app.store.db).await?);
    Ok(())
}
