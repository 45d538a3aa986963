//! `…/gateways/{gateway_id}/logs` (contract: section 3.2). Some answers have no envelope, or half of one, as
//! Cloudflare's have (contract: section 0, trap 8).

mod filters;
mod given;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::api::{EditLog, Envelope, Log, LogList, LogsDeleted};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use super::{GatewayPath, PER_PAGE};
use crate::app::App;
use crate::error::ApiError;
use crate::gateways::{self, LoggedBody, Side};
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Success};
use crate::http::query::Params;
use crate::store::logs::{Direction, Edit, Wanted};

/// The most logs of a page, and the most that one call removes (contract: section 3.2).
const PER_PAGE_MAX: i64 = 50;
const DELETE_MAX: i64 = 10_000;

/// How many notes a log may have (contract: section 7).
const METADATA_MAX: usize = 5;

/// The log that a path names.
#[derive(Debug, Deserialize)]
pub struct LogPath {
    gateway_id: String,
    id: String,
}

/// Lists the logs of a gateway, newest first. A page past the last is empty.
///
/// `filters` is a JSON array of `{key, operator, value}`, of which all must hold; or `filters.key`, `filters.operator`
/// and `filters.value`, repeated, as the SDKs write it.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs",
    operation_id = "aig-config-list-gateway-logs",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("filters" = Option<String>, Query, description = "Which logs; see docs/reference/api.md for keys and operators"),
        ("search" = Option<String>, Query, description = "A part of the metadata"),
        ("order_by" = Option<String>, Query, description = "`created_at` where it is left out"),
        ("order_by_direction" = Option<String>, Query, description = "`desc` where it is left out, or `asc`"),
        ("meta_info" = Option<bool>, Query, description = "Whether `result_info` has the bounds of all that match"),
        ("page" = Option<i64>, Query, description = "Counted from 1"),
        ("per_page" = Option<i64>, Query, description = "1 to 50; 20 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of logs", body = LogList),
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
) -> Result<Json<LogList>, ApiError> {
    let wanted = wanted(&mut params, Direction::Descending);
    let page = params.page(PER_PAGE, PER_PAGE_MAX);
    let with_bounds = params.flag("meta_info").unwrap_or(false);
    params.check()?;
    let (account, gateway) = (caller.account, &path.gateway_id);
    let listed = gateways::list_logs(&app, account, gateway, &wanted, page, with_bounds).await?;
    Ok(Json(listed))
}

/// Removes logs: those that match, or all, the first in the order up to the limit. What calls were charged stays
/// on record.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs",
    operation_id = "aig-config-delete-gateway-logs",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("filters" = Option<String>, Query, description = "Which logs, as for the list; all where it is left out"),
        ("order_by" = Option<String>, Query, description = "`created_at` where it is left out"),
        ("order_by_direction" = Option<String>, Query, description = "`asc` where it is left out, or `desc`"),
        ("limit" = Option<i64>, Query, description = "1 to 10000; 10000 where it is left out"),
    ),
    responses(
        (status = 200, description = "They are gone", body = LogsDeleted),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
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
    mut params: Params,
) -> Result<Json<LogsDeleted>, ApiError> {
    let wanted = wanted(&mut params, Direction::Ascending);
    let limit = params.integer("limit", 1, DELETE_MAX).unwrap_or(DELETE_MAX);
    params.check()?;
    let (account, gateway) = (caller.account, &path.gateway_id);
    gateways::delete_logs(&app, account, gateway, &wanted, limit).await?;
    Ok(Json(LogsDeleted { success: true }))
}

