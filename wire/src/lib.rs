//! What providers' APIs say: what a request asks for, and what an answer used.
//!
//! Everything here is a deterministic function of its arguments, as in `ledger`, of which it knows
//! [`ledger::Usage`] and nothing else: nothing waits, reads a clock, logs, or knows HTTP or a price.
//! Nothing panics, whatever the bytes.
//!
//! [`Endpoint::find`] tells the API behind a path. [`ask`] reads a request and [`change`] changes it,
//! leaving every other byte as it is. An [`Observer`] is fed an answer's bytes while somebody else passes
//! them on, and says at the end what was [`Used`]. [`compat`] translates chat completions to other formats
//! and back.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod account;
mod anthropic;
mod asked;
mod cohere;
pub mod compat;
mod dialect;
pub mod ending;
mod endpoint;
mod form;
mod further;
mod gemini;
mod json;
mod media;
mod observer;
mod openai;
mod parameters;
mod reading;
mod request;
mod sound;
pub mod sse;
mod tally;
mod used;

pub use account::is_about_account;
pub use asked::{Asked, Detail, Document, Image, Input, Rounds, Unreadable};
pub use dialect::Dialect;
pub use endpoint::{Api, Endpoint};
pub use observer::{Observer, SoFar};
pub use parameters::unknown_parameters;
pub use request::{Change, ask, change, without};
pub use used::{Also, Report, Used};
