//! What an account has: `GET …/billing/credit-balance`.

use serde::{Deserialize, Serialize};

use crate::{Cents, TopupConfig};

/// The answer to `GET …/billing/credit-balance`. All money is in cents.
///
/// `available`, `held` and `pending_topups` are Farebox's own. Farebox always writes them;
/// Cloudflare doesn't know them, and they are `None` when they are read from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreditBalance {
    /// The credit, in cents. It is below zero where a refund or a lost dispute took more back than
    /// there was.
    pub balance: Cents,
    /// Whether a top-up can be charged without naming a payment method.
    pub has_default_payment_method: bool,
    /// The payment method that is charged by default; `null` where there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub payment_method: Option<PaymentMethodSummary>,
    /// When and how the account tops itself up.
    pub topup_config: TopupConfig,
    /// Whether a top-up has ever succeeded. `false` where an answer doesn't say, since the contract
    /// makes it optional.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub first_topup_success: bool,
    /// What a new call can be paid from: the balance without what is held, in cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub available: Option<Cents>,
    /// What running calls hold, in cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub held: Option<Cents>,
    /// Top-ups whose money has not arrived yet, in cents; no part of the balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pending_topups: Option<Cents>,
}

/// What may be shown of a payment method.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaymentMethodSummary {
    /// The card's brand, as Stripe writes it (`visa`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub brand: Option<String>,
    /// The card's last four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub last4: Option<String>,
}
