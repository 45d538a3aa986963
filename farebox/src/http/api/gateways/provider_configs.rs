//! `…/gateways/{gateway_id}/provider_configs` (contract: section 3.5): keys for providers. `PUT` and `DELETE`
//! are in Cloudflare's description and not in its SDKs.

use std::sync::Arc;

use ::api::{CreateProviderConfig, Envelope, ProviderConfig, UpdateProviderConfig};
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::Value;

use super::{GatewayPath, PER_PAGE, PER_PAGE_MAX};
use crate::app::App;
use crate::error::ApiError;
use crate::gateways::{self, ProviderConfigRequest};
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Page, Success};
use crate::http::query::Params;

/// The longest key, in characters.
const SECRET_MAX: usize = 8192;

/// The key that a path names.
#[derive(Debug, Deserialize)]
pub struct ConfigPath {
    gateway_id: String,
    id: String,
}

/// Stores a key for a provider.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs",
    operation_id = "aig-config-create-provider-configs",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
    ),
    request_body = CreateProviderConfig,
    responses(
        (status = 200, description = "The key, of which little is shown", body = Envelope<ProviderConfig>),
        (status = 400, description = "Invalid, or the alias is taken", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such gateway", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<GatewayPath>,
    mut body: Fields,
) -> Result<Success<ProviderConfig>, ApiError> {
    let provider = Some(body.slug("provider_slug"));
    let request = request(body, provider)?;
    let (account, gateway) = (caller.account, &path.gateway_id);
    let made = gateways::create_provider_config(&app, account, gateway, request).await?;
    Ok(made.into())
}

/// Sets everything of a stored key. Without `secret` the key itself stays.
#[utoipa::path(
    put,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs/{id}",
    operation_id = "aig-config-update-provider-configs",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("id" = String, Path, description = "The key's id"),
    ),
    request_body = UpdateProviderConfig,
    responses(
        (status = 200, description = "The key as it is now", body = Envelope<ProviderConfig>),
        (status = 400, description = "Invalid, or the alias is taken", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This gateway has no such key", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<ConfigPath>,
    mut body: Fields,
) -> Result<Success<ProviderConfig>, ApiError> {
    let provider = body.text_up_to("provider_slug", 100);
    let request = request(body, provider)?;
    let (account, gateway, id) = (caller.account, &path.gateway_id, &path.id);
    let changed = gateways::update_provider_config(&app, account, gateway, id, request).await?;
    Ok(changed.into())
}

/// Lists the keys of a gateway, oldest first. A page past the last is empty.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs",
    operation_id = "aig-config-list-provider-configs",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("page" = Option<i64>, Query, description = "Counted from 1"),
        ("per_page" = Option<i64>, Query, description = "1 to 100; 20 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of keys", body = Envelope<Vec<ProviderConfig>>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such gateway", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<GatewayPath>,
    mut params: Params,
) -> Result<Page<ProviderConfig>, ApiError> {
    let (page, per_page) = params.page(PER_PAGE, PER_PAGE_MAX);
    params.check()?;
    let (account, gateway) = (caller.account, &path.gateway_id);
    let found = gateways::list_provider_configs(&app, account, gateway, page, per_page).await?;
    Ok(Page::listed(found.configs, page, per_page, found.total))
}

/// Removes a stored key. Answers what it was.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/provider_configs/{id}",
    operation_id = "aig-config-delete-provider-configs",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("id" = String, Path, description = "The key's id"),
    ),
    responses(
        (status = 200, description = "The key as it was", body = Envelope<ProviderConfig>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This gateway has no such key", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<ConfigPath>,
) -> Result<Success<ProviderConfig>, ApiError> {
    let (account, gateway, id) = (caller.account, &path.gateway_id, &path.id);
    let removed = gateways::delete_provider_config(&app, account, gateway, id).await?;
    Ok(removed.into())
}

fn request(mut body: Fields, provider: Option<String>) -> Result<ProviderConfigRequest, ApiError> {
    body.require(&["default_config"]);
    let request = ProviderConfigRequest {
        provider,
        alias: visible(&mut body, "alias", 64).unwrap_or_default(),
        is_default: body.optional_flag("default_config").unwrap_or_default(),
        secret: visible(&mut body, "secret", SECRET_MAX).map(Into::into),
    };
    if request.alias.is_empty() && !body.has_faults_at("alias") {
        body.refuse("alias", "Required");
    }
    if body.text_up_to("secret_id", 255).is_some() && request.secret.is_none() {
        let message = "Farebox has no Secrets Store: send the key itself as secret";
        body.refuse("secret_id", message);
    }
    for name in ["rate_limit", "rate_limit_period"] {
        let is_off = |value: &Value| value.is_null() || value.as_i64() == Some(0);
        if body.raw(name).is_some_and(|value| !is_off(&value)) {
            let message =
                "Farebox does not limit by key: leave it out; the gateway has a rate limit";
            body.refuse(name, message);
        }
    }
    body.nothing_else();
    body.check()?;
    Ok(request)
}

/// A text that can stand in a header: letters, digits and signs of ASCII.
fn visible(body: &mut Fields, name: &str, max: usize) -> Option<String> {
    let text = body.text_up_to(name, max)?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        body.refuse(name, "Invalid: write ASCII characters without spaces");
        return None;
    }
    Some(text)
}
