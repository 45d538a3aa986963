//! When an account tops itself up: `…/billing/topup/config`.

use serde::{Deserialize, Serialize};

use crate::Cents;

/// The body of `POST …/billing/topup/config`. A field that it doesn't know is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetTopupConfig {
    /// What a top-up buys, in whole cents.
    #[cfg_attr(feature = "openapi", schema(example = 5000, minimum = 1000))]
    pub amount: i64,
    /// Below this much available a top-up starts, in whole cents.
    #[cfg_attr(feature = "openapi", schema(example = 500, minimum = 500))]
    pub threshold: i64,
}

/// The answer to `POST …/billing/topup/config`. The contract types both as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupConfigSet {
    /// What a top-up buys, in cents.
    pub amount: Cents,
    /// Below this much available a top-up starts, in cents.
    pub threshold: Cents,
}

/// When and how an account tops itself up. All five fields are always written, `null` where unset:
/// SDKs before Cloudflare's TypeScript 7.2.0 require them all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopupConfig {
    /// Below this much available a top-up starts, in cents. It is set in whole cents, but the
    /// contract types the answer as a number, so a fraction is read too.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub threshold: Option<Cents>,
    /// What such a top-up buys, in cents.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub amount: Option<Cents>,
    /// Why none starts just now, in a sentence.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<String>,
    /// The same for a program. The contract has a free text; Farebox writes `payment_failed`,
    /// `authentication_required`, `no_payment_method`, `dispute`, `refund` or `limit`.
    #[serde(rename = "disabledReason")]
    #[cfg_attr(feature = "openapi", schema(required, example = "payment_failed"))]
    pub disabled_reason: Option<String>,
    /// When the last attempt failed that no success has followed, in Unix seconds. The contract gives
    /// no unit.
    #[serde(rename = "lastFailedAt")]
    #[cfg_attr(feature = "openapi", schema(required, example = 1_700_000_000))]
    pub last_failed_at: Option<i64>,
}
