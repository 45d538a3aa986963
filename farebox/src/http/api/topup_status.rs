//! `POST /accounts/{account_id}/ai-gateway/billing/topup/status` (contract: section 1): the endpoint
//! that Farebox started from.

use std::sync::Arc;
use std::time::Duration;

use ::api::{ApiMessage, Envelope, TopupStatus, TopupStatusBody, TopupStatusResponse};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use ledger::topup::Waiting;

use crate::app::App;
use crate::billing::{self, Status};
use crate::error::ApiError;
use crate::http::auth::{Caller, Write};
use crate::http::body::Fields;
use crate::http::envelope::{Nothing, Success};

/// The longest that `Prefer: wait=N` holds a call.
const WAIT_MAX_SECONDS: u64 = 60;

/// Says which of the request's preferences were honoured (RFC 7240, section 3).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Tells whether a top-up's credit is there.
///
/// A top-up that can't be paid any more is an error that says what happened, so that a polling loop
/// ends. With `Prefer: wait=N` (RFC 7240, at most 60) the call is held until the status changes.
#[utoipa::path(
    post,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/topup/status",
    operation_id = "aig-billing-check-topup-status",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: hold the call up to N seconds"),
    ),
    request_body = TopupStatusBody,
    responses(
        (status = 200, description = "It is completed, or still pending", body = Envelope<TopupStatusResponse>),
        (status = 400, description = "Invalid, or the top-up can't be paid any more", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
        (status = 404, description = "This account has no such top-up", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn check(
    State(app): State<Arc<App>>,
    caller: Caller<Write>,
    headers: HeaderMap,
    mut body: Fields,
) -> Result<Response, ApiError> {
    let invoice_id = body.text("payment_intent_id");
    body.check()?;
    let wait = preferred_wait(&headers);
    let duration = wait.map(Duration::from_secs);
    let status = billing::topup_status(&app, caller.account, &invoice_id, duration).await?;
    Ok(render(invoice_id, status, wait))
}

fn render(payment_intent_id: String, status: Status, wait: Option<u64>) -> Response {
    let (status, messages) = match status {
        Status::Completed => (TopupStatus::Completed, Vec::new()),
        Status::Pending {
            waiting,
            failed_once,
        } => (
            TopupStatus::Pending,
            hint(waiting, failed_once).into_iter().collect(),
        ),
    };
    let result = TopupStatusResponse {
        payment_intent_id,
        status,
    };
    let mut response = Success { result, messages }.into_response();
    if let Some(applied) = wait.and_then(|n| HeaderValue::from_str(&format!("wait={n}")).ok()) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// What a pending top-up waits for, where somebody can do something about it.
fn hint(waiting: Option<Waiting>, failed_once: bool) -> Option<ApiMessage> {
    let text = match (waiting?, failed_once) {
        (Waiting::ForCustomer, false) => {
            "Waiting for the customer: confirm the payment with the client_secret of the top-up \
             (3-D Secure, or a card to enter)"
        }
        (Waiting::ForCustomer, true) => {
            "The last attempt to pay failed. Waiting for the customer: confirm the payment again with \
             the client_secret of the top-up"
        }
        (Waiting::Processing, _) => "The payment is being processed by the customer's bank",
        (Waiting::ForStripe, _) => return None,
    };
    Some(ApiMessage::new(0, text))
}

/// `wait=N` out of the request's preferences, capped; what can't be read is no preference (RFC 7240).
fn preferred_wait(headers: &HeaderMap) -> Option<u64> {
    let values = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';']));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        is_wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    })?;
    Some(seconds.min(WAIT_MAX_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preference_is_read_as_rfc_7240_writes_it() {
        for (header, expected) in [
            ("wait=10", Some(10)),
            ("respond-async, wait=10", Some(10)),
            ("Wait = \"7\"", Some(7)),
            ("wait=3600", Some(60)),
            ("wait=-1", None),
            ("wait=soon", None),
            ("wait", None),
            ("return=minimal", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", HeaderValue::from_static(header));
            assert_eq!(preferred_wait(&headers), expected, "{header}");
        }
        assert_eq!(preferred_wait(&HeaderMap::new()), None);
    }
}
