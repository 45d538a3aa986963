//! One request from bytes to bytes: who asks, what for, how it is to be answered, and the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request as Incoming, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{Router, any};
use bytes::Bytes;
use serde_json::{Value, json};

use super::apis::{self, Request};
use super::behaviour::{Behaviour, Gzip as Wanted};
use super::content::{Content, Framing, JSON};
use super::error::Refusal;
use super::faults::contains;
use super::gzip::{self, Gzip};
use super::journal::{End, Entry};
use super::route::{self, Api, Dialect, Route};
use super::send::{Sending, wait};
use super::server::Shared;
use super::underway::Underway;
use super::{auth, control_http, query};
use crate::clock;
use crate::faults::FaultId;
use crate::reset::Reset;
use crate::server::hang_up;

/// The longest body that is read, in bytes: enough for a prompt with pictures.
const BODY_MAX: usize = 64 << 20;

/// Everything that the server answers.
pub(crate) fn app(shared: Arc<Shared>) -> Router {
    Router::new()
        .nest("/_sandbox", control_http::routes(&shared))
        .fallback(any(api))
        .with_state(shared)
}

/// A request after its bytes have been read.
struct Asked {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer, decided on.
struct Plan {
    behaviour: Behaviour,
    fault: Option<FaultId>,
    content: Content,
}

/// Whose manners a response has, and the number in its id.
#[derive(Clone, Copy)]
struct Manners {
    dialect: Dialect,
    api: Option<Api>,
    /// Google puts an error into an array where it would have sent one.
    in_array: bool,
    id: u64,
}

async fn api(Extract(shared): Extract<Arc<Shared>>, incoming: Incoming) -> Response {
    let (parts, body) = incoming.into_parts();
    let reset = parts.extensions.get::<ConnectInfo<Reset>>();
    let reset = reset.map(|ConnectInfo(reset)| reset.clone());
    let body = to_bytes(body, BODY_MAX).await.ok();
    let is_read = body.is_some();
    let asked = Asked {
        path: parts.uri.path().to_owned(),
        query: query::parse(parts.uri.query().unwrap_or("")),
        method: parts.method,
        headers: parts.headers,
        body: body.unwrap_or_default(),
    };
    let route = route::find(&asked.method, &asked.path, &asked.headers);
    let underway = Underway::begin(shared.clone(), recorded(&shared, &asked), reset);
    let manners = manners(&asked, route.as_ref(), underway.id);
    let planned = match &route {
        _ if !is_read => Err(Refusal::too_large()),
        Some(route) => plan(&shared, &asked, route, underway.id),
        None => Err(Refusal::no_path(asked.method.as_str(), &asked.path)),
    };
    match planned {
        Ok(plan) => deliver(underway, &asked.headers, manners, plan).await,
        Err(refusal) => refuse(underway, manners, &refusal, None),
    }
}

fn manners(asked: &Asked, route: Option<&Route>, id: u64) -> Manners {
    let in_query = |wanted: (&str, &str)| asked.query.iter().any(|(n, v)| (&**n, &**v) == wanted);
    Manners {
        dialect: route.map_or_else(
            || route::dialect_of(&asked.path, &asked.headers),
            |route| route.dialect,
        ),
        api: route.map(|route| route.api),
        in_array: route.is_some_and(|route| route.api == Api::StreamGenerate)
            && !in_query(("alt", "sse")),
        id,
    }
}

fn recorded(shared: &Shared, asked: &Asked) -> Entry {
    Entry {
        id: 0,
        method: asked.method.to_string(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        headers: asked.headers.clone(),
        credentials: auth::credentials(&shared.keys, &asked.headers, &asked.query),
        watched: found(&shared.watched(), asked),
        body: asked.body.clone(),
        status: None,
        end: None,
        events: 0,
        usage: None,
    }
}

/// Where one of the texts stands in a request.
fn found(texts: &[String], asked: &Asked) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let has = |bytes: &[u8]| texts.iter().any(|text| contains(bytes, text.as_bytes()));
    let headers = asked.headers.iter();
    let headers = headers.filter(|(_, value)| has(value.as_bytes()));
    let mut places: Vec<String> = headers.map(|(name, _)| name.to_string()).collect();
    let query = asked.query.iter().any(|(_, value)| has(value.as_bytes()));
    let others = [
        ("path", has(asked.path.as_bytes())),
        ("query", query),
        ("body", has(&asked.body)),
    ];
    places.extend(
        others
            .iter()
            .filter(|(_, has)| *has)
            .map(|(place, _)| (*place).to_owned()),
    );
    places
}

/// Decides on the answer. Nothing waits here.
fn plan(shared: &Shared, asked: &Asked, route: &Route, id: u64) -> Result<Plan, Refusal> {
    auth::authorise(&shared.keys, route, &asked.headers, &asked.query)?;
    let request = Request {
        id,
        now: clock::now(),
        route,
        path: &asked.path,
        query: &asked.query,
        body: apis::body(route, &asked.headers, &asked.body)?,
    };
    let ask = apis::ask(&request)?;
    let hit = shared
        .faults
        .hit(|fault| fault.names(asked.method.as_str(), &asked.path, &ask.model, &asked.body));
    let (fault, behaviour) = match hit {
        Some((id, fault)) => (Some(id), fault.behaviour),
        None => {
            let behaviour = Behaviour::of_model(&ask.model, &shared.usual());
            (
                None,
                behaviour.ok_or_else(|| Refusal::no_model(&ask.model))?,
            )
        }
    };
    let behaviour = behaviour
        .at_turn(ask.turns)
        .with_wishes_of(&ask.last)
        .map_err(Refusal::malformed)?;
    let content = apis::content(&request, &ask, &behaviour);
    Ok(Plan {
        behaviour,
        fault,
        content,
    })
}

async fn deliver(
    mut underway: Underway,
    headers: &HeaderMap,
    manners: Manners,
    plan: Plan,
) -> Response {
    let behaviour = &plan.behaviour;
    let stop = underway.shared.stop.clone();
    if behaviour.first_byte_ms > 0 {
        let pause = tokio::time::sleep(Duration::from_millis(behaviour.first_byte_ms));
        stop.run_until_cancelled(pause).await;
    }
    if behaviour.hang {
        wait(&underway, plan.fault).await;
    }
    if behaviour.close || (behaviour.hang && stop.is_cancelled()) {
        underway.cut(behaviour.reset);
        return hang_up();
    }
    if let Some(status) = behaviour.status {
        let refusal = Refusal::wanted(status, behaviour.retry_after);
        return refuse(underway, manners, &refusal, behaviour.error_body.as_ref());
    }
    let packs = match behaviour.gzip {
        Wanted::Never => false,
        Wanted::Accepted => accepts_gzip(headers),
        Wanted::Always => true,
    };
    answer(underway, manners, plan, packs)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| {
        value
            .split(',')
            .any(|coding| coding.trim().starts_with("gzip"))
    })
}

