//! The sandbox's provider, as clients of the providers' APIs meet it.

mod client;

mod anthropic;
mod faults;
mod flavours;
mod gemini;
mod journal;
mod openai;
mod others;
mod responses;
mod tasks;
