//! Farebox's money core: amounts, accounts, transfers, holds, refusals, rates and the top-up's states.
//!
//! Everything here is a deterministic function of its arguments. Nothing waits, reads a clock,
//! draws a random number, logs, or knows SQL or HTTP; time and ids are brought by the caller.
//! Nothing panics, and no amount ever passes through a floating-point number.
//!
//! The vocabulary is TigerBeetle's. A [`Transfer`] debits one [`Account`] and credits another, is
//! written once and never changed. A [`Hold`] is a pending transfer that is later posted, voided
//! or expired by further transfers. A [`Book`] applies [`Operation`]s to what its caller has
//! loaded, and hands back the [`Changes`] to write. [`Replay`] recomputes all of it from the
//! transfers alone, by other code, so that the two can be compared.
//!
//! Beside it stands what a call to a model costs: [`Usage`] says what was used, and [`rates`] what that
//! makes in money.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod account;
mod amount;
pub mod auto_topup;
mod book;
mod buckets;
mod decimal;
mod fee;
mod hold;
mod id;
mod limit;
mod names;
mod operation;
pub mod rates;
mod refusal;
mod replay;
pub mod reversal;
pub mod topup;
mod transfer;
mod usage;

pub use account::{Account, Balances, UnknownAccount};
pub use amount::Amount;
pub use book::{Book, Changes, Outcome, Status};
pub use buckets::{BucketChanges, Buckets, Cap, Counted, Over, Reservation, Standing, Window};
pub use decimal::DecimalError;
pub use fee::FeeRate;
pub use hold::{Hold, HoldState};
pub use id::{AccountId, BucketId, InvalidId, Timestamp, TransferId};
pub use limit::{Limit, Period, Spending, Strategy};
pub use operation::Operation;
pub use refusal::{Refusal, Refused};
pub use replay::{Problem, ProblemKind, Replay, Replayed, Totals, replay};
pub use transfer::{Code, Phase, REFERENCE_BYTES_MAX, Transfer};
pub use usage::{Basis, Kind, Term, Terms, Unit, Usage};
