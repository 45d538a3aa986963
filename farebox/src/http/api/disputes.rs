//! `…/ai-gateway/billing/disputes`: payments that a customer's bank takes back, or asks about. Farebox's own.

use std::sync::Arc;

use ::api::{Dispute, Envelope};
use axum::extract::State;

use crate::app::App;
use crate::billing;
use crate::error::ApiError;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Page};
use crate::http::query::Params;

/// How many disputes a page has where its caller doesn't say, and the most.
const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 100;

/// Lists the account's disputes, newest first. A page past the last is empty.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/disputes",
    operation_id = "farebox-billing-list-disputes",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("page" = Option<i64>, Query, description = "Counted from 1"),
        ("per_page" = Option<i64>, Query, description = "1 to 100; 20 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of disputes", body = Envelope<Vec<Dispute>>),
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
) -> Result<Page<Dispute>, ApiError> {
    let page = params.integer("page", 1, i64::MAX).unwrap_or(1);
    let per_page = params.integer("per_page", 1, PER_PAGE_MAX);
    let per_page = per_page.unwrap_or(PER_PAGE);
    params.check()?;
    let found = billing::list_disputes(&app, caller.account, page, per_page).await?;
    Ok(Page::new(found.disputes, page, per_page, found.total))
}
