//! What a call's log says. It is built here and written with the settlement.

use std::time::Instant;

use http::StatusCode;
use http::header::{CONTENT_TYPE, USER_AGENT};
use wire::{Report, Used};

use crate::app::App;
use crate::catalog::{CustomCost, Priced};
use crate::proxy::Prepared;
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::route;
use crate::store::logs::{self, Body, KeySource, NewLog, Payloads};

/// How a call has ended.
pub struct Outcome<'a> {
    /// The status that the client got, where it got one.
    pub status: Option<StatusCode>,
    /// Whether it got what it asked for.
    pub is_success: bool,
    /// What was used, as far as the answer has said so.
    pub used: Option<&'a Used>,
    /// What that cost.
    pub priced: Option<&'a Priced>,
    /// Bytes of the answer.
    pub response_bytes: u64,
    /// When the first of them came.
    pub first_byte: Option<Instant>,
    /// What the answer says that it is.
    pub content_type: Option<&'a str>,
    /// The answer, where it is at hand.
    pub response: Option<&'a [u8]>,
    /// What went wrong, for people.
    pub error: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    /// A call that came to no answer.
    pub fn refused(error: &'a ProxyError) -> Self {
        Self {
            status: Some(error.status),
            is_success: false,
            used: None,
            priced: None,
            response_bytes: 0,
            first_byte: None,
            content_type: None,
            response: None,
            error: Some(&error.message),
        }
    }
}

fn is_wanted(call: &Call) -> bool {
    let settings = &call.gateway.settings;
    call.wishes.collect_log.unwrap_or(settings.collect_logs)
}

/// How many bytes the call's log keeps of an answer at most; nothing where it is to have none of what was said.
pub fn keeps(app: &App, call: &Call) -> Option<usize> {
    let keeps = is_wanted(call) && call.wishes.collect_payload.unwrap_or(true);
    keeps.then_some(app.config.gateway.log_body_max_bytes)
}

/// The call's log; nothing where nobody wants one.
pub fn log(
    app: &App,
    call: &Call,
    prepared: Option<&Prepared>,
    outcome: &Outcome<'_>,
) -> Option<NewLog> {
    let settings = &call.gateway.settings;
    if !is_wanted(call) {
        return None;
    }
    let payloads = keeps(app, call).map(|max| Payloads {
        request: Some(Body::pack(&call.body, max)),
        response: outcome.response.map(|body| Body::pack(body, max)),
    });
    Some(NewLog {
        call: told(call, prepared, outcome),
        metadata: call.wishes.metadata.clone(),
        payloads,
        stop_at: settings.logs_stop_at(),
    })
}

fn told(call: &Call, prepared: Option<&Prepared>, outcome: &Outcome<'_>) -> logs::Call {
    let route = prepared.and_then(|prepared| prepared.route.as_ref());
    let reported = outcome.used.and_then(reported);
    let charged = outcome.priced.map(Priced::used);
    let usage = charged.as_ref().or(reported);
    let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let millis = |since: Instant| i64::try_from(since.duration_since(call.begun).as_millis());
    // A call that was refused before it was prepared has named a model all the same.
    let read = match prepared {
        None => route::route(call).ok().flatten(),
        Some(_) => None,
    };
    let route = route.or(read.as_ref());
    let model = route.map(|route| route.model.clone());
    logs::Call {
        provider: call.target.slug.clone(),
        model: model.unwrap_or_default(),
        model_type: None,
        success: outcome.is_success,
        cached: false,
        tokens_in: usage.map(|usage| tokens(usage.input_tokens())),
        tokens_out: usage.map(|usage| tokens(usage.output_tokens())),
        cost: outcome.priced.map(Priced::amount),
        custom_cost: outcome
            .priced
            .is_some_and(|priced| priced.version == CustomCost::VERSION),
        duration: i64::try_from(call.begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        first_byte: outcome.first_byte.and_then(|at| millis(at).ok()),
        status_code: outcome.status.map(|status| i64::from(status.as_u16())),
        request_type: route.map(|route| route.endpoint.api.name().to_owned()),
        path: call.path.split('?').next().unwrap_or_default().to_owned(),
        step: Some(i64::from(call.step)),
        event_id: call.wishes.event_id.clone(),
        user_agent: call.header(&USER_AGENT).map(str::to_owned),
        authentication: call.caller.is_some(),
        key_source: prepared.map_or(KeySource::None, |prepared| prepared.key.source()),
        compatibility: call.compatibility,
        request_content_type: call.header(&CONTENT_TYPE).map(str::to_owned),
        response_content_type: outcome.content_type.map(str::to_owned),
        request_size: i64::try_from(call.body.len()).unwrap_or(i64::MAX),
        response_size: tokens(outcome.response_bytes),
        error: outcome.error.map(str::to_owned),
    }
}

fn reported(used: &Used) -> Option<&ledger::Usage> {
    match &used.report {
        Report::Final(usage) | Report::Partial(usage) => Some(usage),
        Report::Nothing => None,
    }
}
