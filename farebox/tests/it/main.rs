//! Farebox seen from outside: one binary, whose modules mirror the URLs. Everything runs against a real
//! server on loopback, the sandbox in Stripe's place, on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod app;
mod authorisation;
mod billing;
mod calls;
mod cli;
mod crash;
mod crash_calls;
mod crash_refunds;
mod faults;
mod gateway;
mod gateways;
mod openapi;
mod prices;
mod process;
mod reference;
mod requests;
mod site;
mod store;
mod tidy;
mod user;
mod webhooks;
