//! An answer is passed on untouched while an observer counts what it used, and settled at its end.
//!
//! Of a stream every piece is passed on as it comes but the last, which waits for the settlement. A client that
//! has left is no reason to stop reading: only the end of an answer says exactly what it used. So it is read on,
//! for so long and not longer; what is cut then is settled as an estimate, and never for nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use ledger::{Amount, Usage};
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::ending::Ending;
use wire::{Api, Used};

use crate::app::App;
use crate::catalog::Priced;
use crate::proxy::answer::{Answer, Body, Broken};
use crate::proxy::error::ProxyError;
use crate::proxy::extend::Extension;
use crate::proxy::identity::Identity;
use crate::proxy::outbound::next_piece;
use crate::proxy::pump::{End, Pump};
use crate::proxy::record::{self, Outcome};
use crate::proxy::settle::{Paid, Settled};
use crate::proxy::tail::{self, Tail};
use crate::proxy::translate::Passing;
use crate::proxy::upstream::SentAt;
use crate::proxy::watched::{Watched, content_type, is_plain};
use crate::proxy::{Prepared, Reply, cache, drain, left, price, settle, stopped, upstream, worth};

/// How many pieces of a stream wait for a client that reads slowly.
const PIECES: usize = 8;

/// The largest answer that is kept in memory until it is settled: images in base64 are the largest that there are.
const WHOLE_MAX: usize = 64 * 1024 * 1024;

/// How much of a provider's error is passed on.
const ERROR_MAX: usize = 1024 * 1024;

const CLAMPED: HeaderName = HeaderName::from_static("cf-aig-max-tokens-clamped");
const ROUNDS_CLAMPED: HeaderName = HeaderName::from_static("cf-aig-max-tool-calls-clamped");

/// Passes an answer on, and settles its call.
///
/// # Errors
/// Where it could not be settled; then its end has not been passed on.
pub async fn pass_on(
    app: &Arc<App>,
    prepared: &Prepared,
    response: Response<Incoming>,
    reply: Reply,
) -> Result<(), ProxyError> {
    let status = response.status();
    let streams = status.is_success() && is_stream(prepared, response.headers());
    match (status.is_success(), streams) {
        (true, true) => stream(app, prepared, response, reply).await,
        (is_success, _) => {
            let max = if is_success { WHOLE_MAX } else { ERROR_MAX };
            whole(app, prepared, response, reply, max).await
        }
    }
}

/// When the provider was asked for this answer.
fn sent_at(extensions: &http::Extensions) -> Instant {
    let sent = extensions.get::<SentAt>();
    sent.map_or_else(Instant::now, |SentAt(sent)| *sent)
}

fn is_stream(prepared: &Prepared, headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    if prepared.call.translation.is_some() {
        return kind.starts_with("text/event-stream") && is_plain(headers);
    }
    let asked = prepared
        .route
        .as_ref()
        .is_some_and(|route| route.asked.stream && route.endpoint.api == Api::Generate);
    kind.starts_with("text/event-stream") || asked || prepared.route.is_none()
}

/// An answer that is short enough: settled, then passed on.
async fn whole(
    app: &Arc<App>,
    prepared: &Prepared,
    response: Response<Incoming>,
    mut reply: Reply,
    max: usize,
) -> Result<(), ProxyError> {
    let (head, body) = response.into_parts();
    let (status, headers) = (head.status, head.headers);
    let mut watched = Watched::new(prepared, &headers, None);
    let mut extension = Extension::new(app, prepared, sent_at(&head.extensions));
    let deadline = Instant::now() + app.config.gateway.call_max;
    let reading = read_whole(body, max, deadline, &mut watched);
    let read = tokio::select! {
        read = reading => read.map_err(|Broken| End::Lost),
        () = stopped(app) => Err(End::Lost),
        () = left(app, &prepared.call, &mut reply) => Err(End::Cut),
    };
    let (body, end) = match read {
        Ok(body) => (body, End::Whole),
        Err(end) => (Bytes::new(), end),
    };
    let is_operators = prepared.key.is_operators() && !status.is_success();
    if is_operators && wire::is_about_account(status.as_u16(), &body) {
        let error = upstream::account_trouble(status, &body);
        return failed(app, prepared, error, reply).await;
    }
    let ended = Ended {
        status,
        end,
        is_passed_on: false,
    };
    let charged = conclude(app, prepared, watched, ended, &body, extension.as_mut()).await;
    let settled = charged.as_ref().map(|_| ()).map_err(Clone::clone);
    // An error inside of a 200 is no answer for the next call that is the same.
    let is_kept = charged.as_ref().is_ok_and(|charged| charged.is_success);
    let answer = charged.and_then(|charged| match end {
        End::Whole => answer(prepared, status, &headers, body, &charged.settled),
        End::Cut | End::Lost | End::Unpaid => Err(ProxyError::no_answer("the answer broke off")),
    });
    if let Some(answer) = answer.as_ref().ok().filter(|_| is_kept) {
        cache::keep(app, prepared, answer).await;
    }
    let _ = reply.send(answer);
    settled
}

