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

/// Takes the limits; `null` counts as absent.
pub(super) fn take(body: &mut Fields, name: &str) -> Option<SpendLimits> {
    let mut limits = body.object(name)?;
    let enabled = limits.optional_flag("enabled").unwrap_or(false);
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
    Some(SpendLimits { enabled, rules })
}

fn take_rule(rule: &mut Fields) -> SpendRule {
    rule.choice("limitType", &[("cost", ())]);
    SpendRule {
        id: rule.text_up_to("id", 64).unwrap_or_else(ids::short),
        enabled: rule.optional_flag("enabled").unwrap_or(true),
        limit_nanos: limit(rule),
        window: rule.integer("window", 1, WINDOW_MAX),
        technique: rule
            .optional_choice("technique", Technique::NAMES)
            .unwrap_or(Technique::Sliding),
        models: only(rule, "model"),
        providers: only(rule, "provider"),
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

fn only(rule: &mut Fields, name: &str) -> Option<Vec<String>> {
    let mut dimension = rule.object(name)?;
    dimension.choice("mode", &[("filter", ())]);
    let values = dimension.texts("values", VALUES_MAX);
    rule.leave(dimension);
    Some(values)
}

fn metadata(rule: &mut Fields) -> BTreeMap<String, Dimension> {
    let Some(mut keys) = rule.object("metadata") else {
        return BTreeMap::new();
    };
    let mut dimensions = BTreeMap::new();
    for (key, mut dimension) in keys.all_objects() {
        let is_partition = dimension.choice("mode", &[("partition", true), ("filter", false)]);
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
