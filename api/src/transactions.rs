//! What moved an account's credit: `GET …/billing/transactions`, which is Farebox's own.

use serde::{Deserialize, Serialize};

use crate::Cents;

/// The answer to `GET …/billing/transactions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransactionList {
    /// Newest first, unless asked otherwise.
    pub transactions: Vec<Transaction>,
    /// What to send as `cursor` for the next page; `null` on the last one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next_cursor: Option<String>,
}

/// One transfer that touches the account. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transaction {
    /// 32 hex characters.
    pub id: String,
    /// When it was written, in Unix milliseconds: the unit of the filters.
    pub at: i64,
    /// Why: `top_up`, `usage`, `promotion`, `write_off`, `adjustment`, `reversal`. More may come.
    #[cfg_attr(feature = "openapi", schema(example = "usage"))]
    pub code: String,
    /// What it does: `single` moves the amount, `pending` holds it, `post` takes it out of a hold,
    /// `void` and `expire` release what is left of one.
    #[cfg_attr(feature = "openapi", schema(example = "single"))]
    pub phase: String,
    /// What is moved, held or released, in cents; never below zero.
    pub amount: Cents,
    /// By how much it changes the balance, in cents: below zero for what is spent, zero for a hold and
    /// its release. All of them together are the balance.
    pub change: Cents,
    /// The other side: `revenue`, `clearing` …
    #[cfg_attr(feature = "openapi", schema(example = "revenue"))]
    pub counterparty: String,
    /// The hold that it resolves.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub hold: Option<String>,
    /// When a hold ends by itself, in Unix milliseconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expires_at: Option<i64>,
    /// What it was for, such as a model or Stripe's invoice.
    pub reference: String,
}