/// Settles a call that came to nothing, and tells why.
///
/// # Errors
/// If it can't be settled.
pub(super) async fn failed(
    app: &Arc<App>,
    prepared: &Prepared,
    error: ProxyError,
    reply: Reply,
) -> Result<(), ProxyError> {
    let outcome = Outcome::refused(&error);
    let log = record::log(app, &prepared.call, Some(prepared), &outcome);
    let (paid, counted) = prepared.settlement(None, None);
    let settled = settle::settle(app, &prepared.call, paid, counted, log).await;
    let _ = reply.send(Err(error));
    settled.map(|_| ())
}

/// What the client gets of a call that is settled.
fn answer(
    prepared: &Prepared,
    status: StatusCode,
    provider: &HeaderMap,
    body: Bytes,
    settled: &Settled,
) -> Result<Answer, ProxyError> {
    let body = match prepared.call.translation {
        Some(translation) => translation.whole(status, body)?,
        None => body,
    };
    let mut headers = answer_headers(prepared, provider);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if prepared.credit.is_some() {
        headers.extend(tail::told(settled));
    }
    Ok(Answer {
        status,
        headers,
        body: Body::Whole(body),
        trailers: None,
    })
}

async fn read_whole(
    mut incoming: Incoming,
    max: usize,
    deadline: Instant,
    watched: &mut Watched,
) -> Result<Bytes, Broken> {
    let mut body = Vec::new();
    loop {
        let next = tokio::time::timeout_at(deadline, next_piece(&mut incoming)).await;
        match next {
            Ok(Ok(Some(piece))) if body.len() + piece.len() <= max => {
                watched.feed(&piece);
                body.extend_from_slice(&piece);
            }
            Ok(Ok(None)) => return Ok(Bytes::from(body)),
            _ => return Err(Broken),
        }
    }
}

/// An answer that is passed on as it comes.
async fn stream(
    app: &Arc<App>,
    prepared: &Prepared,
    response: Response<Incoming>,
    reply: Reply,
) -> Result<(), ProxyError> {
    let (head, incoming) = response.into_parts();
    let (status, headers) = (head.status, head.headers);
    let (pieces, body) = mpsc::channel(PIECES);
    let mut shown = answer_headers(prepared, &headers);
    let passing = Passing::of(prepared);
    if !passing.is_as_it_is() {
        // The body will be of another length than the provider says.
        shown.remove(CONTENT_LENGTH);
    }
    let mut extension = Extension::new(app, prepared, sent_at(&head.extensions));
    let ending = extension
        .as_ref()
        .filter(|_| is_plain(&headers))
        .and_then(|_| Ending::new(prepared.route.as_ref()?.endpoint.api));
    if ending.is_some() {
        // It may end before its provider's does.
        shown.remove(CONTENT_LENGTH);
    }
    let (tail, trailers) = Tail::new(prepared, &mut shown);
    let is_gone = reply
        .send(Ok(Answer {
            status,
            headers: shown,
            body: Body::Pieces(body),
            trailers,
        }))
        .is_err();
    let deadline = Instant::now() + app.config.gateway.call_max;
    let ends = (deadline, drain(app, &prepared.call));
    let mut pump = Pump::new(pieces, passing, ending, ends, tail);
    if is_gone {
        pump.leave();
    }
    let mut watched = Watched::new(prepared, &headers, record::keeps(app, &prepared.call));
    let ended = tokio::select! {
        end = pump.run(incoming, &mut watched, extension.as_mut()) => Some(end),
        () = stopped(app) => None,
    };
    if ended.is_none() {
        // The piece before it may have been cut on its way.
        pump.forget_last();
    }
    let end = ended.unwrap_or(End::Cut);
    let copy = watched.take_copy().unwrap_or_default();
    let ended = Ended {
        status,
        end,
        is_passed_on: true,
    };
    match conclude(app, prepared, watched, ended, &copy, extension.as_mut()).await {
        Ok(concluded) => {
            let ends = match end {
                End::Unpaid => pump.end_unpaid(prepared, concluded.used.as_ref()).await,
                end => end == End::Whole,
            };
            pump.finish(ends, &concluded.settled).await;
        }
        Err(error) => {
            pump.break_off().await;
            return Err(error);
        }
    }
    Ok(())
}

