//! Why billing did not do what it was asked, as values; what a client reads is made of them elsewhere.

use ledger::{Amount, Limit};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::store::committer::CommitError;
use crate::stripe::StripeError;

/// A final no: asking again the same way brings the same answer, so it may be kept and repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The card was declined, the invoice is void, nothing was charged.
    Declined {
        /// Stripe's `in_…`.
        invoice: String,
        /// Stripe's reason, such as `insufficient_funds`.
        code: String,
    },
    /// The invoice was voided or written off: it can't be paid any more.
    Voided {
        /// Stripe's `in_…`.
        invoice: String,
    },
    /// Given up before anything was charged.
    Abandoned,
    /// Money arrived that does not match; nothing is credited until the operator has looked.
    InReview {
        /// Stripe's `in_…`.
        invoice: String,
    },
    /// The payment method isn't one of this account's.
    PaymentMethod {
        /// As the request named it.
        id: String,
    },
    /// Stripe refuses what we ask, which no client can mend.
    Stripe {
        /// Stripe's own words.
        message: String,
    },
}

/// Why a hold was not made, or not changed. What it says is how things stand just after the refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldRefusal {
    /// There is no such hold in this account.
    NotFound,
    /// Less is available.
    InsufficientCredit {
        /// What was to be held.
        asked: Amount,
        /// What could be; below zero where a refund took back what had been spent.
        available: Amount,
    },
    /// The account's spending limit would be passed.
    SpendingLimit {
        /// What was to be held.
        asked: Amount,
        /// The limit.
        limit: Limit,
        /// What may still be held.
        left: Amount,
        /// When there is as much as was asked for, or, where that is more than can be, all that can; RFC 3339.
        /// Nothing where all is held and nothing spent.
        more_at: Option<String>,
        /// In how many seconds that is.
        retry_after: Option<u64>,
    },
    /// New spending is frozen while a payment is disputed.
    Frozen,
    /// A spending limit that is gone has refused it.
    LimitChanged,
    /// Its time is over.
    Expired {
        /// Since when; RFC 3339.
        at: String,
    },
    /// It has been captured or voided.
    Over {
        /// How it ended.
        state: api::HoldState,
    },
    /// Less is left of it.
    BeyondHold {
        /// What was to be captured.
        asked: Amount,
        /// What could be.
        left: Amount,
    },
}

/// Why an operator's refund was not made. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundRefusal {
    /// The top-up was never paid.
    NotPaid,
    /// Less is left of the payment.
    BeyondPayment {
        /// What was to go back.
        asked: Amount,
        /// What may: nothing where all has gone back already.
        left: Amount,
    },
    /// The credit has been spent or is held.
    CreditSpent {
        /// What was to go back.
        money: Amount,
        /// The credit that is there; below zero where more was taken back before.
        available: Amount,
    },
    /// Stripe refuses it.
    ByStripe {
        /// Stripe's own words.
        message: String,
    },
}

/// Why a use case ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// A final no.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// No to a call about a hold.
    #[error("refused: {0:?}")]
    Hold(HoldRefusal),
    /// No to a refund.
    #[error("refused: {0:?}")]
    Refund(RefundRefusal),
    /// There is no such top-up in this account.
    #[error("there is no such top-up in this account")]
    NoSuchTopup,
    /// There is no such payment method in this account.
    #[error("there is no such payment method in this account")]
    NoSuchPaymentMethod,
    /// Stripe doesn't lead anybody back to this URL.
    #[error("stripe doesn't take the return url")]
    ReturnUrl,
    /// Another change of the account's cards is under way.
    #[error("another change of the account's cards is under way")]
    CardsBusy,
    /// The cursor names no transfer of this account's.
    #[error("the cursor names no transfer of this account's")]
    NoSuchCursor,
    /// Stripe could not be asked, and nothing was charged.
    #[error("stripe: {0}")]
    Unavailable(StripeError),
    /// Stripe did not answer in time, and nothing was charged.
    #[error("stripe took too long")]
    TookTooLong,
    /// Another request with this idempotency key is running.
    #[error("another request with this idempotency key is running")]
    KeyBusy,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyMismatch,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger's writer failed or refused.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A mistake of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<StripeError> for BillingError {
    fn from(error: StripeError) -> Self {
        if error.is_transient() || error.outcome_unknown() {
            return Self::Unavailable(error);
        }
        Self::Refused(Refusal::Stripe {
            message: error.to_string(),
        })
    }
}
