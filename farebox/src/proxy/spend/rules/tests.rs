//! Rules and calls as text tables.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ledger::{AccountId, Timestamp};
use serde_json::Value;

use super::{Facts, matching, split};
use crate::store::gateways::{Dimension, Gateway, Settings, SpendLimits, SpendRule, Technique};

/// A rule, the call's provider, model and notes, and what it is counted by: `-` where the rule is not about it.
/// `meta.plan=free,pro` is a filter, `meta.user` a partition.
const TABLE: &str = "
    # No dimension is configured: all calls together.
    any                              | openai gpt-4o                          | all
    any                              | anthropic claude-sonnet-4-5 user=ada   | all
    off                              | openai gpt-4o                          | -

    # A model by its own name, by its provider's and its own, and by the name that its price goes by.
    model=gpt-4o                     | openai gpt-4o                          | all
    model=openai/gpt-4o              | openai gpt-4o                          | all
    model=OpenAI/GPT-4o              | openai gpt-4o                          | all
    model=gpt-4o                     | openai GPT-4O                          | all
    model=gpt-4o                     | openai gpt-4o-2024-08-06~gpt-4o        | all
    model=openai/gpt-4o              | openai gpt-4o-2024-08-06~gpt-4o        | all
    model=gpt-4o-2024-08-06          | openai gpt-4o-2024-08-06~gpt-4o        | all
    model=gpt-4o-2024-08-06          | openai gpt-4o                          | -
    model=gpt-4o                     | openai gpt-4o-mini                     | -
    model=gpt-4o-mini,gpt-4o         | openai gpt-4o                          | all
    model=anthropic/gpt-4o           | openai gpt-4o                          | -
    model=openai                     | openai gpt-4o                          | -
    # A name with a slash of its own.
    model=meta-llama/llama-3.3-70b   | groq meta-llama/llama-3.3-70b          | all
    model=groq/meta-llama/llama-3.3-70b | groq meta-llama/llama-3.3-70b       | all
    model=llama-3.3-70b              | groq meta-llama/llama-3.3-70b          | -

    provider=openai                  | openai gpt-4o                          | all
    provider=openai,anthropic        | anthropic claude-sonnet-4-5            | all
    provider=openai                  | azure-openai gpt-4o                    | -
    provider=custom-own              | custom-own x                           | all
    provider=openai model=gpt-4o     | openai gpt-4o-mini                     | -
    provider=groq model=gpt-4o       | openai gpt-4o                          | -

    # Each model or provider by itself. A model is counted by the name that its price goes by.
    model                            | openai GPT-4o                          | model=gpt-4o
    model                            | openai gpt-4o-2024-08-06~gpt-4o        | model=gpt-4o
    provider                         | custom-own x                           | provider=custom-own
    model provider meta.user         | openai gpt-4o user=ada                 | model=gpt-4o provider=openai user=ada
    model provider=openai            | openai gpt-4o                          | model=gpt-4o
    model provider=openai            | groq x                                 | -

    # Notes: all filters have to fit, and a call without the key is not counted.
    meta.plan=free,pro               | openai gpt-4o plan=pro                 | all
    meta.plan=free,pro               | openai gpt-4o plan=Pro                 | -
    meta.plan=free                   | openai gpt-4o                          | -
    meta.level=3                     | openai gpt-4o level:3                  | all
    meta.level=3                     | openai gpt-4o level=3                  | all
    meta.beta=true                   | openai gpt-4o beta:true                | all
    meta.plan=free meta.beta=true    | openai gpt-4o plan=free                | -
    meta.user                        | openai gpt-4o user=ada                 | user=ada
    meta.user                        | openai gpt-4o user:7                   | user=7
    meta.user                        | openai gpt-4o team=red                 | -
    meta.user                        | openai gpt-4o user=                    | user=
    meta.team meta.user              | openai gpt-4o user=ada team=red        | team=red user=ada
    meta.team meta.user              | openai gpt-4o user=ada                 | -
    meta.plan=free meta.user         | openai gpt-4o user=ada plan=free       | user=ada
    meta.plan=free meta.user         | openai gpt-4o user=ada plan=pro        | -
";

