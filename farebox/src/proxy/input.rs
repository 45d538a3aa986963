//! How many tokens a call reads: what its request shows, and what its provider may add. Pure.
//!
//! Two figures of each: a ceiling, and what is likely. What is shown is counted: text by a tokenizer with a margin
//! (`tokens`), images by their pixels, PDFs by their pages. What isn't shown (an earlier response, a document by its
//! URL, the results of a search) is bounded by the model's context window, once for each time that the model reads.

use wire::{Document, Input, Rounds};

use crate::catalog::{Tokens, image_tokens};
use crate::proxy::route::Route;

/// The context window of a model of which the catalogue doesn't know it: no model that is sold has a larger one.
const CONTEXT_TOKENS_MAX: u64 = 2_097_152;

/// What something stored or fetched is likely to have: a conversation of some turns, a document of some pages.
const OPEN_TOKENS_LIKELY: u64 = 32_768;

/// What the first round of a server-side tool is likely to add ("a fixed block of 8,000 input tokens": OpenAI's
/// pricing of web search with gpt-4o-mini and gpt-4.1-mini).
const ROUND_TOKENS_LIKELY: u64 = 8192;

/// Rounds that are added up one by one; further ones count as much as the largest.
const ROUNDS_COUNTED: u64 = 64;

/// Text of a PDF's page: "each page typically uses 1,500-3,000 tokens" (Anthropic's docs, "PDF support"). A page full of
/// small print has three times as much.
const PAGE_TEXT: Tokens = Tokens {
    most: 10_000,
    likely: 2250,
};

/// Bytes of sound for a token: 32 tokens a second (Gemini: "Audio understanding") of sound at 8 kbit a second.
const AUDIO_BYTES_PER_TOKEN: u64 = 32;

/// Tokens around a message, a part or a tool, as a rule.
const TOKENS_AROUND_PIECE_LIKELY: u64 = 4;

/// What a call reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reads {
    /// What the request shows.
    shown: Tokens,
    /// The model's context window.
    context: u64,
    is_open: bool,
    rereads: u64,
    /// What server-side tools may add.
    pub rounds: Rounds,
}

impl Reads {
    /// What a call reads of a model with that context window, if it is known. A window in a price list can be rounded
    /// (1,000,000 for 1,048,576), so a twentieth is added.
    pub fn of(route: &Route, model: &str, context: Option<u64>) -> Self {
        let input = &route.asked.input;
        let context = context.map(|context| context.saturating_add(context / 20));
        Self {
            shown: shown(route, model),
            context: context.unwrap_or(CONTEXT_TOKENS_MAX),
            is_open: input.is_open,
            rereads: input.rereads,
            rounds: input.rounds,
        }
    }

    /// The most tokens, with that many rounds of server-side tools.
    pub fn most(&self, rounds: u64) -> u64 {
        let first = match self.is_open {
            true => self.shown.most.max(self.context),
            false => self.shown.most,
        };
        let largest = first.max(self.context);
        let after = |round: u64| match self.rounds.tokens {
            Some(tokens) => first
                .saturating_add(tokens.saturating_mul(round))
                .min(largest),
            None => largest,
        };
        let counted = (1..=rounds.min(ROUNDS_COUNTED)).map(after);
        let counted = counted.fold(first, u64::saturating_add);
        let rest = rounds
            .saturating_sub(ROUNDS_COUNTED)
            .saturating_mul(largest);
        let again = first.saturating_mul(self.rereads);
        counted.saturating_add(rest).saturating_add(again)
    }

    /// What is read before the first output token, as a rule, with the first round of a server-side tool.
    pub fn likely(&self) -> u64 {
        self.likely_of(self.rounds.most.min(1))
    }

    /// What is read, as a rule, with that many rounds of server-side tools: each adds its results to what is read again.
    pub fn likely_of(&self, rounds: u64) -> u64 {
        let first = match self.is_open {
            true => {
                let open = self.shown.likely.saturating_add(OPEN_TOKENS_LIKELY);
                open.min(self.context.max(self.shown.likely))
            }
            false => self.shown.likely,
        };
        let adds = self.rounds.tokens.unwrap_or(u64::MAX);
        let adds = adds.min(ROUND_TOKENS_LIKELY);
        let after = |round: u64| first.saturating_add(adds.saturating_mul(round));
        let read = (1..=rounds.min(ROUNDS_COUNTED)).map(after);
        let read = read.fold(first, u64::saturating_add);
        let rest = rounds
            .saturating_sub(ROUNDS_COUNTED)
            .saturating_mul(after(ROUNDS_COUNTED));
        read.saturating_add(rest).min(self.most(self.rounds.most))
    }

