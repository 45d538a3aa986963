//! `…/ai-gateway/billing/topup/{payment_intent_id}/refund`: money back to the card. Farebox's own, and the
//! operator's alone: a customer's token must not be able to turn credit into money.

use std::sync::Arc;

use ::api::{CreateRefund, Envelope, Refund, RefundReason};
use axum::extract::{Path, State};
use http::HeaderMap;
use ledger::Amount;
use serde::Deserialize;

use crate::app::App;
use crate::billing::{self, RefundRequest};
use crate::error::ApiError;
use crate::http::auth::{Caller, Operate, Read};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Success};
use crate::http::idempotency::idempotency_key;

/// The largest that the ledger can count, in cents.
const AMOUNT_MAX: i64 = i64::MAX / Amount::NANOS_PER_CENT;

const REASONS: [(&str, RefundReason); 3] = [
    (RefundReason::Duplicate.name(), RefundReason::Duplicate),
    (RefundReason::Fraudulent.name(), RefundReason::Fraudulent),
    (
        RefundReason::RequestedByCustomer.name(),
        RefundReason::RequestedByCustomer,
    ),
];

/// The top-up that a path names.
#[derive(Debug, Deserialize)]
pub struct TopupPath {
    payment_intent_id: String,
}

/// Refunds a top-up, in full or in part.
///
/// The credit is taken first, so that it can't be spent meanwhile; where Stripe refuses, it is given back.
/// Send an `Idempotency-Key` and repeat the call with it after a lost answer: it is refunded once.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/{payment_intent_id}/refund",
    operation_id = "farebox-billing-refund-topup",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("payment_intent_id" = String, Path, description = "The top-up's invoice, `in_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters"),
    ),
    request_body = CreateRefund,
    responses(
        (status = 200, description = "The refund", body = Envelope<Refund>),
        (status = 400, description = "Invalid, or Stripe refuses it", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 402, description = "The credit is not there any more", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such top-up", body = Envelope<Nothing>),
        (status = 409, description = "The idempotency key was used otherwise", body = Envelope<Nothing>),
    ),
    security(("api_token" = []))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<Operate>,
    Path(path): Path<TopupPath>,
    headers: HeaderMap,
    mut body: Fields,
) -> Result<Success<Refund>, ApiError> {
    let amount_cents = body.optional_integer("amount", 1, AMOUNT_MAX);
    let reason = body.optional_choice("reason", &REASONS);
    body.nothing_else();
    body.check()?;
    let request = RefundRequest {
        account: caller.account,
        invoice_id: path.payment_intent_id,
        amount_cents,
        reason: reason.map(|reason| reason.name().to_owned()),
        created_by: caller.name,
        key: idempotency_key(&headers)?,
    };
    Ok(billing::refund_topup(&app, request).await?.into())
}

/// Lists a top-up's refunds, oldest first, those made at Stripe among them.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/{payment_intent_id}/refund",
    operation_id = "farebox-billing-list-refunds",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("payment_intent_id" = String, Path, description = "The top-up's invoice, `in_…`"),
    ),
    responses(
        (status = 200, description = "The refunds", body = Envelope<Vec<Refund>>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such top-up", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<TopupPath>,
) -> Result<Success<Vec<Refund>>, ApiError> {
    let refunds = billing::refunds_of(&app, caller.account, &path.payment_intent_id).await?;
    Ok(refunds.into())
}