fn rule(words: &str) -> SpendRule {
    let mut rule = SpendRule {
        id: "rule".to_owned(),
        enabled: true,
        limit_nanos: 5,
        window: 60,
        technique: Technique::Fixed,
        models: None,
        providers: None,
        by_model: false,
        by_provider: false,
        metadata: BTreeMap::new(),
    };
    for word in words.split_whitespace() {
        let (name, values) = word.split_once('=').unwrap_or((word, ""));
        let values: Vec<_> = values.split(',').map(str::to_owned).collect();
        match name {
            "any" => {}
            "off" => rule.enabled = false,
            "model" if !word.contains('=') => rule.by_model = true,
            "provider" if !word.contains('=') => rule.by_provider = true,
            "model" => rule.models = Some(values),
            "provider" => rule.providers = Some(values),
            note => {
                let key = note.strip_prefix("meta.").unwrap().to_owned();
                let dimension = match word.contains('=') {
                    true => Dimension::Filter(values),
                    false => Dimension::Partition,
                };
                rule.metadata.insert(key, dimension);
            }
        }
    }
    rule
}

/// `user=ada` is a text, `level:3` what the JSON says.
fn notes<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<String, Value> {
    let notes = words.map(|word| match word.split_once('=') {
        Some((key, text)) => (key.to_owned(), Value::from(text)),
        None => {
            let (key, json) = word.split_once(':').unwrap();
            (key.to_owned(), serde_json::from_str(json).unwrap())
        }
    });
    notes.collect()
}

#[test]
fn a_rule_is_about_what_it_says() {
    for line in TABLE.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts: Vec<_> = line.split('|').map(str::trim).collect();
        let mut words = parts[1].split_whitespace();
        let (provider, model) = (words.next().unwrap(), words.next().unwrap());
        let (called, priced) = model.split_once('~').unwrap_or((model, model));
        let facts = Facts {
            provider,
            models: [called, priced],
            metadata: &notes(words),
        };
        let told = match split(&rule(parts[0]), &facts) {
            None => "-".to_owned(),
            Some(split) if split.is_empty() => "all".to_owned(),
            Some(split) => {
                let pairs = split.iter().map(|(key, value)| format!("{key}={value}"));
                pairs.collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(told, parts[2], "{line}");
    }
}

fn gateway(seq: i64, enabled: bool, rules: &[&str]) -> Gateway {
    let rules = rules.iter().enumerate().map(|(index, words)| SpendRule {
        id: format!("rule {index}"),
        ..rule(words)
    });
    Gateway {
        seq,
        account: AccountId::from_bytes([1; 16]),
        id: "one".to_owned(),
        version: 1,
        cache_generation: 1,
        created_at: Timestamp::default(),
        modified_at: Timestamp::default(),
        settings: Settings {
            spend_limits: Some(SpendLimits {
                enabled,
                rules: rules.collect(),
            }),
            ..Settings::default()
        },
    }
}

#[test]
fn each_rule_and_each_value_has_a_bucket_of_its_own() {
    let [ada, grace] = ["user=ada", "user=grace"].map(|note| notes([note].into_iter()));
    let facts = |metadata| Facts {
        provider: "openai",
        models: ["gpt-4o"; 2],
        metadata,
    };
    let (ada, grace) = (facts(&ada), facts(&grace));
    let buckets = |gateway: &Gateway, facts: &Facts<'_>| -> Vec<_> {
        let matched = matching(gateway, facts);
        matched.iter().map(|one| one.cap.bucket).collect()
    };
    let one = gateway(1, true, &["any", "meta.user", "meta.team", "off"]);
    let [all, hers] = buckets(&one, &ada)[..] else {
        panic!("two of the rules are about it")
    };
    assert_ne!(all, hers);
    let other = buckets(&one, &grace);
    assert!(other[0] == all && other[1] != hers);
    // Another gateway's rules of the same ids are others; the same rule with another limit is the same.
    assert!(buckets(&gateway(2, true, &["any"]), &ada)[0] != all);
    let mut raised = one.clone();
    raised.settings.spend_limits.as_mut().unwrap().rules[0].limit_nanos = 500;
    assert_eq!(buckets(&raised, &ada)[0], all);
    assert!(buckets(&gateway(1, false, &["any"]), &ada).is_empty());
    let none = Gateway {
        settings: Settings::default(),
        ..one
    };
    assert!(buckets(&none, &ada).is_empty());
}
