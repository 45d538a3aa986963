//! `GET /accounts/{account_id}/ai-gateway/billing/credit-balance` (contract: section 1).

use std::sync::Arc;

use ::api::{CreditBalance, Envelope};
use axum::extract::State;

use crate::app::App;
use crate::billing;
use crate::error::ApiError;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};

/// Tells what the account has, in cents.
///
/// Beyond Cloudflare's fields: `available` (what a new call can be paid from), `held` (by running
/// calls) and `pending_topups` (bought, not yet paid).
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/credit-balance",
    operation_id = "aig-billing-get-credit-balance",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "The balance", body = Envelope<CreditBalance>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Result<Success<CreditBalance>, ApiError> {
    Ok(billing::credit_balance(&app, caller.account).await?.into())
}
