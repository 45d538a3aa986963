//! Logs of calls through a gateway, `…/gateways/{gateway_id}/logs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ApiMessage, Dollars};

/// A call through a gateway. A list leaves out what only a single one has: bodies and the charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Log {
    /// A ULID; the call's `cf-aig-log-id`.
    #[cfg_attr(feature = "openapi", schema(example = "01K8W2S3T4V5W6X7Y8Z9A0B1C2"))]
    pub id: String,
    /// When the call came in: RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
    /// The slug of the provider.
    pub provider: String,
    /// The provider's own name of the model.
    pub model: String,
    /// What kind of model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub model_type: Option<String>,
    /// The provider's path.
    pub path: String,
    /// Whether the caller got what it asked for.
    pub success: bool,
    /// Whether the answer was a kept one.
    pub cached: bool,
    /// In milliseconds.
    pub duration: i64,
    /// To the first byte of the answer, in milliseconds. Farebox's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub first_byte: Option<i64>,
    /// Tokens read.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub tokens_in: Option<i64>,
    /// Tokens written.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub tokens_out: Option<i64>,
    /// What the call is worth, in dollars; left out where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub cost: Option<Dollars>,
    /// Whether the caller said what it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub custom_cost: Option<bool>,
    /// The status that the caller got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub status_code: Option<i64>,
    /// What kind of request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_type: Option<String>,
    /// `Content-Type` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_content_type: Option<String>,
    /// `Content-Type` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub response_content_type: Option<String>,
    /// Which step of several has answered, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub step: Option<i64>,
    /// The caller's own notes: texts, numbers, and yes or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub metadata: Option<BTreeMap<String, Value>>,
    /// The caller's own name for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub event_id: Option<String>,
    /// The caller's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub user_agent: Option<String>,
    /// Whether the caller has authenticated.
    #[serde(default)]
    pub authentication: bool,
    /// Whether it was made with the operator's key, and paid from credit.
    #[serde(default)]
    pub wholesale: bool,
    /// Whether it was made with a key of the customer's.
    #[serde(default)]
    pub byok: bool,
    /// Whether it came by the OpenAI-compatible endpoint.
    #[serde(default, rename = "compatibilityMode")]
    pub compatibility_mode: bool,
    /// What somebody thinks of the answer: −1, 0 or 1.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub feedback: Option<i64>,
    /// A number that somebody gave it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, value_type = Option<f64>))]
    pub score: Option<serde_json::Number>,
    /// Why it failed, for people. Farebox's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<String>,
    /// The beginning of the request's body, where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_head: Option<String>,
    /// Whether that is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_head_complete: Option<bool>,
    /// How long the request's body was, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub request_size: Option<i64>,
    /// The beginning of the answer's body, where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub response_head: Option<String>,
    /// Whether that is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub response_head_complete: Option<bool>,
    /// How long the answer's body was, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub response_size: Option<i64>,
    /// How much was used, by units that mean the same for every provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub usage_metadata: Option<BTreeMap<String, u64>>,
    /// What was taken from credit for it, and why. Farebox's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub charge: Option<LogCharge>,
}

/// What was taken from credit for a call, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogCharge {
    /// In dollars.
    pub charged: Dollars,
    /// What should have been taken besides and was not held, in dollars.
    pub overrun: Dollars,
    /// How the units are known: `reported` by the provider, or `estimated`.
    pub basis: String,
    /// The conditions that decided between rates.
    #[serde(default)]
    pub terms: BTreeMap<String, String>,
    /// Which version of which rate.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub rate: Option<String>,
    /// The arithmetic, for people.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub explanation: Option<String>,
    /// The hold in the ledger.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub hold: Option<String>,
    /// The transfer in the ledger.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub transfer: Option<String>,
}

/// A page of logs, in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogList {
    /// What went wrong; empty on success.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub errors: Vec<ApiMessage>,
    /// What the caller should know besides.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub messages: Vec<ApiMessage>,
    /// The logs.
    pub result: Vec<Log>,
    /// Where the page stands in its list.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub result_info: LogListInfo,
    /// Whether the call did what it was asked for.
    pub success: bool,
}

/// Where a page of logs stands in its list and, where that was asked for (`meta_info`), the least and the most of
/// what all logs of the list count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogListInfo {
    /// Whether a page follows this one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub has_more: bool,
    /// This page, counted from 1.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub page: i64,
    /// The most entries that a page has.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub per_page: i64,
    /// The entries on this page.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub count: i64,
    /// The entries on all pages together.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub total_count: i64,
    /// How many pages there are.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub total_pages: i64,
    /// In dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_cost: Option<Dollars>,
    /// In dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Dollars>,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_duration: Option<i64>,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<i64>,
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tokens_in: Option<i64>,
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_in: Option<i64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tokens_out: Option<i64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_out: Option<i64>,
    /// Both together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_total_tokens: Option<i64>,
    /// Both together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_total_tokens: Option<i64>,
}

/// The body of `PATCH …/logs/{id}`: what is left out stays, and `null` removes it. A field that it doesn't know
/// is refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditLog {
    /// −1, 0 or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<i64>,
    /// Any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub score: Option<serde_json::Number>,
    /// At most five texts, numbers, and yes or no, in place of what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, Value>>,
}

/// The answer to `DELETE …/logs`, which has no `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogsDeleted {
    /// Always true.
    pub success: bool,
}
