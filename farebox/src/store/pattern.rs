//! Patterns for `LIKE`.

use crate::store::value::Value;

/// A pattern for texts that contain this one, for `LOWER(column) LIKE LOWER($n) ESCAPE '\'`: both sides
/// are lowered by the engine itself, since not every engine lowers the same letters.
pub(super) fn containing(text: &str) -> Value {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_wildcard_stands_for_itself() {
        assert_eq!(containing(r"5%_\"), Value::from(r"%5\%\_\\%"));
    }
}
