//! How answers are printed: as JSON for scripts, or line by line for people.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// Prints a value: as it is with `json`, otherwise one `name: value` line a field, and a blank line
/// between the rows of a list.
pub(super) fn print(value: &Value, json: bool) {
    if json {
        println!("{value}");
        return;
    }
    match value {
        Value::Array(rows) => {
            for row in rows {
                print(row, false);
                println!();
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                println!("{name}: {}", plain(field));
            }
        }
        other => println!("{}", plain(other)),
    }
}

/// The same for an object that is JSON text already, whose numbers stay digit for digit.
pub(super) fn print_text(text: &str, json: bool) -> serde_json::Result<()> {
    if json {
        println!("{text}");
        return Ok(());
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    for (name, field) in fields {
        println!("{name}: {}", field.get().trim_matches('"'));
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
