//! An answer is passed on untouched while an observer counts what it used, and settled at its end.
//!
//! Of a stream every piece is passed on as it comes but the last, which waits for the settlement. A client that
//! has left is no reason to stop reading: only the end of an answer says exactly what it used. So it is read on,
//! for so long and not longer; what is cut then is settled as an estimate, and never for nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ledger::Amount;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::sse::HideUsageChunk;
use wire::{Api, Observer, Used};

use crate::app::App;
use crate::proxy::answer::{Answer, Body, Broken};
use crate::proxy::error::ProxyError;
use crate::proxy::record::{self, Outcome};
use crate::proxy::{Prepared, Reply, left, price, settle, stopped, upstream};

/// How many pieces of a stream wait for a client that reads slowly.
const PIECES: usize = 8;

/// The largest answer that is kept in memory until it is settled: images in base64 are the largest that there are.
const WHOLE_MAX: usize = 64 * 1024 * 1024;

/// How much of a provider's error is passed on.
const ERROR_MAX: usize = 1024 * 1024;

const LOG_ID: HeaderName = HeaderName::from_static("cf-aig-log-id");
const STEP: HeaderName = HeaderName::from_static("cf-aig-step");
const CLAMPED: HeaderName = HeaderName::from_static("cf-aig-max-tokens-clamped");
const COST: HeaderName = HeaderName::from_static("cf-aig-cost");

/// Passes an answer on, and settles its call.
///
/// # Errors
/// Where it could not be settled; then its end has not been passed on.
pub async fn pass_on(
    app: &Arc<App>,
    prepared: &Prepared,
    response: reqwest::Response,
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

fn is_stream(prepared: &Prepared, headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    let asked = prepared
        .route
        .as_ref()
        .is_some_and(|route| route.asked.stream && route.endpoint.api == Api::Generate);
    kind.starts_with("text/event-stream") || asked || prepared.route.is_none()
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// An observer of the answer; none where nobody can say what its bytes mean.
fn observer(prepared: &Prepared, headers: &HeaderMap) -> Option<Observer> {
    let route = prepared.route.as_ref()?;
    // Nobody has asked for it; what it holds can't be read here, and is guessed at by its length.
    let is_plain = headers
        .get(CONTENT_ENCODING)
        .is_none_or(|value| value == "identity");
    is_plain.then(|| Observer::new(&route.endpoint, &route.asked, content_type(headers)))
}

/// An answer that is short enough: settled, then passed on.
async fn whole(
    app: &Arc<App>,
    prepared: &Prepared,
    response: reqwest::Response,
    mut reply: Reply,
    max: usize,
) -> Result<(), ProxyError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut watched = Watched::new(prepared, &headers);
    let deadline = Instant::now() + app.config.gateway.call_max;
    let reading = read_whole(response, max, deadline, &mut watched);
    let read = tokio::select! {
        read = reading => read,
        () = stopped(app) => Err(Broken),
        () = left(app, &mut reply) => Err(Broken),
    };
    let (body, is_whole) = match read {
        Ok(body) => (body, true),
        Err(Broken) => (Bytes::new(), false),
    };
    let charged = conclude(app, prepared, watched, status, is_whole, Some(&body)).await;
    let charged = charged.inspect_err(|_| {});
    let answer = match (charged, is_whole) {
        (Ok(charged), true) => {
            let mut headers = answer_headers(prepared, &headers);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            if prepared.credit.is_some() {
                insert_text(&mut headers, COST, &dollars(charged));
            }
            Ok(Answer {
                status,
                headers,
                body: Body::Whole(body),
            })
        }
        (Ok(_), false) => Err(ProxyError::no_answer("the answer broke off")),
        (Err(error), _) => Err(error),
    };
    let settled = answer.as_ref().map(|_| ()).map_err(Clone::clone);
    let _ = reply.send(answer);
    settled.or_else(|error| if is_whole { Err(error) } else { Ok(()) })
}

async fn read_whole(
    mut response: reqwest::Response,
    max: usize,
    deadline: Instant,
    watched: &mut Watched,
) -> Result<Bytes, Broken> {
    let mut body = Vec::new();
    loop {
        let next = tokio::time::timeout_at(deadline, response.chunk()).await;
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
    response: reqwest::Response,
    reply: Reply,
) -> Result<(), ProxyError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let (pieces, body) = mpsc::channel(PIECES);
    let mut shown = answer_headers(prepared, &headers);
    if prepared.hides_usage {
        // The body will be shorter than the provider says.
        shown.remove(CONTENT_LENGTH);
    }
    let is_gone = reply
        .send(Ok(Answer {
            status,
            headers: shown,
            body: Body::Pieces(body),
        }))
        .is_err();
    let mut pump = Pump {
        pieces,
        held_back: None,
        hider: prepared.hides_usage.then(HideUsageChunk::default),
        deadline: Instant::now() + app.config.gateway.call_max,
        drain: app.config.gateway.drain,
        is_gone: false,
    };
    if is_gone {
        pump.leave();
    }
    let mut watched = Watched::new(prepared, &headers);
    let ended = tokio::select! {
        is_whole = pump.run(response, &mut watched) => Some(is_whole),
        () = stopped(app) => None,
    };
    if ended.is_none() {
        // The piece before it may have been cut on its way.
        pump.held_back = None;
    }
    let is_whole = ended.unwrap_or_default();
    let charged = conclude(app, prepared, watched, status, is_whole, None).await;
    if charged.is_ok() {
        pump.finish(is_whole).await;
    }
    charged.map(|_| ())
}

/// Moves a stream's pieces from the provider to the client, one behind.
struct Pump {
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    /// The last piece that has come: it may be the last of all.
    held_back: Option<Bytes>,
    hider: Option<HideUsageChunk>,
    deadline: Instant,
    drain: std::time::Duration,
    is_gone: bool,
}

impl Pump {
    /// Whether the stream came to its end.
    async fn run(&mut self, mut response: reqwest::Response, watched: &mut Watched) -> bool {
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout_at(self.deadline, response.chunk()) => next,
                // Whoever leaves while nothing comes is noticed all the same.
                () = self.pieces.closed(), if !self.is_gone => {
                    self.leave();
                    continue;
                }
            };
            match next {
                Ok(Ok(Some(piece))) => {
                    watched.feed(&piece);
                    self.pass(piece).await;
                }
                Ok(Ok(None)) => return true,
                Ok(Err(_)) | Err(_) => return false,
            }
        }
    }

    async fn pass(&mut self, piece: Bytes) {
        let piece = match &mut self.hider {
            Some(hider) => Bytes::from(hider.feed(&piece)),
            None => piece,
        };
        if piece.is_empty() {
            return;
        }
        if let Some(before) = self.held_back.replace(piece) {
            self.send(before).await;
        }
    }

    async fn send(&mut self, piece: Bytes) {
        if self.is_gone {
            return;
        }
        // A client that reads too slowly for the whole call's time is one that is gone.
        let sent = tokio::time::timeout_at(self.deadline, self.pieces.send(Ok(piece))).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.leave();
        }
    }

    /// The client has left: the rest is read for the count alone, and not for long.
    fn leave(&mut self) {
        self.is_gone = true;
        self.deadline = self.deadline.min(Instant::now() + self.drain);
    }

    /// After the settlement: the last of it.
    async fn finish(mut self, is_whole: bool) {
        if let Some(last) = self.held_back.take() {
            self.send(last).await;
        }
        let rest = self
            .hider
            .take()
            .map(HideUsageChunk::finish)
            .unwrap_or_default();
        if !rest.is_empty() {
            self.send(Bytes::from(rest)).await;
        }
        if !is_whole && !self.is_gone {
            let _ = self.pieces.send(Err(Broken)).await;
        }
    }
}

