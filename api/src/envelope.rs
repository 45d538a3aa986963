//! The envelope around every answer of the management API (Cloudflare's API v4).

use serde::{Deserialize, Deserializer, Serialize};

/// What every answer of the management API is wrapped in.
///
/// The server writes all four fields always, and `result_info` where a list has pages. Reading is
/// lenient, because Cloudflare's own error bodies leave `messages` out or write `null` for a list:
/// a missing list is empty, a missing `result` is `None`, a missing `success` is `false`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope<T> {
    /// What went wrong; empty on success.
    #[serde(default, deserialize_with = "null_as_empty")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub errors: Vec<ApiMessage>,
    /// What the caller should know besides.
    #[serde(default, deserialize_with = "null_as_empty")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub messages: Vec<ApiMessage>,
    /// The answer itself; `null` on errors.
    #[serde(default = "Option::default")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub result: Option<T>,
    /// Whether the call did what it was asked for.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub success: bool,
    /// Where a page stands in its list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_info: Option<ResultInfo>,
}

impl<T> Envelope<T> {
    /// The envelope of an answer.
    pub const fn success(result: T) -> Self {
        Self {
            errors: Vec::new(),
            messages: Vec::new(),
            result: Some(result),
            success: true,
            result_info: None,
        }
    }

    /// The envelope of a refusal: `result` is `null`.
    pub const fn failure(errors: Vec<ApiMessage>) -> Self {
        Self {
            errors,
            messages: Vec::new(),
            result: None,
            success: false,
            result_info: None,
        }
    }
}

/// One entry of `errors` or `messages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiMessage {
    /// The stable code to branch on. It is 0 where an answer gave none, as the list endpoints'
    /// errors may.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, example = 7001))]
    pub code: i64,
    /// For people; its wording may change.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub message: String,
    /// Where the fault is in the request, from `body`, `query` or `params` inwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub path: Option<Vec<String>>,
    /// A page that explains the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub documentation_url: Option<String>,
    /// What lies under this error, nearest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, no_recursion))]
    pub error_chain: Option<Vec<ApiMessage>>,
}

impl ApiMessage {
    /// A code and its text.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            ..Self::default()
        }
    }
}

/// Where a page stands in its list, as the billing endpoints write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResultInfo {
    /// Whether a page follows this one. Cloudflare's other endpoints leave it out.
    #[serde(default)]
    pub has_more: bool,
    /// This page, counted from 1.
    #[serde(default)]
    pub page: i64,
    /// The most entries that a page has.
    #[serde(default)]
    pub per_page: i64,
    /// The entries on all pages together.
    #[serde(default)]
    pub total_count: i64,
    /// The entries on this page. The billing endpoints leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub count: Option<i64>,
    /// How many pages there are. The billing endpoints leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub total_pages: Option<i64>,
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ApiMessage>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
