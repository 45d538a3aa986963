//! `…/gateways/{gateway_id}/url/{provider}` (contract: section 3.5): where a provider is called.

use std::sync::Arc;

use ::api::Envelope;
use axum::extract::{Path, State};
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::gateways;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};
use crate::http::public_url::PublicUrl;

/// The provider that a path names.
#[derive(Debug, Deserialize)]
pub struct ProviderPath {
    gateway_id: String,
    provider: String,
}

/// Tells where a provider is called through a gateway.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/url/{provider}",
    operation_id = "aig-config-get-gateway-url",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("provider" = String, Path, description = "A provider's slug"),
    ),
    responses(
        (status = 200, description = "The URL that paths of the provider's are appended to", body = Envelope<String>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "There is no such gateway or provider", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<ProviderPath>,
    PublicUrl(base): PublicUrl,
) -> Result<Success<String>, ApiError> {
    let (account, gateway, provider) = (caller.account, &path.gateway_id, &path.provider);
    let url = gateways::provider_url(&app, account, gateway, provider, &base).await?;
    Ok(url.into())
}
