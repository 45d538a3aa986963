//! Google's Gemini API.

pub(crate) mod embed;
pub(crate) mod generate;

use serde_json::Value;

/// A field by its name, which Google takes in both spellings, and its SDK writes in both.
fn field<'a>(body: &'a Value, name: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    let snake = || {
        let letters = name.chars().flat_map(|letter| {
            let bar = letter.is_uppercase().then_some('_');
            bar.into_iter().chain(letter.to_lowercase())
        });
        body.get(letters.collect::<String>())
    };
    body.get(name).or_else(snake).unwrap_or(&NONE)
}
