//! `…/ai-gateway/billing/payment-methods`: the cards that credit is bought with. Farebox's own.

use std::sync::Arc;

use ::api::{
    ApiMessage, Envelope, PaymentMethod, PaymentMethodSetup, RemovedPaymentMethod,
    SetupPaymentMethod,
};
use axum::extract::{Path, State};
use http::HeaderMap;
use serde::Deserialize;

use crate::app::App;
use crate::billing::{self, Removed, SetupRequest};
use crate::error::ApiError;
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::FieldsIfAny;
use crate::http::envelope::{Nothing, Success};
use crate::http::idempotency::idempotency_key;

/// The payment method that a path names.
#[derive(Debug, Deserialize)]
pub struct PaymentMethodPath {
    payment_method_id: String,
}

/// Lists the account's payment methods, the default first, as Stripe tells them now.
///
/// Of a card only the brand and the last four digits are ever shown.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods",
    operation_id = "farebox-billing-list-payment-methods",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "All of them", body = Envelope<Vec<PaymentMethod>>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 503, description = "Stripe can't be reached", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Result<Success<Vec<PaymentMethod>>, ApiError> {
    Ok(billing::payment_methods(&app, caller.account).await?.into())
}

/// Begins to save a card.
///
/// Without a `return_url` the answer has the secret of a SetupIntent, for Stripe.js on a page of the
/// caller's own; with one, a page of Stripe's that leads back there. Once the customer is through with it
/// the card is the account's default.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods/setup",
    operation_id = "farebox-billing-set-up-payment-method",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, kept for 24 hours"),
    ),
    request_body = Option<SetupPaymentMethod>,
    responses(
        (status = 200, description = "How the customer goes on", body = Envelope<PaymentMethodSetup>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 409, description = "The idempotency key is busy or was used otherwise", body = Envelope<Nothing>),
        (status = 503, description = "Stripe can't be reached", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn setup(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    headers: HeaderMap,
    FieldsIfAny(mut body): FieldsIfAny,
) -> Result<Success<PaymentMethodSetup>, ApiError> {
    let return_url = body.optional_return_url("return_url");
    body.nothing_else();
    body.check()?;
    let request = SetupRequest {
        account: caller.account,
        return_url,
        key: idempotency_key(&headers)?,
    };
    let begun = billing::set_up_payment_method(&app, request).await?;
    Ok(begun.into())
}

/// Makes a payment method the one that is charged where a top-up names none.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods/{payment_method_id}/default",
    operation_id = "farebox-billing-set-default-payment-method",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("payment_method_id" = String, Path, description = "Stripe's `pm_…`"),
    ),
    responses(
        (status = 200, description = "It is the default", body = Envelope<PaymentMethod>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such payment method", body = Envelope<Nothing>),
        (status = 409, description = "Another change of the account's cards is under way", body = Envelope<Nothing>),
        (status = 503, description = "Stripe can't be reached", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn set_default(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<PaymentMethodPath>,
) -> Result<Success<PaymentMethod>, ApiError> {
    let chosen = billing::set_default_payment_method(&app, caller.account, path.payment_method_id);
    Ok(chosen.await?.into())
}

/// Removes a payment method for good. Where it was the default there is none then, which `messages` says.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/payment-methods/{payment_method_id}",
    operation_id = "farebox-billing-remove-payment-method",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("payment_method_id" = String, Path, description = "Stripe's `pm_…`"),
    ),
    responses(
        (status = 200, description = "It is gone", body = Envelope<RemovedPaymentMethod>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such payment method, or has it no more", body = Envelope<Nothing>),
        (status = 409, description = "Another change of the account's cards is under way", body = Envelope<Nothing>),
        (status = 503, description = "Stripe can't be reached", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<PaymentMethodPath>,
) -> Result<Success<RemovedPaymentMethod>, ApiError> {
    let removed = billing::remove_payment_method(&app, caller.account, path.payment_method_id);
    Ok(render(removed.await?))
}

fn render(removed: Removed) -> Success<RemovedPaymentMethod> {
    let none = "It was the default: no card is charged now where a top-up names none. Set up a card, or \
         make another one the default";
    let auto = "Automatic top-up is set and has no card to charge";
    let hints = [
        (removed.was_default, none),
        (removed.was_default && removed.has_auto_topup, auto),
    ];
    let told = hints.into_iter().filter(|(applies, _)| *applies);
    Success {
        result: RemovedPaymentMethod { id: removed.id },
        messages: told.map(|(_, text)| ApiMessage::new(0, text)).collect(),
    }
}
