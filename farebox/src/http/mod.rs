//! The HTTP side: the management API, Stripe's webhooks, and what an operator's tools ask for.
//!
//! Handlers make four moves: parse, authorise, call one function, render. No SQL and no rule about
//! money is in here.

mod again;
mod api;
mod auth;
mod body;
mod client_address;
mod envelope;
mod gateway;
mod idempotency;
mod nul;
pub mod openapi;
mod ops;
mod public_url;
mod query;
mod refusals;
mod request_id;
mod serve;
mod throttle;
mod trace;
mod webhooks;

pub use gateway::WebSockets;
pub use serve::{Served, router, serve};
pub use throttle::Throttle;
