//! What an account has used: `GET …/billing/usage-history`.

use serde::{Deserialize, Serialize};

use crate::Cents;

/// By what usage is summed up: hours or days, both of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum UsageGrouping {
    /// By hours.
    Hour,
    /// By days.
    Day,
}

impl UsageGrouping {
    /// As the wire writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// The answer to `GET …/billing/usage-history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageHistory {
    /// Every window of the span that was asked for, oldest first, those without usage too.
    pub history: Vec<UsageWindow>,
}

/// What was used in one hour or day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageWindow {
    /// The same whenever the account asks about this window.
    #[cfg_attr(feature = "openapi", schema(example = "usage_day_1700006400"))]
    pub id: String,
    /// What was used, in cents.
    pub aggregated_value: Cents,
    /// When the window begins, in Unix *seconds*, although the question is in milliseconds.
    #[cfg_attr(feature = "openapi", schema(example = 1_700_006_400))]
    pub start_time: i64,
    /// When the next window begins, in Unix seconds.
    #[cfg_attr(feature = "openapi", schema(example = 1_700_092_800))]
    pub end_time: i64,
}
