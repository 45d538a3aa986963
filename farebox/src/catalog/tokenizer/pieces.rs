//! How a text falls into pieces before any of them is made into tokens: words with what stands before them, up to
//! three digits, signs, white space. After the pattern of `o200k_base` in OpenAI's tiktoken
//! (`tiktoken_ext/openai_public.py`), which is a regular expression; what that tells by Unicode's categories
//! is told here by what the standard library knows of a character, and differs for a few scripts.

/// How many bytes the first piece of a text has: none where there is no text.
pub(super) fn first(text: &str) -> usize {
    word(text)
        .or_else(|| digits(text))
        .or_else(|| signs(text))
        .unwrap_or_else(|| white(text))
}

/// Letters, the capital ones before the small ones, with one character before that is neither a letter, a
/// digit nor the end of a line, and with `'s` and its like behind.
fn word(text: &str) -> Option<usize> {
    let begin = text.chars().next().filter(|c| !is_digit(*c))?;
    let before = match is_letter(begin) {
        true => 0,
        false if matches!(begin, '\r' | '\n') => return None,
        false => begin.len_utf8(),
    };
    let letters = text.get(before..)?;
    let capital = run(letters, |c| is_letter(c) && !c.is_lowercase());
    let small = run(letters.get(capital..)?, |c| {
        is_letter(c) && !c.is_uppercase()
    });
    let length = capital.saturating_add(small);
    let end = before.saturating_add(length);
    (length > 0).then(|| end.saturating_add(contraction(text.get(end..).unwrap_or_default())))
}

/// How many bytes of `'s`, `'ll` and so on a text begins with.
fn contraction(text: &str) -> usize {
    let begins = |word: &&&str| {
        let begin = text.get(..word.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    let words = &["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    words.iter().find(begins).map_or(0, |word| word.len())
}

fn digits(text: &str) -> Option<usize> {
    let digits = text.chars().take(3).take_while(|c| is_digit(*c));
    Some(digits.map(char::len_utf8).sum()).filter(|length| *length > 0)
}

/// Signs with one space before, and ends of lines and slashes behind.
fn signs(text: &str) -> Option<usize> {
    let before = usize::from(text.starts_with(' '));
    let is_sign = |c: char| !c.is_whitespace() && !is_letter(c) && !is_digit(c);
    let length = run(text.get(before..)?, is_sign);
    let end = before.saturating_add(length);
    let behind = run(text.get(end..)?, |c| matches!(c, '\r' | '\n' | '/'));
    (length > 0).then(|| end.saturating_add(behind))
}

/// White space up to its last end of a line; or without its last character, which goes with a word behind it.
fn white(text: &str) -> usize {
    let length = run(text, char::is_whitespace);
    let white = text.get(..length).unwrap_or_default();
    let last_line = white.rfind(['\r', '\n']);
    let last = white.chars().next_back().map_or(0, char::len_utf8);
    match last_line {
        Some(at) => at.saturating_add(1),
        None if length == text.len() || length == last => length,
        None => length.saturating_sub(last),
    }
}

/// How many bytes of such characters a text begins with.
fn run(text: &str, is_such: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_such(c)).unwrap_or(text.len())
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

fn is_digit(c: char) -> bool {
    c.is_numeric() && !c.is_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(mut text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        while !text.is_empty() {
            let (piece, rest) = text.split_at(first(text));
            assert!(!piece.is_empty(), "{text:?}");
            pieces.push(piece);
            text = rest;
        }
        pieces
    }

    #[test]
    fn texts_fall_into_pieces() {
        for (text, expected) in [
            ("", &[][..]),
            ("Hello, world!", &["Hello", ",", " world", "!"]),
            ("helloWorld HTTPServer", &["hello", "World", " HTTPServer"]),
            ("it's WE'LL", &["it's", " WE'LL"]),
            ("12345 6", &["123", "45", " ", "6"]),
            ("a  b", &["a", " ", " b"]),
            ("a \n\n  b ", &["a", " \n\n", " ", " b", " "]),
            (
                "x = {\n\t\"y\": 1}",
                &["x", " =", " {\n", "\t", "\"y", "\":", " ", "1", "}"],
            ),
            ("// é/ü\n", &["//", " é", "/ü", "\n"]),
            ("日本語。🎉🎉", &["日本語", "。🎉🎉"]),
        ] {
            assert_eq!(pieces(text), expected, "{text:?}");
        }
    }
}