/// Tells a log, with the beginnings of its bodies and what it was charged.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}",
    operation_id = "aig-config-get-gateway-log-detail",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("id" = String, Path, description = "The log's id"),
    ),
    responses(
        (status = 200, description = "The log", body = Envelope<Log>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This gateway has no such log", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<LogPath>,
) -> Result<Success<Log>, ApiError> {
    let (account, gateway) = (caller.account, &path.gateway_id);
    let shown = gateways::show_log(&app, account, gateway, &path.id).await?;
    Ok(shown.into())
}

/// Tells what was sent with a call, as it was sent.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}/request",
    operation_id = "aig-config-get-gateway-log-request",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("id" = String, Path, description = "The log's id"),
    ),
    responses(
        (status = 200, description = "The body, without an envelope", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "There is no such log, or it was not kept, or not whole", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn request(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<LogPath>,
) -> Result<Response, ApiError> {
    let (account, gateway) = (caller.account, &path.gateway_id);
    let body = gateways::log_body(&app, account, gateway, &path.id, Side::Request).await?;
    Ok(raw(body))
}

/// Tells what came back from a call, as it came.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}/response",
    operation_id = "aig-config-get-gateway-log-response",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("id" = String, Path, description = "The log's id"),
    ),
    responses(
        (status = 200, description = "The body, without an envelope", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "There is no such log, or it was not kept, or not whole", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn response(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<LogPath>,
) -> Result<Response, ApiError> {
    let (account, gateway) = (caller.account, &path.gateway_id);
    let body = gateways::log_body(&app, account, gateway, &path.id, Side::Response).await?;
    Ok(raw(body))
}

/// Says what somebody thinks of a call, and changes the caller's notes.
#[utoipa::path(
    patch,
    path = "/client/v4/accounts/{account_id}/ai-gateway/gateways/{gateway_id}/logs/{id}",
    operation_id = "aig-config-patch-gateway-log",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("gateway_id" = String, Path, description = "The gateway's id"),
        ("id" = String, Path, description = "The log's id"),
    ),
    request_body = EditLog,
    responses(
        (status = 200, description = "The log as it is now", body = Envelope<Log>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This gateway has no such log", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<LogPath>,
    body: Fields,
) -> Result<Success<Log>, ApiError> {
    let edit = edit(body)?;
    let (account, gateway) = (caller.account, &path.gateway_id);
    let changed = gateways::edit_log(&app, account, gateway, &path.id, &edit).await?;
    Ok(changed.into())
}

fn wanted(params: &mut Params, usual: Direction) -> Wanted {
    let filters = filters::filters(params);
    let (order, direction) = filters::order(params, usual);
    Wanted {
        filters,
        order,
        direction,
    }
}

fn edit(mut body: Fields) -> Result<Edit, ApiError> {
    let mut edit = Edit::default();
    if body.has("feedback") {
        edit.feedback = Some(body.optional_integer("feedback", -1, 1));
    }
    match body.raw("score") {
        None => {}
        Some(Value::Null) => edit.score = Some(None),
        Some(Value::Number(score)) => edit.score = Some(Some(score.to_string())),
        Some(_) => body.refuse("score", "Expected number"),
    }
    if body.has("metadata") {
        edit.metadata = Some(metadata(&mut body));
    }
    body.nothing_else();
    body.check()?;
    Ok(edit)
}

/// At most five texts, numbers, and yes or no; none for `null`.
fn metadata(body: &mut Fields) -> BTreeMap<String, Value> {
    let entries = match body.raw("metadata") {
        Some(Value::Object(entries)) => entries,
        Some(Value::Null) | None => return BTreeMap::new(),
        Some(_) => {
            body.refuse("metadata", "Expected object");
            return BTreeMap::new();
        }
    };
    if entries.len() > METADATA_MAX {
        let message = format!("Object must contain at most {METADATA_MAX} key(s)");
        body.refuse("metadata", message);
    }
    let is_scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    if !entries.values().all(is_scalar) {
        let message = "Expected texts, numbers, and yes or no";
        body.refuse("metadata", message);
    }
    entries.into_iter().collect()
}

/// A body as a stranger has made it: whatever it says that it is, no browser is to run it.
fn raw(body: LoggedBody) -> Response {
    let content_type = body
        .content_type
        .and_then(|text| HeaderValue::try_from(text).ok());
    let unknown = HeaderValue::from_static("application/octet-stream");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type.unwrap_or(unknown));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    (headers, body.bytes).into_response()
}
