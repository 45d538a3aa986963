//! Form encoding as Stripe's clients write it: `a[b]=1`, `a[]=1`, `a[0][b]=1`.
//!
//! It only untangles names; which of them an operation takes is for `params` to say. It must not
//! refuse anything but text that isn't UTF-8.

use serde_json::{Map, Value};

/// Turns a form or query string into nested maps and lists whose leaves are all strings.
/// `None` where the text is not UTF-8 after decoding.
pub(crate) fn parse(input: &str) -> Option<Map<String, Value>> {
    let mut tree = Map::new();
    for pair in input.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        insert(&mut tree, &segments(&decode(name)?), decode(value)?);
    }
    Some(
        tree.into_iter()
            .map(|(name, value)| settle(name, value))
            .collect(),
    )
}

/// Undoes percent encoding, and `+` for a space.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// `a[b][]` becomes `a`, `b` and an empty name.
fn segments(name: &str) -> Vec<String> {
    let Some((head, tail)) = name.split_once('[') else {
        return vec![name.to_owned()];
    };
    let tail = tail.strip_suffix(']').unwrap_or(tail);
    let mut found = vec![head.to_owned()];
    found.extend(tail.split("][").map(str::to_owned));
    found
}

fn insert(tree: &mut Map<String, Value>, path: &[String], value: String) {
    let Some((head, rest)) = path.split_first() else {
        return;
    };
    // `a[]` appends. The position is the name until `settle` turns the map into a list.
    let name = if head.is_empty() {
        tree.len().to_string()
    } else {
        head.clone()
    };
    if rest.is_empty() {
        tree.insert(name, Value::String(value));
        return;
    }
    let child = tree
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    if let Value::Object(child) = child {
        insert(child, rest, value);
    }
}

/// A map whose names are all numbers is a list, except in metadata, where a name may be anything.
fn settle(name: String, value: Value) -> (String, Value) {
    let Value::Object(map) = value else {
        return (name, value);
    };
    if name == "metadata" {
        return (name, Value::Object(map));
    }
    let positions: Option<Vec<usize>> = map.keys().map(|key| key.parse().ok()).collect();
    let settled = map.into_iter().map(|(key, value)| settle(key, value));
    let value = match positions {
        Some(positions) => {
            let mut items: Vec<_> = positions.into_iter().zip(settled).collect();
            items.sort_by_key(|(position, _)| *position);
            Value::Array(items.into_iter().map(|(_, (_, value))| value).collect())
        }
        None => Value::Object(settled.collect()),
    };
    (name, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(input: &str, expected: Value) {
        assert_eq!(parse(input).map(Value::Object), Some(expected), "{input}");
    }

    #[test]
    fn names_nest() {
        check("", json!({}));
        check("a=1&b=x+y%2Bz", json!({"a": "1", "b": "x y+z"}));
        check(
            "a[b][c]=1&a[b][d]=2",
            json!({"a": {"b": {"c": "1", "d": "2"}}}),
        );
        check("expand[]=x&expand[]=y", json!({"expand": ["x", "y"]}));
        check("expand%5B%5D=x", json!({"expand": ["x"]}));
        check("t[1]=b&t[0]=a", json!({"t": ["a", "b"]}));
        check("t[10]=c&t[2]=b&t[0]=a", json!({"t": ["a", "b", "c"]}));
        check(
            "l[0][amount]=5&l[1][amount]=6",
            json!({"l": [{"amount": "5"}, {"amount": "6"}]}),
        );
        check("metadata[7]=x", json!({"metadata": {"7": "x"}}));
        check("discounts=", json!({"discounts": ""}));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert_eq!(parse("a=%ff"), None);
        assert_eq!(parse("a=%4"), None);
    }
}