/// What is counted of an answer.
struct Watched {
    observer: Option<Observer>,
    bytes: u64,
    first_byte: Option<std::time::Instant>,
}

impl Watched {
    fn new(prepared: &Prepared, headers: &HeaderMap) -> Self {
        Self {
            observer: observer(prepared, headers),
            bytes: 0,
            first_byte: None,
        }
    }

    fn feed(&mut self, piece: &[u8]) {
        self.first_byte.get_or_insert_with(std::time::Instant::now);
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if let Some(observer) = &mut self.observer {
            observer.feed(piece);
        }
    }

    fn used(self, prepared: &Prepared, is_whole: bool) -> Option<Used> {
        if let Some(observer) = self.observer {
            return Some(observer.finish(is_whole));
        }
        // An answer that can't be read: all of it is taken for what was written.
        let route = prepared.route.as_ref()?;
        let mut used = Observer::new(&route.endpoint, &route.asked, "").finish(false);
        used.text_bytes = self.bytes;
        used.body_bytes = self.bytes;
        Some(used)
    }
}

/// Prices a call that has been answered, and settles it with its log.
async fn conclude(
    app: &Arc<App>,
    prepared: &Prepared,
    watched: Watched,
    status: StatusCode,
    is_whole: bool,
    body: Option<&Bytes>,
) -> Result<Amount, ProxyError> {
    let call = &prepared.call;
    let (bytes, first_byte) = (watched.bytes, watched.first_byte);
    let used = watched.used(prepared, is_whole);
    // An answer that is an error costs nothing, and so does one of which nothing came.
    let is_worth = status.is_success() && bytes > 0;
    let priced = match (&prepared.credit, &prepared.route, &used) {
        (Some(credit), Some(route), Some(used)) if is_worth => {
            let priced = price::price(call, route, &credit.bound, used);
            Some(priced.map_err(ProxyError::internal)?)
        }
        _ => None,
    };
    let outcome = Outcome {
        status: Some(status),
        is_success: status.is_success() && is_whole,
        used: used.as_ref(),
        priced: priced.as_ref(),
        response_bytes: bytes,
        first_byte,
        response: body,
        error: (!is_whole).then_some("the provider's answer broke off"),
    };
    let log = record::log(app, call, Some(prepared), &outcome);
    settle::settle(app, call, prepared.paid(priced.as_ref()), log).await
}

fn answer_headers(prepared: &Prepared, provider: &HeaderMap) -> HeaderMap {
    let mut headers = upstream::passed_back(provider, &prepared.key);
    insert_text(&mut headers, LOG_ID, &prepared.call.id.to_string());
    headers.insert(STEP, HeaderValue::from_static("0"));
    if let Some(limit) = prepared.clamped {
        headers.insert(CLAMPED, HeaderValue::from(limit));
    }
    headers
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// An amount in the currency's main unit, to the nano.
fn dollars(amount: Amount) -> String {
    let nanos = amount.nanos();
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
