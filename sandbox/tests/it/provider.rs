//! The sandbox's provider, as clients of the providers' APIs meet it.

mod client;

mod anthropic;
mod gemini;
mod journal;
mod openai;
