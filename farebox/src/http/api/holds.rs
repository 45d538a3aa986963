//! `…/ai-gateway/billing/holds`: what the gateway does for its calls, for any application. Farebox's own.

use std::sync::Arc;

use ::api::{CaptureHold, CreateHold, Envelope, Hold};
use axum::extract::{Path, State};
use http::HeaderMap;
use ledger::{HoldState, TransferId};
use serde::Deserialize;

use crate::app::App;
use crate::billing::{self, CaptureRequest, HoldRequest};
use crate::error::ApiError;
use crate::http::auth::{Caller, Read, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Page, Success};
use crate::http::idempotency::idempotency_key;
use crate::http::query::Params;

/// How long a hold lasts where its caller doesn't say, in seconds.
const EXPIRES_IN: i64 = 600;

/// The longest that a hold can last, in seconds: a week.
const EXPIRES_IN_MAX: i64 = 7 * 24 * 3600;

/// How many holds a page has where its caller doesn't say, and the most.
const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 100;

/// The states of a hold by their names on the wire.
const STATES: [(&str, HoldState); 4] = [
    (::api::HoldState::Open.name(), HoldState::Open),
    (::api::HoldState::Captured.name(), HoldState::Posted),
    (::api::HoldState::Voided.name(), HoldState::Voided),
    (::api::HoldState::Expired.name(), HoldState::Expired),
];

/// The hold that a path names.
#[derive(Debug, Deserialize)]
pub struct HoldPath {
    hold_id: String,
}

impl HoldPath {
    fn id(&self) -> Result<TransferId, ApiError> {
        // What can't be an id is the id of no hold.
        self.hold_id
            .parse()
            .map_err(|_| ApiError::not_found("Hold"))
    }
}

/// Holds credit.
///
/// What is held can't be spent otherwise until it is captured, voided or expires. Send an
/// `Idempotency-Key` and repeat the call with it after a lost answer: it is held once.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/holds",
    operation_id = "farebox-billing-create-hold",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters"),
    ),
    request_body = CreateHold,
    responses(
        (status = 200, description = "The hold", body = Envelope<Hold>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 402, description = "Less credit is available", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 409, description = "The idempotency key was used otherwise", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    headers: HeaderMap,
    mut body: Fields,
) -> Result<Success<Hold>, ApiError> {
    let amount = body.cents("amount", 1);
    body.word("currency", &app.config.topup.currency);
    let expires_in = body.optional_integer("expires_in", 1, EXPIRES_IN_MAX);
    let metadata = body.metadata("metadata");
    body.nothing_else();
    body.check()?;
    let request = HoldRequest {
        account: caller.account,
        amount,
        expires_in: expires_in.unwrap_or(EXPIRES_IN),
        metadata,
        key: idempotency_key(&headers)?,
    };
    Ok(billing::create_hold(&app, request).await?.into())
}

/// Takes a part of a hold, or the last one.
///
/// Each capture is a charge of its own. The hold stays open for the next one until nothing is left or
/// `final` is true, which releases the rest.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/holds/{hold_id}/capture",
    operation_id = "farebox-billing-capture-hold",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("hold_id" = String, Path, description = "32 hex characters"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters"),
    ),
    request_body = CaptureHold,
    responses(
        (status = 200, description = "The hold after it", body = Envelope<Hold>),
        (status = 400, description = "Invalid, or the hold is over, or less is left of it", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such hold", body = Envelope<Nothing>),
        (status = 409, description = "The idempotency key was used otherwise", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn capture(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<HoldPath>,
    headers: HeaderMap,
    mut body: Fields,
) -> Result<Success<Hold>, ApiError> {
    let last = body.flag("final");
    let amount = body.cents("amount", i64::from(!last));
    let description = body.optional_text("description");
    let metadata = body.metadata("metadata");
    body.nothing_else();
    body.check()?;
    let request = CaptureRequest {
        account: caller.account,
        hold: path.id()?,
        amount,
        description,
        metadata,
        last,
        key: idempotency_key(&headers)?,
    };
    Ok(billing::capture_hold(&app, request).await?.into())
}

/// Releases what is left of a hold. A repeat answers the same.
#[utoipa::path(
    delete,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/holds/{hold_id}",
    operation_id = "farebox-billing-void-hold",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("hold_id" = String, Path, description = "32 hex characters"),
    ),
    responses(
        (status = 200, description = "The hold after it", body = Envelope<Hold>),
        (status = 400, description = "The hold is over", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such hold", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn void(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    Path(path): Path<HoldPath>,
) -> Result<Success<Hold>, ApiError> {
    let voided = billing::void_hold(&app, caller.account, path.id()?).await?;
    Ok(voided.into())
}

/// Tells a hold with its captures.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/holds/{hold_id}",
    operation_id = "farebox-billing-get-hold",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("hold_id" = String, Path, description = "32 hex characters"),
    ),
    responses(
        (status = 200, description = "The hold", body = Envelope<Hold>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such hold", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    Path(path): Path<HoldPath>,
) -> Result<Success<Hold>, ApiError> {
    let hold = billing::show_hold(&app, caller.account, path.id()?).await?;
    Ok(hold.into())
}

/// Lists holds, newest first. A page past the last is empty.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/holds",
    operation_id = "farebox-billing-list-holds",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("page" = Option<i64>, Query, description = "Counted from 1"),
        ("per_page" = Option<i64>, Query, description = "1 to 100; 20 where it is left out"),
        ("state" = Option<::api::HoldState>, Query, description = "Only holds in this state"),
    ),
    responses(
        (status = 200, description = "A page of holds", body = Envelope<Vec<Hold>>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    mut params: Params,
) -> Result<Page<Hold>, ApiError> {
    let page = params.integer("page", 1, i64::MAX).unwrap_or(1);
    let per_page = params.integer("per_page", 1, PER_PAGE_MAX);
    let per_page = per_page.unwrap_or(PER_PAGE);
    let state = params.choice("state", &STATES);
    params.check()?;
    let found = billing::list_holds(&app, caller.account, state, page, per_page).await?;
    Ok(Page::new(found.holds, page, per_page, found.total))
}
