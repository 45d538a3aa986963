//! genai-prices' rules for the names of models, as our patterns.
//!
//! Its regular expressions are few and of few kinds; what is of another kind is left out, and the names it
//! would have meant then have no price.

use serde::Deserialize;

/// A rule: which names are meant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Regex(String),
    Or(Vec<Rule>),
    And(Vec<Rule>),
}

/// The patterns of a rule, and why some of it has none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Patterns {
    pub(super) names: Vec<String>,
    pub(super) left_out: Vec<String>,
}

pub(super) fn patterns(rule: &Rule) -> Patterns {
    let mut patterns = Patterns::default();
    collect(rule, &mut patterns);
    patterns.names.dedup();
    patterns
}

fn collect(rule: &Rule, into: &mut Patterns) {
    let made = match rule {
        Rule::Equals(text) => literal(text),
        Rule::StartsWith(text) => literal(text).map(|text| format!("{text}*")),
        Rule::EndsWith(text) => literal(text).map(|text| format!("*{text}")),
        Rule::Contains(text) => literal(text).map(|text| format!("*{text}*")),
        Rule::Or(rules) => return rules.iter().for_each(|rule| collect(rule, into)),
        Rule::And(rules) => return collect_both(rules, into),
        Rule::Regex(text) => match simple(text) {
            Some(names) => return into.names.extend(names),
            None => Err(format!("the names that /{text}/ means")),
        },
    };
    match made {
        Ok(name) => into.names.push(name),
        Err(why) => into.left_out.push(why),
    }
}

/// A rule together with one that takes names away from it.
fn collect_both(rules: &[Rule], into: &mut Patterns) {
    if let [first, Rule::Regex(text)] = rules
        && let Some(names) = taken_away(text)
    {
        collect(first, into);
        into.names.extend(names);
        return;
    }
    into.left_out
        .push(format!("the names that {rules:?} means"));
}

fn literal(text: &str) -> Result<String, String> {
    if text.contains(['*', '#']) || text.starts_with('!') {
        return Err(format!(
            "the name {text:?}, which has a sign of our patterns in it"
        ));
    }
    Ok(text.to_lowercase())
}

/// `^(?!.*-tts(?:$|-))`: names that have `-tts` at their end, or with a dash behind it.
fn taken_away(regex: &str) -> Option<Vec<String>> {
    let inside = regex.strip_prefix("^(?!.*")?.strip_suffix("(?:$|-))")?;
    let mut word = String::new();
    let mut rest = inside;
    while let Some(first) = rest.chars().next() {
        // A letter in both cases.
        let both = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (letter, after) = match both {
            Some((class, after)) => (either_case(class)?, after),
            None => (first, rest.get(first.len_utf8()..)?),
        };
        let plain = letter.is_ascii_alphanumeric() || letter == '-';
        if !plain {
            return None;
        }
        word.push(letter);
        rest = after;
    }
    Some(vec![format!("!*{word}"), format!("!*{word}-*")])
}

fn either_case(class: &str) -> Option<char> {
    let mut letters = class.chars();
    let (lower, upper) = (letters.next()?, letters.next()?);
    let same = letters.next().is_none() && upper == lower.to_ascii_uppercase();
    same.then_some(lower)
}