    /// The fewest rounds with which the request is still what it is: one, if their number can be lowered.
    pub fn rounds_min(&self) -> u64 {
        match self.rounds.can_be_lowered {
            true => self.rounds.most.min(1),
            false => self.rounds.most,
        }
    }

    /// What one reading of the request is likely to be.
    pub const fn shown_likely(&self) -> u64 {
        self.shown.likely
    }
}

fn shown(route: &Route, model: &str) -> Tokens {
    let input = &route.asked.input;
    let images = input.images.iter().map(|image| image_tokens(model, *image));
    let documents = input.documents.iter();
    let documents = documents.map(|document| document_tokens(model, *document));
    let sound = input.audio_bytes / AUDIO_BYTES_PER_TOKEN;
    let media = images
        .chain(documents)
        .fold(Tokens::same(sound), Tokens::plus);
    text(input, route.text_tokens)
        .plus(Tokens::same(route.template_tokens))
        .plus(media)
}

/// Text with what stands around its pieces.
fn text(input: &Input, counted: Option<Tokens>) -> Tokens {
    let bytes = input.text_bytes;
    let counted = counted.unwrap_or(Tokens {
        most: bytes,
        likely: bytes.div_ceil(super::route::BYTES_PER_TOKEN),
    });
    let over = bytes.saturating_sub(counted.most);
    let pieces = input.pieces.saturating_mul(TOKENS_AROUND_PIECE_LIKELY);
    Tokens {
        most: input.text_tokens_max().saturating_sub(over),
        likely: counted
            .likely
            .saturating_add(input.tokens)
            .saturating_add(pieces),
    }
}

/// A PDF has the text and an image of each page: of text no more than the file has bytes. Of anything else, a byte is
/// taken for a token.
fn document_tokens(model: &str, document: Document) -> Tokens {
    let Some(pages) = document.pages else {
        return Tokens::same(document.bytes);
    };
    let image = image_tokens(model, wire::Image::default());
    let of = |text: u64, image: u64| {
        let text = text.saturating_mul(pages).min(document.bytes);
        text.saturating_add(image.saturating_mul(pages))
    };
    Tokens {
        most: of(PAGE_TEXT.most, image.most),
        likely: of(PAGE_TEXT.likely, image.likely),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(most: u64, context: u64) -> Reads {
        Reads {
            shown: Tokens {
                most,
                likely: most / 2,
            },
            context,
            is_open: false,
            rereads: 0,
            rounds: Rounds::default(),
        }
    }

    fn rounds(most: u64, tokens: Option<u64>, can_be_lowered: bool) -> Rounds {
        Rounds {
            most,
            tokens,
            can_be_lowered,
        }
    }

    #[test]
    fn each_round_reads_everything_again() {
        let mut call = reads(10_000, 100_000);
        assert_eq!(
            (call.most(0), call.likely(), call.rounds_min()),
            (10_000, 5000, 0)
        );
        call.rounds = rounds(3, Some(40_000), true);
        // 10,000, then 50,000, 90,000, and no more than the window.
        assert_eq!(call.most(0), 10_000);
        assert_eq!(call.most(1), 60_000);
        assert_eq!(call.most(3), 250_000);
        assert_eq!(call.likely(), 5000 + 5000 + 8192);
        assert_eq!(call.likely_of(2), 5000 + 2 * 5000 + 3 * 8192);
        assert_eq!(call.rounds_min(), 1);
        call.rounds = rounds(100, None, false);
        assert_eq!(call.most(100), 10_010_000);
        assert_eq!(call.rounds_min(), 100);
    }

    #[test]
    fn the_window_bounds_what_the_request_does_not_show() {
        let mut call = reads(10_000, 100_000);
        call.is_open = true;
        assert_eq!((call.most(0), call.likely()), (100_000, 37_768));
        call.rereads = 1;
        assert_eq!(call.most(0), 200_000);
        // What is shown is never cut by a window that may be wrong.
        let mut large = reads(150_000, 100_000);
        assert_eq!(large.most(0), 150_000);
        large.is_open = true;
        assert_eq!((large.most(0), large.likely()), (150_000, 100_000));
    }

    #[test]
    fn pages_bound_a_pdf_and_bytes_anything_else() {
        let pdf = |bytes, pages| document_tokens("claude-opus-5", Document { bytes, pages });
        assert_eq!(pdf(1_000_000, Some(10)).most, 10 * (10_000 + 4784));
        assert_eq!(pdf(20_000, Some(10)).most, 20_000 + 10 * 4784);
        assert_eq!(pdf(20_000, None).most, 20_000);
        assert_eq!(pdf(1_000_000, Some(10)).likely, 10 * (2250 + 1600));
    }
}
