//! `…/ai-gateway/custom-providers` (contract: section 3.5). `PATCH` is in Cloudflare's documentation and not in
//! its SDKs.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::api::{CreateCustomProvider, CustomProvider, Envelope, UpdateCustomProvider};
use axum::extract::{Path, State};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::gateways::{self, CustomProviderRequest};
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Page, Success};
use crate::http::query::Params;
use crate::store::custom_providers::{Order, Wanted};

const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 100;

/// The longest texts, in bytes: an address, what people read, and what they copy (contract: section 3.5).
const URL_MAX: usize = 2048;
const TEXT_MAX: usize = 1000;
const LONG_MAX: usize = 8192;

/// Headers that are the connection's, or the gateway's own.
const NOT_TO_SET: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const ORDERS: [(&str, (Order, bool)); 10] = [
    ("name ASC", (Order::Name, false)),
    ("name DESC", (Order::Name, true)),
    ("slug ASC", (Order::Slug, false)),
    ("slug DESC", (Order::Slug, true)),
    ("created_at ASC", (Order::CreatedAt, false)),
    ("created_at DESC", (Order::CreatedAt, true)),
    ("modified_at ASC", (Order::ModifiedAt, false)),
    ("modified_at DESC", (Order::ModifiedAt, true)),
    ("position ASC", (Order::Position, false)),
    ("position DESC", (Order::Position, true)),
];

/// The provider that a path names.
#[derive(Debug, Deserialize)]
pub struct CustomPath {
    id: String,
}

/// Makes a provider of the account's own.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/custom-providers",
    operation_id = "aig-config-create-account-provider",
    tag = "gateways",
    params(("account_id" = String, Path, description = "32 hex characters")),
    request_body = CreateCustomProvider,
    responses(
        (status = 200, description = "The provider", body = Envelope<CustomProvider>),
        (status = 400, description = "Invalid, or the slug is taken", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    mut body: Fields,
) -> Result<Success<CustomProvider>, ApiError> {
    body.require(&["name", "base_url"]);
    let slug = body.slug("slug");
    let request = request(body)?;
    let made = gateways::create_custom_provider(&app, caller.account, slug, request).await?;
    Ok(made.into())
}

/// Lists the account's own providers. A page past the last is empty.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/custom-providers",
    operation_id = "aig-config-list-account-provider",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("search" = Option<String>, Query, description = "A part of the id, the name or the slug"),
        ("enable" = Option<bool>, Query, description = "Only those that can be called, or can't"),
        ("beta" = Option<bool>, Query, description = "Only those in beta, or not"),
        ("order_by" = Option<String>, Query, description = "`name ASC` where it is left out"),
        ("page" = Option<i64>, Query, description = "Counted from 1"),
        ("per_page" = Option<i64>, Query, description = "1 to 100; 20 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of providers", body = Envelope<Vec<CustomProvider>>),
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
) -> Result<Page<CustomProvider>, ApiError> {
    let (order, descending) = params
        .choice("order_by", &ORDERS)
        .unwrap_or((Order::Name, false));
    let wanted = Wanted {
        enable: params.flag("enable"),
        beta: params.flag("beta"),
        search: params.text("search").unwrap_or_default(),
        order,
        descending,
    };
    let (page, per_page) = params.page(PER_PAGE, PER_PAGE_MAX);
    params.check()?;
    let account = caller.account;
    let found = gateways::list_custom_providers(&app, account, &wanted, page, per_page).await?;
    Ok(Page::listed(found.providers, page, per_page, found.total))
}

