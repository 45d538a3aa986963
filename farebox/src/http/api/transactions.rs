//! `GET /accounts/{account_id}/ai-gateway/billing/transactions`: Farebox's own.

use std::sync::Arc;

use ::api::{Envelope, Transaction, TransactionList};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use ledger::{AccountId, Code, Timestamp, TransferId};

use crate::app::App;
use crate::billing::{BillingError, Transactions};
use crate::csv;
use crate::error::ApiError;
use crate::http::auth::{Caller, Read};
use crate::http::envelope::{Nothing, Success};
use crate::http::query::Params;
use crate::store::transactions::Filter;

/// How many entries a page has where nobody says, and at most.
const PER_PAGE: (i64, i64) = (100, 1000);

const COLUMNS: [&str; 10] = [
    "id",
    "at",
    "code",
    "phase",
    "amount",
    "change",
    "counterparty",
    "hold",
    "expires_at",
    "reference",
];

/// Lists every transfer that touches the account: what was bought, used, held, released, given and
/// taken back.
///
/// Pages are stable: what is written meanwhile moves none. With `Accept: text/csv` the answer is a file
/// of all that the filters leave, whatever `per_page` says.
#[utoipa::path(
    get,
    path = "/client/v4/accounts/{account_id}/ai-gateway/billing/transactions",
    operation_id = "list-transactions",
    tag = "billing",
    params(
        ("account_id" = String, Path, description = "32 hex characters"),
        ("code" = Option<String>, Query, description = "Only this kind, such as `usage`"),
        ("hold" = Option<String>, Query, description = "Only this hold and what resolves it"),
        ("start_time" = Option<i64>, Query, description = "Unix milliseconds, inclusive"),
        ("end_time" = Option<i64>, Query, description = "Unix milliseconds, exclusive"),
        ("order" = Option<String>, Query, description = "`desc` (newest first) or `asc`"),
        ("per_page" = Option<i64>, Query, description = "1 to 1000, 100 if not given"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The transfers", content(
            (Envelope<TransactionList> = "application/json"),
            (String = "text/csv"),
        )),
        (status = 400, description = "Invalid", body = Envelope<Nothing>),
        (status = 401, description = "Not authenticated", body = Envelope<Nothing>),
        (status = 403, description = "Not allowed", body = Envelope<Nothing>),
    ),
    security(("api_token" = []), ("api_email" = [], "api_key" = []))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller<Read>,
    headers: HeaderMap,
    query: Params,
) -> Result<Response, ApiError> {
    let wanted = wanted(caller.account, query)?;
    let transactions = Transactions::begin(app, wanted.filter, wanted.cursor).await?;
    if accepts_csv(&headers) {
        return Ok(render_csv(transactions));
    }
    let page = transactions.page(wanted.per_page).await?;
    Ok(Success::from(page).into_response())
}

struct Wanted {
    filter: Filter,
    cursor: Option<TransferId>,
    per_page: i64,
}

fn wanted(account: AccountId, mut query: Params) -> Result<Wanted, ApiError> {
    let codes: Vec<_> = Code::ALL.iter().map(|code| (code.name(), *code)).collect();
    let (usual, most) = PER_PAGE;
    let filter = Filter {
        account,
        code: query.choice("code", &codes),
        start: Timestamp::from_millis(query.millis("start_time").unwrap_or(0)),
        end: Timestamp::from_millis(query.millis("end_time").unwrap_or(i64::MAX)),
        hold: query.id("hold"),
        oldest_first: query
            .choice("order", &[("desc", false), ("asc", true)])
            .unwrap_or(false),
    };
    let wanted = Wanted {
        filter,
        cursor: query.id("cursor"),
        per_page: query.integer("per_page", 1, most).unwrap_or(usual),
    };
    query.check()?;
    Ok(wanted)
}

/// Whether the caller names CSV. `*/*` is the envelope.
fn accepts_csv(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter();
    let mut ranges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let name = range.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("text/csv")
    })
}

/// A file that is read as the client takes it. Where the store fails half-way the answer breaks off, so
/// that nobody takes a part for the whole.
fn render_csv(transactions: Transactions) -> Response {
    let head = stream::iter([Ok(csv::line(COLUMNS) + "\r\n")]);
    let rows = stream::try_unfold(transactions, |mut transactions| async {
        let page = transactions.next(PER_PAGE.1).await?;
        let text: String = page.iter().map(csv_line).collect();
        Ok::<_, BillingError>((!page.is_empty()).then_some((text, transactions)))
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"transactions.csv\"",
        ),
    ];
    let body = Body::from_stream(futures_util::StreamExt::chain(head, rows));
    (headers, body).into_response()
}

fn csv_line(transaction: &Transaction) -> String {
    let expires_at = transaction.expires_at.map(|at| at.to_string());
    let fields = [
        transaction.id.clone(),
        transaction.at.to_string(),
        transaction.code.clone(),
        transaction.phase.clone(),
        transaction.amount.to_string(),
        transaction.change.to_string(),
        transaction.counterparty.clone(),
        transaction.hold.clone().unwrap_or_default(),
        expires_at.unwrap_or_default(),
        transaction.reference.clone(),
    ];
    csv::line(fields) + "\r\n"
}
