//! `GET /accounts/{account_id}/ai-gateway/billing/usage-history` (contract: section 1).

use std::sync::Arc;

use ::api::{Envelope, UsageGrouping, UsageHistory};
use axum::extract::State;

use crate::app::App;
use crate::billing::{self, Grouping, SpanFault, WINDOWS_MAX, Windows};
use crate::error::ApiError;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};
use crate::http::query::Params;

/// Tells what the account has used, hour by hour or day by day.
///
/// Windows are whole hours or days of UTC: those that the span from `start_time` (inclusive) to
/// `end_time` (exclusive) touches. Those without usage are there too. Without `end_time` the running
/// window is the last; without `start_time` there are 24 hours or 30 days. 1000 windows at most.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/usage-history",
    operation_id = "aig-billing-get-usage-history",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("value_grouping_window" = UsageGrouping, Query, description = "By hours or days"),
        ("start_time" = Option<i64>, Query, description = "Unix milliseconds, inclusive"),
        ("end_time" = Option<i64>, Query, description = "Unix milliseconds, exclusive"),
    ),
    responses(
        (status = 200, description = "The usage", body = Envelope<UsageHistory>),
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
) -> Result<Success<UsageHistory>, ApiError> {
    let windows = windows(&app, query)?;
    let history = billing::usage_history(&app, caller.account, &windows).await?;
    Ok(history.into())
}

fn windows(app: &App, mut query: Params) -> Result<Windows, ApiError> {
    let words = [("day", Grouping::Day), ("hour", Grouping::Hour)];
    let grouping = query.needed_choice("value_grouping_window", &words);
    let (start, end) = (query.millis("start_time"), query.millis("end_time"));
    query.check()?;
    // A missing one is a fault that `check` has told.
    let grouping = grouping.unwrap_or(Grouping::Day);
    Windows::new(grouping, start, end, app.now()).map_err(unanswerable)
}

fn unanswerable(fault: SpanFault) -> ApiError {
    let message = match fault {
        SpanFault::Empty => "start_time must be before end_time".to_owned(),
        SpanFault::TooLong(count) => format!(
            "The span has {count} windows and an answer at most {WINDOWS_MAX}: ask for a shorter one, or by day"
        ),
    };
    ApiError::invalid(&["query", "start_time"], message)
}
