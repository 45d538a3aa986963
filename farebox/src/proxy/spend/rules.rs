//! Which of a gateway's spend rules are about a call, and what they count it with (contract: section 4.8). Pure.

use std::collections::BTreeMap;

use ledger::{Cap, Strategy, Window};
use serde_json::Value;

use crate::ids;
use crate::store::gateways::{Dimension, Gateway, SpendRule, Technique};

/// What a rule may ask about a call.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The provider's slug.
    pub provider: &'a str,
    /// Every name that the model goes by: as the request has it, and as the prices do.
    pub models: [&'a str; 2],
    /// The caller's notes.
    pub metadata: &'a BTreeMap<String, Value>,
}

/// A rule that is about a call, and what it allows.
#[derive(Debug)]
pub struct Matched<'a> {
    /// The rule.
    pub rule: &'a SpendRule,
    /// As it is held against the call.
    pub cap: Cap,
}

/// The gateway's rules that are about a call, in their order.
pub fn matching<'a>(gateway: &'a Gateway, call: &Facts<'_>) -> Vec<Matched<'a>> {
    let limits = gateway.settings.spend_limits.as_ref();
    let limits = limits.filter(|limits| limits.enabled);
    let rules = limits.map_or(&[][..], |limits| &limits.rules);
    let matched = rules.iter().filter_map(|rule| {
        let split = split(rule, call)?;
        let cap = Cap {
            bucket: ids::bucket(gateway.seq, &rule.id, &split),
            limit: rule.limit(),
            window: window(rule),
        };
        Some(Matched { rule, cap })
    });
    matched.collect()
}

fn window(rule: &SpendRule) -> Window {
    Window {
        seconds: rule.window,
        strategy: match rule.technique {
            Technique::Fixed => Strategy::Fixed,
            Technique::Sliding => Strategy::Sliding,
        },
    }
}

/// The call's values of what the rule splits by; nothing where the rule isn't about the call. One that lacks a key
/// which the rule splits by passes it.
fn split<'a>(rule: &'a SpendRule, call: &Facts<'_>) -> Option<Vec<(&'a str, String)>> {
    let is_about = rule.enabled
        && is_one_of(&rule.providers, |value| {
            value.eq_ignore_ascii_case(call.provider)
        })
        && is_one_of(&rule.models, |value| is_model(value, call));
    if !is_about {
        return None;
    }
    let parts = [
        ("model", rule.by_model, call.models[1]),
        ("provider", rule.by_provider, call.provider),
    ];
    let mut split = Vec::new();
    for (name, is_split, value) in parts {
        if is_split {
            split.push((name, value.to_ascii_lowercase()));
        }
    }
    for (key, dimension) in &rule.metadata {
        let value = call.metadata.get(key).map(text)?;
        match dimension {
            Dimension::Partition => split.push((key.as_str(), value)),
            Dimension::Filter(values) if values.contains(&value) => {}
            Dimension::Filter(_) => return None,
        }
    }
    Some(split)
}

fn is_one_of(values: &Option<Vec<String>>, is_it: impl Fn(&str) -> bool) -> bool {
    let values = values.as_ref();
    values.is_none_or(|values| values.iter().any(|value| is_it(value)))
}

/// Whether it is the model's name, alone or behind its provider's.
fn is_model(value: &str, call: &Facts<'_>) -> bool {
    let bare = value.split_once('/').and_then(|(provider, model)| {
        let is_here = provider.eq_ignore_ascii_case(call.provider);
        is_here.then_some(model)
    });
    let is_called = |name: &str| call.models.iter().any(|one| one.eq_ignore_ascii_case(name));
    is_called(value) || bare.is_some_and(is_called)
}

/// A note as a rule's values are written: a number and a text that looks like it are the same.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
