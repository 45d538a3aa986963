//! Money of a top-up that goes back: `…/billing/topup/{payment_intent_id}/refund` and `…/billing/disputes`.
//! Farebox's own; Cloudflare has no such calls.

use serde::{Deserialize, Serialize};

use crate::Cents;

/// The body of `POST …/billing/topup/{payment_intent_id}/refund`. A field that it doesn't know is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateRefund {
    /// How much of the payment goes back, in cents; all that is left of it where it is left out. Where a fee
    /// was paid, it goes back in proportion, and so much less credit is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, minimum = 1))]
    pub amount: Option<i64>,
    /// Why, for Stripe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub reason: Option<RefundReason>,
}

/// Why money is given back, in Stripe's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RefundReason {
    /// It was paid twice.
    Duplicate,
    /// The card's owner did not pay it.
    Fraudulent,
    /// The customer has asked.
    RequestedByCustomer,
}

impl RefundReason {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Fraudulent => "fraudulent",
            Self::RequestedByCustomer => "requested_by_customer",
        }
    }
}

/// A refund, the operator's or one that was made at Stripe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refund {
    /// 32 hex characters: the reference of its transfers.
    pub id: String,
    /// The top-up's invoice (`in_…`).
    pub payment_intent_id: String,
    /// Stripe's `re_…`; `null` before Stripe has answered.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub stripe_id: Option<String>,
    /// The money that goes back, in cents.
    pub amount: Cents,
    /// The credit that is taken back for it now, in cents: nothing where the refund has failed.
    pub credit: Cents,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`, as Stripe has it, or `refused`
    /// where Stripe would not make it. Stripe may add others.
    #[cfg_attr(feature = "openapi", schema(example = "succeeded"))]
    pub status: String,
    /// Why, in Stripe's words.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reason: Option<String>,
    /// `token:<id>`, or `stripe` where it was made there.
    pub created_by: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
}

/// A payment that the customer's bank takes back, or asks about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dispute {
    /// 32 hex characters: the reference of its transfers.
    pub id: String,
    /// The top-up's invoice (`in_…`).
    pub payment_intent_id: String,
    /// Stripe's `dp_…`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub stripe_id: Option<String>,
    /// The disputed money, in cents.
    pub amount: Cents,
    /// The credit that is taken back for it now, in cents: nothing while no money is withdrawn.
    pub credit: Cents,
    /// Stripe's status, such as `needs_response`, `won` or `lost`.
    #[cfg_attr(feature = "openapi", schema(example = "needs_response"))]
    pub status: String,
    /// Whether it is still being decided.
    pub open: bool,
    /// Why, in Stripe's words.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reason: Option<String>,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
}
