//! Agents that repeat what can't succeed, and what ends their repeats.
//!
//! Codex 0.171.0 repeats a Responses stream that ends with `response.incomplete`, and a request that is refused with 402, 403 or
//! 503, five times. It gives up at `response.failed` with the code `insufficient_quota`, at 429 and at 400, and only at 400
//! does it show the reason (`findings/codex-refusals.sh`). Its requests say `originator: codex_…`.

use http::header::USER_AGENT;
use http::{HeaderName, StatusCode};

use crate::proxy::call::Call;

const ORIGINATOR: HeaderName = HeaderName::from_static("originator");

/// Whether the client sends a prompt again whose answer was ended at a limit.
pub fn repeats_what_is_incomplete(call: &Call) -> bool {
    is_codex(call)
}

fn is_codex(call: &Call) -> bool {
    [&ORIGINATOR, &USER_AGENT].into_iter().any(|name| {
        let value = call.header(name).unwrap_or_default();
        value.to_ascii_lowercase().starts_with("codex")
    })
}

/// How a call is refused for which there is no credit.
pub fn status_without_credit(call: &Call) -> StatusCode {
    match is_codex(call) {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::PAYMENT_REQUIRED,
    }
}

/// The status with which the client repeats a call by itself, after a wait.
pub fn status_to_wait(call: &Call) -> StatusCode {
    match is_codex(call) {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::TOO_MANY_REQUESTS,
    }
}
