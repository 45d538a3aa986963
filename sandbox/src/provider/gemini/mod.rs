//! Google's Gemini API.

pub(crate) mod generate;
