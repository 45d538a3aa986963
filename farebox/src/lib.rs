//! Farebox: a self-hosted AI gateway with prepaid billing. ARCHITECTURE.md has the map.

pub mod admin;
pub mod app;
pub mod billing;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod control;
mod csv;
pub mod error;
pub mod gateways;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod keyring;
pub mod metrics;
pub mod proxy;
pub mod reach;
pub mod store;
pub mod stripe;
pub mod tls;

/// Calls take and give back memory on several threads, which the system's allocator does in twice the time; this one
/// hands out first what was given back last, which the processor still has at hand (docs/explanation/performance.md). SQLite's
/// memory is its too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
