//! What an account has: `GET …/billing/credit-balance` and `GET …/billing/topup/config`.

use serde::{Deserialize, Serialize};

use crate::Cents;

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

/// When and how an account tops itself up. All five fields are always written, `null` where unset:
/// SDKs before Cloudflare's TypeScript 7.2.0 require them all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupConfig {
    /// The balance below which a top-up starts, in cents. It is set in whole cents, but the
    /// contract types the answer as a number, so a fraction is read too.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub threshold: Option<Cents>,
    /// What such a top-up buys, in cents.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub amount: Option<Cents>,
    /// What the last attempt failed of.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<String>,
    /// Why topping up was switched off; a free text, since the contract lists no values.
    #[serde(rename = "disabledReason")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub disabled_reason: Option<String>,
    /// When the last attempt failed. The contract gives no unit; whoever writes it decides.
    #[serde(rename = "lastFailedAt")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_failed_at: Option<i64>,
}
