//! One request from bytes to bytes: who asks, what fault hits it, what is stored under its
//! idempotency key, and only then the state function that does the work.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, Method, StatusCode, header::HeaderName, header::HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{Router, any};
use serde_json::{Map, Value};

use super::error::Refusal;
use super::expand;
use super::faults::FaultAction;
use super::idempotency::{Fingerprint, Stored};
use super::journal::Recorded;
use super::params;
use super::routes::{self, Route};
use super::server::Shared;
use super::state::{Answer, Call, State};
use super::{API_VERSION, control_http, form, pages, sequels};
use crate::clock;
use crate::faults::FaultId;
use crate::server::hang_up;

/// The longest body that is read, in bytes; ours are a few hundred.
const BODY_MAX: usize = 1 << 20;

/// Everything that the server answers.
pub(crate) fn app(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(pages::routes())
        .nest("/_sandbox", control_http::routes(&shared))
        .fallback(any(api))
        .with_state(shared)
}

/// A request after its bytes have been read.
struct Asked {
    id: String,
    method: Method,
    path: String,
    query: Map<String, Value>,
    form: Map<String, Value>,
    headers: HeaderMap,
}

/// What a request comes to.
enum Reply {
    Answer {
        status: u16,
        body: Value,
        replay_of: Option<String>,
        retry_after: Option<u64>,
    },
    /// Close the connection without a byte.
    Close,
}

impl Reply {
    fn of(refusal: &Refusal) -> Reply {
        Reply::plain(refusal.status, refusal.body())
    }

    fn plain(status: u16, body: Value) -> Reply {
        Reply::Answer {
            status,
            body,
            replay_of: None,
            retry_after: None,
        }
    }
}

async fn api(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return preflight();
    }
    let asked = match read(&shared, request).await {
        Ok(asked) => asked,
        Err(refusal) => return respond("req_unread", &Reply::of(&refusal)),
    };
    shared.state().journal.begin(recorded(&asked));
    let reply = reply(&shared, &asked).await;
    if let Reply::Answer {
        status, replay_of, ..
    } = &reply
    {
        shared
            .state()
            .journal
            .end(&asked.id, *status, replay_of.is_some());
    }
    respond(&asked.id, &reply)
}

async fn read(shared: &Shared, request: Request) -> Result<Asked, Refusal> {
    let (parts, body) = request.into_parts();
    let unreadable = || Refusal::invalid("Invalid request: the body could not be read.");
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| unreadable())?;
    let body = std::str::from_utf8(&body).map_err(|_| unreadable())?;
    Ok(Asked {
        id: shared.state().ids.fresh("req"),
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: form::parse(parts.uri.query().unwrap_or("")).ok_or_else(unreadable)?,
        form: form::parse(body).ok_or_else(unreadable)?,
        headers: parts.headers,
    })
}

