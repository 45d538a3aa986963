//! What a refused request is answered with, in the form of the API that was asked.

use serde_json::{Value, json};

use super::route::Dialect;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The parameter at fault, where OpenAI would name it.
    pub(crate) param: Option<String>,
    /// OpenAI's code, where there is one.
    pub(crate) code: Option<&'static str>,
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            message: message.into(),
            param: None,
            code: None,
            retry_after: None,
        }
    }

    /// 400: a parameter is missing or makes no sense.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            param: Some(param.to_owned()),
            ..Refusal::new(400, message)
        }
    }

    /// 400: the request as a whole makes no sense.
    pub(crate) fn malformed(message: impl Into<String>) -> Refusal {
        Refusal::new(400, message)
    }

    /// 401, with nothing of the key but its end.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Refusal {
        Refusal {
            code: Some("invalid_api_key"),
            ..Refusal::new(401, message)
        }
    }

    /// 403, which is what Google says to somebody without a key.
    pub(crate) fn forbidden(message: impl Into<String>) -> Refusal {
        Refusal::new(403, message)
    }

    /// 404: a model that there isn't.
    pub(crate) fn no_model(model: &str) -> Refusal {
        Refusal {
            code: Some("model_not_found"),
            ..Refusal::new(
                404,
                format!("The model '{model}' does not exist in the sandbox."),
            )
        }
    }

    /// 404: a path that there isn't.
    pub(crate) fn no_path(method: &str, path: &str) -> Refusal {
        let message = format!("Unknown request URL: {method} {path}. The sandbox has no such API.");
        Refusal {
            code: Some("unknown_url"),
            ..Refusal::new(404, message)
        }
    }

    /// 413: more than anybody reads.
    pub(crate) fn too_large() -> Refusal {
        Refusal::new(413, "The request is too large, or broke off.")
    }

    /// An error that was asked for.
    pub(crate) fn wanted(status: u16, retry_after: Option<u64>) -> Refusal {
        let (code, message) = match status {
            401 => (Some("invalid_api_key"), "Incorrect API key provided."),
            402 => (None, "The account has no credit left."),
            404 => (Some("model_not_found"), "The model does not exist."),
            429 => (
                Some("rate_limit_exceeded"),
                "Rate limit reached. Try again later.",
            ),
            500 => (
                None,
                "The server had an error while processing the request.",
            ),
            503 | 529 => (None, "The service is overloaded. Try again later."),
            _ => (None, "The sandbox was asked for this error."),
        };
        Refusal {
            code,
            retry_after,
            ..Refusal::new(status, message)
        }
    }

    /// The body in the form of an API.
    pub(crate) fn body(&self, dialect: Dialect, request_id: &str) -> Value {
        match dialect {
            Dialect::OpenAi => self.openai(),
            Dialect::Anthropic => json!({
                "type": "error",
                "error": { "type": anthropic_type(self.status), "message": self.message },
                "request_id": request_id,
            }),
            Dialect::Gemini => self.google(),
        }
    }

    fn openai(&self) -> Value {
        let kind = match self.status {
            429 => "requests",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({ "error": {
            "message": self.message, "type": kind, "param": self.param, "code": self.code,
        } })
    }

    fn google(&self) -> Value {
        // Google answers a key that it doesn't know as a wrong argument.
        let status = if self.status == 401 { 400 } else { self.status };
        let mut error = json!({
            "code": status, "message": self.message, "status": google_status(status),
        });
        if self.status == 401 {
            error["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID", "domain": "googleapis.com",
            }]);
        }
        if let Some(seconds) = self.retry_after {
            error["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{seconds}s"),
            }]);
        }
        json!({ "error": error })
    }

    /// The HTTP status in an API's use.
    pub(crate) fn status_for(&self, dialect: Dialect) -> u16 {
        match (dialect, self.status) {
            (Dialect::Gemini, 401) => 400,
            (_, status) => status,
        }
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
