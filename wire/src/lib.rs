//! What providers' APIs say: what a request asks for, and what an answer used.
//!
//! Everything here is a deterministic function of its arguments, as in `ledger`, of which it knows
//! `Usage` and nothing else: nothing waits, reads a clock, logs, or knows HTTP or a price.
//! Nothing panics, whatever the bytes.

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

pub mod sse;
