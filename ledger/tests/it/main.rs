//! The ledger's tests: text tables, a random auditor, and what the source may not contain.

// The ledger itself may not use a clock, unwrap or index; its tests may.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used
)]

mod auditor;
mod auto_topup;
mod bound;
mod buckets;
mod generate;
mod limit;
mod model;
mod rates;
mod refusals;
mod replay;
mod reversal;
mod rules;
mod shape;
mod source;
mod table;
mod tariff;
mod text;
mod topup;
