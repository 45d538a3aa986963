//! An answer is passed on untouched while an observer counts what it used, and settled at its end.
//!
//! Of a stream every piece is passed on as it comes but the last, which waits for the settlement. A client that
//! has left is no reason to stop reading: only the end of an answer says exactly what it used. So it is read on,
//! for so long and not longer; what is cut then is settled as an estimate, and never for nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::{Api, Observer, Used};

use crate::app::App;
use crate::proxy::answer::{Answer, Body, Broken};
use crate::proxy::error::ProxyError;
use crate::proxy::record::{self, Outcome};
use crate::proxy::settle::Settled;
use crate::proxy::tail::{self, Tail};
use crate::proxy::translate::Passing;
use crate::proxy::{Prepared, Reply, cache, left, price, settle, stopped, upstream, worth};

/// How many pieces of a stream wait for a client that reads slowly.
const PIECES: usize = 8;

/// The largest answer that is kept in memory until it is settled: images in base64 are the largest that there are.
const WHOLE_MAX: usize = 64 * 1024 * 1024;

/// How much of a provider's error is passed on.
const ERROR_MAX: usize = 1024 * 1024;

const LOG_ID: HeaderName = HeaderName::from_static("cf-aig-log-id");
const STEP: HeaderName = HeaderName::from_static("cf-aig-step");
const CLAMPED: HeaderName = HeaderName::from_static("cf-aig-max-tokens-clamped");

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
    if prepared.call.translation.is_some() {
        return kind.starts_with("text/event-stream") && is_plain(headers);
    }
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
    is_plain(headers).then(|| Observer::new(&route.endpoint, &route.asked, content_type(headers)))
}

/// Whether an answer can be read. One that is compressed, which nobody has asked for, is guessed at by its length.
fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_ENCODING)
        .is_none_or(|value| value == "identity")
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
    let settled = charged.as_ref().map(|_| ()).map_err(Clone::clone);
    let answer = charged.and_then(|charged| match is_whole {
        true => answer(prepared, status, &headers, body, &charged),
        false => Err(ProxyError::no_answer("the answer broke off")),
    });
    if let Ok(answer) = &answer {
        cache::keep(app, prepared, answer).await;
    }
    let _ = reply.send(answer);
    settled
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
    let passing = Passing::of(prepared);
    if !passing.is_as_it_is() {
        // The body will be of another length than the provider says.
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
    let mut pump = Pump {
        pieces,
        held_back: None,
        passing,
        deadline: Instant::now() + app.config.gateway.call_max,
        drain: drain(app, prepared),
        is_gone: false,
        tail,
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
    let settled = conclude(app, prepared, watched, status, is_whole, None).await?;
    pump.finish(is_whole, &settled).await;
    Ok(())
}

/// For how long an answer is read on without its client.
fn drain(app: &App, prepared: &Prepared) -> Duration {
    let slug = &prepared.call.target.slug;
    match app.config.providers.cuts_when_client_leaves(slug) {
        true => Duration::ZERO,
        false => app.config.gateway.drain,
    }
}

/// Moves a stream's pieces from the provider to the client, one behind.
struct Pump {
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    /// The last piece that has come: it may be the last of all.
    held_back: Option<Bytes>,
    passing: Passing,
    deadline: Instant,
    drain: Duration,
    is_gone: bool,
    tail: Tail,
}

impl Pump {
    /// Whether the stream came to its end.
    async fn run(&mut self, mut response: reqwest::Response, watched: &mut Watched) -> bool {
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout_at(self.deadline, response.chunk()) => next,
                // A provider that is silent must not hide that nobody listens any more.
                () = self.pieces.closed(), if !self.is_gone => {
                    self.leave();
                    continue;
                }
            };
            match next {
                // One that is never silent must not put off the end of the time.
                Ok(Ok(Some(_))) if Instant::now() >= self.deadline => return false,
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
        let piece = self.passing.feed(piece);
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
        self.tail.saw(&piece);
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

    /// After the settlement: the last of it, and what it cost.
    async fn finish(mut self, is_whole: bool, settled: &Settled) {
        if let Some(last) = self.held_back.take() {
            self.send(last).await;
        }
        let passing = std::mem::replace(&mut self.passing, Passing::AsItIs);
        let rest = passing.finish(is_whole);
        if !rest.is_empty() {
            self.send(rest).await;
        }
        match is_whole {
            true => {
                if let Some(comment) = self.tail.comment(settled) {
                    self.send(comment).await;
                }
                self.tail.trail(settled);
            }
            false if !self.is_gone => drop(self.pieces.send(Err(Broken)).await),
            false => {}
        }
    }
}

/// What is counted of an answer.
struct Watched {
    observer: Option<Observer>,
    bytes: u64,
    first_byte: Option<std::time::Instant>,
    /// What the answer says that it is.
    content_type: Option<String>,
}

impl Watched {
    fn new(prepared: &Prepared, headers: &HeaderMap) -> Self {
        Self {
            observer: observer(prepared, headers),
            bytes: 0,
            first_byte: None,
            content_type: Some(content_type(headers).to_owned()).filter(|text| !text.is_empty()),
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
) -> Result<Settled, ProxyError> {
    let call = &prepared.call;
    let (bytes, first_byte) = (watched.bytes, watched.first_byte);
    let content_type = watched.content_type.clone();
    let used = watched.used(prepared, is_whole);
    // An answer that is an error costs nothing, and so does one of which nothing came.
    let is_worth = status.is_success() && bytes > 0;
    let priced = match (prepared.bound(), &prepared.route, &used) {
        (Some(bound), Some(route), Some(used)) if is_worth => {
            let priced = price::price(&app.catalog.current(), call, route, bound, used);
            Some(priced.map_err(ProxyError::internal)?)
        }
        _ => None,
    };
    // What a caller says that a call of theirs costs is for its log: their gateway's rules count the price.
    let is_own = prepared.credit.is_none() && is_worth;
    let told = is_own.then(|| worth::worth(app, prepared, used.as_ref()));
    let told = told.flatten();
    let outcome = Outcome {
        status: Some(status),
        is_success: status.is_success() && is_whole,
        used: used.as_ref(),
        priced: told.as_ref().or(priced.as_ref()),
        response_bytes: bytes,
        first_byte,
        content_type: content_type.as_deref(),
        response: body,
        error: (!is_whole).then_some("the provider's answer broke off"),
    };
    let log = record::log(app, call, Some(prepared), &outcome);
    let (paid, counted) = prepared.settlement(priced.as_ref());
    settle::settle(app, call, paid, counted, log).await
}

fn answer_headers(prepared: &Prepared, provider: &HeaderMap) -> HeaderMap {
    let mut headers = upstream::passed_back(provider, &prepared.key);
    add_own_headers(prepared, &mut headers);
    headers
}

/// Adds what the gateway itself says of a call.
pub(super) fn add_own_headers(prepared: &Prepared, headers: &mut HeaderMap) {
    insert_text(headers, LOG_ID, &prepared.call.id.to_string());
    headers.insert(STEP, HeaderValue::from(prepared.call.step));
    if let Some(limit) = prepared.clamped {
        headers.insert(CLAMPED, HeaderValue::from(limit));
    }
    prepared.cached.tell(headers);
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
