//! U+0000, which PostgreSQL keeps in no text. No name or note that a client sends may have it, whichever the
//! engine is.

use ::api::ApiMessage;
use serde_json::Value;

use crate::error::issue;

/// What a client is told.
pub const MESSAGE: &str = "Invalid text: leave out the character U+0000";

/// How JSON writes it; as it is it can't stand there.
const ESCAPED: &[u8] = br"\u0000";

/// Whether a text has it.
pub fn is_in(text: &str) -> bool {
    text.contains('\0')
}

/// What is told of a text that has it; its place begins with `body`, `query` or `params`.
pub fn fault(path: &[&str]) -> ApiMessage {
    issue(path, MESSAGE)
}

/// Every place in a body where it is. A body without the escape, as nearly all are, is not walked through.
pub fn faults(bytes: &[u8], parsed: &Value) -> Vec<ApiMessage> {
    let mut found = Vec::new();
    let may_have = |window: &[u8]| window == ESCAPED;
    if bytes.windows(ESCAPED.len()).any(may_have) {
        walk(&["body"], parsed, &mut found);
    }
    found
}

/// Goes as deep as the parser has let values nest.
fn walk(path: &[&str], value: &Value, found: &mut Vec<ApiMessage>) {
    match value {
        Value::String(text) if is_in(text) => found.push(fault(path)),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(&[path, &[at.to_string().as_str()]].concat(), item, found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if is_in(name) {
                    found.push(fault(path));
                }
                walk(&[path, &[name.as_str()]].concat(), field, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::faults;

    #[test]
    fn it_is_found_wherever_it_is() {
        for (body, places) in [
            (r#"{"a": "b"}"#, ""),
            (r#"{"a": "\u0000"}"#, "body.a"),
            (
                r#"{"a": [1, {"b": "x\u0000y"}, "\u0000"]}"#,
                "body.a.1.b body.a.2",
            ),
            (r#"{"a": {"\u0000": 1}}"#, "body.a"),
            // A backslash and five characters.
            (r#"{"a": "\\u0000"}"#, ""),
        ] {
            let parsed = serde_json::from_str(body).unwrap();
            let found = faults(body.as_bytes(), &parsed);
            let found = found
                .iter()
                .map(|fault| fault.path.as_ref().unwrap().join("."));
            assert_eq!(found.collect::<Vec<_>>().join(" "), places, "{body}");
        }
    }
}
