//! Servers on loopback that stand in for the services an AI gateway with prepaid billing talks to.
//!
//! For development without accounts or network, for demonstrations and for tests. Each server is
//! a real HTTP server that speaks the real protocol, so that the programs under it run the very
//! code that they run in production. Nothing here knows who calls it: this crate must not depend
//! on any other crate of the workspace.

mod clock;
mod fault_routes;
mod faults;
mod reset;
mod server;

pub mod provider;
pub mod stripe;

pub use faults::FaultId;
pub use provider::{Provider, ProviderConfig};
pub use stripe::{
    Deliveries, DisputeEnd, DisputeKind, Fault, FaultAction, Outcome, Recorded, Refusal, Stripe,
    StripeConfig, Webhook,
};
