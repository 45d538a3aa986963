//! What a client receives: the events of a stream as they are, and errors of its own form (openai 3.57.0,
//! `ResponseWsError`; Codex 0.171.0 reads `status`, `error` and `headers`).

use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::http::gateway::error::openai;
use crate::proxy::ProxyError;

/// OpenAI's guide "WebSocket mode" has these codes.
const NO_PREVIOUS: &str = "previous_response_not_found";
const EXPIRED: &str = "websocket_connection_limit_reached";

/// Headers of an answer that an error repeats: whether and when to try again, and which call it was.
const TOLD: [&str; 5] = [
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "x-request-id",
    "cf-aig-log-id",
];

/// What is sent instead of a response.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    error: Value,
    headers: Map<String, Value>,
    stream_id: Option<String>,
}

impl Refusal {
    /// With OpenAI's members of an error.
    pub fn new(
        status: StatusCode,
        param: Option<&str>,
        code: Option<&str>,
        message: impl Into<String>,
    ) -> Self {
        let error = json!({
            "type": kind(status), "code": code, "message": message.into(), "param": param,
        });
        Self {
            status,
            error,
            headers: Map::new(),
            stream_id: None,
        }
    }

    /// A client's mistake in that member of its event.
    pub fn invalid(param: Option<&str>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, param, None, message)
    }

    /// What the event continues is neither here nor, as far as it says, at the provider.
    pub fn no_previous(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        let message = format!(
            "Previous response with id '{id}' not found. Send the whole input again, without \
             previous_response_id"
        );
        let param = Some("previous_response_id");
        Self::new(StatusCode::BAD_REQUEST, param, Some(NO_PREVIOUS), message)
    }

    /// The connection has been open for its time.
    pub fn expired(minutes: u64) -> Self {
        let message = format!(
            "This WebSocket has been open for {minutes} minutes, the most that the gateway allows. Open a new one"
        );
        Self::new(StatusCode::BAD_REQUEST, None, Some(EXPIRED), message)
    }

    /// More events wait than there is room for.
    pub fn too_many_waiting() -> Self {
        let message = "Too many events wait for the response in flight; this one was dropped. Send it again \
             after that response's last event";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, None, Some("rate_limit_exceeded"), message)
    }

    /// The provider's stream ended before its response did.
    pub fn cut() -> Self {
        let message =
            "The provider's answer was cut before its last event. What arrived is charged";
        Self::new(StatusCode::BAD_GATEWAY, None, Some("stream_cut"), message)
    }

    /// Something went wrong here.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        Self::of(ProxyError::internal(cause))
    }

    /// A refusal of the gateway's.
    pub fn of(error: ProxyError) -> Self {
        let (status, shown) = (error.status, openai(&error));
        Self {
            status,
            error: shown,
            headers: told(error.into_response().headers()),
            stream_id: None,
        }
    }

    /// An answer of the provider's that is an error.
    pub fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        let error = parsed.and_then(|mut body| body.get_mut("error").map(Value::take));
        let text = || {
            String::from_utf8_lossy(body)
                .chars()
                .take(500)
                .collect::<String>()
        };
        Self {
            error: match error {
                Some(error @ Value::Object(_)) => error,
                Some(Value::String(message)) => Self::new(status, None, None, message).error,
                _ => Self::new(status, None, None, text()).error,
            },
            headers: told(headers),
            status,
            stream_id: None,
        }
    }

    /// The same on a lane.
    pub fn on(self, stream_id: Option<String>) -> Self {
        Self { stream_id, ..self }
    }

    /// Whether credentials are the reason.
    pub fn is_for_credentials(&self) -> bool {
        matches!(
            self.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        )
    }

    /// As text.
    pub fn frame(&self) -> String {
        let mut frame = json!({
            "type": "error", "status": self.status.as_u16(), "error": self.error,
        });
        if !self.headers.is_empty() {
            frame["headers"] = Value::Object(self.headers.clone());
        }
        if let Some(id) = &self.stream_id {
            frame["stream_id"] = json!(id);
        }
        frame.to_string()
    }
}

fn told(headers: &HeaderMap) -> Map<String, Value> {
    let told = TOLD.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), Value::from(value)))
    });
    told.collect()
}

/// OpenAI: "Error codes".
fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYMENT_REQUIRED => "insufficient_quota",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

/// An event's JSON, with the lane that it belongs to.
pub fn on_lane(data: String, stream_id: Option<&str>) -> String {
    let (Some(id), Some(rest)) = (stream_id, data.trim_start().strip_prefix('{')) else {
        return data;
    };
    let comma = if rest.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    format!(r#"{{"stream_id":{}{comma}{rest}"#, Value::from(id))
}

/// The two events of a response that was only prepared: begun, and completed without output.
pub fn prepared(id: &str, model: Option<&str>, created_at: i64) -> [String; 2] {
    let response = |status: &str, usage: Value| {
        json!({
            "id": id, "object": "response", "created_at": created_at, "status": status, "model": model,
            "output": [], "error": null, "incomplete_details": null, "usage": usage,
            "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "metadata": {},
        })
    };
    let usage = json!({
        "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
    });
    let event = |kind: &str, number: u8, response: Value| {
        json!({"type": kind, "sequence_number": number, "response": response}).to_string()
    };
    [
        event("response.created", 0, response("in_progress", Value::Null)),
        event("response.completed", 1, response("completed", usage)),
    ]
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_lane_is_named_in_the_event_and_nothing_else_changes() {
        let on = |data: &str, id| on_lane(data.to_owned(), id);
        assert_eq!(on(r#"{"a":1}"#, None), r#"{"a":1}"#);
        assert_eq!(
            on(r#"{"a":1}"#, Some("x\"y")),
            r#"{"stream_id":"x\"y","a":1}"#
        );
        assert_eq!(on("{ }", Some("x")), r#"{"stream_id":"x" }"#);
    }

    #[test]
    fn a_providers_error_keeps_its_words_and_when_to_try_again() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("7"));
        headers.insert("server", HeaderValue::from_static("x"));
        let body =
            br#"{"error":{"message":"Slow down","type":"requests","code":null,"param":null}}"#;
        let refusal = Refusal::of_answer(StatusCode::TOO_MANY_REQUESTS, &headers, body);
        let frame: Value = serde_json::from_str(&refusal.frame()).unwrap();
        assert_eq!(
            frame,
            json!({
                "type": "error", "status": 429, "headers": {"retry-after": "7"},
                "error": {"message": "Slow down", "type": "requests", "code": null, "param": null},
            })
        );
        for (body, message) in [(&b"<html>"[..], "<html>"), (br#"{"error":"no"}"#, "no")] {
            let refusal = Refusal::of_answer(StatusCode::BAD_GATEWAY, &HeaderMap::new(), body);
            assert_eq!(refusal.error["message"], message);
            assert_eq!(refusal.error["type"], "server_error");
        }
    }
}
