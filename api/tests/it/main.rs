//! What the crate promises: exact shapes on the wire, and a client that behaves as the official
//! SDKs do. The client speaks to a real HTTP server on loopback that follows a script.

#![allow(clippy::unwrap_used)]

mod calls;
mod cents;
mod envelopes;
mod errors;
mod gateways;
mod openapi;
mod retries;
mod server;
mod waiting;
