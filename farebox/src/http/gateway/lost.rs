//! Requests with a wrong base URL: the answer says what this server is and which base URL to use.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::http::gateway::{Dialect, upgrade};
use crate::http::public_url::PublicUrl;
use crate::proxy::{ProxyError, codes};

/// The longest path that a message repeats, in characters.
const PATH_MAX: usize = 200;

/// `GET /`: what this is, and where to go.
pub async fn root(PublicUrl(url): PublicUrl) -> Json<Value> {
    let gateway = format!("{url}/v1/{{account_id}}/{{gateway_id}}");
    Json(json!({
        "name": "Farebox",
        "description": "A self-hosted AI gateway with prepaid billing, behind Cloudflare's AI Gateway API",
        "base_urls": {
            "openai": format!("{gateway}/openai"),
            "anthropic": format!("{gateway}/anthropic"),
            "google-ai-studio": format!("{gateway}/google-ai-studio"),
            "every provider, in OpenAI's format": format!("{gateway}/compat"),
            "management": format!("{url}/client/v4"),
        },
        "gateway_id": "default, until you create another",
        "openapi": format!("{url}/openapi.json"),
    }))
}

/// The answer to a path that isn't there.
pub async fn no_route(method: Method, uri: Uri, headers: HeaderMap, url: PublicUrl) -> Response {
    if let Some(refusal) = upgrade::refusal(&headers) {
        return refusal;
    }
    match Dialect::of(uri.path(), &headers) {
        Some(dialect) => wrong_base_url(&method, uri.path(), dialect, &url.0).into_response(),
        None => ApiError::no_route(uri.path()).into_response(),
    }
}

/// The answer to a method that a path doesn't have.
pub async fn no_method(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(refusal) = upgrade::refusal(&headers) {
        return refusal;
    }
    let message = format!("Method {method} is not allowed for {}", uri.path());
    let status = StatusCode::METHOD_NOT_ALLOWED;
    match Dialect::of(uri.path(), &headers) {
        Some(_) => ProxyError::new(status, codes::NO_ROUTE, message).into_response(),
        None => ApiError::new(status, crate::error::codes::METHOD, message).into_response(),
    }
}

/// The refusal of a call whose path is none of the gateway's.
pub fn wrong_base_url(method: &Method, path: &str, dialect: Dialect, url: &str) -> ProxyError {
    let path: String = path.chars().take(PATH_MAX).collect();
    let gateway = format!("{url}/v1/{{account_id}}/{{gateway_id}}");
    let use_ = match dialect {
        Dialect::OpenAi => {
            format!("{gateway}/openai, or {gateway}/compat with models as provider/model")
        }
        Dialect::Anthropic => format!("{gateway}/anthropic"),
        Dialect::Gemini => format!("{gateway}/google-ai-studio"),
        Dialect::Cloudflare => format!(
            "{gateway} for the universal endpoint, and {url}/client/v4 for the management API"
        ),
    };
    let message = format!(
        "{method} {path} is not a path of this Farebox gateway. Set the client's base URL to {use_}. The \
         gateway_id is \"default\" until you create another."
    );
    ProxyError::new(StatusCode::NOT_FOUND, codes::NO_ROUTE, message)
}
