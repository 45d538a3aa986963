//! Gateways: named settings by which calls go to providers, `…/ai-gateway/gateways`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Dollars;

/// The body of `POST …/gateways`: an id and settings, of which six must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateGateway {
    /// 1 to 64 lower-case letters, digits and `_`, in words with `-` between.
    #[cfg_attr(feature = "openapi", schema(example = "my-gateway"))]
    pub id: String,
    /// What is set on it.
    #[serde(flatten)]
    pub settings: GatewaySettings,
}

/// What can be set on a gateway. `POST` and `PUT` want `cache_invalidate_on_update`, `cache_ttl`,
/// `collect_logs`, `rate_limiting_interval` and `rate_limiting_limit`, and take the default for the rest;
/// `PATCH` changes what is there. What Farebox does not do yet (guardrails, DLP, OpenTelemetry, Logpush,
/// Stripe, classification, Workers AI) can be sent turned off, and is refused turned on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GatewaySettings {
    /// For how long answers are kept, in seconds; 0 is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_ttl: Option<i64>,
    /// Whether a change of the settings forgets the kept answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub cache_invalidate_on_update: Option<bool>,
    /// Whether calls leave a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub collect_logs: Option<bool>,
    /// The most logs that are kept, from 10,000 to 10,000,000; all of them where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_management: Option<i64>,
    /// What happens then: as `STOP_INSERTING` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_management_strategy: Option<LogManagementStrategy>,
    /// How many calls may be made in an interval; 0 is any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiting_limit: Option<i64>,
    /// The interval, in seconds; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiting_interval: Option<i64>,
    /// How intervals follow each other; `fixed` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limiting_technique: Option<WindowTechnique>,
    /// Whether a call has to bring a token with the permission AI Gateway Run; true where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub authentication: Option<bool>,
    /// Whether only the customer's own keys are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub byok_only: Option<bool>,
    /// Whether credit pays only for calls with an account of the operator's of which the provider keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub zdr: Option<bool>,
    /// Whether a call that could cost more than there is credit for is sent with a lower output limit,
    /// rather than refused; true where there is none. Farebox's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub clamp_max_tokens: Option<bool>,
    /// How often a call is tried, from 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_max_attempts: Option<i64>,
    /// The pause before the second attempt, in milliseconds, at most 60,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<i64>,
    /// How the pause grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_backoff: Option<RetryBackoff>,
    /// Kept for who asks: Farebox has no Secrets Store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_id: Option<String>,
    /// What may be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_limits: Option<SpendLimits>,
}

/// A gateway, as every call about it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gateway {
    /// Unique in its account.
    pub id: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub created_at: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub modified_at: String,
    /// Whether it is the one that is used where none is named.
    #[serde(default)]
    pub is_default: bool,
    /// For how long answers are kept, in seconds; 0 is not at all.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, nullable = false))]
    pub cache_ttl: Option<i64>,
    /// Whether a change of the settings forgets the kept answers.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub cache_invalidate_on_update: bool,
    /// Whether calls leave a log.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub collect_logs: bool,
    /// The most logs that are kept, from 10,000 to 10,000,000; all of them where there is none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub log_management: Option<i64>,
    /// What happens then: as `STOP_INSERTING` where there is none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub log_management_strategy: Option<LogManagementStrategy>,
    /// How many calls may be made in an interval; 0 is any number.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, nullable = false))]
    pub rate_limiting_limit: Option<i64>,
    /// The interval, in seconds; 0 is no limit.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, nullable = false))]
    pub rate_limiting_interval: Option<i64>,
    /// How intervals follow each other.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, nullable = false))]
    pub rate_limiting_technique: Option<WindowTechnique>,
    /// Whether a call has to bring a token with the permission AI Gateway Run.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub authentication: bool,
    /// Whether only the customer's own keys are used.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub byok_only: bool,
    /// Whether credit pays only for calls with an account of the operator's of which the provider keeps nothing.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub zdr: bool,
    /// Whether a call that could cost more than there is credit for is sent with a lower output limit,
    /// rather than refused. Farebox's own.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub clamp_max_tokens: bool,
    /// How often a call is tried, from 1 to 5.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub retry_max_attempts: Option<i64>,
    /// The pause before the second attempt, in milliseconds, at most 60,000.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub retry_delay: Option<i64>,
    /// How the pause grows.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub retry_backoff: Option<RetryBackoff>,
    /// Kept for who asks: Farebox has no Secrets Store.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub store_id: Option<String>,
    /// What may be spent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub spend_limits: Option<SpendLimits>,
    /// Whether calls can be paid from credit.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub wholesale: bool,
    /// Always `postpaid`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub workers_ai_billing_mode: String,
    /// Always false.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub logpush: bool,
    /// Always false.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub log_classification: bool,
}

/// What happens when a gateway has as many logs as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LogManagementStrategy {
    /// New calls leave none.
    StopInserting,
    /// The oldest make room.
    DeleteOldest,
}

/// How windows of time follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WindowTechnique {
    /// One begins where the last one ends.
    Fixed,
    /// Each moment has its own.
    Sliding,
}

/// How the pause between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RetryBackoff {
    /// It doesn't.
    Constant,
    /// By itself each time.
    Linear,
    /// It doubles.
    Exponential,
}

/// What may be spent through a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpendLimits {
    /// Whether any rule counts.
    #[serde(default)]
    pub enabled: bool,
    /// At most 20.
    #[serde(default)]
    pub rules: Vec<SpendRule>,
}

/// So much may be spent in a window of time, on the calls that the rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpendRule {
    /// Unique in its gateway; assigned (8 hex characters) where it is left out. A rule that keeps its id
    /// keeps what was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, example = "5e7f1b6b"))]
    pub id: Option<String>,
    /// Whether it counts; true where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub enabled: Option<bool>,
    /// The most, in dollars, above zero.
    pub limit: Dollars,
    /// Always `cost`.
    #[serde(rename = "limitType")]
    pub limit_type: SpendLimitType,
    /// How long a window is, in seconds.
    pub window: i64,
    /// How windows follow each other; `sliding` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub technique: Option<WindowTechnique>,
    /// Only calls to these models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub model: Option<SpendDimension>,
    /// Only calls to these providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub provider: Option<SpendDimension>,
    /// What a call's metadata has to be like, by its key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, SpendDimension>,
}

/// What a rule limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SpendLimitType {
    /// What calls cost.
    #[default]
    Cost,
}

/// Which values of something a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SpendDimension {
    /// Each value has a limit of its own; for metadata only.
    Partition,
    /// Only these.
    Filter {
        /// At least one.
        values: Vec<String>,
    },
}
