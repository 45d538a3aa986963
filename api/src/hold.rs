//! Holding credit and taking it in parts: `…/billing/holds`. Farebox's own; Cloudflare has no such calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Cents;

/// The body of `POST …/billing/holds`. A field that it doesn't know is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateHold {
    /// What to hold, in cents, above zero, with up to seven decimals. A string of the same digits is
    /// read too, for languages whose numbers are floats.
    pub amount: Cents,
    /// The currency, where the caller wants to be sure: it must be the one that Farebox sells credit in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, example = "usd"))]
    pub currency: Option<String>,
    /// In how many seconds the hold ends by itself; 600 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, minimum = 1, maximum = 604_800)
    )]
    pub expires_in: Option<i64>,
    /// The caller's own notes: at most 50 keys of up to 40 characters, values of up to 500.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// The body of `POST …/billing/holds/{hold_id}/capture`. A field that it doesn't know is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CaptureHold {
    /// What to take, in cents, with up to seven decimals: at most what is left. It may be zero where the
    /// capture is the final one.
    pub amount: Cents,
    /// What was paid for, of up to 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub description: Option<String>,
    /// The caller's own notes: at most 50 keys of up to 40 characters, values of up to 500.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Whether this is the last capture: what is left is then released.
    #[serde(default, rename = "final")]
    pub last: bool,
}

/// A hold, as every call about it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// 32 hex characters.
    pub id: String,
    /// What was held at first, in cents.
    pub amount: Cents,
    /// What has been captured of it, in cents.
    pub captured: Cents,
    /// What is still held, in cents.
    pub remaining: Cents,
    /// The ledger's currency.
    #[cfg_attr(feature = "openapi", schema(example = "usd"))]
    pub currency: String,
    /// What has become of it.
    pub state: HoldState,
    /// RFC 3339, UTC. From then on nothing can be captured.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:10:00.000Z"))]
    pub expires_at: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
    /// As the hold was made with.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub metadata: BTreeMap<String, String>,
    /// Every capture, oldest first. A list of holds leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub captures: Option<Vec<Capture>>,
}

/// Something that was taken out of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capture {
    /// 32 hex characters: the transfer's id in the ledger.
    pub id: String,
    /// In cents.
    pub amount: Cents,
    /// What was paid for; `null` where it was not said.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub description: Option<String>,
    /// As the capture was made with.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub metadata: BTreeMap<String, String>,
    /// Whether it released the rest.
    #[serde(rename = "final")]
    pub last: bool,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
}

/// What has become of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HoldState {
    /// Some of it, or all, may still be captured.
    Open,
    /// Captured in full, or closed by a final capture.
    Captured,
    /// Released by a call, perhaps after a part was captured.
    Voided,
    /// Released because its time was over, perhaps after a part was captured.
    Expired,
}

impl HoldState {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}
