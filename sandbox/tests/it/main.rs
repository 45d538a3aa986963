//! The sandbox's Stripe over HTTP, as its clients meet it.

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
mod refund_ends;
mod refunds;
mod webhooks;
