//! A provider of language models that can be foretold.
//!
//! One server plays all of them: OpenAI's API and those compatible with it, Anthropic's and
//! Google's Gemini, told apart by their paths. It answers in the shapes of their public
//! references, streamed and whole, at once and without any model: the text is made from the
//! request, a token is a word between white space, and so the usage of every answer is known
//! before it is asked for. What else an answer may be (slow, cut off, wrong about its usage) is a
//! [`Behaviour`], which a test asks for by a fault, by the model's name or in the prompt.
//!
//! `http` takes a request from bytes to bytes. What it asks is read into an `Ask`, answered by a
//! `Turn`, and both know no API; the folders of the APIs hold what is theirs alone. `send` puts
//! the answer on the wire at the pace and to the end that were asked for, and `underway` notices
//! how it ended.

mod anthropic;
mod apis;
mod ask;
mod auth;
mod base64;
mod behaviour;
mod content;
mod control;
mod control_http;
mod embedding;
mod error;
mod faults;
mod gemini;
mod gzip;
mod http;
mod journal;
mod models;
mod multipart;
mod openai;
mod query;
mod route;
mod send;
mod server;
mod turn;
mod underway;

pub use behaviour::{Behaviour, Gzip, MODELS, Reported, ScriptedCall};
pub use faults::Fault;
pub use journal::{Counts, Credential, End, Recorded, Usage};
pub use server::{Provider, ProviderConfig};