/// Tells a provider of the account's own.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/custom-providers/{id}",
    operation_id = "aig-config-fetch-account-provider",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("id" = String, Path, description = "The provider's id"),
    ),
    responses(
        (status = 200, description = "The provider", body = Envelope<CustomProvider>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such provider", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<CustomPath>,
) -> Result<Success<CustomProvider>, ApiError> {
    let shown = gateways::show_custom_provider(&app, caller.account, &path.id).await?;
    Ok(shown.into())
}

/// Sets some things of a provider: what is left out stays.
#[utoipa::path(
    patch,
    path = "/client/v4/accounts/{account_id}/ai-gateway/custom-providers/{id}",
    operation_id = "aig-config-update-account-provider",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("id" = String, Path, description = "The provider's id"),
    ),
    request_body = UpdateCustomProvider,
    responses(
        (status = 200, description = "The provider as it is now", body = Envelope<CustomProvider>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such provider", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<CustomPath>,
    mut body: Fields,
) -> Result<Success<CustomProvider>, ApiError> {
    let slug = body.text_up_to("slug", 64);
    let request = request(body)?;
    let (account, id) = (caller.account, &path.id);
    let changed = gateways::update_custom_provider(&app, account, id, slug, request).await?;
    Ok(changed.into())
}

/// Removes a provider of the account's own. Answers what it was.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/custom-providers/{id}",
    operation_id = "aig-config-delete-account-provider",
    tag = "gateways",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("id" = String, Path, description = "The provider's id"),
    ),
    responses(
        (status = 200, description = "The provider as it was", body = Envelope<CustomProvider>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such provider", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<CustomPath>,
) -> Result<Success<CustomProvider>, ApiError> {
    let removed = gateways::delete_custom_provider(&app, caller.account, &path.id).await?;
    Ok(removed.into())
}

fn request(mut body: Fields) -> Result<CustomProviderRequest, ApiError> {
    let request = CustomProviderRequest {
        name: needed(&mut body, "name", 255),
        base_url: needed(&mut body, "base_url", URL_MAX),
        enable: body.optional_flag("enable"),
        beta: body.optional_flag("beta"),
        description: text(&mut body, "description", TEXT_MAX),
        link: text(&mut body, "link", URL_MAX),
        curl_example: text(&mut body, "curl_example", LONG_MAX),
        js_example: text(&mut body, "js_example", LONG_MAX),
        position: body
            .has("position")
            .then(|| body.optional_integer("position", 0, i64::MAX)),
        headers: body.has("headers").then(|| headers(&mut body)),
    };
    // Whoever sends an answer back, changed, means nothing by these.
    for name in ["id", "created_at", "modified_at", "logo"] {
        body.raw(name);
    }
    body.nothing_else();
    body.check()?;
    Ok(request)
}

/// A text that may be left out, and not be `null`.
fn needed(body: &mut Fields, name: &str, max: usize) -> Option<String> {
    let is_there = body.has(name);
    let text = body.text_up_to(name, max);
    if is_there && text.is_none() && !body.has_faults_at(name) {
        body.refuse(name, "Expected string, received null");
    }
    text
}

fn text(body: &mut Fields, name: &str, max: usize) -> Option<Option<String>> {
    body.has(name).then(|| body.text_up_to(name, max))
}

/// Headers as a text: a JSON object, or a line each.
fn headers(body: &mut Fields) -> Option<BTreeMap<String, String>> {
    let text = body.text_up_to("headers", LONG_MAX)?;
    let headers = named_values(&text);
    let checked = headers.and_then(|headers| {
        let mut all = headers.iter();
        all.try_for_each(|(name, value)| fits(name, value))?;
        Ok(lower_case(headers))
    });
    match checked {
        Ok(headers) => Some(headers),
        Err(message) => {
            body.refuse("headers", message);
            None
        }
    }
}

fn named_values(text: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let named = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    let named: Option<BTreeMap<_, _>> = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).ok(),
        false => named.collect(),
    };
    named.ok_or_else(|| {
        "Invalid: write a JSON object of texts, such as {\"x-team\":\"research\"}, or a line for each header, \
         such as x-team: research"
            .to_owned()
    })
}

fn fits(name: &str, value: &str) -> Result<(), String> {
    let known = HeaderName::try_from(name);
    let is_ours = |name: &str| NOT_TO_SET.contains(&name) || name.starts_with("cf-aig-");
    match known {
        Err(_) => Err(format!("{name:?} can't be the name of a header")),
        Ok(name) if is_ours(name.as_str()) => Err(format!("{name} can't be set")),
        Ok(name) if value == "****" => Err(format!(
            "{name} is only shown as ****: send its value, or leave headers out to keep them"
        )),
        Ok(name) => match HeaderValue::try_from(value) {
            Ok(value) if value.to_str().is_ok() => Ok(()),
            _ => Err(format!(
                "{name} has a value that can't be sent: write ASCII characters"
            )),
        },
    }
}

fn lower_case(headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lowered = headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value));
    lowered.collect()
}
