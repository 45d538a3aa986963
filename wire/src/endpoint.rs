//! Which API a path belongs to, and what a provider does differently in it.
//!
//! What providers differ in is data: a line of [`DIALECTS`] each. No code elsewhere asks who a provider is.

/// A format of requests and answers.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Api {
    /// OpenAI's `chat/completions`, which most others speak as well.
    Chat,
    /// OpenAI's `responses`.
    Responses,
    /// OpenAI's `embeddings`.
    Embeddings,
    /// OpenAI's `images/generations`, `images/edits`, `images/variations`.
    Images,
    /// OpenAI's `audio/speech`.
    Speech,
    /// OpenAI's `audio/transcriptions` and `audio/translations`.
    Transcription,
    /// OpenAI's `moderations`, which cost nothing.
    Moderations,
    /// Anthropic's `messages`.
    Messages,
    /// Anthropic's `messages/count_tokens` and Gemini's `countTokens`, which cost nothing.
    CountTokens,
    /// Gemini's `generateContent` and `streamGenerateContent`.
    Generate,
    /// Gemini's `embedContent` and `batchEmbedContents`.
    Embed,
    /// Cohere's `v2/chat`.
    CohereChat,
    /// Cohere's `embed` and `rerank`.
    CohereMeta,
}

impl Api {
    /// Its stable name, for logs and tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Moderations => "moderations",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Generate => "generate",
            Self::Embed => "embed",
            Self::CohereChat => "cohere_chat",
            Self::CohereMeta => "cohere_meta",
        }
    }

    /// Whether calls of it cost nothing.
    pub const fn is_free(self) -> bool {
        matches!(self, Self::Moderations | Self::CountTokens)
    }
}

/// An API at a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The format.
    pub api: Api,
    /// The model, where the path names it and not the body.
    pub model: Option<String>,
    /// Whether the answer streams, where the path says so and not the body.
    pub stream: Option<bool>,
    pub(crate) dialect: Dialect,
}

impl Endpoint {
    /// The API behind a POST to that path of that provider (a slug of the contract's section 6, or
    /// `custom-…`), the path with or without a leading slash and with or without a query. `None` where it
    /// is none that is metered: files, batches, lists of models.
    pub fn find(provider: &str, path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = path.trim_matches('/');
        let dialect = Dialect::of(provider);
        if let Some((api, stream, model)) = google(path) {
            let (model, stream) = (Some(model.to_owned()), Some(stream));
            return Some(Self {
                api,
                model,
                stream,
                dialect,
            });
        }
        let (_, api) = SUFFIXES
            .iter()
            .find(|(suffix, _)| ends_with(path, suffix))?;
        Some(Self {
            api: *api,
            model: dialect.model_in_path(path),
            stream: None,
            dialect,
        })
    }
}

/// The ends of paths, whole segments of them. Providers put what they like before these.
const SUFFIXES: &[(&str, Api)] = &[
    ("chat/completions", Api::Chat),
    ("responses", Api::Responses),
    ("embeddings", Api::Embeddings),
    ("images/generations", Api::Images),
    ("images/edits", Api::Images),
    ("images/variations", Api::Images),
    ("audio/speech", Api::Speech),
    ("audio/transcriptions", Api::Transcription),
    ("audio/translations", Api::Transcription),
    ("moderations", Api::Moderations),
    ("messages", Api::Messages),
    ("messages/count_tokens", Api::CountTokens),
    ("v2/chat", Api::CohereChat),
    ("v1/embed", Api::CohereMeta),
    ("v2/embed", Api::CohereMeta),
    ("v1/rerank", Api::CohereMeta),
    ("v2/rerank", Api::CohereMeta),
];

fn ends_with(path: &str, suffix: &str) -> bool {
    let before = path.strip_suffix(suffix);
    before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// Google's way: `v1beta/models/{model}:{method}`.
fn google(path: &str) -> Option<(Api, bool, &str)> {
    let (before, method) = path.rsplit_once(':')?;
    let (folder, model) = before.rsplit_once('/')?;
    let is_model = ends_with(folder, "models") || ends_with(folder, "tunedModels");
    let (api, stream) = match method {
        "generateContent" => (Api::Generate, false),
        "streamGenerateContent" => (Api::Generate, true),
        "embedContent" | "batchEmbedContents" => (Api::Embed, false),
        "countTokens" => (Api::CountTokens, false),
        _ => return None,
    };
    is_model.then_some((api, stream, model))
}

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

/// Who makes the usage come in a stream.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum StreamUsage {
    /// Whoever sets `stream_options.include_usage`.
    OnRequest,
    /// Nobody: it always comes.
    Always,
}