/// An answer that has ended.
#[derive(Clone, Copy)]
struct Ended {
    status: StatusCode,
    end: End,
    /// Whether the client has received what came of it.
    is_passed_on: bool,
}

/// A call that is settled.
struct Concluded {
    settled: Settled,
    /// Whether the client got what it asked for.
    is_success: bool,
    /// What it was charged for.
    used: Option<Usage>,
}

/// What a call has cost that is worth something, if it is known how that is bounded.
fn priced(app: &App, prepared: &Prepared, used: &Used) -> Option<Priced> {
    let (bound, route) = (prepared.bound()?, prepared.route.as_ref()?);
    let call = &prepared.call;
    let priced = price::price(&app.catalog.current(), call, route, bound, used);
    // The call is settled whatever happens: credit that stays held is of use to nobody.
    priced
        .inspect_err(
            |error| tracing::error!(call = %call.id, %error, "a call has no price: it is free"),
        )
        .ok()
}

/// Prices a call that has been answered, and settles it with its log.
async fn conclude(
    app: &Arc<App>,
    prepared: &Prepared,
    watched: Watched,
    ended: Ended,
    body: &[u8],
    mut extension: Option<&mut Extension<'_>>,
) -> Result<Concluded, ProxyError> {
    let Ended { status, end, .. } = ended;
    let (call, is_whole) = (&prepared.call, end == End::Whole);
    let (bytes, first_byte) = (watched.bytes, watched.first_byte);
    let content_type = watched.content_type.clone();
    let used = watched.used(prepared, is_whole);
    // An answer that is an error costs nothing, and so does one of which nothing came, or that its provider doesn't bill.
    let is_billed = used.as_ref().is_none_or(|used| used.is_billed);
    let is_worth = status.is_success() && bytes > 0 && end != End::Lost && is_billed;
    let priced = used
        .as_ref()
        .filter(|_| is_worth)
        .and_then(|used| priced(app, prepared, used));
    // What a caller says that a call of theirs costs is for its log: their gateway's rules count the price.
    let is_told = priced.is_none() || call.wishes.custom_cost.is_some();
    let is_own = prepared.credit.is_none() && is_worth && is_told;
    let told = is_own.then(|| worth::worth(app, prepared, used.as_ref()));
    let told = told.flatten();
    let only_error = used.as_ref().filter(|used| !used.is_billed);
    let only_error = only_error.and_then(|used| used.error.as_deref());
    let outcome = Outcome {
        status: Some(status),
        is_success: status.is_success() && is_whole && only_error.is_none(),
        used: used.as_ref(),
        priced: told.as_ref().or(priced.as_ref()),
        response_bytes: bytes,
        first_byte,
        content_type: content_type.as_deref(),
        response: Some(body),
        error: match end {
            _ if is_whole || only_error.is_some() => only_error.filter(|_| status.is_success()),
            End::Unpaid => Some("the credit ended during the answer, which was ended with it"),
            _ => Some("the provider's answer broke off"),
        },
    };
    let log = record::log(app, call, Some(prepared), &outcome);
    if let Some(extension) = extension.as_deref_mut() {
        let cost = priced.as_ref().map_or(Amount::ZERO, Priced::amount);
        extension.cover(cost).await;
    }
    let held = extension.map(|extension| extension.held());
    let (paid, counted) = prepared.settlement(priced.as_ref(), held);
    let paid = paid.map(|paid| Paid {
        is_passed_on: ended.is_passed_on,
        ..paid
    });
    let is_success = outcome.is_success;
    let settled = settle::settle(app, call, paid, counted, log).await?;
    Ok(Concluded {
        settled,
        is_success,
        used: priced.map(|priced| priced.used()),
    })
}

fn answer_headers(prepared: &Prepared, provider: &HeaderMap) -> HeaderMap {
    let mut headers = upstream::passed_back(provider, &prepared.key);
    add_own_headers(prepared, &mut headers);
    headers
}

/// Adds what the gateway itself says of a call.
pub(super) fn add_own_headers(prepared: &Prepared, headers: &mut HeaderMap) {
    let model = prepared.route.as_ref().map(|route| route.model.as_str());
    Identity::of(&prepared.call, model).tell(headers);
    if let Some(limit) = prepared.clamped.limit {
        headers.insert(CLAMPED, HeaderValue::from(limit));
    }
    if let Some(rounds) = prepared.clamped.rounds {
        headers.insert(ROUNDS_CLAMPED, HeaderValue::from(rounds));
    }
    prepared.cached.tell(headers);
}
