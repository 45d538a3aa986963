//! Chat completions, OpenAI's, translated to the formats of Anthropic and Google and back.
//!
//! A request is read into a conversation that belongs to neither, and written from it; an answer the same
//! way back, whole or in a stream. What a format can't say is refused where the answer would be another
//! without it (several answers, sound that the model can't hear), and left out where it is a hint (an
//! effort, a seed). Anthropic's own OpenAI endpoint draws the line in the same places.
//!
//! What is used is not read here: the observer watches the provider's own answer.

mod alike;
mod answer;
mod chat;
mod from_anthropic;
mod from_gemini;
mod stream;
mod to_anthropic;
mod to_gemini;

use std::fmt;

use crate::asked::Unreadable;
use crate::json::Json;
use crate::json::write::Members;
pub use alike::alike;
pub use stream::Stream;

/// A format to translate to.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// Anthropic's `messages`.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
}

/// A request in the provider's format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Translated {
    /// The path at the provider, with its query.
    pub path: String,
    /// The body.
    pub body: String,
    /// Whether the answer streams.
    pub stream: bool,
    /// Whether the client wants the usage in the stream.
    pub usage_in_stream: bool,
}

/// Why a request can't be translated, which is the client's to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Untranslatable {
    /// It is no request of this API.
    Unreadable(Unreadable),
    /// The provider's format has nothing like it.
    Unknown(String),
}

impl fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Unknown(what) => write!(f, "{what} can't be had from this provider"),
        }
    }
}

impl std::error::Error for Untranslatable {}

impl From<Unreadable> for Untranslatable {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// A chat completion request in the target's format. `model` is its name there, `output_limit` the limit
/// for a request that has none, which Anthropic can't do without.
///
/// # Errors
/// Where the request is unreadable, or asks for what the target can't do.
pub fn request(
    target: Target,
    body: &str,
    model: &str,
    output_limit: u64,
) -> Result<Translated, Untranslatable> {
    let chat = chat::read(body)?;
    Ok(Translated {
        path: path(target, model, chat.stream)?,
        body: match target {
            Target::Anthropic => to_anthropic::write(&chat, model, output_limit)?,
            Target::Gemini => to_gemini::write(&chat, model)?,
        },
        stream: chat.stream,
        usage_in_stream: chat.usage_in_stream,
    })
}

/// The path of a chat in the target's own format, with its query.
///
/// # Errors
/// Where the model's name can't stand in a path.
pub fn path(target: Target, model: &str, stream: bool) -> Result<String, Unreadable> {
    if !is_plain(model) {
        return Err(Unreadable::Invalid("model"));
    }
    let method = match (target, stream) {
        (Target::Anthropic, _) => return Ok("v1/messages".to_owned()),
        (Target::Gemini, true) => "streamGenerateContent?alt=sse",
        (Target::Gemini, false) => "generateContent",
    };
    Ok(format!("v1beta/models/{model}:{method}"))
}

/// Whether a model's name can stand in a path without leading anywhere else.
fn is_plain(model: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@".contains(&byte);
    model.bytes().all(is_plain) && model.bytes().any(|byte| byte != b'.')
}

/// An answer, or an error, as a chat completion or an error of OpenAI's. `created_secs` is the time that
/// is put into it, in seconds since the Unix epoch. `None` where the body is neither.
pub fn answer(target: Target, body: &str, created_secs: u64) -> Option<String> {
    let body = Json::parse(body)?;
    // Gemini sends the errors of a stream in an array.
    let body = body.items().first().copied().unwrap_or(body);
    if let Some(error) = body.get("error") {
        return Some(error_body(error));
    }
    let answer = match target {
        Target::Anthropic => from_anthropic::read(body)?,
        Target::Gemini => from_gemini::read(body)?,
    };
    Some(answer.completion(created_secs))
}

/// The provider's error in OpenAI's words.
fn error_body(error: Json<'_>) -> String {
    let members = error.object();
    let kind = members.get("type").or(members.get("status"));
    let error = Members::default()
        .json("message", members.get("message").map_or("\"\"", Json::raw))
        .json("type", kind.map_or("null", Json::raw))
        .json("param", "null")
        .json("code", members.get("code").map_or("null", Json::raw));
    Members::default().json("error", &error.object()).object()
}
