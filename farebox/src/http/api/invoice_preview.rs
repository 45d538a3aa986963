//! `GET /accounts/{account_id}/ai-gateway/billing/invoice-preview` (contract: section 1).

use std::sync::Arc;

use ::api::{Envelope, InvoicePreview};
use axum::extract::State;

use crate::app::App;
use crate::billing;
use crate::error::ApiError;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};

/// Tells what was used since the month (UTC) began, a line for each thing that was used.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/invoice-preview",
    operation_id = "aig-billing-get-invoice-preview",
    tag = "billing",
    params(("account_id" = String, Path, description = "32 hex characters")),
    responses(
        (status = 200, description = "The running month", body = Envelope<InvoicePreview>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
) -> Result<Success<InvoicePreview>, ApiError> {
    Ok(billing::invoice_preview(&app, caller.account).await?.into())
}
