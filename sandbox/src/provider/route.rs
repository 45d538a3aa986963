//! Which API a path means. One server plays every provider, so the paths tell them apart, under
//! any prefix: `/v1/chat/completions`, `/openai/v1/chat/completions`, `/chat/completions`.

use axum::http::Method;

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
    Messages,
    /// Gemini, whole.
    Generate,
    /// Gemini, streamed.
    StreamGenerate,
}

/// A path, understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Route {
    pub(crate) api: Api,
    /// The model, where the path names it.
    pub(crate) model: Option<String>,
    /// An Azure deployment: the model is in the path, and the key in a header of its own.
    pub(crate) is_azure: bool,
}

impl Api {
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Api::Chat => Dialect::OpenAi,
            Api::Messages => Dialect::Anthropic,
            Api::Generate | Api::StreamGenerate => Dialect::Gemini,
        }
    }
}

/// Endings of a path, the longer before the shorter.
const ENDINGS: &[(&str, Api)] = &[
    ("/chat/completions", Api::Chat),
    ("/messages", Api::Messages),
];

/// The operation of a request, if there is one.
pub(crate) fn find(method: &Method, path: &str) -> Option<Route> {
    if method != Method::POST {
        return None;
    }
    if let Some(route) = find_gemini(path) {
        return Some(route);
    }
    let (ending, api) = ENDINGS.iter().find(|(ending, _)| path.ends_with(ending))?;
    let prefix = &path[..path.len() - ending.len()];
    let deployment = prefix
        .split_once("/openai/deployments/")
        .map(|(_, deployment)| deployment.to_owned());
    Some(Route {
        api: *api,
        is_azure: deployment.is_some(),
        model: deployment,
    })
}

/// `…/models/{model}:{verb}`.
fn find_gemini(path: &str) -> Option<Route> {
    let (_, last) = path.rsplit_once("/models/")?;
    let (model, verb) = last.split_once(':')?;
    let api = match verb {
        "generateContent" => Api::Generate,
        "streamGenerateContent" => Api::StreamGenerate,
        _ => return None,
    };
    Some(Route {
        api,
        model: Some(model.to_owned()),
        is_azure: false,
    })
}

/// Whose manners a path that there isn't is answered in.
pub(crate) fn dialect_of(path: &str) -> Dialect {
    if path.contains("/v1beta/") && !path.contains("/openai/") {
        Dialect::Gemini
    } else if path.contains("/messages") {
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
            ("/v1/messages", Some(Api::Messages)),
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
            let found = find(&Method::POST, path).map(|route| route.api);
            assert_eq!(found, expected, "{path}");
        }
        let azure = find(&Method::POST, "/openai/deployments/gpt/chat/completions").unwrap();
        assert_eq!(
            (azure.model.as_deref(), azure.is_azure),
            (Some("gpt"), true)
        );
        assert_eq!(find(&Method::GET, "/v1/chat/completions"), None);
    }
}
