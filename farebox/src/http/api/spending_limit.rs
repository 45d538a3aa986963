//! `…/ai-gateway/billing/spending-limit` (contract: section 1). Cloudflare has closed its POST; ours works.

use std::sync::Arc;

use ::api::{Envelope, SetSpendingLimit, SpendingLimit};
use axum::extract::State;
use http::StatusCode;
use ledger::{Amount, Limit, Period, Strategy};

use crate::app::App;
use crate::billing;
use crate::error::ApiError;
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Success};

/// The smallest limit, in cents (contract: section 1).
const AMOUNT_MIN: i64 = 100;

/// The largest that the ledger can count, in cents.
const AMOUNT_MAX: i64 = i64::MAX / Amount::NANOS_PER_CENT;

const DURATIONS: [(&str, Period); 3] = [
    (Period::Daily.name(), Period::Daily),
    (Period::Weekly.name(), Period::Weekly),
    (Period::Monthly.name(), Period::Monthly),
];

const STRATEGIES: [(&str, Strategy); 2] = [
    (Strategy::Fixed.name(), Strategy::Fixed),
    (Strategy::Sliding.name(), Strategy::Sliding),
];

/// Tells the spending limit; `null`s and `enabled: false` where none is set.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/spending-limit",
    operation_id = "aig-billing-get-spending-limit",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "The limit", body = Envelope<SpendingLimit>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Result<Success<SpendingLimit>, ApiError> {
    Ok(billing::spending_limit(&app, caller.account).await?.into())
}

/// Sets the spending limit, in place of any other.
///
/// It is held against usage that was settled in the window and everything that is held, at each hold.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/spending-limit",
    operation_id = "aig-billing-set-spending-limit",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    request_body = SetSpendingLimit,
    responses(
        (status = 201, description = "The limit as it is now", body = Envelope<SpendingLimit>),
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
) -> Result<(StatusCode, Success<SpendingLimit>), ApiError> {
    let cents = body.integer("amount", AMOUNT_MIN, AMOUNT_MAX);
    let period = body.choice("duration", &DURATIONS);
    let strategy = body.choice("strategy", &STRATEGIES);
    body.nothing_else();
    body.check()?;
    let (Some(amount), Some(period), Some(strategy)) =
        (Amount::from_cents(cents), period, strategy)
    else {
        return Err(ApiError::internal("a fault in a body was not noted"));
    };
    let limit = Limit {
        amount,
        period,
        strategy,
    };
    let set = billing::set_spending_limit(&app, caller.account, limit).await?;
    Ok((StatusCode::CREATED, set.into()))
}

/// Removes the spending limit, where there is one.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/spending-limit",
    operation_id = "aig-billing-delete-spending-limit",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "There is no limit now", body = Envelope<SpendingLimit>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
) -> Result<Success<SpendingLimit>, ApiError> {
    let removed = billing::remove_spending_limit(&app, caller.account).await?;
    Ok(removed.into())
}
