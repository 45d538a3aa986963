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
    /// Further names of an output limit, read in every API that writes text.
    pub(crate) limits: &'static [&'static str],
    /// Further names of the number of answers, read in every API that writes text.
    pub(crate) choices: &'static [&'static str],
    /// Each usage counts one of several answers, with the whole prompt.
    pub(crate) usage_per_choice: bool,
    /// Each event of a stream has one token's text, as a rule.
    pub(crate) token_per_event: bool,
    /// A request for the usage moves `timings` from the last chunk with choices to the usage's.
    pub(crate) moves_timings: bool,
}

/// Names of an output limit at servers that operators run: of llama.cpp, vLLM, mistral.rs, transformers, TGI,
/// Ollama. Which of several counts differs: llama.cpp's HTTP server takes `n_predict` before
/// `max_completion_tokens` before `max_tokens`, also in `responses` (b11549, findings/llama-server-limits.sh).
const LIMITS: &[&str] = &[
    "n_predict",
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "max_gen_len",
    "max_length",
    "num_predict",
];

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
        limits: LIMITS,
        choices: &["n", "best_of"],
        usage_per_choice: false,
        token_per_event: false,
        moves_timings: false,
    };

    /// What the APIs have in common whose providers publish what they read: no other limits.
    const PUBLISHED: Self = Self {
        limits: &[],
        choices: &[],
        ..Self::COMPATIBLE
    };

    /// llama.cpp's HTTP server. `n` has another name, and `responses` takes it as well (b11549). Each answer of
    /// several reports a usage of its own in a stream; a whole answer reports one of them.
    pub const LLAMA_CPP: Self = Self {
        name: "llama.cpp",
        choices: &["n", "n_cmpl"],
        usage_per_choice: true,
        token_per_event: true,
        moves_timings: true,
        ..Self::COMPATIBLE
    };

    /// vLLM's. Its usage is the sum of all answers.
    pub const VLLM: Self = Self {
        name: "vllm",
        token_per_event: true,
        ..Self::COMPATIBLE
    };

    /// OpenAI's own.
    pub const OPENAI: Self = Self {
        name: "openai",
        limit_name: "max_completion_tokens",
        searches: Searches::OnceIfAsked,
        // `usage: {"type": "duration", "seconds": …}` (OpenAI's API reference, "Create transcription").
        duration_in_json: true,
        ..Self::PUBLISHED
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
        ..Self::PUBLISHED
    };

    /// Gemini's. Its chat completions take `stream_options` (Gemini's docs, "OpenAI compatibility").
    pub const GEMINI: Self = Self {
        name: "gemini",
        reasoning: Reasoning::ByTotal,
        ..Self::PUBLISHED
    };

    /// xAI's.
    pub const GROK: Self = Self {
        name: "grok",
        limit_name: "max_completion_tokens",
        stream_usage: StreamUsage::Always,
        reasoning: Reasoning::ByTotal,
        // `cost_in_usd_ticks` (xAI's docs, "Cost Tracking").
        reports_cost: true,
        ..Self::PUBLISHED
    };

    /// Groq's. Every stream ends with the usage, in `x_groq` (PyPI `groq`, `ChatCompletionChunk`).
    pub const GROQ: Self = Self {
        name: "groq",
        limit_name: "max_completion_tokens",
        stream_usage: StreamUsage::Always,
        // "Minimum billed length: 10 seconds" (Groq's docs, Speech to Text).
        audio_ms_min: 10_000,
        ..Self::PUBLISHED
    };

    /// DeepSeek's. It reads `max_tokens` alone (DeepSeek's docs, "Create Chat Completion").
    pub const DEEPSEEK: Self = Self {
        name: "deepseek",
        unknown: &["max_completion_tokens"],
        ..Self::PUBLISHED
    };

    /// Mistral's: 422, `extra_forbidden` (github.com/openai/openai-agents-python/issues/442).
    pub const MISTRAL: Self = Self {
        name: "mistral",
        stream_usage: StreamUsage::Always,
        unknown: &["stream_options", "max_completion_tokens"],
        // `prompt_audio_seconds` (Mistral's docs, "Audio & Transcription").
        duration_in_json: true,
        ..Self::PUBLISHED
    };

    /// Perplexity's.
    pub const PERPLEXITY: Self = Self {
        name: "perplexity",
        stream_usage: StreamUsage::Always,
        reasoning: Reasoning::Beside,
        searches: Searches::Always,
        ..Self::PUBLISHED
    };

    /// Cerebras's.
    pub const CEREBRAS: Self = Self {
        name: "cerebras",
        limit_name: "max_completion_tokens",
        stream_usage: StreamUsage::Always,
        ..Self::PUBLISHED
    };

    /// OpenRouter's.
    pub const OPENROUTER: Self = Self {
        name: "openrouter",
        stream_usage: StreamUsage::Always,
        // `usage.cost` (OpenRouter's docs, "Usage Accounting").
        reports_cost: true,
        ..Self::PUBLISHED
    };

    /// All of them.
    pub const ALL: &[Self] = &[
        Self::COMPATIBLE,
        Self::LLAMA_CPP,
        Self::VLLM,
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

    /// Those that a server which the operator runs can speak.
    pub const CONFIGURABLE: &[Self] = &[
        Self::COMPATIBLE,
        Self::OPENAI,
        Self::ANTHROPIC,
        Self::GEMINI,
        Self::LLAMA_CPP,
        Self::VLLM,
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
