//! The most that an account may spend in a window of time: `…/billing/spending-limit`.

use serde::{Deserialize, Serialize};

/// The body of `POST …/billing/spending-limit`. A field that it doesn't know is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetSpendingLimit {
    /// The most that is settled and held together, in whole cents.
    #[cfg_attr(feature = "openapi", schema(example = 10_000, minimum = 100))]
    pub amount: i64,
    /// How long a window is.
    pub duration: LimitDuration,
    /// How windows follow each other.
    pub strategy: LimitStrategy,
}

/// The answer to every call about a spending limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpendingLimit {
    /// The limit; `null`s where none is set.
    pub config: SpendingLimitConfig,
    /// Whether one is set.
    pub enabled: bool,
}

/// A spending limit. All fields are always written, `null` where none is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpendingLimitConfig {
    /// The most that is settled and held together, in whole cents.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub amount: Option<i64>,
    /// How long a window is.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub duration: Option<LimitDuration>,
    /// How windows follow each other.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub strategy: Option<LimitStrategy>,
}

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LimitDuration {
    /// A day of UTC, or the last 24 hours.
    Daily,
    /// An ISO week of UTC, from Monday on, or the last 7 days.
    Weekly,
    /// A calendar month of UTC, or the last 30 days.
    Monthly,
}

/// How windows follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LimitStrategy {
    /// One begins where the last one ends, with nothing spent.
    Fixed,
    /// Each moment has its own: what was spent leaves it one by one.
    Sliding,
}
