//! How many tokens a text is, so that the hold for a long prompt is close to what it costs. A text of an unknown family
//! of models is counted by its bytes: no token is shorter than a byte.
//!
//! It is a bound and no bill. The tokens are those of OpenAI's byte-pair encoding, found as that finds them. Each
//! family has a margin on top (`family`).

mod family;
mod pieces;

use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;

pub use family::{Family, Text, Tokens};

/// The vocabulary `o200k_base`, in the order of its ranks: a byte for a token's length, then the token. Made by
/// `scripts/vocabulary`; the notice is beside it.
const O200K: &[u8] = include_bytes!("o200k.gz");

/// Models that read it, by provider, name and beginnings of names (OpenAI's tiktoken, `model.py`). A newer one may
/// have another: it is not here before somebody has said so.
const O200K_MODELS: &[(&str, &[&str], &[&str])] = &[(
    "openai",
    &["gpt-4o", "gpt-4.1", "o1", "o3", "o4-mini"],
    &[
        "gpt-4o-",
        "chatgpt-4o-",
        "gpt-4.1-",
        "gpt-4.5-",
        "gpt-5",
        "o1-",
        "o3-",
        "o4-mini-",
    ],
)];

/// Bytes of a piece that are made into tokens at once. A longer one, which is no word of any language, is cut, which
/// makes more of them and keeps the work in proportion.
const PIECE_BYTES_MAX: usize = 128;

static READ: LazyLock<Option<Tokenizer>> = LazyLock::new(|| Tokenizer::read(O200K));

/// A vocabulary.
#[derive(Debug)]
pub struct Tokenizer {
    /// The rank of each token: what is merged first has the lowest.
    ranks: HashMap<&'static [u8], u32>,
}

/// Whether a model reads text with `o200k_base`.
fn is_o200k(provider: &str, model: &str) -> bool {
    O200K_MODELS.iter().any(|(of, names, beginnings)| {
        let begins = |beginning: &&str| model.starts_with(beginning);
        *of == provider && (names.contains(&model) || beginnings.iter().any(begins))
    })
}

/// The tokenizer of those models. The first time takes some tens of milliseconds, and about ten megabytes are kept.
pub fn tokenizer() -> Option<&'static Tokenizer> {
    READ.as_ref()
}

impl Tokenizer {
    fn read(packed: &[u8]) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut unpacked = flate2::read::GzDecoder::new(packed);
        unpacked.read_to_end(&mut tokens).ok()?;
        // For as long as the process lives.
        let mut rest: &'static [u8] = tokens.leak();
        let mut ranks = HashMap::new();
        for rank in 0.. {
            let Some((length, tail)) = rest.split_first() else {
                break;
            };
            let (token, tail) = tail.split_at_checked(usize::from(*length))?;
            ranks.insert(token, rank);
            rest = tail;
        }
        Some(Self { ranks })
    }

    /// How many tokens a text is.
    pub fn count(&self, mut text: &str) -> u64 {
        let mut count = 0_u64;
        while !text.is_empty() {
            // A piece is never empty; what can't be divided is one.
            let length = pieces::first(text).max(1);
            let (piece, rest) = text.split_at_checked(length).unwrap_or((text, ""));
            for part in piece.as_bytes().chunks(PIECE_BYTES_MAX) {
                count = count.saturating_add(self.tokens(part));
            }
            text = rest;
        }
        count
    }

    /// How many tokens a piece is: of all neighbours that make a token together those of the lowest rank are
    /// joined, until none do.
    fn tokens(&self, piece: &[u8]) -> u64 {
        if self.ranks.contains_key(piece) {
            return 1;
        }
        // Where each part begins, and the rank of it and the next one together.
        let mut parts: Vec<(usize, u32)> = (0..piece.len()).map(|at| (at, NONE)).collect();
        for at in 0..parts.len() {
            self.rank(piece, &mut parts, at);
        }
        loop {
            let ranked = parts.iter().enumerate();
            let lowest = ranked.min_by_key(|(_, (_, rank))| *rank);
            let Some((at, _)) = lowest.filter(|(_, (_, rank))| *rank != NONE) else {
                return u64::try_from(parts.len()).unwrap_or(u64::MAX);
            };
            parts.remove(at.saturating_add(1));
            self.rank(piece, &mut parts, at);
            if let Some(before) = at.checked_sub(1) {
                self.rank(piece, &mut parts, before);
            }
        }
    }

    /// Looks up what the part and the next one make together.
    fn rank(&self, piece: &[u8], parts: &mut [(usize, u32)], at: usize) {
        let begin = |at: usize| parts.get(at).map(|(begin, _)| *begin);
        let end = begin(at.saturating_add(2)).unwrap_or(piece.len());
        let both = match (begin(at), begin(at.saturating_add(1))) {
            (Some(begin), Some(_)) => piece.get(begin..end),
            _ => None,
        };
        let rank = both.and_then(|both| self.ranks.get(both)).copied();
        if let Some(part) = parts.get_mut(at) {
            part.1 = rank.unwrap_or(NONE);
        }
    }
}

