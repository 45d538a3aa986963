//! `POST /client/v4/accounts/{account_id}/ai/run`: a chat in its provider's own format, with the answer in the
//! envelope of the management API (contract: section 4.1, "REST API").

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::value::RawValue;
use wire::compat;

use crate::app::App;
use crate::http::gateway::answer::render;
use crate::http::gateway::incoming::{Incoming, Sent, bad_format};
use crate::http::gateway::named::{Named, translated_to};
use crate::http::gateway::runner::AccountRunner;
use crate::proxy::{self, Call, ProxyError};

/// The envelope around a provider's answer.
const BEFORE: &[u8] = b"{\"result\":";
const AFTER: &[u8] = b",\"success\":true,\"errors\":[],\"messages\":[]}";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run<'a> {
    model: Option<String>,
    #[serde(borrow)]
    input: &'a RawValue,
    options: Option<Options>,
}

/// What Cloudflare has for calls that go on after their answer.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    background: bool,
    #[serde(rename = "webhookUrl")]
    webhook_url: Option<serde::de::IgnoredAny>,
    #[serde(rename = "webhookFormat")]
    webhook_format: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Input {
    stream: Option<bool>,
}

/// Chats with a model in the format of its own provider.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai/run",
    operation_id = "ai-run",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    request_body(content = serde_json::Value, description = "`model` as `author/model`, and `input`: a chat in the format of the model's own provider"),
    responses(
        (status = 200, description = "The provider's answer in the envelope, or the events of its stream as they are", body = serde_json::Value),
        (status = 400, description = "It can't be read, or asks for what the provider doesn't have", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 402, description = "Less credit is available than the call needs", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
        (status = 429, description = "A limit would be passed", body = serde_json::Value),
        (status = 502, description = "The provider gave no answer", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn run(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    request: Request,
) -> Result<Response, ProxyError> {
    let incoming = Incoming::read(&app, runner, request).await?;
    let call = read(&app, incoming).await?;
    proxy::make(&app, call)
        .await
        .map(|answer| wrapped(render(answer)))
}

/// The same with the model in the path and the input as the body, as Cloudflare's SDKs call it.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai/run/{model}",
    operation_id = "ai-run-model",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("model" = String, Path, description = "`author/model`; its slashes may be escaped"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    request_body(content = serde_json::Value, description = "A chat in the format of the model's own provider"),
    responses(
        (status = 200, description = "The provider's answer in the envelope, or the events of its stream as they are", body = serde_json::Value),
        (status = 400, description = "It can't be read, or asks for what the provider doesn't have", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 402, description = "Less credit is available than the call needs", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
        (status = 429, description = "A limit would be passed", body = serde_json::Value),
        (status = 502, description = "The provider gave no answer", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn run_named(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    params: RawPathParams,
    request: Request,
) -> Result<Response, ProxyError> {
    let model = params.iter().find(|(name, _)| *name == "model");
    let model = model.map_or_else(String::new, |(_, model)| model.to_owned());
    let incoming = Incoming::read(&app, runner, request).await?;
    let body = incoming.body.clone();
    let input = std::str::from_utf8(&body).map_err(|error| bad_format(error.to_string()))?;
    let call = call(&app, incoming, Some(&model), input).await?;
    proxy::make(&app, call)
        .await
        .map(|answer| wrapped(render(answer)))
}

async fn read(app: &App, incoming: Incoming) -> Result<Call, ProxyError> {
    let body = incoming.body.clone();
    let run: Run<'_> =
        serde_json::from_slice(&body).map_err(|error| bad_format(error.to_string()))?;
    let options = run.options.unwrap_or_default();
    if options.background || options.webhook_url.is_some() || options.webhook_format.is_some() {
        let message = "options.background and its webhook are not available. Leave them out and wait for the \
             answer, or stream it with input.stream.";
        return Err(bad_format(message));
    }
    call(app, incoming, run.model.as_deref(), run.input.get()).await
}

/// The call of a model with this input.
async fn call(
    app: &App,
    incoming: Incoming,
    model: Option<&str>,
    input: &str,
) -> Result<Call, ProxyError> {
    let read: Input =
        serde_json::from_str(input).map_err(|error| bad_format(format!("input: {error}")))?;
    let named = Named::find(app, &incoming, model).await?;
    let sent = sent(&named, input, read.stream == Some(true))?;
    named.call(incoming, sent)
}

fn sent(named: &Named, input: &str, stream: bool) -> Result<Sent, ProxyError> {
    let bad = |error: wire::Unreadable| bad_format(format!("input: {error}"));
    match translated_to(named.target.provider) {
        // The model and whether to stream stand in its path.
        Some(compat::Target::Gemini) => Ok(Sent {
            path: compat::path(compat::Target::Gemini, &named.model, stream).map_err(bad)?,
            body: Bytes::from(wire::without(input, &["stream"].into()).map_err(bad)?),
            translation: None,
            compatibility: false,
        }),
        Some(target) => {
            let path = compat::path(target, &named.model, stream).map_err(bad)?;
            named.renamed(path, input)
        }
        None => {
            let path = named.target.provider.openai_path("chat/completions");
            let path = path.ok_or_else(|| {
                bad_format(format!(
                    "{} can't be run by a model's name",
                    named.target.slug
                ))
            })?;
            named.renamed(path, input)
        }
    }
}

/// An answer in JSON in the envelope; a stream and an error as they are.
fn wrapped(response: Response) -> Response {
    if !response.status().is_success() || !is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // With the envelope it is longer.
    parts.headers.remove(CONTENT_LENGTH);
    let whole = |bytes| stream::once(async move { Ok(Bytes::from_static(bytes)) });
    let pieces = whole(BEFORE)
        .chain(body.into_data_stream())
        .chain(whole(AFTER));
    Response::from_parts(parts, Body::from_stream(pieces))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}
