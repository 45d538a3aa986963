//! An error of the data plane in the shape that its client reads: OpenAI's, Anthropic's or Gemini's, and
//! Cloudflare's (contract: section 5).
//!
//! Every shape has Cloudflare's members beside it. Only `error` differs: it is the client's own object, and the list
//! that Cloudflare has there is in `errors` as well.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::gateway::body;
use crate::http::gateway::dialect::Dialect;
use crate::http::gateway::upgrade;
use crate::ids::LogId;
use crate::proxy::{ProxyError, REQUEST_ID, codes};

/// Tells the SDKs of OpenAI, Anthropic and Cloudflare whether to repeat a call, whatever its status.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// How long a client may be left to wait and repeat by itself, in seconds.
const WAIT_MAX_SECS: u64 = 60;

/// The head of the answer. Its body has the shape of the client's API, which `shaped` knows.
impl IntoResponse for ProxyError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.internal {
            tracing::error!(status = self.status.as_u16(), %cause, "call failed");
        }
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UPGRADE_REQUIRED {
            upgrade::name_protocol(headers);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(word) = should_retry(&self) {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static(word));
        }
        if let Some(identity) = &self.identity {
            identity.tell(headers);
        }
        if self.code == codes::ENCODING {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(body::CODINGS));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether to repeat the call: `true` if a short wait mends it, `false` if nothing but a change does. `None` for a
/// passing failure, which every SDK repeats by its own rule.
fn should_retry(error: &ProxyError) -> Option<&'static str> {
    match error.retry_after {
        Some(seconds) if seconds <= WAIT_MAX_SECS => Some("true"),
        Some(_) => Some("false"),
        None if error.for_good || error.status.is_client_error() => Some("false"),
        None => None,
    }
}

/// Whether an answer is an error of the data plane whose body is still to come.
pub fn is_refusal(response: &Response) -> bool {
    response.extensions().get::<ProxyError>().is_some()
}

/// An answer of the data plane with what all of them have: a request id, and for an error the body of its client's
/// API.
pub fn shaped(app: &App, dialect: Dialect, mut response: Response) -> Response {
    if !response.headers().contains_key(REQUEST_ID) {
        let id = LogId::new(app.now()).to_string();
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
    }
    let Some(error) = response.extensions_mut().remove::<ProxyError>() else {
        return response;
    };
    let request = response.headers().get(REQUEST_ID);
    let request = request.and_then(|value| value.to_str().ok());
    let body = Json(body(&error, dialect, request.unwrap_or_default())).into_response();
    let (head, body) = body.into_parts();
    response.headers_mut().extend(head.headers);
    *response.body_mut() = body;
    response
}

fn body(error: &ProxyError, dialect: Dialect, request: &str) -> Value {
    let ProxyError { code, message, .. } = error;
    let list = json!([{"code": code, "message": message}]);
    let mut body = json!({
        "success": false,
        "result": [],
        "messages": [],
        "errors": list,
        "name": "AiGatewayError",
        "httpCode": error.status.as_u16(),
        "internalCode": code,
        "message": message,
        "description": message,
    });
    body["error"] = match dialect {
        Dialect::Cloudflare => list,
        Dialect::OpenAi => openai(error),
        Dialect::Anthropic => json!({"type": anthropic_type(error.status), "message": message}),
        Dialect::Gemini => gemini(error),
    };
    if dialect == Dialect::Anthropic {
        body["type"] = json!("error");
        body["request_id"] = json!(request);
    }
    body
}

/// OpenAI: "Error codes". A code that OpenAI doesn't have is our own number.
pub fn openai(error: &ProxyError) -> Value {
    let code = match error.code {
        codes::UNAUTHORIZED if error.status == StatusCode::UNAUTHORIZED => "invalid_api_key",
        codes::NO_CREDIT | codes::ACCOUNT_LIMIT | codes::SPEND_LIMIT => "insufficient_quota",
        codes::NO_PRICE => "model_not_found",
        _ if error.status == StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        number => return openai_with(error, json!(number.to_string())),
    };
    openai_with(error, json!(code))
}

fn openai_with(error: &ProxyError, code: Value) -> Value {
    let kind = match error.status {
        _ if code == "insufficient_quota" => "insufficient_quota",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    json!({"message": error.message, "type": kind, "param": null, "code": code})
}

/// Anthropic: "Errors", HTTP errors.
fn anthropic_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::PAYMENT_REQUIRED => "billing_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::GATEWAY_TIMEOUT => "timeout_error",
        StatusCode::SERVICE_UNAVAILABLE => "overloaded_error",
        status if status.is_server_error() => "api_error",
        _ => "invalid_request_error",
    }
}

/// Google: `google.rpc.Status`, and `google.rpc.RetryInfo` for the time to wait.
fn gemini(error: &ProxyError) -> Value {
    let status = match error.status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::PAYMENT_REQUIRED => "FAILED_PRECONDITION",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "UNIMPLEMENTED",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        status if status.is_server_error() => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    let code = error.status.as_u16();
    let mut body = json!({"code": code, "message": error.message, "status": status});
    if let Some(seconds) = error.retry_after {
        body["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{seconds}s"),
        }]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, code: i64) -> ProxyError {
        ProxyError::new(StatusCode::from_u16(status).unwrap(), code, "Why")
    }

    #[test]
    fn each_client_reads_its_own_shape_and_cloudflares_beside_it() {
        let refused = error(402, codes::NO_CREDIT);
        for (dialect, expected) in [
            (
                Dialect::OpenAi,
                json!({"message": "Why", "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}),
            ),
            (
                Dialect::Anthropic,
                json!({"type": "billing_error", "message": "Why"}),
            ),
            (
                Dialect::Gemini,
                json!({"code": 402, "message": "Why", "status": "FAILED_PRECONDITION"}),
            ),
            (
                Dialect::Cloudflare,
                json!([{"code": 2021, "message": "Why"}]),
            ),
        ] {
            let body = body(&refused, dialect, "id-1");
            assert_eq!(body["error"], expected, "{dialect:?}");
            assert_eq!(body["errors"], json!([{"code": 2021, "message": "Why"}]));
            assert_eq!(
                (&body["success"], &body["internalCode"]),
                (&json!(false), &json!(2021))
            );
            let is_anthropic = dialect == Dialect::Anthropic;
            assert_eq!(
                body["type"] == "error" && body["request_id"] == "id-1",
                is_anthropic
            );
        }
    }

    #[test]
    fn a_wait_reads_as_googles_retry_info() {
        let refused = error(429, codes::RATE_LIMITED).after(7);
        let body = body(&refused, Dialect::Gemini, "");
        assert_eq!(body["error"]["details"][0]["retryDelay"], "7s");
    }

    #[test]
    fn only_what_a_short_wait_mends_is_repeated() {
        let never = ProxyError {
            for_good: true,
            ..error(502, codes::NO_ANSWER)
        };
        for (error, expected) in [
            (error(402, codes::NO_CREDIT), Some("false")),
            (error(402, codes::NO_CREDIT).after(2), Some("true")),
            (error(429, codes::SPEND_LIMIT).after(14_233), Some("false")),
            (error(429, codes::RATE_LIMITED).after(60), Some("true")),
            (error(400, codes::NO_PRICE), Some("false")),
            (error(502, codes::NO_ANSWER), None),
            (never, Some("false")),
            (error(503, codes::INTERNAL).after(1), Some("true")),
        ] {
            assert_eq!(should_retry(&error), expected, "{error:?}");
        }
    }
}
