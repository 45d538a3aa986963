//! Logs: listed, shown, judged and removed.

use std::collections::BTreeMap;

use api::{Dollars, Log, LogCharge, LogList, LogListInfo};
use ledger::{AccountId, Amount};
use serde_json::Value as Json;

use crate::app::App;
use crate::gateways::{GatewayError, known, offset, rfc_3339};
use crate::ids::LogId;
use crate::store::charges::{self, Charge};
use crate::store::gateways::Gateway;
use crate::store::logs::{self as rows, Body, Bounds, Edit, KeySource, Payloads, Wanted};

/// How much of a body a log shows, in characters.
const HEAD: usize = 4096;

/// Which of a call's bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What was sent.
    Request,
    /// What came back.
    Response,
}

/// A body as it is kept.
#[derive(Debug)]
pub struct LoggedBody {
    /// All of it.
    pub bytes: Vec<u8>,
    /// `Content-Type`.
    pub content_type: Option<String>,
}

/// A page of a gateway's logs, with the bounds of all of them where those are wanted; `page` counts from 1.
///
/// # Errors
/// [`GatewayError::NotFound`] where there is no such gateway.
pub async fn list_logs(
    app: &App,
    account: AccountId,
    gateway: &str,
    wanted: &Wanted,
    (page, per_page): (i64, i64),
    with_bounds: bool,
) -> Result<LogList, GatewayError> {
    let (db, of) = (&app.store.db, known(app, account, gateway).await?);
    let offset = offset(page, per_page);
    let found = rows::page(db, &of, wanted, per_page, offset).await?;
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let total_count = match count < per_page && (count > 0 || page == 1) {
        // The list ends here.
        true => offset.saturating_add(count),
        false => rows::count(db, &of, wanted).await?,
    };
    let mut info = LogListInfo {
        has_more: offset.saturating_add(count) < total_count,
        page,
        per_page,
        count,
        total_count,
        total_pages: total_count.saturating_add(per_page - 1) / per_page.max(1),
        ..LogListInfo::default()
    };
    if with_bounds {
        add_bounds(&mut info, rows::bounds(db, &of, wanted).await?);
    }
    let logs: Result<_, _> = found.iter().map(render).collect();
    Ok(LogList {
        errors: Vec::new(),
        messages: Vec::new(),
        result: logs?,
        result_info: info,
        success: true,
    })
}

fn add_bounds(info: &mut LogListInfo, bounds: Bounds) {
    let dollars = |nanos: Option<i64>| nanos.map(Dollars::from_nanos);
    (info.min_cost, info.max_cost) = (dollars(bounds.cost.0), dollars(bounds.cost.1));
    (info.min_duration, info.max_duration) = bounds.duration;
    (info.min_tokens_in, info.max_tokens_in) = bounds.tokens_in;
    (info.min_tokens_out, info.max_tokens_out) = bounds.tokens_out;
    (info.min_total_tokens, info.max_total_tokens) = bounds.total_tokens;
}

/// One log, with the beginnings of its bodies and its charge.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn show_log(
    app: &App,
    account: AccountId,
    gateway: &str,
    id: &str,
) -> Result<Log, GatewayError> {
    let of = known(app, account, gateway).await?;
    let log = find(app, &of, id).await?;
    let payloads = rows::payloads(&app.store.db, &of, log.id).await?;
    let charge = charges::find(&app.store.db, account, log.id).await?;
    with_details(&log, &payloads, charge.as_ref())
}

/// One body of a call, whole.
///
/// # Errors
/// [`GatewayError::NotFound`]; [`GatewayError::NotKept`] where it is not kept, or not whole.
pub async fn log_body(
    app: &App,
    account: AccountId,
    gateway: &str,
    id: &str,
    side: Side,
) -> Result<LoggedBody, GatewayError> {
    let of = known(app, account, gateway).await?;
    let log = find(app, &of, id).await?;
    let payloads = rows::payloads(&app.store.db, &of, log.id).await?;
    let (what, body, size, content_type) = match side {
        Side::Request => {
            let content_type = log.call.request_content_type;
            (
                "request",
                payloads.request,
                log.call.request_size,
                content_type,
            )
        }
        Side::Response => {
            let content_type = log.call.response_content_type;
            (
                "response",
                payloads.response,
                log.call.response_size,
                content_type,
            )
        }
    };
    let Some(body) = body else {
        let message = format!("The {what} of this log was not kept");
        return Err(GatewayError::NotKept(message));
    };
    let bytes = body.unpack()?;
    if !is_whole(&bytes, size) {
        let message = format!(
            "The {what} of this log was {size} bytes long, which is more than is kept: its beginning is \
             in the log's {what}_head"
        );
        return Err(GatewayError::NotKept(message));
    }
    Ok(LoggedBody {
        bytes,
        content_type,
    })
}

