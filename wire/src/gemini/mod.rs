//! Google's Gemini API.
//!
//! It is defined in protocol buffers, whose JSON may spell each name in two ways: `maxOutputTokens` and
//! `max_output_tokens` are the same member of a request.

pub(crate) mod ask;
pub(crate) mod embed;
pub(crate) mod generate;
mod usage;
