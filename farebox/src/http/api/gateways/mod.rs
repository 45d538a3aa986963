//! `…/ai-gateway/gateways` (contract: section 3.1): the gateways themselves; a file for each thing of theirs.

pub mod logs;
pub mod provider_configs;
mod settings;
mod spend_limits;
pub mod urls;

use std::sync::Arc;

use ::api::{CreateGateway, Envelope, Gateway, GatewaySettings};
use axum::extract::{Path, State};
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::gateways;
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Page, Success};
use crate::http::query::Params;
use crate::store::gateways::Settings;

/// How many entries a page has where its caller doesn't say, and the most.
pub(super) const PER_PAGE: i64 = 20;
pub(super) const PER_PAGE_MAX: i64 = 100;

/// The gateway that a path names.
#[derive(Debug, Deserialize)]
pub struct GatewayPath {
    gateway_id: String,
}

/// Makes a gateway.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways",
    operation_id = "aig-config-create-gateway",
    tag = "gateways",
    params(("account_id" = String, Path, description = "32 hex characters")),
    request_body = CreateGateway,
    responses(
        (status = 200, description = "The gateway", body = Envelope<Gateway>),
        (status = 400, description = "Invalid, or the id is taken", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    mut body: Fields,
) -> Result<Success<Gateway>, ApiError> {
    let id = body.slug("id");
    let settings = settings::all(body)?;
    let made = gateways::create(&app, caller.account, &id, &settings).await?;
    Ok(made.into())
}

/// Lists gateways, oldest first. A page past the last is empty.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways",
    operation_id = "aig-config-list-gateway",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("search" = Option<String>, Query, description = "Only those whose id contains this"),
        ("page" = Option<i64>, Query, description = "Counted from 1"),
        ("per_page" = Option<i64>, Query, description = "1 to 100; 20 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of gateways", body = Envelope<Vec<Gateway>>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    mut params: Params,
) -> Result<Page<Gateway>, ApiError> {
    let search = params.text("search").unwrap_or_default();
    let (page, per_page) = params.page(PER_PAGE, PER_PAGE_MAX);
    params.check()?;
    let found = gateways::list(&app, caller.account, &search, page, per_page).await?;
    Ok(Page::listed(found.gateways, page, per_page, found.total))
}

/// Tells a gateway.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
    operation_id = "aig-config-fetch-gateway",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
    ),
    responses(
        (status = 200, description = "The gateway", body = Envelope<Gateway>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such gateway", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<GatewayPath>,
) -> Result<Success<Gateway>, ApiError> {
    let shown = gateways::show(&app, caller.account, &path.gateway_id).await?;
    Ok(shown.into())
}

/// Sets everything on a gateway: what is left out gets its default.
#[utoipa::path(
    put,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
    operation_id = "aig-config-update-gateway",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
    ),
    request_body = GatewaySettings,
    responses(
        (status = 200, description = "The gateway as it is now", body = Envelope<Gateway>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such gateway", body = Envelope<Nothing>),
        (status = 409, description = "It is being changed by somebody else", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<GatewayPath>,
    body: Fields,
) -> Result<Success<Gateway>, ApiError> {
    let change = |_: Settings| settings::all(body.clone());
    let changed = gateways::update(&app, caller.account, &path.gateway_id, change).await?;
    Ok(changed.into())
}

/// Sets some things on a gateway: what is left out stays.
#[utoipa::path(
    patch,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
    operation_id = "farebox-patch-gateway",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
    ),
    request_body = GatewaySettings,
    responses(
        (status = 200, description = "The gateway as it is now", body = Envelope<Gateway>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such gateway", body = Envelope<Nothing>),
        (status = 409, description = "It is being changed by somebody else", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<GatewayPath>,
    body: Fields,
) -> Result<Success<Gateway>, ApiError> {
    let change = |current| settings::some(body.clone(), current);
    let changed = gateways::update(&app, caller.account, &path.gateway_id, change).await?;
    Ok(changed.into())
}

/// Removes a gateway, with its keys and its logs. Answers what it was.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}",
    operation_id = "aig-config-delete-gateway",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
    ),
    responses(
        (status = 200, description = "The gateway as it was", body = Envelope<Gateway>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such gateway", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<GatewayPath>,
) -> Result<Success<Gateway>, ApiError> {
    let removed = gateways::delete(&app, caller.account, &path.gateway_id).await?;
    Ok(removed.into())
}