fn header(asked: &Asked, name: &str) -> Option<String> {
    asked.headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn recorded(asked: &Asked) -> Recorded {
    Recorded {
        id: asked.id.clone(),
        method: asked.method.to_string(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        form: asked.form.clone(),
        idempotency_key: header(asked, "idempotency-key"),
        version: header(asked, "stripe-version"),
        status: None,
        replayed: false,
    }
}

async fn reply(shared: &Shared, asked: &Asked) -> Reply {
    let (route, call) = match prepare(shared, asked) {
        Ok(prepared) => prepared,
        Err(refusal) => return Reply::of(&refusal),
    };
    let fault = shared
        .faults
        .hit(|fault| fault.names(asked.method.as_str(), &asked.path))
        .map(|(id, fault)| (id, fault.action));
    match fault {
        Some((
            _,
            FaultAction::Answer {
                status,
                retry_after,
            },
        )) => {
            let body = Refusal::fault(status).body();
            Reply::Answer {
                status,
                body,
                replay_of: None,
                retry_after,
            }
        }
        Some((_, FaultAction::CloseBefore)) => Reply::Close,
        fault => keyed(shared, asked, route, call, fault).await,
    }
}

/// Finds the operation and checks the key and the parameters.
fn prepare(shared: &Shared, asked: &Asked) -> Result<(&'static Route, Call), Refusal> {
    let key = presented_key(asked)?;
    let Some((route, id, sub)) = routes::find(asked.method.as_str(), &asked.path) else {
        let message = format!(
            "Unrecognized request URL ({}: {}). The sandbox may not have this part of Stripe.",
            asked.method, asked.path
        );
        let mut refusal = Refusal::invalid(message);
        refusal.status = 404;
        return Err(refusal);
    };
    let publishable = authorise(shared, route, &key)?;
    let mut given = asked.query.clone();
    given.extend(asked.form.clone());
    // stripe.js sends its key, and a few facts about itself, among the parameters.
    if publishable {
        given.remove("key");
        given.remove("_stripe_account");
        given.remove("_stripe_version");
    }
    let call = Call {
        now: clock::now(),
        request_id: Some(asked.id.clone()),
        idempotency_key: header(asked, "idempotency-key"),
        id,
        sub,
        params: params::check(given, route.params)?,
        publishable,
    };
    expand::check(&call.params)?;
    Ok((route, call))
}

/// The API key of a request: a bearer token, the user of Basic, or stripe.js's parameter `key`.
fn presented_key(asked: &Asked) -> Result<String, Refusal> {
    let authorization = header(asked, "authorization").unwrap_or_default();
    let basic = authorization.strip_prefix("Basic ").and_then(user_of_basic);
    let bearer = authorization.strip_prefix("Bearer ").map(str::to_owned);
    let parameter = asked.form.get("key").or_else(|| asked.query.get("key"));
    let parameter = parameter.and_then(Value::as_str).map(str::to_owned);
    bearer.or(basic).or(parameter).filter(|key| !key.is_empty()).ok_or_else(|| {
        Refusal::unauthorized(
            "You did not provide an API key. You need to provide your API key in the \
             Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    })
}

fn user_of_basic(encoded: &str) -> Option<String> {
    let mut bits: u32 = 0;
    let mut decoded = Vec::new();
    for (index, letter) in encoded.trim_end_matches('=').bytes().enumerate() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        // The first of four letters fills no byte yet; each of the others completes one.
        let left = [6, 4, 2, 0][index % 4];
        if left < 6 {
            decoded.push(u8::try_from((bits >> left) & 0xff).ok()?);
        }
    }
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split(':').next().unwrap_or("").to_owned())
}

/// Whether the key is good for this operation, and whether it is a publishable one.
fn authorise(shared: &Shared, route: &Route, key: &str) -> Result<bool, Refusal> {
    if key == shared.secret_key {
        return Ok(false);
    }
    if key.starts_with("pk_") {
        if route.publishable {
            return Ok(true);
        }
        let message = "This API call cannot be made with a publishable API key. Please use a \
                       secret API key.";
        let mut refusal = Refusal::unauthorized(message).code("secret_key_required");
        refusal.status = 403;
        return Err(refusal);
    }
    let end: String = key
        .chars()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    Err(Refusal::unauthorized(format!(
        "Invalid API Key provided: ****{end}"
    )))
}

/// A reserved idempotency key, given up again if nothing comes to be stored under it: because the
/// work refused the parameters, or because the client went away before the work began.
struct Reservation<'a> {
    shared: &'a Shared,
    key: String,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.shared.state().idempotency.forget(&self.key);
    }
}

async fn keyed(
    shared: &Shared,
    asked: &Asked,
    route: &'static Route,
    call: Call,
    fault: Option<(FaultId, FaultAction)>,
) -> Reply {
    let key = call
        .idempotency_key
        .clone()
        .filter(|_| asked.method == Method::POST);
    let Some(key) = key else {
        return work(shared, asked, route, call, fault, None).await;
    };
    let fingerprint = Fingerprint {
        path: asked.path.clone(),
        form: asked.form.clone(),
    };
    let begun = shared.state().idempotency.begin(&key, fingerprint);
    match begun {
        Err(refusal) => Reply::of(&refusal),
        Ok(Some(Stored {
            status,
            body,
            request_id,
        })) => Reply::Answer {
            status,
            body,
            replay_of: Some(request_id),
            retry_after: None,
        },
        Ok(None) => {
            let reservation = Reservation {
                shared,
                key: key.clone(),
            };
            let reply = work(shared, asked, route, call, fault, Some(key)).await;
            drop(reservation);
            reply
        }
    }
}

/// Does the work, with what a fault puts before and after it.
async fn work(
    shared: &Shared,
    asked: &Asked,
    route: &'static Route,
    call: Call,
    fault: Option<(FaultId, FaultAction)>,
    key: Option<String>,
) -> Reply {
    match &fault {
        Some((_, FaultAction::Delay { ms })) => {
            let pause = tokio::time::sleep(Duration::from_millis(*ms));
            shared.stop.run_until_cancelled(pause).await;
        }
        Some((id, FaultAction::HangBefore)) => hang(shared, *id).await,
        _ => {}
    }
    if shared.stop.is_cancelled() {
        return Reply::Close;
    }
    let (status, body) = execute(shared, asked, route, &call, fault.as_ref(), key);
    match fault {
        Some((_, FaultAction::CloseAfter)) => return Reply::Close,
        Some((id, FaultAction::HangAfter)) => hang(shared, id).await,
        _ => {}
    }
    Reply::plain(status, body)
}

async fn hang(shared: &Shared, id: FaultId) {
    shared
        .stop
        .run_until_cancelled(shared.faults.hang(id))
        .await;
}

/// The work itself and the storing of its answer, under one lock and without waiting, so that no
/// moment exists in which the one is done and the other is not.
fn execute(
    shared: &Shared,
    asked: &Asked,
    route: &Route,
    call: &Call,
    fault: Option<&(FaultId, FaultAction)>,
    key: Option<String>,
) -> (u16, Value) {
    let mut state = shared.state();
    let outcome = run(&mut state, route, call);
    sequels::play(&mut state, call.now);
    let executed = outcome
        .as_ref()
        .err()
        .is_none_or(|refusal| refusal.executed);
    let (status, body) = match (outcome, fault) {
        (_, Some((_, FaultAction::WorkThenAnswer { status }))) => {
            (*status, Refusal::fault(*status).body())
        }
        (Ok(body), _) => (200, body),
        (Err(refusal), _) => (refusal.status, refusal.body()),
    };
    if let Some(key) = key.filter(|_| executed) {
        let stored = Stored {
            status,
            body: body.clone(),
            request_id: asked.id.clone(),
        };
        state.idempotency.store(&key, stored);
    }
    let events = std::mem::take(&mut state.outbox);
    drop(state);
    for event in events {
        shared.deliverer.send(event);
    }
    (status, body)
}

fn run(state: &mut State, route: &Route, call: &Call) -> Answer {
    let mut object = (route.run)(state, call)?;
    expand::expand(state, &mut object, &call.params)?;
    Ok(object)
}

fn respond(request_id: &str, reply: &Reply) -> Response {
    let Reply::Answer {
        status,
        body,
        replay_of,
        retry_after,
    } = reply
    else {
        return hang_up();
    };
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = serde_json::to_string_pretty(body).unwrap_or_default();
    let mut response = (status, text).into_response();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    };
    set("content-type", "application/json");
    set("request-id", request_id);
    set("stripe-version", API_VERSION);
    set("access-control-allow-origin", "*");
    if let Some(original) = replay_of {
        set("idempotent-replayed", "true");
        set("original-request", original);
    }
    if let Some(seconds) = retry_after {
        set("retry-after", &seconds.to_string());
    }
    response
}

/// A browser asks whether a page may call us with a publishable key, as stripe.js does.
fn preflight() -> Response {
    let headers = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        (
            "access-control-allow-headers",
            "authorization, content-type, stripe-version",
        ),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
