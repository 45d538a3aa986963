//! `…/ai-gateway/billing/topup/config` (contract: section 1). Cloudflare takes POST and DELETE from its
//! dashboard alone; here a token with `AI Gateway Write` will do.

use std::sync::Arc;

use ::api::{Envelope, SetTopupConfig, TopupConfig, TopupConfigSet};
use axum::extract::State;
use ledger::Amount;

use crate::app::App;
use crate::billing;
use crate::error::ApiError;
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Success};

/// The smallest threshold, in cents (contract: section 1).
const THRESHOLD_MIN: i64 = 500;

/// The largest that the ledger can count, in cents.
const THRESHOLD_MAX: i64 = i64::MAX / Amount::NANOS_PER_CENT;

/// Tells when the account tops itself up, and why it doesn't just now.
///
/// `null`s where nothing is set. `disabledReason` is one of `payment_failed`, `authentication_required`,
/// `no_payment_method`, `dispute`, `refund` and `limit`; `lastFailedAt` is in Unix seconds.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/config",
    operation_id = "aig-billing-get-topup-config",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "When the account tops itself up", body = Envelope<TopupConfig>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Result<Success<TopupConfig>, ApiError> {
    Ok(billing::topup_config(&app, caller.account).await?.into())
}

/// Sets when the account tops itself up, in place of what was set.
///
/// Failures before it count no more. The call itself charges nothing; where less is available than the
/// threshold, a top-up starts soon after it.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/config",
    operation_id = "aig-billing-set-topup-config",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    request_body = SetTopupConfig,
    responses(
        (status = 200, description = "What is set now", body = Envelope<TopupConfigSet>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn set(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    mut body: Fields,
) -> Result<Success<TopupConfigSet>, ApiError> {
    let config = &app.config;
    // More than a day's ceiling could never be bought.
    let amount_max = config.topup.max_cents.min(config.auto_topup.day.cents);
    let config = SetTopupConfig {
        amount: body.integer("amount", config.topup.min_cents, amount_max),
        threshold: body.integer("threshold", THRESHOLD_MIN, THRESHOLD_MAX),
    };
    body.nothing_else();
    body.check()?;
    let set = billing::set_topup_config(&app, caller.account, config).await?;
    Ok(set.into())
}

/// The account tops itself up no more. A top-up that is under way goes on.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/config",
    operation_id = "aig-billing-delete-topup-config",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "Nothing is set now", body = Envelope<TopupConfig>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
) -> Result<Success<TopupConfig>, ApiError> {
    let removed = billing::remove_topup_config(&app, caller.account).await?;
    Ok(removed.into())
}
