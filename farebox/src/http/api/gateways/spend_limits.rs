//! What a body says about a gateway's spend limits (contract: section 4.8).

use std::collections::BTreeMap;

use ::api::Dollars;
use serde_json::Value;

use crate::http::body::Fields;
use crate::ids;
use crate::store::gateways::{Dimension, SpendLimits, SpendRule, Technique};

/// How many rules a gateway may have, and how many values a filter (contract: section 7).
const RULES_MAX: usize = 20;
const VALUES_MAX: usize = 100;

/// The longest window, in seconds: a year.
const WINDOW_MAX: i64 = 366 * 24 * 3600;

/// What a rule makes of a dimension: whether it splits by it.
const MODES: &[(&str, bool)] = &[("partition", true), ("filter", false)];

/// Takes the limits; `null` counts as absent.
pub(super) fn take(body: &mut Fields, name: &str) -> Option<SpendLimits> {
    let mut limits = body.object(name)?;
    let enabled = limits.optional_flag("enabled");
    let mut rules: Vec<SpendRule> = Vec::new();
    for mut rule in limits.objects("rules", RULES_MAX) {
        let taken = take_rule(&mut rule);
        if rules.iter().any(|known| known.id == taken.id) {
            rule.refuse(
                "id",
                "Another rule has this id: leave it out to have one assigned",
            );
        }
        rules.push(taken);
        limits.leave(rule);
    }
    body.leave(limits);
    // Cloudflare's default is false, with which rules would be accepted and never count.
    let enabled = enabled.unwrap_or(!rules.is_empty());
    Some(SpendLimits { enabled, rules })
}

fn take_rule(rule: &mut Fields) -> SpendRule {
    rule.choice("limitType", &[("cost", ())]);
    let (by_model, models) = split_or_only(rule, "model");
    let (by_provider, providers) = split_or_only(rule, "provider");
    SpendRule {
        id: rule.text_up_to("id", 64).unwrap_or_else(ids::short),
        enabled: rule.optional_flag("enabled").unwrap_or(true),
        limit_nanos: limit(rule),
        window: rule.integer("window", 1, WINDOW_MAX),
        technique: rule
            .optional_choice("technique", Technique::NAMES)
            .unwrap_or(Technique::Sliding),
        models,
        providers,
        by_model,
        by_provider,
        metadata: metadata(rule),
    }
}

/// Dollars above zero, to the ninth decimal.
fn limit(rule: &mut Fields) -> i64 {
    let parsed = match rule.raw("limit") {
        None => Err("Required".to_owned()),
        Some(Value::Number(number)) => number
            .to_string()
            .parse::<Dollars>()
            .map_err(|error| format!("Invalid limit: {error}")),
        Some(_) => Err("Expected number".to_owned()),
    };
    let positive = parsed.and_then(|limit| match limit.nanos() {
        1.. => Ok(limit.nanos()),
        _ => Err("Number must be greater than 0".to_owned()),
    });
    positive.unwrap_or_else(|message| {
        rule.refuse("limit", message);
        0
    })
}

/// Whether each value has a limit of its own, and which values count if not all do.
fn split_or_only(rule: &mut Fields, name: &str) -> (bool, Option<Vec<String>>) {
    let Some(mut dimension) = rule.object(name) else {
        return (false, None);
    };
    let taken = match dimension.choice("mode", MODES) {
        Some(true) => (true, None),
        Some(false) => (false, Some(dimension.texts("values", VALUES_MAX))),
        None => (false, None),
    };
    rule.leave(dimension);
    taken
}

fn metadata(rule: &mut Fields) -> BTreeMap<String, Dimension> {
    let Some(mut keys) = rule.object("metadata") else {
        return BTreeMap::new();
    };
    let mut dimensions = BTreeMap::new();
    for (key, mut dimension) in keys.all_objects() {
        let is_partition = dimension.choice("mode", MODES);
        let taken = match is_partition {
            Some(false) => Dimension::Filter(dimension.texts("values", VALUES_MAX)),
            Some(true) | None => Dimension::Partition,
        };
        dimensions.insert(key, taken);
        keys.leave(dimension);
    }
    rule.leave(keys);
    dimensions
}
