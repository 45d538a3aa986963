//! OpenAI's API, and those that are compatible with it.

pub(crate) mod chat;
