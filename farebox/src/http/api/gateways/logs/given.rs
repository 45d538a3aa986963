//! Filters as they come in a URL, before anybody knows what they mean.
//!
//! They come in three ways (contract: section 0, trap 2): as one JSON array; key, operator and values in turn
//! (the TypeScript SDK); or all keys, then all operators, then all values (the Python SDK). In the last one nothing
//! says which values are whose, so that they are given to the filters in the one way that makes sense, and
//! where there are two, nobody guesses.

use serde_json::Value;

/// A filter as it was given. A value that is nothing is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) key: String,
    pub(super) operator: String,
    pub(super) values: Vec<Option<String>>,
}

impl Given {
    /// Whether its operator compares with one value.
    pub(super) fn takes_one(&self) -> bool {
        matches!(self.operator.as_str(), "lt" | "gt")
    }
}

/// How many filters, and values of all of them, a request may have.
const FILTERS_MAX: usize = 20;
const VALUES_MAX: usize = 100;

/// Reads the parameters whose names begin with `filter`, in their order. `fits` says whether a filter can take
/// this value, which may be null.
///
/// # Errors
/// What is wrong, for the caller.
pub(super) fn read<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
    fits: impl Fn(&Given, Option<&str>) -> bool,
) -> Result<Vec<Given>, String> {
    let (mut filters, mut parts) = (Vec::new(), Parts::default());
    for (name, value) in parameters {
        match name {
            "filters" if value.is_empty() || value == "null" => {}
            "filters" => filters.extend(from_json(value)?),
            "filters.key" => parts.keys.push((parts.next(), value.to_owned())),
            "filters.operator" => parts.operators.push((parts.next(), value.to_owned())),
            "filters.value" => parts.values.push((parts.next(), value.to_owned())),
            // Passed over, it would leave more logs than were meant, to be listed or to be removed.
            other => {
                return Err(format!(
                    "{other} can't be read: send filters as a JSON array"
                ));
            }
        }
    }
    filters.extend(parts.assembled(fits)?);
    let values: usize = filters.iter().map(|filter| filter.values.len()).sum();
    match filters.len() > FILTERS_MAX || values > VALUES_MAX {
        true => Err(format!(
            "There may be at most {FILTERS_MAX} filters with {VALUES_MAX} values"
        )),
        false => Ok(filters),
    }
}

fn from_json(text: &str) -> Result<Vec<Given>, String> {
    let wrong = "Invalid: write a JSON array of {\"key\", \"operator\", \"value\": […]}";
    let parsed: Vec<Value> = serde_json::from_str(text).map_err(|_| wrong.to_owned())?;
    let read = parsed.iter().map(|filter| {
        let text = |name: &str| filter.get(name)?.as_str().map(str::to_owned);
        let values = match filter.get("value")? {
            Value::Array(values) => values.iter().map(scalar).collect::<Option<_>>()?,
            single => vec![scalar(single)?],
        };
        Some(Given {
            key: text("key")?,
            operator: text("operator")?,
            values,
        })
    });
    let read: Option<Vec<_>> = read.collect();
    read.ok_or_else(|| wrong.to_owned())
}

