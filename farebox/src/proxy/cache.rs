//! Answers are kept for the next call that is the same to the byte (contract: section 4.4), where the gateway or
//! the call wants that. A kept answer costs nothing: nothing is held for it and no provider asked, so that it is
//! served whatever the balance. Who may not make the call does not get this far.
//!
//! This is no cache between a call and its hold: whatever is asked of a provider is held for first. What is kept
//! is the body with its type and status, nothing that belongs to the call which brought it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ledger::Amount;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::catalog::Credential;
use crate::ids;
use crate::proxy::answer::{Answer, Body};
use crate::proxy::call::Call;
use crate::proxy::credential::Key;
use crate::proxy::error::ProxyError;
use crate::proxy::record::{self, Outcome};
use crate::proxy::route::{Clamped, Route};
use crate::proxy::{Prepared, Reply, meter, settle, tail};
use crate::store::logs::{self, KeySource, NewLog};
use crate::store::{StoreError, cache as rows};

/// For how long an answer is kept where the call has a key of its own for it and nobody says (contract: 4.3).
const TTL_WITH_KEY: Duration = Duration::from_secs(300);

/// The largest request whose answer is kept (contract: section 4.4).
const REQUEST_MAX: usize = 25 * 1024 * 1024;

/// Headers that change what a provider answers to the same body.
const CHANGING: [&str; 8] = [
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
    "openai-organization",
    "openai-project",
];

const STATUS: HeaderName = HeaderName::from_static("cf-aig-cache-status");

/// What a client wants of the cache, by headers.
#[derive(Clone, Debug, Default)]
pub struct CacheWishes {
    /// `cf-aig-cache-key`: stands for the body.
    pub key: Option<String>,
    /// `cf-aig-cache-ttl`: for how long the answer is kept.
    pub ttl: Option<Duration>,
    /// `cf-aig-skip-cache`: no kept answer, and none kept.
    pub skip: bool,
}

/// What the cache has to do with a call.
pub enum Cached {
    /// Nothing.
    Off,
    /// There is no answer yet: the one that comes is kept.
    Miss(Place),
    /// There is one.
    Hit(Kept),
}

/// Where a call's answer is kept, and for how long.
pub struct Place {
    place: rows::Place,
    ttl: Duration,
}

/// A kept answer, ready to be sent.
pub struct Kept {
    status: StatusCode,
    content_type: Option<String>,
    content_encoding: Option<String>,
    body: Bytes,
}

/// Looks for an answer. A store that fails here keeps no call from being made.
pub async fn look(app: &App, call: &Call, key: &Key, route: Option<&Route>) -> Cached {
    let Some(ttl) = ttl(call).filter(|_| can_be_kept(call, route)) else {
        return Cached::Off;
    };
    let place = rows::Place {
        key: digest(call, key),
        gateway: call.gateway.seq,
        generation: call.gateway.cache_generation,
    };
    match find(app, call, &place).await {
        Ok(Some(kept)) => Cached::Hit(kept),
        Ok(None) => Cached::Miss(Place { place, ttl }),
        Err(error) => {
            tracing::warn!(call = %call.id, %error, "a kept answer could not be read");
            Cached::Miss(Place { place, ttl })
        }
    }
}

/// The call's word, else the gateway's, else five minutes where the call brings a key.
fn ttl(call: &Call) -> Option<Duration> {
    let wishes = &call.wishes.cache;
    if wishes.skip {
        return None;
    }
    let gateways = u64::try_from(call.gateway.settings.cache_ttl).unwrap_or_default();
    let gateways = (gateways > 0).then(|| Duration::from_secs(gateways));
    let with_key = wishes.key.as_ref().map(|_| TTL_WITH_KEY);
    wishes.ttl.or(gateways).or(with_key)
}

/// Only what is known to have an answer and no effect: neither a stream nor what goes on after its answer, and
/// no path that isn't known.
fn can_be_kept(call: &Call, route: Option<&Route>) -> bool {
    let is_plain = route.is_some_and(|route| !route.asked.stream && !route.asked.is_deferred);
    is_plain && call.body.len() <= REQUEST_MAX
}

async fn find(app: &App, call: &Call, place: &rows::Place) -> Result<Option<Kept>, StoreError> {
    let Some(found) = rows::find(&app.store.db, &place.key, call.at).await? else {
        return Ok(None);
    };
    let status = u16::try_from(found.status).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    Ok(Some(Kept {
        status: status.unwrap_or(StatusCode::OK),
        content_type: found.content_type,
        content_encoding: found.content_encoding,
        body: found.body.unpack()?.into(),
    }))
}

