//! Google's Gemini API.

pub(crate) mod embed;
pub(crate) mod generate;
