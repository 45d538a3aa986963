//! Lists of models, in the format of the SDK that asks: those that the caller can call through this gateway without a
//! key in the request. A model has its prices and limits beside the format's own members.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use ledger::AccountId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::billing::{self, Offer};
use crate::catalog::{self, Api, Provider};
use crate::http::gateway::Dialect;
use crate::http::gateway::incoming::bad_format;
use crate::http::gateway::named;
use crate::http::gateway::runner::{AccountRunner, Runner};
use crate::http::gateway::wishes;
use crate::proxy::{Call, ProxyError, codes};
use crate::store::provider_configs;

/// How many models a page has at most, in Anthropic's format and in Gemini's.
const PAGE_MAX: usize = 1000;

/// Anthropic, "List Models", and Gemini, `models.list`: entries of a page if the request doesn't say.
const ANTHROPIC_PAGE: usize = 20;
const GEMINI_PAGE: usize = 50;

/// What is asked: all models, or one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A list, or a page of it.
    All,
    /// The one of that name.
    One(String),
}

/// `compat/models` and `compat/models/{id}`.
pub async fn compat(
    State(app): State<Arc<App>>,
    runner: Runner,
    params: RawPathParams,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ProxyError> {
    named(&app, &runner, asked(&params), &uri, &headers).await
}

/// Lists the models that the token can call, in OpenAI's format; in Anthropic's to a client that sends
/// `anthropic-version`.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai/v1/models",
    operation_id = "ai-models",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    responses(
        (status = 200, description = "A list of models, each with `prices`", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn rest(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ProxyError> {
    named(&app, &runner, Asked::All, &uri, &headers).await
}

/// One of these models.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai/v1/models/{id}",
    operation_id = "ai-model",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("id" = String, Path, description = "`author/model`; its slash may be escaped"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    responses(
        (status = 200, description = "The model, with `prices`", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
        (status = 404, description = "It is not offered here", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn rest_one(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    params: RawPathParams,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ProxyError> {
    named(&app, &runner, asked(&params), &uri, &headers).await
}

fn asked(params: &RawPathParams) -> Asked {
    let id = params.iter().find(|(name, _)| *name == "id");
    id.map_or(Asked::All, |(_, id)| Asked::One(id.to_owned()))
}

/// Models by `provider/model`. Anthropic's SDK sees those that it can call there: Anthropic's.
async fn named(
    app: &App,
    runner: &Runner,
    asked: Asked,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, ProxyError> {
    let dialect = Dialect::of(uri.path(), headers).unwrap_or(Dialect::OpenAi);
    let mut callable = callable(app, runner, headers).await?;
    if dialect == Dialect::Anthropic {
        callable.retain(|provider| provider.api == Api::Anthropic);
    }
    let mut offers = offers(app, runner.account, &callable).await?;
    for offer in &mut offers {
        offer.name = format!("{}/{}", offer.provider, offer.name);
    }
    answer(
        app,
        offers,
        &asked,
        dialect,
        uri.query().unwrap_or_default(),
    )
}

/// The providers that a call by `provider/model` can go to without a key of its own.
async fn callable(
    app: &App,
    runner: &Runner,
    headers: &HeaderMap,
) -> Result<Vec<&'static Provider>, ProxyError> {
    let stored = provider_configs::providers(&app.store.db, &runner.gateway).await?;
    let is_prepaid = !runner.gateway.settings.byok_only
        && !wishes::read(headers)?.no_wholesale
        && runner.name.is_some();
    let keys = &app.config.providers.keys;
    let operated = app.operated.iter().map(|operated| operated.provider);
    let callable = catalog::providers().iter().chain(operated);
    let callable = callable.filter(|provider| {
        let is_operated = app.operated.get(provider.slug).is_some();
        let has_key = (is_prepaid && (is_operated || keys.contains_key(provider.slug)))
            || stored.iter().any(|slug| slug == provider.slug);
        let is_named = named::translated_to(provider).is_some()
            || provider.openai_path("chat/completions").is_some();
        has_key && is_named
    });
    Ok(callable.collect())
}

/// The models of these providers. Of a server that the operator runs, those that it has.
async fn offers(
    app: &App,
    account: AccountId,
    providers: &[&'static Provider],
) -> Result<Vec<Offer>, ProxyError> {
    let offers = billing::offers(app, account, providers).await;
    let mut offers = offers.map_err(ProxyError::internal)?;
    offers.retain(|offer| {
        let operated = app.operated.get(offer.provider);
        operated.is_none_or(|operated| operated.has_model(&offer.name))
    });
    Ok(offers)
}

/// What a call to a provider's own path asks of its list of models; `None` if it asks for something else.
pub fn asked_natively(call: &Call) -> Option<Asked> {
    let path = call.path.split('?').next().unwrap_or_default();
    let is_version =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !part.is_empty();
    let (before, id) = match path
        .strip_suffix("/models")
        .or((path == "models").then_some(""))
    {
        Some(before) => (before, None),
        None => {
            let (before, id) = path.split_once("models/")?;
            (before.trim_end_matches('/'), Some(id))
        }
    };
    let is_list = call.method == http::Method::GET
        && before
            .split('/')
            .all(|part| part.is_empty() || is_version(part));
    let id = id.map(decoded);
    match id {
        _ if !is_list => None,
        None => Some(Asked::All),
        Some(id) if id.is_empty() => None,
        Some(id) => Some(Asked::One(id)),
    }
}

/// Without its escapes: SDKs escape a slash in a model's name.
fn decoded(id: &str) -> String {
    let url = reqwest::Url::parse(&format!("query:?{}", id.replace('+', "%2B")));
    let pairs = url
        .ok()
        .and_then(|url| url.query_pairs().next().map(|(name, _)| name.into_owned()));
    pairs.unwrap_or_default()
}

/// Answers a list on a provider's own path: its models, by their own names.
///
/// # Errors
/// If there is no such model, or a page that can't be.
pub async fn native(app: &App, call: &Call, asked: &Asked) -> Result<Response, ProxyError> {
    let dialect = match call.target.provider.api {
        _ if call.path.contains("/openai/") => Dialect::OpenAi,
        Api::OpenAi => Dialect::OpenAi,
        Api::Anthropic => Dialect::Anthropic,
        Api::Gemini => Dialect::Gemini,
    };
    let offers = offers(app, call.account, &[call.target.provider]).await?;
    let query = call.path.split_once('?').map_or("", |(_, query)| query);
    answer(app, offers, asked, dialect, query)
}

fn answer(
    app: &App,
    offers: Vec<Offer>,
    asked: &Asked,
    dialect: Dialect,
    query: &str,
) -> Result<Response, ProxyError> {
    let currency = app.config.topup.currency.as_str();
    match asked {
        Asked::One(id) => {
            let found = offers
                .iter()
                .find(|offer| offer.name == *id)
                .ok_or_else(|| no_model(id))?;
            Ok(Json(entry(found, dialect, currency)).into_response())
        }
        Asked::All => {
            let list = match dialect {
                Dialect::Anthropic => anthropic(&offers, &Query::read(query)?, currency),
                Dialect::Gemini => gemini(&offers, &Query::read(query)?, currency)?,
                Dialect::OpenAi | Dialect::Cloudflare => {
                    let data = offers.iter().map(|offer| entry(offer, dialect, currency));
                    json!({"object": "list", "data": data.collect::<Vec<_>>()})
                }
            };
            Ok(Json(list).into_response())
        }
    }
}

fn no_model(id: &str) -> ProxyError {
    let id: String = id.chars().take(200).collect();
    let message = format!(
        "There is no model {id:?} here for prepaid use. GET models lists those that this gateway offers."
    );
    ProxyError::new(StatusCode::NOT_FOUND, codes::NO_ROUTE, message)
}

/// What all formats have beside their own members.
#[derive(Serialize)]
struct Extension<'a> {
    /// By unit, as `usage-history` names them.
    prices: &'a std::collections::BTreeMap<&'static str, billing::UnitPrice>,
    currency: &'a str,
}

fn entry(offer: &Offer, dialect: Dialect, currency: &str) -> Value {
    let mut entry = match dialect {
        Dialect::Anthropic => json!({
            "type": "model",
            "id": offer.name,
            "display_name": offer.name,
            // Anthropic's word for a date that is not known.
            "created_at": "1970-01-01T00:00:00Z",
            "max_tokens": offer.output_tokens_max,
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{}", offer.name),
            "baseModelId": offer.name,
            "displayName": offer.name,
            "outputTokenLimit": offer.output_tokens_max,
            "supportedGenerationMethods": match offer.writes {
                true => &["generateContent", "streamGenerateContent", "countTokens"][..],
                false => &["embedContent"],
            },
        }),
        Dialect::OpenAi | Dialect::Cloudflare => json!({
            "id": offer.name,
            "object": "model",
            "created": 0,
            "owned_by": offer.provider,
            "max_output_tokens": offer.output_tokens_max,
        }),
    };
    let more = serde_json::to_value(Extension {
        prices: &offer.prices,
        currency,
    });
    if let (Some(entry), Ok(Value::Object(more))) = (entry.as_object_mut(), more) {
        entry.extend(more);
        entry.retain(|_, value| !value.is_null());
    }
    entry
}

/// Which page is wanted.
#[derive(Default)]
struct Query {
    size: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

impl Query {
    fn read(query: &str) -> Result<Self, ProxyError> {
        let mut read = Self::default();
        let url = reqwest::Url::parse(&format!("query:?{query}"));
        for (name, value) in url.iter().flat_map(reqwest::Url::query_pairs) {
            match name.as_ref() {
                "limit" => {
                    let size = value.parse().ok();
                    let size = size.filter(|size| (1..=PAGE_MAX).contains(size));
                    read.size = Some(size.ok_or_else(|| {
                        bad_format(format!("limit must be a number from 1 to {PAGE_MAX}."))
                    })?);
                }
                // Google takes a larger one for the largest, and 0 for its own choice.
                "pageSize" | "page_size" => {
                    let size: usize = value
                        .parse()
                        .map_err(|_| bad_format("pageSize must be a whole number."))?;
                    read.size = (size > 0).then_some(size.min(PAGE_MAX));
                }
                "after_id" | "pageToken" | "page_token" => read.after = Some(value.into_owned()),
                "before_id" => read.before = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(read)
    }
}

fn place(offers: &[Offer], name: &str) -> Option<usize> {
    offers.iter().position(|offer| offer.name == name)
}

fn anthropic(offers: &[Offer], query: &Query, currency: &str) -> Value {
    let size = query.size.unwrap_or(ANTHROPIC_PAGE);
    let from = query
        .after
        .as_deref()
        .map(|id| place(offers, id).map_or(offers.len(), |at| at + 1));
    let until = query
        .before
        .as_deref()
        .map(|id| place(offers, id).unwrap_or_default());
    let until = until.unwrap_or(offers.len());
    // What is before an id is read from its end.
    let from = match (from, &query.before) {
        (None, Some(_)) => until.saturating_sub(size),
        (from, _) => from.unwrap_or_default().min(until),
    };
    let page = offers
        .get(from..until.min(from.saturating_add(size)))
        .unwrap_or_default();
    let has_more = match query.before.is_some() && query.after.is_none() {
        true => from > 0,
        false => from + page.len() < until,
    };
    let data: Vec<_> = page
        .iter()
        .map(|offer| entry(offer, Dialect::Anthropic, currency))
        .collect();
    json!({
        "data": data,
        "has_more": has_more,
        "first_id": page.first().map(|offer| &offer.name),
        "last_id": page.last().map(|offer| &offer.name),
    })
}

fn gemini(offers: &[Offer], query: &Query, currency: &str) -> Result<Value, ProxyError> {
    let from = match query.after.as_deref().filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            place(offers, token).ok_or_else(|| bad_format("pageToken is not one of this list"))?
        }
    };
    let size = query.size.unwrap_or(GEMINI_PAGE);
    let page = offers.iter().skip(from).take(size);
    let models: Vec<_> = page
        .map(|offer| entry(offer, Dialect::Gemini, currency))
        .collect();
    let mut list = json!({ "models": models });
    if let Some(next) = offers.get(from.saturating_add(size)) {
        list["nextPageToken"] = json!(next.name);
    }
    Ok(list)
}
