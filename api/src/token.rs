//! What a token is worth: `GET /user/tokens/verify`.

use serde::{Deserialize, Serialize};

/// The answer to `GET /user/tokens/verify` (developers.cloudflare.com/api, "Verify Token").
///
/// Times are kept as they came, RFC 3339 text in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenVerify {
    /// The token's id, at most 32 characters; not the token itself.
    #[cfg_attr(feature = "openapi", schema(max_length = 32))]
    pub id: String,
    /// Whether the token works.
    pub status: TokenStatus,
    /// The time before which the token doesn't work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, format = DateTime))]
    pub not_before: Option<String>,
    /// The time from which on the token no longer works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, format = DateTime))]
    pub expires_on: Option<String>,
}

/// Whether a token works. Any other value is an error when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TokenStatus {
    /// It works.
    Active,
    /// It was switched off.
    Disabled,
    /// Its time is over.
    Expired,
}
