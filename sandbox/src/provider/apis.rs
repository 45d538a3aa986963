//! The APIs one by one: what each asks, and what each answers.

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;

use super::ask::Ask;
use super::behaviour::Behaviour;
use super::content::Content;
use super::error::Refusal;
use super::route::{Api, Route};
use super::{anthropic, gemini, openai};

/// A request with its body read.
pub(crate) struct Request<'a> {
    /// Of the journal, and so of every id in the answer.
    pub(crate) id: u64,
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) route: &'a Route,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: Value,
}

impl Request<'_> {
    /// An id in the answer, which repeats on every fresh server.
    pub(crate) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:024}", self.id)
    }

    pub(crate) fn asks(&self, name: &str, value: &str) -> bool {
        self.query.iter().any(|(n, v)| n == name && v == value)
    }
}

/// The body of a request.
pub(crate) fn body(_route: &Route, _headers: &HeaderMap, bytes: &Bytes) -> Result<Value, Refusal> {
    let body = serde_json::from_slice(bytes).ok().filter(Value::is_object);
    body.ok_or_else(|| Refusal::malformed("We could not parse the JSON body of your request."))
}

/// Reads what is asked.
pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    match request.route.api {
        Api::Chat => openai::chat::ask(request),
        Api::Messages => anthropic::messages::ask(request),
        Api::Generate | Api::StreamGenerate => gemini::generate::ask(request),
    }
}

/// Makes the answer.
pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    match request.route.api {
        Api::Chat => openai::chat::content(request, ask, behaviour),
        Api::Messages => anthropic::messages::content(request, ask, behaviour),
        Api::Generate | Api::StreamGenerate => gemini::generate::content(request, ask, behaviour),
    }
}