/// The answer itself. A whole one that nothing is to happen to is sent in one go.
fn answer(mut underway: Underway, manners: Manners, plan: Plan, packs: bool) -> Response {
    underway.answered(200);
    underway.counted(plan.content.usage);
    let (kind, framing) = (plan.content.kind, plan.content.framing);
    let (mut pieces, repeated) = plan
        .content
        .pieces(&plan.behaviour, || manners.error_in_stream());
    let is_endless = repeated.is_some();
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let is_plain = framing == Framing::Whole && pieces.len() == 1 && !is_endless;
    let body = if is_plain {
        underway.sent = 1;
        underway.ended(End::Finished);
        underway.gave(length);
        let whole = pieces.remove(0);
        if packs {
            Body::from(gzip::whole(&whole))
        } else {
            Body::from(whole)
        }
    } else {
        let gzip = packs.then(Gzip::new);
        let pieces = (pieces, repeated);
        Sending::new(underway, plan.fault, &plan.behaviour, pieces, gzip).body()
    };
    let mut response = respond(manners, 200, kind, body);
    let set = response.headers_mut();
    if packs {
        set.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    } else if framing == Framing::Whole && !is_endless {
        // So that a client whose answer is cut short can tell.
        set.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn refuse(
    mut underway: Underway,
    manners: Manners,
    refusal: &Refusal,
    instead: Option<&Value>,
) -> Response {
    let status = refusal.status_for(manners.dialect);
    underway.answered(status);
    underway.ended(End::Finished);
    let natural = || {
        let body = refusal.body(manners.dialect, &manners.request_id());
        if manners.in_array {
            json!([body])
        } else {
            body
        }
    };
    let text = match instead {
        Some(Value::String(text)) => text.clone(),
        Some(body) => body.to_string(),
        None => natural().to_string(),
    };
    let mut response = respond(manners, status, JSON, Body::from(text));
    if let Some(seconds) = refusal.retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl Manners {
    fn request_id(self) -> String {
        format!("req_{:024}", self.id)
    }

    fn error_in_stream(self) -> Value {
        let api = self.api.unwrap_or(Api::Chat);
        apis::error_in_stream(api, self.dialect, &self.request_id())
    }
}

fn respond(manners: Manners, status: u16, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = match manners.dialect {
        Dialect::OpenAi => "x-request-id",
        Dialect::Anthropic => "request-id",
        Dialect::Gemini => return response,
    };
    if let Ok(id) = HeaderValue::from_str(&manners.request_id()) {
        headers.insert(HeaderName::from_static(name), id);
    }
    response
}
