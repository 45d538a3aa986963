//! `POST /accounts/{account_id}/ai-gateway/billing/topup` (contract: section 1).

use std::sync::Arc;

use ::api::{CreateTopup, Envelope, Topup};
use axum::extract::State;
use http::HeaderMap;

use crate::app::App;
use crate::billing::{self, Idempotency, TopupRequest};
use crate::error::ApiError;
use crate::http::auth::{Caller, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Success};
use crate::http::idempotency::idempotency_key;

/// Buys credit.
///
/// Charged to the account's default card at once, or to the card that is named. Where the customer
/// still has to act (no card yet, or 3-D Secure), `client_secret` lets a browser finish the payment;
/// `topup/status` tells when the credit is there. Send an `Idempotency-Key` and repeat the call with it
/// after a lost answer: it is charged once.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup",
    operation_id = "aig-billing-create-topup",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, kept for 24 hours"),
    ),
    request_body = CreateTopup,
    responses(
        (status = 200, description = "The top-up is on its way or done", body = Envelope<Topup>),
        (status = 400, description = "Invalid, or the card was declined", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 409, description = "The idempotency key is busy or was used otherwise", body = Envelope<Nothing>),
        (status = 503, description = "Stripe can't be reached; nothing was charged", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    headers: HeaderMap,
    mut body: Fields,
) -> Result<Success<Topup>, ApiError> {
    let limits = &app.config.topup;
    let amount_cents = body.integer("amount", limits.min_cents, limits.max_cents);
    let payment_method = body.optional_text("payment_method_id");
    body.nothing_else();
    body.check()?;
    let idempotency = idempotency(&headers, amount_cents, payment_method.as_deref())?;
    let request = TopupRequest {
        account: caller.account,
        created_by: caller.name,
        amount_cents,
        payment_method,
        idempotency,
    };
    Ok(billing::start_topup(&app, request).await?.into())
}

/// The caller's idempotency key, with the hash of what the answer depends on: the account is part of
/// the key's row, and two spellings of the same JSON are the same request.
fn idempotency(
    headers: &HeaderMap,
    amount_cents: i64,
    payment_method: Option<&str>,
) -> Result<Option<Idempotency>, ApiError> {
    let Some(key) = idempotency_key(headers)? else {
        return Ok(None);
    };
    let content = format!(
        "topup {amount_cents} {}",
        payment_method.unwrap_or_default()
    );
    let request_hash = blake3::hash(content.as_bytes()).to_hex().to_string();
    Ok(Some(Idempotency { key, request_hash }))
}
