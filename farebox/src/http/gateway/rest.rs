//! `/client/v4/accounts/{account_id}/ai/v1/…`: calls by `author/model` beside the management API, through the
//! gateway that `cf-aig-gateway-id` names (contract: section 4.1, "REST API").
//!
//! What a client sees of an error is what it sees on the gateway's own paths.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::app::App;
use crate::http::gateway::compat::make;
use crate::http::gateway::named::Format;
use crate::http::gateway::runner::AccountRunner;
use crate::http::gateway::socket::{self, Place};
use crate::http::gateway::upgrade;
use crate::proxy::ProxyError;

/// Chats with a model of any provider, in OpenAI's format.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai/v1/chat/completions",
    operation_id = "ai-chat-completions",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    request_body(content = serde_json::Value, description = "A chat completion of OpenAI's API, its model as `author/model`"),
    responses(
        (status = 200, description = "A chat completion, or its chunks as server-sent events", body = serde_json::Value),
        (status = 400, description = "It can't be read, or asks for what the provider doesn't have", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 402, description = "Less credit is available than the call needs", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
        (status = 429, description = "A limit would be passed", body = serde_json::Value),
        (status = 502, description = "The provider gave no answer", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn chat(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    request: Request,
) -> Result<Response, ProxyError> {
    make(&app, runner, request, Format::Chat).await
}

/// Asks a model for a response, at the providers that have them.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai/v1/responses",
    operation_id = "ai-responses",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    request_body(content = serde_json::Value, description = "A response of OpenAI's API, its model as `author/model`"),
    responses(
        (status = 200, description = "A response, or its events", body = serde_json::Value),
        (status = 400, description = "It can't be read, or asks for what the provider doesn't have", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 402, description = "Less credit is available than the call needs", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
        (status = 429, description = "A limit would be passed", body = serde_json::Value),
        (status = 502, description = "The provider gave no answer", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn responses(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    request: Request,
) -> Result<Response, ProxyError> {
    make(&app, runner, request, Format::Responses).await
}

/// Opens a WebSocket for responses (docs/reference/gateway.md, "Responses over WebSocket"). OpenAPI has no words for one.
pub async fn responses_socket(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    request: Request,
) -> Result<Response, ProxyError> {
    match upgrade::is_requested(request.headers()) {
        true => socket::open(&app, &runner, Place::Named, request),
        false => Err(upgrade::needed()),
    }
}

/// Asks one of Anthropic's models for a message.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai/v1/messages",
    operation_id = "ai-messages",
    tag = "models",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("cf-aig-gateway-id" = Option<String>, Header, description = "The gateway's id; `default` without it"),
    ),
    request_body(content = serde_json::Value, description = "A message of Anthropic's API, its model as `anthropic/model`"),
    responses(
        (status = 200, description = "A message, or its events", body = serde_json::Value),
        (status = 400, description = "It can't be read, or asks for what the provider doesn't have", body = serde_json::Value),
        (status = 401, description = "Not authenticated", body = serde_json::Value),
        (status = 402, description = "Less credit is available than the call needs", body = serde_json::Value),
        (status = 403, description = "Not allowed", body = serde_json::Value),
        (status = 429, description = "A limit would be passed", body = serde_json::Value),
        (status = 502, description = "The provider gave no answer", body = serde_json::Value),
    ),
    security(("api_token" = []))
)]
pub async fn messages(
    State(app): State<Arc<App>>,
    AccountRunner(runner): AccountRunner,
    request: Request,
) -> Result<Response, ProxyError> {
    make(&app, runner, request, Format::Messages).await
}
