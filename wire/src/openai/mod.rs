//! OpenAI's APIs, and those of everybody who speaks them.

pub(crate) mod chat;
pub(crate) mod completions;
mod content;
pub(crate) mod embeddings;
pub(crate) mod images;
pub(crate) mod moderations;
pub(crate) mod responses;
pub(crate) mod speech;
pub(crate) mod transcription;
mod usage;
