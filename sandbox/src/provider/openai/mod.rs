//! OpenAI's API, and those that are compatible with it.

pub(crate) mod audio;
pub(crate) mod chat;
pub(crate) mod embeddings;
mod flavour;
pub(crate) mod images;
pub(crate) mod moderations;
pub(crate) mod responses;
