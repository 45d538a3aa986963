//! Which API a path belongs to.

use crate::dialect::Dialect;

/// A format of requests and answers.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Api {
    /// OpenAI's `chat/completions`, which most others speak as well.
    Chat,
    /// OpenAI's older `completions`, and Mistral's `fim/completions`.
    Completions,
    /// OpenAI's `responses`.
    Responses,
    /// OpenAI's `responses/compact`, which has no limit of its output.
    Compact,
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
    /// Anthropic's `messages/count_tokens`, Gemini's `countTokens` and OpenAI's `responses/input_tokens`, which cost
    /// nothing.
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
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Compact => "compact",
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
    /// The API behind a POST to that path of a provider that speaks this dialect. The path may have a leading
    /// slash and a query. `None` for an unmetered path: files, batches, lists of models.
    pub fn find(dialect: Dialect, path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = path.trim_matches('/');
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
    ("completions", Api::Completions),
    ("responses", Api::Responses),
    ("responses/compact", Api::Compact),
    ("responses/input_tokens", Api::CountTokens),
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

impl Endpoint {
    /// Whether the usage reports what the call costs, tools and all.
    pub const fn reports_cost(&self) -> bool {
        self.dialect.reports_cost
    }
}

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
