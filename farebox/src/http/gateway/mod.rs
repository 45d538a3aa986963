//! The data plane: calls to models, in the providers' own form and in OpenAI's. What a client sees of an error has
//! the shape of contract section 5, and not the envelope of the management API.
//!
//! Nothing about money or providers is decided in here.

mod answer;
mod body;
mod compat;
pub mod cors;
mod dialect;
mod error;
mod incoming;
pub mod lost;
pub mod models;
mod named;
mod native;
pub mod rest;
pub mod run;
mod runner;
mod socket;
mod universal;
pub mod upgrade;
mod wishes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};

pub use socket::Connections as WebSockets;

use crate::app::App;

pub use dialect::Dialect;
pub use error::{is_refusal, shaped};

/// The path of a call in a provider's own form (contract: section 4.1).
const NATIVE: &str = "/v1/{account_id}/{gateway_id}/{provider}/{*path}";

/// The path of several calls in one request.
const UNIVERSAL: &str = "/v1/{account_id}/{gateway_id}";

/// What every path of a call begins with.
const GATEWAY: &str = "/v1/";
const REST: &str = "/client/v4/accounts/{account_id}/ai/";

/// A call to a model ends by itself in its own time; what is settled then is still to be told.
const MARGIN: Duration = Duration::from_secs(30);

/// All ways to call a model.
pub fn routes() -> Router<Arc<App>> {
    let compat = |name| format!("{UNIVERSAL}/compat/{name}");
    let rest = |name| format!("{REST}{name}");
    Router::new()
        .route("/", get(lost::root))
        .route(NATIVE, any(native::call))
        .route(UNIVERSAL, post(universal::call))
        .route(&compat("chat/completions"), post(compat::chat))
        .route(&compat("embeddings"), post(compat::embeddings))
        .route(&compat("models"), get(models::compat))
        .route(&compat("models/{*id}"), get(models::compat))
        .route(&rest("v1/chat/completions"), post(rest::chat))
        .route(
            &rest("v1/responses"),
            post(rest::responses).get(rest::responses_socket),
        )
        .route(&rest("v1/messages"), post(rest::messages))
        .route(&rest("v1/models"), get(models::rest))
        .route(&rest("v1/models/{*id}"), get(models::rest_one))
        .route(&rest("run"), post(run::run))
        .route(&rest("run/{*model}"), post(run::run_named))
}

/// Whether a path is one of a call's.
fn is_call(path: &str) -> bool {
    let rest = || {
        let (before, _) = REST.split_once('{')?;
        let (_, below) = path.strip_prefix(before)?.split_once('/')?;
        Some(below.starts_with("ai/"))
    };
    path.starts_with(GATEWAY) || rest().unwrap_or_default()
}

/// How long a call on this route may take to begin its answer; nothing for what is none. `call_max` is what a
/// call may take.
pub fn time_limit(route: &str, call_max: Duration) -> Option<Duration> {
    let calls = match route {
        UNIVERSAL => u32::from(universal::STEPS_MAX),
        _ if route.starts_with(GATEWAY) || route.starts_with(REST) => 1,
        _ => return None,
    };
    Some(call_max.saturating_mul(calls).saturating_add(MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_from_management_by_their_paths() {
        for (path, expected) in [
            ("/v1/a/default/openai/v1/models", true),
            ("/client/v4/accounts/a/ai/run", true),
            ("/client/v4/accounts/a/ai-gateway/gateways", false),
            ("/client/v4/user/tokens/verify", false),
            ("/healthz", false),
        ] {
            assert_eq!(is_call(path), expected, "{path}");
        }
    }

    #[test]
    fn a_call_has_its_own_time_and_steps_have_it_each() {
        let call = Duration::from_secs(100);
        for (route, limit) in [
            (NATIVE, Some(130)),
            (UNIVERSAL, Some(1030)),
            (
                "/v1/{account_id}/{gateway_id}/compat/chat/completions",
                Some(130),
            ),
            ("/client/v4/accounts/{account_id}/ai/run", Some(130)),
            ("/client/v4/accounts/{account_id}/ai-gateway/gateways", None),
            ("/healthz", None),
        ] {
            let limit = limit.map(Duration::from_secs);
            assert_eq!(time_limit(route, call), limit, "{route}");
        }
    }
}
