//! Buying credit: `POST …/billing/topup` and `POST …/billing/topup/status`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ApiMessage;

/// The body of `POST …/billing/topup`. A field it doesn't know is refused, as the contract says
/// (`additionalProperties: false`): a misspelt `payment_method_id` must not charge another card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateTopup {
    /// The credit to buy, in whole cents; Cloudflare takes 1000 and more.
    #[cfg_attr(feature = "openapi", schema(example = 5000, minimum = 1000))]
    pub amount: i64,
    /// The Stripe PaymentMethod to charge instead of the customer's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, example = "pm_123"))]
    pub payment_method_id: Option<String>,
}

/// The answer to `POST …/billing/topup`.
///
/// Its `Debug` hides `client_secret`: whoever has that can confirm the payment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Topup {
    /// The Stripe PaymentIntent's secret, with which a browser finishes the payment (3-D Secure);
    /// `null` where nothing is left to confirm.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub client_secret: Option<String>,
    /// Whether the account was already onboarded, that is, known to Stripe.
    pub onboarding: bool,
    /// The Stripe *invoice* id, despite its name: what `topup/status` is asked with.
    #[cfg_attr(feature = "openapi", schema(example = "in_1abc"))]
    pub payment_intent_id: String,
    /// The brand of the card that was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub brand: Option<String>,
    /// The last four digits of the card that was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub last4: Option<String>,
}

impl fmt::Debug for Topup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topup")
            .field(
                "client_secret",
                &self.client_secret.as_ref().map(|_| "[hidden]"),
            )
            .field("onboarding", &self.onboarding)
            .field("payment_intent_id", &self.payment_intent_id)
            .field("brand", &self.brand)
            .field("last4", &self.last4)
            .finish()
    }
}

/// The body of `POST …/billing/topup/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupStatusBody {
    /// The Stripe invoice id that the top-up was answered with.
    #[cfg_attr(feature = "openapi", schema(example = "in_1abc"))]
    pub payment_intent_id: String,
}

/// The answer to `POST …/billing/topup/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupStatusResponse {
    /// The Stripe invoice id that was asked for.
    #[cfg_attr(feature = "openapi", schema(example = "in_1abc"))]
    pub payment_intent_id: String,
    /// Whether the credit is there.
    pub status: TopupStatus,
}

/// Whether a top-up's credit has arrived. The contract has these two values and no "failed"; any
/// other is an error when it is read, so that nobody waits for a top-up that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TopupStatus {
    /// The money has arrived and the credit is in the balance.
    Completed,
    /// The money has not arrived yet.
    Pending,
}

/// The answer to `GET …/billing/topup/limits`: what a top-up may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupLimits {
    /// ISO 4217, lower case as in invoices.
    #[cfg_attr(feature = "openapi", schema(example = "usd"))]
    pub currency: String,
    /// The smallest, in cents.
    #[cfg_attr(feature = "openapi", schema(example = 1000))]
    pub min_cents: i64,
    /// The largest, in cents.
    #[cfg_attr(feature = "openapi", schema(example = 1_000_000))]
    pub max_cents: i64,
}

/// The answer to `GET …/billing/topup/eligibility`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupEligibility {
    /// For a top-up that somebody asks for.
    pub manual_topup: ManualTopup,
}

/// Whether the caller's `POST …/billing/topup` would be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ManualTopup {
    /// Whether it would. A card may still be declined. `false` where an answer doesn't say.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub eligible: bool,
    /// Why it would not: the errors that it would be refused with.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reasons: Vec<ApiMessage>,
    /// What it may be.
    pub limits: TopupLimits,
}
