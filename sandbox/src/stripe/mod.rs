//! A Stripe small enough to read and true enough to trust.
//!
//! It answers in the shapes of Stripe's OpenAPI description of API version 2026-05-27.dahlia,
//! keeps idempotency keys, signs and retries webhooks, and has Stripe's test cards. It covers what
//! a prepaid top-up needs: customers, cards, setup intents and the page for them, one-off invoices
//! and their payment, refunds, disputes and events. It has no subscriptions, no tax and no discounts. A parameter
//! that it does not know is refused as an unknown one and never silently ignored.
//!
//! The files fall into three layers. The state functions (`state`, `customers`, `invoices` and
//! the other nouns) are pure: the time comes in with the call, the identifiers from a seeded
//! generator, and they neither wait nor do any input or output. Around them stand `http` (one
//! request from bytes to bytes, with idempotency and faults), `deliver` (webhooks) and `control`
//! (what a test does that a client of Stripe cannot).

mod attempt;
mod balance;
mod cards;
mod charges;
mod checkout;
mod checkout_page;
mod control;
mod control_http;
mod control_money;
mod customers;
mod deliver;
mod disputes;
mod error;
mod events;
mod evidence;
mod expand;
mod faults;
mod finalize;
mod form;
mod http;
mod idempotency;
mod ids;
mod invoice_items;
mod invoice_payments;
mod invoices;
mod journal;
mod list;
mod pages;
mod params;
mod pay;
mod payment_intents;
mod payment_methods;
mod refund_ends;
mod refunds;
mod routes;
mod sequels;
mod server;
mod setup_intents;
mod sign;
mod state;

pub use control::Outcome;
pub use control_money::DisputeKind;
pub use deliver::{Deliveries, Webhook};
pub use disputes::End as DisputeEnd;
pub use error::Refusal;
pub use faults::{Fault, FaultAction};
pub use journal::Recorded;
pub use server::{Stripe, StripeConfig};

/// The API version whose shapes are answered, and that every event carries.
pub const API_VERSION: &str = "2026-05-27.dahlia";
