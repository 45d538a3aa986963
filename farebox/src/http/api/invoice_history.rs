//! `GET /accounts/{account_id}/ai-gateway/billing/invoice-history` (contract: section 1).

use std::sync::Arc;

use ::api::{Envelope, InvoiceHistory};
use axum::extract::State;

use crate::app::App;
use crate::billing::{self, InvoicePage};
use crate::error::ApiError;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};
use crate::http::query::Params;

/// How many invoices a page has where nobody says, and at most.
const PER_PAGE: (i64, i64) = (20, 100);

/// A page that nobody reaches, so that a position in the list is always a number.
const PAGE_MAX: i64 = 1_000_000_000;

/// Lists the account's invoices, newest first: one for each top-up.
///
/// Out of Farebox's own records, so that it answers while Stripe doesn't. A page past the end is empty.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/invoice-history",
    operation_id = "aig-billing-get-invoice-history",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("type" = Option<String>, Query, description = "`all` (if not given), `manual` or `auto`"),
        ("page" = Option<i64>, Query, description = "From 1 on"),
        ("per_page" = Option<i64>, Query, description = "1 to 100, 20 if not given"),
    ),
    responses(
        (status = 200, description = "The invoices", body = Envelope<InvoiceHistory>),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    query: Params,
) -> Result<Success<InvoiceHistory>, ApiError> {
    let wanted = wanted(query)?;
    let history = billing::invoice_history(&app, caller.account, wanted).await?;
    Ok(history.into())
}

fn wanted(mut query: Params) -> Result<InvoicePage, ApiError> {
    let kinds = [
        ("auto", Some("auto")),
        ("all", None),
        ("manual", Some("manual")),
    ];
    let (usual, most) = PER_PAGE;
    let wanted = InvoicePage {
        kind: query.choice("type", &kinds).flatten(),
        page: query.integer("page", 1, PAGE_MAX).unwrap_or(1),
        per_page: query.integer("per_page", 1, most).unwrap_or(usual),
    };
    query.check()?;
    Ok(wanted)
}
