//! What a body says about a gateway's settings (contract: section 3.1). What Farebox does not do is taken
//! turned off and refused turned on: a setting that is kept and not followed is worse than none.

use serde_json::Value;

use super::spend_limits;
use crate::error::ApiError;
use crate::http::body::Fields;
use crate::store::gateways::{Backoff, LogStrategy, Settings, Technique};

/// What must be there where everything is set.
const REQUIRED: [&str; 5] = [
    "cache_invalidate_on_update",
    "cache_ttl",
    "collect_logs",
    "rate_limiting_interval",
    "rate_limiting_limit",
];

/// What answers say beside the settings: whoever sends an answer back, changed, means nothing by it.
const READ_ONLY: [&str; 8] = [
    "id",
    "account_id",
    "account_tag",
    "internal_id",
    "created_at",
    "modified_at",
    "is_default",
    "wholesale",
];

/// The longest time that can be set, in seconds: a year.
const SECONDS_MAX: i64 = 366 * 24 * 3600;

/// How many logs may be kept where that is limited (contract: section 3.1).
const LOGS: (i64, i64) = (10_000, 10_000_000);

/// The longest pause between attempts, in milliseconds.
const RETRY_DELAY_MAX: i64 = 60_000;

/// Settings of which everything that the body leaves out has its default.
///
/// # Errors
/// An [`ApiError`] with every fault, missing fields among them.
pub(super) fn all(mut body: Fields) -> Result<Settings, ApiError> {
    body.require(&REQUIRED);
    some(body, Settings::default())
}

/// The settings with what the body says in place of what it says it about.
///
/// # Errors
/// An [`ApiError`] with every fault.
pub(super) fn some(mut body: Fields, current: Settings) -> Result<Settings, ApiError> {
    let settings = Settings {
        cache_ttl: seconds(&mut body, "cache_ttl", current.cache_ttl),
        cache_invalidate_on_update: body
            .optional_flag("cache_invalidate_on_update")
            .unwrap_or(current.cache_invalidate_on_update),
        collect_logs: body
            .optional_flag("collect_logs")
            .unwrap_or(current.collect_logs),
        log_management: match body.has("log_management") {
            true => body.optional_integer("log_management", LOGS.0, LOGS.1),
            false => current.log_management,
        },
        log_management_strategy: match body.has("log_management_strategy") {
            true => body.optional_choice("log_management_strategy", LogStrategy::NAMES),
            false => current.log_management_strategy,
        },
        rate_limiting_limit: match body.has("rate_limiting_limit") {
            true => body
                .optional_integer("rate_limiting_limit", 0, i64::MAX)
                .unwrap_or(0),
            false => current.rate_limiting_limit,
        },
        rate_limiting_interval: seconds(
            &mut body,
            "rate_limiting_interval",
            current.rate_limiting_interval,
        ),
        rate_limiting_technique: match body.has("rate_limiting_technique") {
            true => body
                .optional_choice("rate_limiting_technique", Technique::NAMES)
                .unwrap_or(Technique::Fixed),
            false => current.rate_limiting_technique,
        },
        authentication: body
            .optional_flag("authentication")
            .unwrap_or(current.authentication),
        byok_only: body.optional_flag("byok_only").unwrap_or(current.byok_only),
        zdr: body.optional_flag("zdr").unwrap_or(current.zdr),
        clamp_max_tokens: body
            .optional_flag("clamp_max_tokens")
            .unwrap_or(current.clamp_max_tokens),
        ..retries(&mut body, current)
    };
    refuse_what_does_not_act(&mut body);
    for name in READ_ONLY {
        body.raw(name);
    }
    body.nothing_else();
    body.check()?;
    Ok(settings)
}

/// The same for what is left: retries, the store's name and the limits.
fn retries(body: &mut Fields, current: Settings) -> Settings {
    Settings {
        retry_max_attempts: match body.has("retry_max_attempts") {
            true => body.optional_integer("retry_max_attempts", 1, 5),
            false => current.retry_max_attempts,
        },
        retry_delay: match body.has("retry_delay") {
            true => body.optional_integer("retry_delay", 0, RETRY_DELAY_MAX),
            false => current.retry_delay,
        },
        retry_backoff: match body.has("retry_backoff") {
            true => body.optional_choice("retry_backoff", Backoff::NAMES),
            false => current.retry_backoff,
        },
        store_id: match body.has("store_id") {
            true => body.optional_text("store_id"),
            false => current.store_id.clone(),
        },
        spend_limits: match body.has("spend_limits") {
            true => spend_limits::take(body, "spend_limits"),
            false => current.spend_limits.clone(),
        },
        ..current
    }
}

/// A time of which `null` is 0, as Cloudflare stores it.
fn seconds(body: &mut Fields, name: &str, current: i64) -> i64 {
    match body.has(name) {
        true => body.optional_integer(name, 0, SECONDS_MAX).unwrap_or(0),
        false => current,
    }
}

fn refuse_what_does_not_act(body: &mut Fields) {
    for (name, is_on, off) in [
        ("guardrails", has_entries as fn(&Value) -> bool, "null"),
        ("dlp", is_enabled, "\"enabled\": false"),
        ("otel", has_entries, "null"),
        ("stripe", has_entries, "null"),
        ("logpush", is_set, "false"),
        ("logpush_public_key", is_set, "null"),
        ("log_classification", is_set, "false"),
        ("workers_ai_billing_mode", is_not_postpaid, "\"postpaid\""),
    ] {
        if body.raw(name).is_some_and(|value| is_on(&value)) {
            let message = format!("Farebox does not do this: leave it out, or send {off}");
            body.refuse(name, message);
        }
    }
}

fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// Whether anything is in it, however deep.
fn has_entries(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(has_entries),
        _ => true,
    }
}

fn is_enabled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(fields) => fields.get("enabled") != Some(&Value::Bool(false)),
        _ => true,
    }
}

fn is_not_postpaid(value: &Value) -> bool {
    !value.is_null() && value != "postpaid"
}