/// A value as a text; null is nothing, and what is none is no value.
fn scalar(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        Value::Number(_) | Value::Bool(_) => Some(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The parts of filters, each with its place among all of them.
#[derive(Default)]
struct Parts {
    keys: Vec<(usize, String)>,
    operators: Vec<(usize, String)>,
    values: Vec<(usize, String)>,
}

impl Parts {
    fn next(&self) -> usize {
        self.keys.len() + self.operators.len() + self.values.len()
    }

    fn assembled(self, fits: impl Fn(&Given, Option<&str>) -> bool) -> Result<Vec<Given>, String> {
        if self.keys.len() != self.operators.len() || self.keys.len() > FILTERS_MAX {
            return Err("Every filter needs a key and an operator".to_owned());
        }
        let in_turn = match (self.keys.get(1), self.operators.first()) {
            (Some((second, _)), Some((operator, _))) => operator < second,
            _ => false,
        };
        let ends = self.keys.iter().skip(1).map(|(at, _)| *at);
        let ends: Vec<usize> = ends.chain([usize::MAX]).collect();
        let begins = self.keys.iter().map(|(at, _)| *at);
        let heads = self.keys.iter().zip(&self.operators);
        let filters = heads.map(|((_, key), (_, operator))| Given {
            key: key.clone(),
            operator: operator.clone(),
            values: Vec::new(),
        });
        let mut filters: Vec<_> = filters.collect();
        // The SDKs write null as nothing.
        let value = |text: &String| (!text.is_empty()).then(|| text.clone());
        if !in_turn {
            let values: Vec<_> = self.values.iter().map(|(_, text)| value(text)).collect();
            return distribute(filters, &values, fits);
        }
        for (filter, (begin, end)) in filters.iter_mut().zip(begins.zip(ends)) {
            let own = self
                .values
                .iter()
                .filter(|(at, _)| (begin..end).contains(at));
            filter.values = own.map(|(_, text)| value(text)).collect();
        }
        Ok(filters.into_iter().map(or_null).collect())
    }
}

/// The Python SDK leaves null out altogether.
fn or_null(mut filter: Given) -> Given {
    if filter.values.is_empty() {
        filter.values.push(None);
    }
    filter
}

/// Gives the values to the filters, in their order, so that each filter can take what it gets: at least one
/// value each, or, where that can't be, also none.
fn distribute(
    filters: Vec<Given>,
    values: &[Option<String>],
    fits: impl Fn(&Given, Option<&str>) -> bool,
) -> Result<Vec<Given>, String> {
    if values.len() > VALUES_MAX {
        return Err(format!("There may be at most {VALUES_MAX} values"));
    }
    if let [only] = filters.as_slice() {
        let values = values.to_vec();
        return Ok(vec![or_null(Given {
            values,
            ..only.clone()
        })]);
    }
    for least in [1, 0] {
        let ways = Ways::count(&filters, values, least, &fits);
        match ways.all() {
            0 => {}
            1 => return Ok(ways.the_one(filters, values)),
            _ => {
                let why = "It can't be told which values are whose: send filters as a JSON array";
                return Err(why.to_owned());
            }
        }
    }
    Err("The values don't fit the filters: send filters as a JSON array".to_owned())
}

/// In how many ways the values can be given to the filters, where two stand for any more.
struct Ways {
    /// For each filter and each value that could be its first, how many values it may take.
    takes: Vec<Vec<Vec<usize>>>,
    /// The ways from there on.
    from: Vec<Vec<u8>>,
}

impl Ways {
    fn count(
        filters: &[Given],
        values: &[Option<String>],
        least: usize,
        fits: impl Fn(&Given, Option<&str>) -> bool,
    ) -> Self {
        let last = values.len();
        let mut takes = vec![vec![Vec::new(); last + 1]; filters.len()];
        let mut from = vec![vec![0_u8; last + 1]; filters.len() + 1];
        from[filters.len()][last] = 1;
        for (at, filter) in filters.iter().enumerate().rev() {
            let fitting = values.iter().map(|value| fits(filter, value.as_deref()));
            let fitting: Vec<bool> = fitting.collect();
            for begin in 0..=last {
                let run = fitting[begin..].iter().take_while(|fits| **fits).count();
                let most = if filter.takes_one() { run.min(1) } else { run };
                let none = least == 0 && fits(filter, None);
                let counts = (usize::from(!none)..=most).filter(|count| *count >= least);
                takes[at][begin] = counts.collect();
                let ways = takes[at][begin]
                    .iter()
                    .map(|count| from[at + 1][begin + count]);
                from[at][begin] = ways.fold(0, u8::saturating_add).min(2);
            }
        }
        Self { takes, from }
    }

    fn all(&self) -> u8 {
        self.from[0][0]
    }

    /// Goes the one way that there is.
    fn the_one(&self, mut filters: Vec<Given>, values: &[Option<String>]) -> Vec<Given> {
        let mut begin = 0;
        for (at, filter) in filters.iter_mut().enumerate() {
            let mut counts = self.takes[at][begin].iter();
            let count = counts.find(|count| self.from[at + 1][begin + **count] > 0);
            let end = begin + count.copied().unwrap_or_default();
            filter.values = values[begin..end].to_vec();
            begin = end;
        }
        filters.into_iter().map(or_null).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Whether the key's values are of its kind: `n…` takes numbers, `b…` yes or no, `t…` texts that are
    /// neither; only `eq` takes null.
    fn fits(given: &Given, value: Option<&str>) -> bool {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_flag = |text: &str| text == "true" || text == "false";
        match value {
            None => given.operator == "eq",
            Some(text) if given.key.starts_with('n') => is_number(text),
            Some(text) if given.key.starts_with('b') => is_flag(text),
            Some(text) => !is_number(text) && !is_flag(text),
        }
    }

    fn parse(query: &str) -> Result<String, String> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, value)| match name {
            "k" => ("filters.key", value),
            "o" => ("filters.operator", value),
            "v" => ("filters.value", value),
            other => (other, value),
        });
        let read = read(pairs, fits)?;
        let lines = read.iter().map(|one| {
            let values = one
                .values
                .iter()
                .map(|value| value.as_deref().unwrap_or("null"));
            format!(
                "{} {} {}",
                one.key,
                one.operator,
                values.collect::<Vec<_>>().join(",")
            )
        });
        Ok(lines.collect::<Vec<_>>().join("; "))
    }

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let read = parse(query);
        assert_eq!(
            read.unwrap_or_else(|why| format!("refused: {why}")),
            expected,
            "{query}"
        );
    }

    #[test]
    fn json_is_read_as_it_is() {
        check(
            r#"filters=[{"key":"t","operator":"eq","value":["a",1,true,null]},{"key":"n","operator":"gt","value":0.5}]"#,
            "t eq a,1,true,null; n gt 0.5",
        );
        check("filters=&filters=null", "");
        for wrong in [
            "{}",
            "[1]",
            "[{\"key\":\"t\"}]",
            "[{\"key\":\"t\",\"operator\":\"eq\",\"value\":[[]]}]",
            "x",
        ] {
            assert!(
                parse(&format!("filters={wrong}"))
                    .unwrap_err()
                    .starts_with("Invalid: write a JSON array")
            );
        }
    }

    #[test]
    fn parts_in_turn_are_told_apart() {
        check(
            "k=t&o=eq&v=a&v=b&k=n&o=gt&v=1&k=n2&o=eq&v=",
            "t eq a,b; n gt 1; n2 eq null",
        );
        check("k=t&o=eq&k=n&o=gt&v=1", "t eq null; n gt 1");
        check("k=t&o=eq&v=a&v=b", "t eq a,b");
        check("k=n&o=eq", "n eq null");
    }

    #[test]
    fn parts_in_heaps_are_given_out_where_there_is_one_way() {
        check("k=t&k=n&o=eq&o=gt&v=a&v=b&v=1", "t eq a,b; n gt 1");
        check("k=t&k=t2&o=eq&o=eq&v=a&v=b", "t eq a; t2 eq b");
        check(
            "k=t&k=n&k=n2&k=b&o=eq&o=gt&o=eq&o=eq&v=a&v=c&v=1&v=true",
            "t eq a,c; n gt 1; n2 eq null; b eq true",
        );
        check("k=n&k=t&o=gt&o=contains&v=1&v=a", "n gt 1; t contains a");
    }

    #[test]
    fn where_there_are_two_ways_nobody_guesses() {
        for query in ["k=t&k=t2&o=eq&o=eq&v=a&v=b&v=c", "k=n&k=n2&o=eq&o=eq&v=1"] {
            assert!(
                parse(query).unwrap_err().starts_with("It can't be told"),
                "{query}"
            );
        }
        for query in ["k=n&k=n2&o=gt&o=gt&v=1&v=a", "k=n&k=n2&o=gt&o=gt&v=1"] {
            assert!(
                parse(query)
                    .unwrap_err()
                    .starts_with("The values don't fit"),
                "{query}"
            );
        }
        assert!(
            parse("k=t&o=eq&o=eq&v=a")
                .unwrap_err()
                .starts_with("Every filter needs")
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_passed_over() {
        for name in ["filters[0][key]", "filters.0.key", "filters.keys", "filter"] {
            assert!(
                parse(&format!("{name}=t")).unwrap_err().starts_with(name),
                "{name}"
            );
        }
        let many = "&k=t&o=eq&v=a".repeat(21);
        assert!(parse(&many).is_err());
        let many = format!("k=t&o=eq{}", "&v=a".repeat(101));
        assert!(parse(&many).is_err());
    }

    #[test]
    fn many_ways_are_not_all_tried() {
        let heads = "&k=t".repeat(20) + &"&o=eq".repeat(20);
        let query = heads + &"&v=a".repeat(99) + "&v=1";
        assert!(parse(&query).is_err());
    }
}
