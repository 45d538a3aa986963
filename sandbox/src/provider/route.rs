//! Which API a path means. One server plays every provider, so the paths tell them apart, under
//! any prefix: `/v1/chat/completions`, `/openai/v1/chat/completions`, `/chat/completions`.

use axum::http::{HeaderMap, Method};

/// Whose manners an answer has: its errors, its headers, its credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
}

/// An operation of one of the APIs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Api {
    Chat,
    Responses,
    /// A conversation, made shorter.
    Compact,
    /// The input tokens of a response.
    CountResponses,
    Embeddings,
    Images,
    Speech,
    /// Transcriptions and translations.
    Transcription,
    Moderations,
    Messages,
    CountMessages,
    /// Gemini, whole.
    Generate,
    /// Gemini, streamed.
    StreamGenerate,
    CountContents,
    Embed,
    BatchEmbed,
    /// The list of models, or one of them.
    Models,
}

/// A path, understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Route {
    pub(crate) api: Api,
    pub(crate) dialect: Dialect,
    /// The model, where the path names it.
    pub(crate) model: Option<String>,
    /// An Azure deployment: the model is in the path, and the version in the query.
    pub(crate) is_azure: bool,
}

/// Endings of a path that is posted to.
const ENDINGS: &[(&str, Api, Dialect)] = &[
    ("/chat/completions", Api::Chat, Dialect::OpenAi),
    ("/responses", Api::Responses, Dialect::OpenAi),
    ("/responses/compact", Api::Compact, Dialect::OpenAi),
    (
        "/responses/input_tokens",
        Api::CountResponses,
        Dialect::OpenAi,
    ),
    ("/embeddings", Api::Embeddings, Dialect::OpenAi),
    ("/images/generations", Api::Images, Dialect::OpenAi),
    ("/audio/speech", Api::Speech, Dialect::OpenAi),
    ("/audio/transcriptions", Api::Transcription, Dialect::OpenAi),
    ("/audio/translations", Api::Transcription, Dialect::OpenAi),
    ("/moderations", Api::Moderations, Dialect::OpenAi),
    ("/messages", Api::Messages, Dialect::Anthropic),
    (
        "/messages/count_tokens",
        Api::CountMessages,
        Dialect::Anthropic,
    ),
];

/// What is done to a model of Gemini's.
const VERBS: &[(&str, Api)] = &[
    ("generateContent", Api::Generate),
    ("streamGenerateContent", Api::StreamGenerate),
    ("countTokens", Api::CountContents),
    ("embedContent", Api::Embed),
    ("batchEmbedContents", Api::BatchEmbed),
];

/// The operation of a request, if there is one.
pub(crate) fn find(method: &Method, path: &str, headers: &HeaderMap) -> Option<Route> {
    match *method {
        Method::GET => find_models(path, headers),
        Method::POST => find_gemini(path).or_else(|| find_ending(path)),
        _ => None,
    }
}

fn find_ending(path: &str) -> Option<Route> {
    let (ending, api, dialect) = ENDINGS.iter().find(|(ending, ..)| path.ends_with(ending))?;
    let prefix = &path[..path.len() - ending.len()];
    let deployment = prefix
        .split_once("/openai/deployments/")
        .map(|(_, deployment)| deployment.to_owned());
    Some(Route {
        api: *api,
        dialect: *dialect,
        is_azure: deployment.is_some(),
        model: deployment,
    })
}

/// `…/models/{model}:{verb}`.
fn find_gemini(path: &str) -> Option<Route> {
    let (_, last) = path.rsplit_once("/models/")?;
    let (model, verb) = last.split_once(':')?;
    let (_, api) = VERBS.iter().find(|(name, _)| *name == verb)?;
    Some(Route {
        api: *api,
        dialect: Dialect::Gemini,
        model: Some(model.to_owned()),
        is_azure: false,
    })
}

/// `…/models` and `…/models/{model}`. Only the headers tell whose list is meant.
fn find_models(path: &str, headers: &HeaderMap) -> Option<Route> {
    let (prefix, model) = match path.strip_suffix("/models") {
        Some(prefix) => (prefix, None),
        None => path
            .rsplit_once("/models/")
            .map(|(prefix, model)| (prefix, Some(model)))?,
    };
    let dialect = dialect_of(prefix, headers);
    Some(Route {
        api: Api::Models,
        dialect,
        model: model.map(str::to_owned),
        is_azure: false,
    })
}

/// Whose manners a request is answered in whose path does not tell.
pub(crate) fn dialect_of(path: &str, headers: &HeaderMap) -> Dialect {
    let is_gemini = path.ends_with("/v1beta") || path.contains("/v1beta/models/");
    if is_gemini || headers.contains_key("x-goog-api-key") {
        Dialect::Gemini
    } else if headers.contains_key("anthropic-version") || path.contains("/messages") {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_under_any_prefix() {
        for (path, expected) in [
            ("/v1/chat/completions", Some(Api::Chat)),
            ("/openai/v1/chat/completions", Some(Api::Chat)),
            ("/chat/completions", Some(Api::Chat)),
            ("/v1beta/openai/chat/completions", Some(Api::Chat)),
            ("/v1/responses/compact", Some(Api::Compact)),
            ("/v1/responses/input_tokens", Some(Api::CountResponses)),
            ("/v1/messages", Some(Api::Messages)),
            ("/v1/messages/count_tokens", Some(Api::CountMessages)),
            ("/v1/audio/transcriptions", Some(Api::Transcription)),
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                Some(Api::Generate),
            ),
            (
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
                Some(Api::StreamGenerate),
            ),
            ("/v1beta/models/gemini-2.5-pro:dream", None),
            ("/v1/unheard-of", None),
        ] {
            let found = find(&Method::POST, path, &HeaderMap::new()).map(|route| route.api);
            assert_eq!(found, expected, "{path}");
        }
        let azure = find(
            &Method::POST,
            "/openai/deployments/gpt/chat/completions",
            &HeaderMap::new(),
        )
        .unwrap();
        assert_eq!(
            (azure.model.as_deref(), azure.is_azure),
            (Some("gpt"), true)
        );
        let none = HeaderMap::new();
        assert_eq!(find(&Method::GET, "/v1/chat/completions", &none), None);
        let mut anthropic = HeaderMap::new();
        anthropic.insert("anthropic-version", "2023-06-01".parse().unwrap());
        let mut google = HeaderMap::new();
        google.insert("x-goog-api-key", "key".parse().unwrap());
        for (path, headers, dialect, model) in [
            ("/v1/models", &none, Dialect::OpenAi, None),
            ("/v1/models/gpt-4o", &none, Dialect::OpenAi, Some("gpt-4o")),
            ("/v1/models", &anthropic, Dialect::Anthropic, None),
            (
                "/v1beta/models/gemini",
                &none,
                Dialect::Gemini,
                Some("gemini"),
            ),
            ("/v1beta/openai/models", &none, Dialect::OpenAi, None),
        ] {
            let route = find(&Method::GET, path, headers).unwrap();
            assert_eq!(
                (route.dialect, route.model.as_deref()),
                (dialect, model),
                "{path}"
            );
        }
    }
}
