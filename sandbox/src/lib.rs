//! Servers on loopback that stand in for the services an AI gateway with prepaid billing talks to.
//!
//! For development without accounts or network, for demonstrations and for tests. Each server is
//! a real HTTP server that speaks the real protocol, so that the programs under it run the very
//! code that they run in production. Nothing here knows who calls it: this crate must not depend
//! on any other crate of the workspace.

pub mod stripe;

pub use stripe::{
    Deliveries, DisputeEnd, DisputeKind, Fault, FaultAction, FaultId, Outcome, Recorded, Refusal,
    Stripe, StripeConfig, Webhook,
};
