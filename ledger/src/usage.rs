//! What a call to a model used, in units that mean the same for every provider.
//!
//! Providers count differently: some report cached tokens inside the prompt and some beside it, some
//! report reasoning inside the output and some beside it. Whoever reads an answer takes that apart
//! before it comes here, so that here each token is counted once, in one class. Nothing in this module
//! knows a provider or a price.

use std::collections::BTreeMap;

use crate::names::named;

named! {
    /// A class of what a call uses. The classes are disjoint: a cached token is no `input`, a reasoning
    /// token no `output`, an image's token neither.
    pub enum Unit {
        /// Tokens read afresh: text, and whatever the provider doesn't tell from text.
        Input = "input",
        /// Tokens read from a cache.
        CacheRead = "cache_read",
        /// Tokens written to a cache that keeps them for five minutes, or for as long as it likes.
        CacheWrite5m = "cache_write_5m",
        /// Tokens written to a cache that keeps them for an hour.
        CacheWrite1h = "cache_write_1h",
        /// Tokens of sound, read afresh.
        InputAudio = "input_audio",
        /// Tokens of sound, read from a cache.
        CacheReadAudio = "cache_read_audio",
        /// Tokens of images and documents, read afresh.
        InputImage = "input_image",
        /// Tokens of images and documents, read from a cache.
        CacheReadImage = "cache_read_image",
        /// Tokens of video, read afresh.
        InputVideo = "input_video",
        /// Tokens written: text and calls of tools.
        Output = "output",
        /// Tokens thought and not said. Part of the output, unless a rate says otherwise.
        Reasoning = "reasoning",
        /// Tokens of sources quoted. Part of the output, unless a rate says otherwise.
        Citation = "citation",
        /// Tokens of sound, written.
        OutputAudio = "output_audio",
        /// Tokens of images, written.
        OutputImage = "output_image",
        /// Tokens of video, written.
        OutputVideo = "output_video",
        /// Searches of the web that the provider made for the model.
        WebSearch = "web_search",
        /// Searches of a social network that the provider made for the model.
        SocialSearch = "social_search",
        /// Searches of stored files that the provider made for the model.
        FileSearch = "file_search",
        /// Runs of code, or sessions of them, that the provider made for the model.
        CodeExecution = "code_execution",
        /// Searches of a reranking model.
        RerankSearch = "rerank_search",
        /// Characters to be spoken.
        InputCharacters = "input_characters",
        /// Milliseconds of sound to be transcribed.
        InputAudioMs = "input_audio_ms",
        /// Images made, where they are sold by the piece; their size and quality are terms.
        Image = "image",
        /// The call itself.
        Request = "request",
    }
}

/// What kind of thing a unit is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A token that the model read: a part of its context, whose length decides between tiers of a rate.
    InputToken,
    /// A token that the model wrote.
    OutputToken,
    /// Something that the provider did.
    Call,
    /// A character.
    Character,
    /// A stretch of time.
    Time,
    /// Something that was made.
    Piece,
}

impl Unit {
    /// What kind of thing it is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Input | Self::CacheRead | Self::CacheWrite5m | Self::CacheWrite1h => {
                Kind::InputToken
            }
            Self::InputAudio | Self::CacheReadAudio => Kind::InputToken,
            Self::InputImage | Self::CacheReadImage | Self::InputVideo => Kind::InputToken,
            Self::Output | Self::Reasoning | Self::Citation => Kind::OutputToken,
            Self::OutputAudio | Self::OutputImage | Self::OutputVideo => Kind::OutputToken,
            Self::WebSearch | Self::SocialSearch | Self::FileSearch => Kind::Call,
            Self::RerankSearch | Self::Request => Kind::Call,
            Self::InputCharacters => Kind::Character,
            Self::InputAudioMs => Kind::Time,
            Self::CodeExecution | Self::Image => Kind::Piece,
        }
    }
}

named! {
    /// How the quantities are known.
    pub enum Basis {
        /// The provider has told them, or they can be counted exactly.
        Reported = "reported",
        /// The provider has not told all of them; the rest is a guess from what went over the wire.
        Estimated = "estimated",
    }
}

named! {
    /// A condition of a call under which its units may cost something else.
    pub enum Term {
        /// How soon it is served: OpenAI's, Anthropic's and Google's `service_tier`.
        ServiceTier = "service_tier",
        /// At once or in a batch.
        Processing = "processing",
        /// Anthropic's `speed`.
        Speed = "speed",
        /// Where the model runs: Anthropic's `inference_geo`.
        Geo = "inference_geo",
        /// How the web is searched: Perplexity's `search_type` and `search_context_size`.
        SearchType = "search_type",
        /// An image's width and height.
        Size = "size",
        /// An image's quality.
        Quality = "quality",
    }
}

/// The conditions of a call, each with the provider's own word for its value.
pub type Terms = BTreeMap<Term, String>;

/// What a call used, and under which terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    /// How the quantities are known.
    pub basis: Basis,
    /// The conditions that may decide between rates.
    pub terms: Terms,
    counts: BTreeMap<Unit, u64>,
}

impl Usage {
    /// Nothing yet.
    pub const fn new(basis: Basis) -> Self {
        Self {
            basis,
            terms: Terms::new(),
            counts: BTreeMap::new(),
        }
    }

    /// The same with these quantities added; for tables and tests.
    pub fn with(mut self, quantities: &[(Unit, u64)]) -> Self {
        for (unit, quantity) in quantities {
            self.add(*unit, *quantity);
        }
        self
    }

    /// Counts more of a unit. A sum that does not fit stays at the largest number, which no balance
    /// pays: providers' figures are never trusted to be sane.
    pub fn add(&mut self, unit: Unit, quantity: u64) {
        if quantity > 0 {
            let count = self.counts.entry(unit).or_default();
            *count = count.saturating_add(quantity);
        }
    }

    /// How much of it was used.
    pub fn get(&self, unit: Unit) -> u64 {
        self.counts.get(&unit).copied().unwrap_or_default()
    }

    /// Every unit that was used, in the order of [`Unit::ALL`], with how much.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, u64)> {
        self.counts
            .iter()
            .map(|(unit, quantity)| (*unit, *quantity))
    }

    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Every token that the model read, from a cache or not.
    pub fn input_tokens(&self) -> u64 {
        self.total(Kind::InputToken)
    }

    /// Every token that the model wrote, said or not.
    pub fn output_tokens(&self) -> u64 {
        self.total(Kind::OutputToken)
    }

    fn total(&self, kind: Kind) -> u64 {
        let quantities = self.iter().filter(|(unit, _)| unit.kind() == kind);
        quantities.fold(0, |total, (_, quantity)| total.saturating_add(quantity))
    }
}