/// `^name-\d{8}$` and the like: letters, digits, and one class of single characters, from the beginning.
fn simple(regex: &str) -> Option<Vec<String>> {
    let mut rest = regex.strip_prefix('^')?;
    let mut names = vec![String::new()];
    let push = |names: &mut Vec<String>, text: &str| {
        names.iter_mut().for_each(|name| name.push_str(text));
    };
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..)?;
        rest = match first {
            '$' if after.is_empty() => return Some(names),
            '\\' => {
                let escaped = after.chars().next()?;
                let after = after.get(escaped.len_utf8()..)?;
                match escaped {
                    'd' => {
                        let (count, after) = repeated(after)?;
                        push(&mut names, &"#".repeat(count));
                        after
                    }
                    '.' | '[' | ']' | '/' => {
                        push(&mut names, &escaped.to_string());
                        after
                    }
                    _ => return None,
                }
            }
            '[' => {
                let (class, after) = after.split_once(']')?;
                if !class.chars().all(|c| "-@.:_".contains(c)) {
                    return None;
                }
                let each = |c: char| names.iter().map(move |name| format!("{name}{c}"));
                names = class.chars().flat_map(each).collect();
                after
            }
            plain if plain.is_ascii_alphanumeric() || "-_/=:@".contains(plain) => {
                push(&mut names, &plain.to_ascii_lowercase().to_string());
                after
            }
            _ => return None,
        };
    }
    // Whatever follows is meant as well.
    push(&mut names, "*");
    Some(names)
}

/// How often what stands before is meant: `{8}` times, or once.
fn repeated(rest: &str) -> Option<(usize, &str)> {
    match rest.strip_prefix('{') {
        None => Some((1, rest)),
        Some(inside) => {
            let (count, after) = inside.split_once('}')?;
            let count = count.parse().ok().filter(|count| *count <= 20)?;
            Some((count, after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rule: &str) -> Result<Vec<String>, Vec<String>> {
        let found = patterns(&serde_json::from_str(rule).unwrap());
        match found.left_out.is_empty() {
            true => Ok(found.names),
            false => Err(found.left_out),
        }
    }

    #[test]
    fn rules_become_patterns() {
        for (rule, expected) in [
            (r#"{"equals":"GPT-4o"}"#, &["gpt-4o"][..]),
            (
                r#"{"or":[{"starts_with":"claude-2"},{"contains":"claude-v2"},{"ends_with":"-x"}]}"#,
                &["claude-2*", "*claude-v2*", "*-x"],
            ),
            (
                r#"{"regex":"^claude-opus-5[-@]\\d{8}$"}"#,
                &["claude-opus-5-########", "claude-opus-5@########"],
            ),
            (
                r#"{"regex":"^gpt-5\\.6-sol-\\d{4}-\\d{2}-\\d{2}$"}"#,
                &["gpt-5.6-sol-####-##-##"],
            ),
            (
                r#"{"regex":"^gemini-3\\.5-flash-\\d"}"#,
                &["gemini-3.5-flash-#*"],
            ),
            (
                r#"{"regex":"^composer-2\\.5\\[fast=true\\]$"}"#,
                &["composer-2.5[fast=true]"],
            ),
            (
                r#"{"and":[{"starts_with":"gemini-2.5-pro"},{"regex":"^(?!.*-[tT][tT][sS](?:$|-))"}]}"#,
                &["gemini-2.5-pro*", "!*-tts", "!*-tts-*"],
            ),
        ] {
            assert_eq!(names(rule).unwrap(), expected, "{rule}");
        }
    }

    #[test]
    fn what_can_not_be_told_is_left_out() {
        for rule in [
            r#"{"regex":"gpt"}"#,
            r#"{"regex":"^(a|b)$"}"#,
            r#"{"regex":"^a.*"}"#,
            r#"{"regex":"^a\\w"}"#,
            r#"{"regex":"^a[a-z]$"}"#,
            r#"{"regex":"^a\\d{2,3}$"}"#,
            r#"{"regex":"^a\\d{99}$"}"#,
            r#"{"regex":"^a+$"}"#,
            r#"{"equals":"a*"}"#,
            r#"{"and":[{"equals":"a"},{"equals":"b"}]}"#,
            r#"{"and":[{"equals":"a"},{"regex":"^(?!.*(x|y)(?:$|-))"}]}"#,
            r#"{"and":[{"equals":"a"},{"regex":"^(?!.*[ab](?:$|-))"}]}"#,
        ] {
            assert!(names(rule).is_err(), "{rule}");
        }
    }
}