/// Whether a chat searches the web, apart from tools.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Searches {
    Never,
    /// Once, where the request has options for it or the model is made for it. Its usage doesn't say.
    OnceIfAsked,
    /// As often as it likes. Its usage says.
    Always,
}

/// What a provider does in its own way, where it speaks somebody else's format.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dialect {
    /// What a chat's output limit is called, where none is given yet.
    pub(crate) limit_name: &'static str,
    pub(crate) stream_usage: StreamUsage,
    pub(crate) reasoning: Reasoning,
    pub(crate) searches: Searches,
    /// The shortest sound that is charged for.
    pub(crate) audio_ms_min: u64,
    /// Which segment of the path is the model's name.
    pub(crate) model_segment: Option<usize>,
    /// What OpenAI's chat has and this one refuses, or overlooks.
    pub(crate) unknown: &'static [&'static str],
}

/// What is assumed of a server that nobody knows: it does as OpenAI's first chat API did.
const CUSTOM: Dialect = Dialect {
    limit_name: "max_tokens",
    stream_usage: StreamUsage::OnRequest,
    reasoning: Reasoning::Inside,
    searches: Searches::Never,
    audio_ms_min: 0,
    model_segment: None,
    unknown: &[],
};

const OPENAI: Dialect = Dialect {
    limit_name: "max_completion_tokens",
    searches: Searches::OnceIfAsked,
    ..CUSTOM
};

/// By the slug.
const DIALECTS: &[(&str, Dialect)] = &[
    ("openai", OPENAI),
    (
        "azure-openai",
        Dialect {
            // `{resource}/{deployment}/chat/completions`
            model_segment: Some(1),
            ..OPENAI
        },
    ),
    (
        "grok",
        Dialect {
            limit_name: "max_completion_tokens",
            stream_usage: StreamUsage::Always,
            reasoning: Reasoning::ByTotal,
            ..CUSTOM
        },
    ),
    (
        "groq",
        Dialect {
            limit_name: "max_completion_tokens",
            stream_usage: StreamUsage::Always,
            // "Minimum billed length: 10 seconds" (Groq's docs, Speech to Text).
            audio_ms_min: 10_000,
            ..CUSTOM
        },
    ),
    (
        "deepseek",
        Dialect {
            // It reads `max_tokens` alone (DeepSeek's docs, "Create Chat Completion").
            unknown: &["max_completion_tokens"],
            ..CUSTOM
        },
    ),
    ("fireworks", CUSTOM),
    ("cohere", CUSTOM),
    (
        "google-ai-studio",
        Dialect {
            reasoning: Reasoning::ByTotal,
            ..CUSTOM
        },
    ),
    ("anthropic", CUSTOM),
    (
        "mistral",
        Dialect {
            stream_usage: StreamUsage::Always,
            // 422, `extra_forbidden` (github.com/openai/openai-agents-python/issues/442).
            unknown: &["stream_options", "max_completion_tokens"],
            ..CUSTOM
        },
    ),
    (
        "perplexity-ai",
        Dialect {
            stream_usage: StreamUsage::Always,
            reasoning: Reasoning::Beside,
            searches: Searches::Always,
            ..CUSTOM
        },
    ),
    (
        "cerebras",
        Dialect {
            limit_name: "max_completion_tokens",
            stream_usage: StreamUsage::Always,
            ..CUSTOM
        },
    ),
    (
        "openrouter",
        Dialect {
            stream_usage: StreamUsage::Always,
            ..CUSTOM
        },
    ),
];

impl Dialect {
    fn of(provider: &str) -> Self {
        let known = DIALECTS.iter().find(|(slug, _)| *slug == provider);
        known.map_or(CUSTOM, |(_, dialect)| *dialect)
    }

    fn model_in_path(self, path: &str) -> Option<String> {
        let segment = path.split('/').nth(self.model_segment?)?;
        Some(segment.to_owned())
    }
}