/// What makes a call the same as another, each part with its length: by whom, by which gateway in which
/// generation, with which key, where to and how, and what it asks.
fn digest(call: &Call, key: &Key) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &[u8]| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    part(call.account.to_string().as_bytes());
    part(&call.gateway.seq.to_be_bytes());
    part(&call.gateway.cache_generation.to_be_bytes());
    part(&[u8::from(call.compatibility)]);
    part(&[u8::from(call.translation.is_some())]);
    part(call.target.slug.as_bytes());
    part(
        call.target
            .instead
            .as_deref()
            .unwrap_or_default()
            .as_bytes(),
    );
    part(call.method.as_str().as_bytes());
    part(call.path.as_bytes());
    whose(call, key, &mut part);
    for name in CHANGING {
        part(value(&call.headers, name));
    }
    match &call.wishes.cache.key {
        Some(key) => {
            part(b"key");
            part(key.as_bytes());
        }
        None => {
            part(b"body");
            part(&call.body);
        }
    }
    ids::hex(&hash.finalize())
}

/// The key that the call goes with: of two callers with keys of their own none gets the other's answers.
fn whose(call: &Call, key: &Key, part: &mut impl FnMut(&[u8])) {
    part(key.source().name().as_bytes());
    match key {
        Key::Operators(_) | Key::Operated(_) => {}
        Key::Stored(secret) => part(secret.expose_secret().as_bytes()),
        Key::Own => {
            for credential in call.target.provider.credentials {
                // One that is in the query is in the path.
                if let Credential::Header { name, .. } = credential {
                    part(value(&call.headers, name));
                }
            }
        }
    }
    if let Some(own) = &call.target.own {
        own.each_header(|name, value| {
            part(name.as_bytes());
            part(value.as_bytes());
        });
    }
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a [u8] {
    headers
        .get(name)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default()
}

impl Cached {
    /// The kept answer.
    pub const fn hit(&self) -> Option<&Kept> {
        match self {
            Self::Hit(kept) => Some(kept),
            Self::Off | Self::Miss(_) => None,
        }
    }

    /// Says in an answer's headers what the cache had to do with it.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let word = match self {
            Self::Off => return,
            Self::Miss(_) => "MISS",
            Self::Hit(_) => "HIT",
        };
        headers.insert(STATUS, HeaderValue::from_static(word));
    }
}

/// Answers a call with a kept answer, once its log is written.
///
/// # Errors
/// Where that fails; then nothing is sent but the error.
pub async fn serve(
    app: &Arc<App>,
    prepared: &Prepared,
    kept: &Kept,
    reply: Reply,
) -> Result<(), ProxyError> {
    let outcome = Outcome {
        status: Some(kept.status),
        is_success: true,
        used: None,
        priced: None,
        response_bytes: kept.body.len() as u64,
        first_byte: None,
        response: Some(&kept.body),
        content_type: kept.content_type.as_deref(),
        error: None,
    };
    let log = record::log(app, &prepared.call, Some(prepared), &outcome).map(unpaid);
    let settled = settle::settle(app, &prepared.call, None, None, log).await;
    let settled = settled.map(|_| ());
    let _ = reply.send(settled.clone().map(|()| answer(prepared, kept)));
    settled
}

/// The log of a call that no provider was asked for.
fn unpaid(mut log: NewLog) -> NewLog {
    log.call = logs::Call {
        cached: true,
        cost: Some(Amount::ZERO),
        tokens_in: Some(0),
        tokens_out: Some(0),
        key_source: KeySource::None,
        ..log.call
    };
    log
}

fn answer(prepared: &Prepared, kept: &Kept) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, text) in [
        (CONTENT_TYPE, &kept.content_type),
        (CONTENT_ENCODING, &kept.content_encoding),
    ] {
        let value = text.as_ref().and_then(|text| text.parse().ok());
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(kept.body.len()));
    meter::add_own_headers(prepared, &mut headers);
    if prepared.key.is_operators() {
        headers.insert(tail::COST, HeaderValue::from_static("0"));
    }
    Answer {
        status: kept.status,
        headers,
        body: Body::Whole(kept.body.clone()),
        trailers: None,
    }
}

/// Keeps an answer that is settled. One that was cut to what there was credit for is an answer to something
/// else, and not kept. Nobody is told where it fails: the call itself has been made.
pub async fn keep(app: &App, prepared: &Prepared, answer: &Answer) {
    let (Cached::Miss(at), Body::Whole(body)) = (&prepared.cached, &answer.body) else {
        return;
    };
    let max = app.config.gateway.cache_body_max_bytes;
    let fits = !body.is_empty() && body.len() <= max;
    let is_whole = answer.status.is_success() && prepared.clamped == Clamped::default();
    if !fits || !is_whole || app.config.gateway.cache_max_bytes == 0 {
        return;
    }
    let text = |name| {
        let value = answer.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (content_type, content_encoding) = (text(CONTENT_TYPE), text(CONTENT_ENCODING));
    let (status, body) = (answer.status.as_u16(), body.clone());
    // Some milliseconds for each megabyte.
    let packed = tokio::task::spawn_blocking(move || logs::Body::pack(&body, max)).await;
    let Ok(body) = packed else { return };
    let kept = rows::Kept {
        status: i64::from(status),
        content_type,
        content_encoding,
        body,
    };
    let kept = rows::keep(&app.store.db, &at.place, &kept, app.now_plus(at.ttl)).await;
    if let Err(error) = kept {
        tracing::warn!(call = %prepared.call.id, %error, "an answer could not be kept");
    }
}
