//! The body of an error of the data plane (contract: section 5): `error`, and not `errors`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::http::gateway::upgrade;
use crate::proxy::ProxyError;

impl IntoResponse for ProxyError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.internal {
            tracing::error!(status = self.status.as_u16(), %cause, "call failed");
        }
        let Self { code, message, .. } = &self;
        let body = json!({
            "success": false,
            "result": [],
            "messages": [],
            "error": [{"code": code, "message": message}],
            "name": "AiGatewayError",
            "httpCode": self.status.as_u16(),
            "internalCode": code,
            "message": message,
            "description": message,
        });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UPGRADE_REQUIRED {
            upgrade::name_protocol(headers);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(log) = self
            .log
            .and_then(|id| HeaderValue::from_str(&id.to_string()).ok())
        {
            headers.insert("cf-aig-log-id", log);
        }
        response
    }
}
