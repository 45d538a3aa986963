//! The sandbox's servers over HTTP, as their clients meet them.

#![allow(clippy::unwrap_used)]

mod client;
mod receiver;

mod cards;
mod checkout;
mod disputes;
mod faults;
mod idempotency;
mod intents;
mod invoices;
mod lists;
mod pages;
mod provider;
mod refund_ends;
mod refunds;
mod webhooks;
