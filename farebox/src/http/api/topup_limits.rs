//! `GET /accounts/{account_id}/ai-gateway/billing/topup/limits` and `…/eligibility` (contract: section 1):
//! what a form has to know before it asks for a top-up.

use std::sync::Arc;

use ::api::{Envelope, ManualTopup, TopupEligibility, TopupLimits};
use axum::extract::State;

use crate::app::App;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};

fn limits_of(app: &App) -> TopupLimits {
    let topup = &app.config.topup;
    TopupLimits {
        currency: topup.currency.clone(),
        min_cents: topup.min_cents,
        max_cents: topup.max_cents,
    }
}

/// Tells how small and how large a top-up may be.
///
/// Cloudflare has deprecated it in favour of `topup/eligibility`, which says the same and more.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/limits",
    operation_id = "aig-billing-get-topup-limits",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "The limits", body = Envelope<TopupLimits>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn limits(State(app): State<Arc<App>>, _caller: Caller<Read>) -> Success<TopupLimits> {
    limits_of(&app).into()
}

/// Tells whether a top-up by this caller would be taken and, where it would be refused, why.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/eligibility",
    operation_id = "aig-billing-get-topup-eligibility",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "Whether, and why not", body = Envelope<TopupEligibility>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn eligibility(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Success<TopupEligibility> {
    eligibility_of(&app, caller)
}

/// The same by POST, as Cloudflare has it since 2026-11. A body may be left out, and says nothing.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/eligibility",
    operation_id = "aig-billing-check-topup-eligibility",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "Whether, and why not", body = Envelope<TopupEligibility>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn check_eligibility(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Success<TopupEligibility> {
    eligibility_of(&app, caller)
}

fn eligibility_of(app: &App, caller: Caller<Read>) -> Success<TopupEligibility> {
    let manual_topup = ManualTopup {
        eligible: caller.lacks_write.is_none(),
        reasons: caller.lacks_write.into_iter().collect(),
        limits: limits_of(app),
    };
    TopupEligibility { manual_topup }.into()
}
