//! The APIs one by one: what each asks, and what each answers.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::ask::Ask;
use super::behaviour::Behaviour;
use super::content::Content;
use super::error::Refusal;
use super::route::{Api, Dialect, Route};
use super::turn::Turn;
use super::{anthropic, gemini, models, multipart, openai};

/// A request with its body read.
pub(crate) struct Request<'a> {
    /// Of the journal, and so of every id in the answer.
    pub(crate) id: u64,
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) route: &'a Route,
    pub(crate) path: &'a str,
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
pub(crate) fn body(route: &Route, headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Refusal> {
    let (body, kind) = match route.api {
        Api::Models => return Ok(json!({})),
        Api::Transcription => (multipart::parse(headers, bytes), "form"),
        _ => (
            serde_json::from_slice(bytes).ok().filter(Value::is_object),
            "JSON",
        ),
    };
    body.ok_or_else(|| {
        Refusal::malformed(format!(
            "We could not parse the {kind} body of your request."
        ))
    })
}

/// Reads what is asked.
pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    match request.route.api {
        Api::Chat => openai::chat::ask(request),
        Api::Responses | Api::Compact | Api::CountResponses => openai::responses::ask(request),
        Api::Embeddings => openai::embeddings::ask(request),
        Api::Images => openai::images::ask(request),
        Api::Speech => openai::audio::ask_speech(request),
        Api::Transcription => openai::audio::ask_transcription(request),
        Api::Moderations => openai::moderations::ask(request),
        Api::Messages => anthropic::messages::ask(request),
        Api::CountMessages => anthropic::messages::ask_without_limit(&request.body),
        Api::Generate | Api::StreamGenerate => gemini::generate::ask(request),
        Api::CountContents => gemini::generate::ask_count(request),
        Api::Embed | Api::BatchEmbed => gemini::embed::ask(request),
        Api::Models => Ok(Ask {
            model: request.route.model.clone().unwrap_or_default(),
            ..Ask::default()
        }),
    }
}

/// Makes the answer.
pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    match request.route.api {
        Api::Chat => openai::chat::content(request, ask, behaviour),
        Api::Responses => openai::responses::content(request, ask, behaviour),
        Api::Compact => openai::compaction::content(request, ask, behaviour),
        Api::CountResponses => Content::json(&json!({
            "object": "response.input_tokens", "input_tokens": counted(ask, behaviour),
        })),
        Api::Embeddings => openai::embeddings::content(request, ask, behaviour),
        Api::Images => openai::images::content(request, ask, behaviour),
        Api::Speech => openai::audio::speech(request, ask, behaviour),
        Api::Transcription => openai::audio::transcription(request, ask, behaviour),
        Api::Moderations => openai::moderations::content(request, ask),
        Api::Messages => anthropic::messages::content(request, ask, behaviour),
        Api::CountMessages => Content::json(&json!({ "input_tokens": counted(ask, behaviour) })),
        Api::Generate | Api::StreamGenerate => gemini::generate::content(request, ask, behaviour),
        Api::CountContents => Content::json(&json!({ "totalTokens": counted(ask, behaviour) })),
        Api::Embed | Api::BatchEmbed => gemini::embed::content(request, ask, behaviour),
        Api::Models => Content::json(&models::content(request)),
    }
}

fn counted(ask: &Ask, behaviour: &Behaviour) -> u64 {
    Turn::of(ask, behaviour).tokens.input
}

/// The error that ends a stream which had begun well.
pub(crate) fn error_in_stream(api: Api, dialect: Dialect, request_id: &str) -> Value {
    let refusal = Refusal::wanted(529, None);
    match api {
        Api::Responses => json!({
            "type": "error", "code": "server_error", "message": refusal.message, "param": null,
            "sequence_number": 0,
        }),
        _ => refusal.body(dialect, request_id),
    }
}