/// The rank of what is no token.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXTS: &[(&str, u64)] = &[
        ("Hello, world!", 4),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("it's WE'LL don't", 5),
        ("fn main() {\n    println!(\"{}\", 1234567);\n}\n", 13),
        ("  two  spaces \n\n\n\tand a tab\r\n", 9),
        ("supercalifragilisticexpialidocious xqzvkj", 15),
        ("HTTPServer camelCase snake_case /usr/local/bin", 10),
        (
            "{\"name\":\"get_weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}",
            21,
        ),
        ("日本語の文章です。", 6),
        ("Это тестовое предложение.", 5),
        ("이것은 시험 문장입니다.", 8),
        ("هذه جملة تجريبية.", 7),
        ("Ein Übungssatz für Fußgänger.", 10),
        ("🎉👩\u{200d}👩\u{200d}👧", 10),
        ("3.14159265358979", 7),
        ("deadbeefcafe0123456789abcdef", 10),
        ("≤ ≥ ∑∫√", 7),
    ];

    const MORE: &[(&str, u64)] = &[
        ("यह एक परीक्षण वाक्य है।", 8),
        ("นี่คือประโยคทดสอบ", 8),
        ("e\u{301}te\u{301} nai\u{308}f", 7),
    ];

    /// Counted with bpe-openai 0.3.2.
    #[test]
    fn texts_have_as_many_tokens_as_with_openai() {
        let tokenizer = tokenizer().unwrap();
        assert_eq!(tokenizer.ranks.len(), 199_998);
        for (text, tokens) in TEXTS {
            assert_eq!(tokenizer.count(text), *tokens, "{text:?}");
        }
        assert_eq!(tokenizer.count(&"a".repeat(100_000)), 12_500);
        assert_eq!(tokenizer.count(""), 0);
    }

    /// A script whose signs the standard library doesn't know for letters has more pieces.
    #[test]
    fn some_scripts_have_more() {
        let tokenizer = tokenizer().unwrap();
        for (text, tokens) in MORE {
            let counted = tokenizer.count(text);
            assert!(
                (*tokens..=tokens * 3 / 2).contains(&counted),
                "{text:?}: {counted}"
            );
        }
    }

    #[test]
    fn only_models_that_are_known_have_one() {
        for (provider, model, has) in [
            ("openai", "gpt-4o", true),
            ("openai", "gpt-4o-mini", true),
            ("openai", "gpt-5.1", true),
            ("openai", "o3", true),
            ("openai", "gpt-4", false),
            ("openai", "gpt-4-turbo", false),
            ("openai", "text-embedding-3-small", false),
            ("openai", "gpt-6", false),
            ("openrouter", "gpt-4o", false),
        ] {
            assert_eq!(is_o200k(provider, model), has, "{provider}/{model}");
        }
    }
}
