//! `GET /accounts/{account_id}/ai-gateway/billing/credit-balance` (contract: section 1).

use std::sync::Arc;

use ::api::{ApiMessage, Cents, CreditBalance, Envelope};
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
    let (result, frozen) = billing::credit_balance(&app, caller.account).await?;
    let messages = messages(&result, frozen);
    Ok(Success { result, messages })
}

/// Why nothing new is admitted, where nothing is.
fn messages(balance: &CreditBalance, frozen: bool) -> Vec<ApiMessage> {
    let owing = (balance.balance < Cents::ZERO).then_some(
        "Credit that was spent has been taken back, because a payment was refunded or disputed: nothing is \
         admitted until a top-up has paid it back",
    );
    let frozen = frozen.then_some("Spending is frozen while a payment is disputed");
    let texts = [owing, frozen].into_iter().flatten();
    texts.map(|text| ApiMessage::new(0, text)).collect()
}