/// Changes what can be changed of a log; answers the log.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn edit_log(
    app: &App,
    account: AccountId,
    gateway: &str,
    id: &str,
    edit: &Edit,
) -> Result<Log, GatewayError> {
    let of = known(app, account, gateway).await?;
    let no_such_log = GatewayError::NotFound("Log");
    let Ok(parsed) = id.parse::<LogId>() else {
        return Err(no_such_log);
    };
    if !rows::edit(&app.store.db, &of, parsed, edit).await? {
        return Err(no_such_log);
    }
    show_log(app, account, gateway, id).await
}

/// Removes the first `limit` of a gateway's logs that are like this.
///
/// # Errors
/// [`GatewayError::NotFound`] where there is no such gateway.
pub async fn delete_logs(
    app: &App,
    account: AccountId,
    gateway: &str,
    wanted: &Wanted,
    limit: i64,
) -> Result<i64, GatewayError> {
    let of = known(app, account, gateway).await?;
    Ok(rows::remove(&app.store.db, &of, wanted, limit).await?)
}

async fn find(app: &App, of: &Gateway, id: &str) -> Result<rows::Log, GatewayError> {
    let no_such_log = || GatewayError::NotFound("Log");
    // What can't be an id is the id of no log.
    let id: LogId = id.parse().map_err(|_| no_such_log())?;
    let found = rows::find(&app.store.db, of, id).await?;
    found.ok_or_else(no_such_log)
}

fn render(log: &rows::Log) -> Result<Log, GatewayError> {
    let call = &log.call;
    Ok(Log {
        id: log.id.to_string(),
        created_at: rfc_3339(log.id.at())?,
        provider: call.provider.clone(),
        model: call.model.clone(),
        model_type: call.model_type.clone(),
        path: call.path.clone(),
        success: call.success,
        cached: call.cached,
        duration: call.duration,
        first_byte: call.first_byte,
        tokens_in: call.tokens_in,
        tokens_out: call.tokens_out,
        cost: call.cost.map(dollars),
        custom_cost: Some(call.custom_cost),
        status_code: call.status_code,
        request_type: call.request_type.clone(),
        request_content_type: call.request_content_type.clone(),
        response_content_type: call.response_content_type.clone(),
        step: call.step,
        metadata: log.metadata.as_deref().map(metadata).transpose()?,
        event_id: call.event_id.clone(),
        user_agent: call.user_agent.clone(),
        authentication: call.authentication,
        wholesale: call.key_source == KeySource::Operator,
        byok: matches!(call.key_source, KeySource::Request | KeySource::Stored),
        compatibility_mode: call.compatibility,
        feedback: log.feedback,
        score: log.score.as_deref().map(json).transpose()?,
        error: call.error.clone(),
        request_head: None,
        request_head_complete: None,
        request_size: None,
        response_head: None,
        response_head_complete: None,
        response_size: None,
        usage_metadata: None,
        charge: None,
    })
}

fn with_details(
    log: &rows::Log,
    payloads: &Payloads,
    charge: Option<&Charge>,
) -> Result<Log, GatewayError> {
    let (request, response) = (log.call.request_size, log.call.response_size);
    let request_head = head(payloads.request.as_ref(), request)?;
    let response_head = head(payloads.response.as_ref(), response)?;
    Ok(Log {
        request_head_complete: Some(request_head.complete),
        request_head: request_head.text,
        request_size: Some(request),
        response_head_complete: Some(response_head.complete),
        response_head: response_head.text,
        response_size: Some(response),
        usage_metadata: charge.map(|charge| charge.charge.units.clone()),
        charge: charge.map(|charge| LogCharge {
            charged: dollars(charge.charge.charged),
            overrun: dollars(charge.charge.overrun),
            basis: charge.charge.basis.name().to_owned(),
            terms: charge.charge.terms.clone(),
            rate: charge.charge.rate.clone(),
            explanation: charge.charge.explanation.clone(),
            hold: charge.charge.hold.map(|id| id.to_string()),
            transfer: charge.charge.transfer.map(|id| id.to_string()),
        }),
        ..render(log)?
    })
}

struct Head {
    text: Option<String>,
    complete: bool,
}

/// The beginning of a body, and whether that is all of it.
fn head(body: Option<&Body>, size: i64) -> Result<Head, GatewayError> {
    let Some(body) = body else {
        return Ok(Head {
            text: None,
            complete: size == 0,
        });
    };
    let bytes = body.unpack()?;
    let text = String::from_utf8_lossy(&bytes);
    let begin: String = text.chars().take(HEAD).collect();
    Ok(Head {
        complete: is_whole(&bytes, size) && begin.len() == text.len(),
        text: Some(begin),
    })
}

fn is_whole(bytes: &[u8], size: i64) -> bool {
    i64::try_from(bytes.len()) == Ok(size)
}

fn dollars(amount: Amount) -> Dollars {
    Dollars::from_nanos(amount.nanos())
}

fn metadata(text: &str) -> Result<BTreeMap<String, Json>, GatewayError> {
    json(text)
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, GatewayError> {
    serde_json::from_str(text).map_err(|error| GatewayError::Internal(error.to_string()))
}
