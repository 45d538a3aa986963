//! Anthropic's API.

pub(crate) mod ask;
pub(crate) mod messages;
