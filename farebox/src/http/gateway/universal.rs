//! `POST /v1/{account_id}/{gateway_id}`: several requests in one body, tried one after the other until one
//! succeeds (contract: section 4.1, "Universal endpoint").
//!
//! Each step is a call of its own: held, logged and settled like any other, so that one that fails costs nothing.
//! All of them are read before the first is made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::app::App;
use crate::gateways;
use crate::http::gateway::answer::render;
use crate::http::gateway::incoming::{self, Incoming, Sent, bad_format};
use crate::http::gateway::named::{self, Format};
use crate::http::gateway::runner::{self, Runner};
use crate::ids::LogId;
use crate::proxy::{self, Answer, Call, ProxyError};

/// How many steps a request may have.
pub const STEPS_MAX: u16 = 10;

/// One of the requests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step<'a> {
    provider: String,
    endpoint: String,
    headers: Option<BTreeMap<String, Value>>,
    #[serde(borrow)]
    query: &'a RawValue,
    config: Option<Config>,
}

/// The step's own settings: numbers and words, which are read as the headers of the same meaning are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    request_timeout: Option<u64>,
    max_attempts: Option<u64>,
    retry_delay: Option<u64>,
    backoff: Option<String>,
}

/// Makes the calls, until one succeeds.
pub async fn call(
    State(app): State<Arc<App>>,
    runner: Runner,
    request: Request,
) -> Result<Response, ProxyError> {
    let incoming = Incoming::read(&app, runner, request).await?;
    let mut calls = read(&app, &incoming).await?;
    let last = calls
        .pop()
        .ok_or_else(|| bad_format("there are no steps: send at least one"))?;
    for call in calls {
        match attempt(&app, call).await {
            Ok(answer) if answer.status.is_success() => return Ok(render(answer)),
            _ => {}
        }
    }
    attempt(&app, last).await.map(render)
}

/// A step is a call that begins now, whatever those before it took.
async fn attempt(app: &Arc<App>, mut call: Call) -> Result<Answer, ProxyError> {
    call.at = app.now();
    call.begun = Instant::now();
    if call.step > 0 {
        call.id = LogId::new(call.at);
    }
    // A key may have been stored since the first one began.
    call.has_keys |= call.step > 0;
    proxy::make(app, call).await
}

/// The calls of all steps.
async fn read(app: &App, incoming: &Incoming) -> Result<Vec<Call>, ProxyError> {
    let mut calls = Vec::new();
    for (step, number) in steps(&incoming.body)?.into_iter().zip(0..) {
        let call = read_step(app, incoming, step).await;
        let call = call.map_err(|error| at_step(number, error))?;
        calls.push(Call {
            step: number,
            ..call
        });
    }
    Ok(calls)
}

fn at_step(number: u16, error: ProxyError) -> ProxyError {
    let message = format!("step {number}: {}", error.message);
    ProxyError { message, ..error }
}

/// An array of steps, or a single one.
fn steps(body: &[u8]) -> Result<Vec<Step<'_>>, ProxyError> {
    let is_array = body.trim_ascii_start().starts_with(b"[");
    let steps = match is_array {
        true => serde_json::from_slice(body),
        false => serde_json::from_slice(body).map(|step| vec![step]),
    };
    let steps: Vec<Step<'_>> = steps.map_err(|error| {
        bad_format(format!(
            "the body must be a list of steps {{provider, endpoint, headers, query, config}}: {error}"
        ))
    })?;
    match steps.len() > usize::from(STEPS_MAX) {
        true => Err(bad_format(format!(
            "there are more than {STEPS_MAX} steps: send fewer"
        ))),
        false => Ok(steps),
    }
}

async fn read_step(app: &App, of: &Incoming, step: Step<'_>) -> Result<Call, ProxyError> {
    let endpoint = step.endpoint.trim_start_matches('/');
    let incoming = Incoming {
        headers: headers(&of.headers, &step)?,
        body: Bytes::copy_from_slice(step.query.get().as_bytes()),
        ..of.clone()
    };
    if step.provider == gateways::COMPAT {
        return named::call(app, incoming, compat_format(endpoint)?).await;
    }
    let target = incoming::target(app, incoming.account, &step.provider).await?;
    let sent = Sent {
        path: incoming::passed_path(&target, endpoint),
        body: incoming.body.clone(),
        translation: None,
        compatibility: false,
    };
    incoming.call(target, Method::POST, sent)
}

fn compat_format(endpoint: &str) -> Result<Format, ProxyError> {
    match endpoint {
        "chat/completions" => Ok(Format::Chat),
        "embeddings" => Ok(Format::Embeddings),
        _ => Err(bad_format(
            "endpoint must be chat/completions or embeddings with compat",
        )),
    }
}

/// The step's headers, before them its settings, and before those the request's: but for the request's own key,
/// which nobody has said is for this step's provider.
fn headers(request: &HeaderMap, step: &Step<'_>) -> Result<HeaderMap, ProxyError> {
    let mut headers = request.clone();
    for name in runner::KEY_HEADERS {
        headers.remove(*name);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(config) = &step.config {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        for (name, value) in [
            ("cf-aig-request-timeout", number(config.request_timeout)),
            ("cf-aig-max-attempts", number(config.max_attempts)),
            ("cf-aig-retry-delay", number(config.retry_delay)),
            ("cf-aig-backoff", config.backoff.clone()),
        ] {
            set(&mut headers, name, value)?;
        }
    }
    for (name, value) in step.headers.iter().flatten() {
        set(&mut headers, name, text(value))?;
    }
    Ok(headers)
}

/// A header's value, which may be written as the JSON that it holds.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: Option<String>) -> Result<(), ProxyError> {
    let Some(value) = value else {
        return Ok(());
    };
    let bad = || bad_format(format!("{name:?} can't be a header with that value"));
    let name: HeaderName = name.parse().map_err(|_| bad())?;
    let value = HeaderValue::from_str(&value).map_err(|_| bad())?;
    headers.insert(name, value);
    Ok(())
}
