//! The data plane: calls to models, in the providers' own form and in OpenAI's. What a client sees of an error has
//! the shape of contract section 5, and not the envelope of the management API.
//!
//! Nothing about money or providers is decided in here.

mod answer;
mod compat;
mod dialect;
mod error;
mod incoming;
pub mod lost;
mod named;
mod native;
pub mod rest;
pub mod run;
mod runner;
mod universal;
pub mod upgrade;
mod wishes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};

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
        .route(&compat("models"), get(compat::models))
        .route(&rest("v1/chat/completions"), post(rest::chat))
        .route(&rest("v1/responses"), post(rest::responses))
        .route(&rest("v1/messages"), post(rest::messages))
        .route(&rest("run"), post(run::run))
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
