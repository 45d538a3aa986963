//! What a provider does in its own way within a format that it shares with others.
//!
//! The differences are data: a constant of [`Dialect`] each. A provider names its dialect, and no code asks who
//! the provider is.

/// Where reasoning tokens are counted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reasoning {
    /// Among the completion's.
    Inside,
    /// Beside them.
    Beside,
    /// Beside them, as far as the total is more than its other parts; among them otherwise.
    ByTotal,
}

/// When a stream of chat completions reports its usage.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum StreamUsage {
    /// If the request sets `stream_options.include_usage`.
    OnRequest,
    /// In every stream. Some of these providers refuse a request that sets `stream_options`.
    Always,
}

/// Whether a chat searches the web, apart from tools.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Searches {
    /// Never.
    Never,
    /// Once, if the request has options for it or the model is made for it. The usage doesn't report it.
    OnceIfAsked,
    /// Any number of times. The usage reports it.
    Always,
}

/// How a provider departs from the formats that it speaks.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Dialect {
    name: &'static str,
    /// The name of a chat's output limit, if the request sets none yet.
    pub(crate) limit_name: &'static str,
    pub(crate) stream_usage: StreamUsage,
    pub(crate) reasoning: Reasoning,
    pub(crate) searches: Searches,
    /// The shortest sound that is charged for, in milliseconds.
    pub(crate) audio_ms_min: u64,
    /// Whether a transcription in plain JSON reports how long the sound was. The verbose one always does.
    pub(crate) duration_in_json: bool,
    /// Whether the usage reports what the call costs, in dollars.
    pub(crate) reports_cost: bool,
    /// Which segment of the path is the model's name.
    pub(crate) model_segment: Option<usize>,
    /// Members of OpenAI's chat request that this provider refuses or ignores.
    pub(crate) unknown: &'static [&'static str],
}

impl Dialect {
    /// What is assumed of an unknown server: it does as OpenAI's first chat API did.
    pub const COMPATIBLE: Self = Self {
        name: "openai-compatible",
        limit_name: "max_tokens",
        stream_usage: StreamUsage::OnRequest,
        reasoning: Reasoning::Inside,
        searches: Searches::Never,
        audio_ms_min: 0,
        duration_in_json: false,
        reports_cost: false,
        model_segment: None,
        unknown: &[],
    };

    /// OpenAI's own.
    pub const OPENAI: Self = Self {
        name: "openai",
        limit_name: "max_completion_tokens",
        searches: Searches::OnceIfAsked,
        // `usage: {"type": "duration", "seconds": …}` (OpenAI's API reference, "Create transcription").
        duration_in_json: true,
        ..Self::COMPATIBLE
    };

    /// Azure OpenAI's: `{resource}/{deployment}/chat/completions`.
    pub const AZURE_OPENAI: Self = Self {
        name: "azure-openai",
        model_segment: Some(1),
        ..Self::OPENAI
    };

    /// Anthropic's. Its chat completions take `stream_options` (Anthropic's docs, "OpenAI SDK compatibility").
    pub const ANTHROPIC: Self = Self {
        name: "anthropic",
        ..Self::COMPATIBLE
    };

    /// Gemini's. Its chat completions take `stream_options` (Gemini's docs, "OpenAI compatibility").
    pub const GEMINI: Self = Self {
        name: "gemini",
        reasoning: Reasoning::ByTotal,
        ..Self::COMPATIBLE
    };

    /// xAI's.
    pub const GROK: Self = Self {
        name: "grok",
        limit_name: "max_completion_tokens",
        stream_usage: StreamUsage::Always,
        reasoning: Reasoning::ByTotal,
        // `cost_in_usd_ticks` (xAI's docs, "Cost Tracking").
        reports_cost: true,
        ..Self::COMPATIBLE
    };

    /// Groq's. Every stream ends with the usage, in `x_groq` (PyPI `groq`, `ChatCompletionChunk`).
    pub const GROQ: Self = Self {
        name: "groq",
        limit_name: "max_completion_tokens",
        stream_usage: StreamUsage::Always,
        // "Minimum billed length: 10 seconds" (Groq's docs, Speech to Text).
        audio_ms_min: 10_000,
        ..Self::COMPATIBLE
    };

    /// DeepSeek's. It reads `max_tokens` alone (DeepSeek's docs, "Create Chat Completion").
    pub const DEEPSEEK: Self = Self {
        name: "deepseek",
        unknown: &["max_completion_tokens"],
        ..Self::COMPATIBLE
    };

    /// Mistral's: 422, `extra_forbidden` (github.com/openai/openai-agents-python/issues/442).
    pub const MISTRAL: Self = Self {
        name: "mistral",
        stream_usage: StreamUsage::Always,
        unknown: &["stream_options", "max_completion_tokens"],
        // `prompt_audio_seconds` (Mistral's docs, "Audio & Transcription").
        duration_in_json: true,
        ..Self::COMPATIBLE
    };

    /// Perplexity's.
    pub const PERPLEXITY: Self = Self {
        name: "perplexity",
        stream_usage: StreamUsage::Always,
        reasoning: Reasoning::Beside,
        searches: Searches::Always,
        ..Self::COMPATIBLE
    };

    /// Cerebras's.
    pub const CEREBRAS: Self = Self {
        name: "cerebras",
        limit_name: "max_completion_tokens",
        stream_usage: StreamUsage::Always,
        ..Self::COMPATIBLE
    };

    /// OpenRouter's.
    pub const OPENROUTER: Self = Self {
        name: "openrouter",
        stream_usage: StreamUsage::Always,
        // `usage.cost` (OpenRouter's docs, "Usage Accounting").
        reports_cost: true,
        ..Self::COMPATIBLE
    };

    /// All of them.
    pub const ALL: &[Self] = &[
        Self::COMPATIBLE,
        Self::OPENAI,
        Self::AZURE_OPENAI,
        Self::ANTHROPIC,
        Self::GEMINI,
        Self::GROK,
        Self::GROQ,
        Self::DEEPSEEK,
        Self::MISTRAL,
        Self::PERPLEXITY,
        Self::CEREBRAS,
        Self::OPENROUTER,
    ];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|known| known.name == name).copied()
    }

    /// Its stable name, for the configuration and for tests.
    pub const fn name(self) -> &'static str {
        self.name
    }

    pub(crate) fn model_in_path(self, path: &str) -> Option<String> {
        let segment = path.split('/').nth(self.model_segment?)?;
        Some(segment.to_owned())
    }
}
