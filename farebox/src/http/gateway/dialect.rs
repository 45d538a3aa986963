//! Which API a client of the data plane speaks: the shape in which it reads errors and lists of models.
//!
//! The path decides, so that refusals before the provider is known have the right shape as well. On paths that
//! several SDKs share, the header `anthropic-version`, which Anthropic's SDKs always send, decides.

use http::HeaderMap;

use crate::catalog::{self, Api};

/// The API that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's, and that of most other providers.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
    /// Cloudflare's own: `ai/run` and the universal endpoint.
    Cloudflare,
}

/// The ends of the paths of OpenAI's API that its SDKs call below their base URL.
const OPENAI_ENDS: &[&str] = &[
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/responses",
    "/responses/compact",
    "/moderations",
    "/images/generations",
    "/images/edits",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
];

const ANTHROPIC_ENDS: &[&str] = &["/messages", "/messages/count_tokens"];

/// The methods of Gemini's API: `models/{model}:{method}`.
const GEMINI_ENDS: &[&str] = &[
    ":generateContent",
    ":streamGenerateContent",
    ":countTokens",
    ":embedContent",
    ":batchEmbedContents",
];

/// The management API, but for the paths of an account that call models.
const MANAGEMENT: &str = "/client/v4/";

impl Dialect {
    /// The dialect of a request of the data plane, or of one that was meant for it and has a wrong base URL. `None`
    /// for the management API and everything else.
    pub fn of(path: &str, headers: &HeaderMap) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(MANAGEMENT) {
            let mut parts = rest.splitn(4, '/');
            return match (parts.next(), parts.nth(1), parts.next()) {
                (Some("accounts"), Some("ai"), Some(below)) => {
                    Some(Self::beside(path, below, headers))
                }
                _ => None,
            };
        }
        match path.strip_prefix("/v1/") {
            Some(below) => Self::below_v1(path, below, headers),
            None => by_end(path, headers),
        }
    }

    /// Of `/client/v4/accounts/{account_id}/ai/…`.
    fn beside(whole: &str, below: &str, headers: &HeaderMap) -> Self {
        match below.starts_with("v1/") {
            true => by_end(whole, headers).unwrap_or(by_headers(headers)),
            false => Self::Cloudflare,
        }
    }

    /// Of `/v1/…`: the gateway's own paths, and those of a client whose base URL ends before the account.
    fn below_v1(whole: &str, below: &str, headers: &HeaderMap) -> Option<Self> {
        let mut parts = below.splitn(4, '/');
        let (account, gateway) = (parts.next(), parts.next());
        let is_account = account.is_some_and(|id| id.parse::<ledger::AccountId>().is_ok());
        let rest = (parts.next(), parts.next().unwrap_or_default());
        match rest {
            _ if !is_account => by_end(whole, headers).or(Some(Self::Cloudflare)),
            (None, _) => gateway.map(|_| Self::Cloudflare),
            (Some("compat"), _) => Some(Self::OpenAi),
            (Some(slug), path) => Some(Self::native(slug, path, whole)),
        }
    }

    /// Of a path below a provider: some providers have several APIs.
    fn native(slug: &str, path: &str, whole: &str) -> Self {
        // Google's own path of OpenAI's API.
        if path.contains("/openai/") {
            return Self::OpenAi;
        }
        let known = catalog::provider(slug).map(|provider| match provider.api {
            Api::OpenAi => Self::OpenAi,
            Api::Anthropic => Self::Anthropic,
            Api::Gemini => Self::Gemini,
        });
        match (by_end(whole, &HeaderMap::new()), known) {
            (Some(by_end @ (Self::Anthropic | Self::Gemini)), _) => by_end,
            (_, Some(known)) => known,
            (by_end, None) => by_end.unwrap_or(Self::OpenAi),
        }
    }
}

fn by_end(path: &str, headers: &HeaderMap) -> Option<Dialect> {
    let ends = |list: &[&str]| list.iter().any(|end| path.ends_with(end));
    match path {
        _ if ends(ANTHROPIC_ENDS) => Some(Dialect::Anthropic),
        _ if ends(GEMINI_ENDS) || path.contains("/v1beta/models") => Some(Dialect::Gemini),
        _ if ends(OPENAI_ENDS) => Some(Dialect::OpenAi),
        _ if path.ends_with("/models") || path.contains("/models/") => Some(by_headers(headers)),
        _ => None,
    }
}

fn by_headers(headers: &HeaderMap) -> Dialect {
    match headers.contains_key("anthropic-version") {
        true => Dialect::Anthropic,
        false => Dialect::OpenAi,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_path_decides() {
        use Dialect::{Anthropic, Cloudflare, Gemini, OpenAi};
        for (path, dialect) in [
            (
                "/v1/ACCOUNT/default/openai/v1/chat/completions",
                Some(OpenAi),
            ),
            ("/v1/ACCOUNT/default/openai/v1/batches", Some(OpenAi)),
            ("/v1/ACCOUNT/default/anthropic/v1/messages", Some(Anthropic)),
            ("/v1/ACCOUNT/default/anthropic/v1/models", Some(Anthropic)),
            (
                "/v1/ACCOUNT/default/openrouter/v1/messages",
                Some(Anthropic),
            ),
            (
                "/v1/ACCOUNT/default/google-ai-studio/v1beta/models/g:generateContent",
                Some(Gemini),
            ),
            (
                "/v1/ACCOUNT/default/google-ai-studio/v1beta/openai/chat/completions",
                Some(OpenAi),
            ),
            (
                "/v1/ACCOUNT/default/nobody/v1/chat/completions",
                Some(OpenAi),
            ),
            (
                "/v1/ACCOUNT/default/custom-mine/v1/messages",
                Some(Anthropic),
            ),
            ("/v1/ACCOUNT/default/compat/chat/completions", Some(OpenAi)),
            ("/v1/ACCOUNT/default", Some(Cloudflare)),
            ("/v1/chat/completions", Some(OpenAi)),
            ("/v1/messages", Some(Anthropic)),
            ("/chat/completions", Some(OpenAi)),
            ("/openai/v1/responses", Some(OpenAi)),
            (
                "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
                Some(Gemini),
            ),
            (
                "/client/v4/accounts/ACCOUNT/ai/v1/messages",
                Some(Anthropic),
            ),
            ("/client/v4/accounts/ACCOUNT/ai/v1/models", Some(OpenAi)),
            ("/client/v4/accounts/ACCOUNT/ai/run", Some(Cloudflare)),
            (
                "/client/v4/accounts/ACCOUNT/ai/run/@cf%2Fmeta%2Fllama",
                Some(Cloudflare),
            ),
            ("/client/v4/accounts/ACCOUNT/ai-gateway/gateways", None),
            ("/client/v4/user/tokens/verify", None),
            ("/healthz", None),
            ("/", None),
        ] {
            let path = path.replace("ACCOUNT", ACCOUNT);
            assert_eq!(Dialect::of(&path, &HeaderMap::new()), dialect, "{path}");
        }
    }

    #[test]
    fn the_version_header_decides_on_a_shared_path() {
        let mut headers = HeaderMap::new();
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        let path = format!("/client/v4/accounts/{ACCOUNT}/ai/v1/models");
        assert_eq!(Dialect::of(&path, &headers), Some(Dialect::Anthropic));
    }
}
