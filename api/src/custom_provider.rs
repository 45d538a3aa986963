//! Providers of an account's own, `…/ai-gateway/custom-providers`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The body of `POST …/custom-providers`. A field that it doesn't know is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateCustomProvider {
    /// 1 to 64 lower-case letters, digits and `_`, in words with `-` between. Calls name the provider by
    /// `custom-` and this.
    #[cfg_attr(feature = "openapi", schema(example = "my-models"))]
    pub slug: String,
    /// Everything else; `name` and `base_url` must be there.
    #[serde(flatten)]
    pub settings: UpdateCustomProvider,
}

/// The body of `PATCH …/custom-providers/{id}`: what is left out stays. A field that it doesn't know is
/// refused.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateCustomProvider {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub name: Option<String>,
    /// What paths are appended to: an https address of the public Internet, unless the operator allows
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, example = "https://llm.example.com/v1")
    )]
    pub base_url: Option<String>,
    /// Whether it can be called; false where it is left out at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub enable: Option<bool>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub beta: Option<bool>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON object of headers that are sent along, written as a text of up to 8192 bytes. Its values may
    /// be credentials: they are never told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "{\"x-team\":\"research\"}"))]
    pub headers: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curl_example: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub js_example: Option<String>,
    /// Where it stands in lists that people order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
}

/// A provider of an account's own, as every call about it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CustomProvider {
    /// A UUID.
    pub id: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub modified_at: String,
    /// For people.
    pub name: String,
    /// Unique in its account.
    pub slug: String,
    /// What paths are appended to.
    pub base_url: String,
    /// Whether it can be called.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub enable: bool,
    /// For people.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub beta: bool,
    /// For people.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub description: Option<String>,
    /// The names of the headers that are sent along, each with `****`: a JSON object written as a text.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(required, example = "{\"x-team\":\"****\"}")
    )]
    pub headers: Option<String>,
    /// For people.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub link: Option<String>,
    /// For people.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub curl_example: Option<String>,
    /// For people.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub js_example: Option<String>,
    /// Where it stands in lists that people order.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub position: Option<i64>,
}

/// What can be said without the headers.
impl fmt::Debug for UpdateCustomProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateCustomProvider")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .field("enable", &self.enable)
            .finish_non_exhaustive()
    }
}
