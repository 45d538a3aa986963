//! The providers of models: where they are, what they are shown for a key, which API they speak.
//!
//! A table, so that nothing elsewhere needs to know a provider by name. The slugs are those of the API
//! (contract: section 6). Providers that an operator adds come from elsewhere.

use std::borrow::Cow;

use wire::Dialect;

/// A provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in paths and in `provider/model`, and of its list of prices.
    pub slug: &'static str,
    /// Other words for it in `provider/model`, as the catalogue of models has them (contract: 4.1).
    pub aliases: &'static [&'static str],
    /// Its name for people.
    pub name: &'static str,
    /// Where its API is.
    pub base: BaseUrl,
    /// How it is shown a key. The first is how it is shown the operator's; by each of them a caller may
    /// bring one of their own.
    pub credentials: &'static [Credential],
    /// Which API it speaks.
    pub api: Api,
    /// Under which path below its base it speaks OpenAI's API: there follow `chat/completions`,
    /// `embeddings` and `models`. None where it doesn't.
    pub openai_root: Option<&'static str>,
    /// Whether `responses` of OpenAI's API is there as well.
    pub has_responses: bool,
    /// Headers that it insists on and that clients of other APIs don't send.
    pub headers: &'static [(&'static str, &'static str)],
    /// How it departs from the formats that it speaks.
    pub dialect: Dialect,
    /// Where its usage counts cached tokens.
    pub cached: Cached,
}

/// Where a provider's API is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum BaseUrl {
    /// At one address, with a slash at its end.
    Fixed(&'static str),
    /// At an address for each resource: a path is `{resource}/{deployment}/{rest}`.
    AzureOpenAi,
}

/// How a key is shown.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// In a header, with what stands before the key.
    Header {
        /// In lower case.
        name: &'static str,
        /// `Bearer `, or nothing.
        prefix: &'static str,
    },
    /// As a parameter in the address.
    Query {
        /// Its name.
        name: &'static str,
    },
}

/// A provider's own API, which says how its requests and answers are read.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Api {
    /// OpenAI's, or one like it.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
}

/// Where a provider's usage counts the tokens that it has read from a cache, or written to one.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Cached {
    /// Among the tokens of the input.
    Inside,
    /// Beside them.
    Beside,
}

/// Why there is no address for a path.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// It would lead somewhere else than it says.
    #[error("a path must not have . or .. in it")]
    Dots,
    /// A part of it would be taken out, so that it could lead somewhere else than it says.
    #[error("a path must not have a tab, a line break or # in it, nor a blank at its end")]
    TakenOut,
    /// It is none of Azure's.
    #[error(
        "the path must be {{resource}}/{{deployment}}/{{rest}}, as in my-resource/gpt-4o/chat/completions"
    )]
    Azure,
}

const BEARER: Credential = Credential::Header {
    name: "authorization",
    prefix: "Bearer ",
};

const fn header(name: &'static str) -> Credential {
    Credential::Header { name, prefix: "" }
}

/// What most of them are: OpenAI's API at an address of their own.
const fn like_openai(
    slug: &'static str,
    name: &'static str,
    base: &'static str,
    root: &'static str,
    dialect: Dialect,
) -> Provider {
    Provider {
        slug,
        aliases: &[],
        name,
        base: BaseUrl::Fixed(base),
        credentials: &[BEARER],
        api: Api::OpenAi,
        openai_root: Some(root),
        has_responses: false,
        headers: &[],
        dialect,
        cached: Cached::Inside,
    }
}

static PROVIDERS: &[Provider] = &[
    Provider {
        has_responses: true,
        ..like_openai(
            "openai",
            "OpenAI",
            "https://api.openai.com/",
            "v1/",
            Dialect::OPENAI,
        )
    },
    Provider {
        credentials: &[header("x-api-key"), BEARER],
        api: Api::Anthropic,
        openai_root: None,
        headers: &[("anthropic-version", "2023-06-01")],
        cached: Cached::Beside,
        ..like_openai(
            "anthropic",
            "Anthropic",
            "https://api.anthropic.com/",
            "",
            Dialect::ANTHROPIC,
        )
    },
    Provider {
        aliases: &["google"],
        credentials: &[
            header("x-goog-api-key"),
            BEARER,
            Credential::Query { name: "key" },
        ],
        api: Api::Gemini,
        ..like_openai(
            "google-ai-studio",
            "Google AI Studio",
            "https://generativelanguage.googleapis.com/",
            "v1beta/openai/",
            Dialect::GEMINI,
        )
    },
    Provider {
        aliases: &["xai"],
        has_responses: true,
        ..like_openai("grok", "xAI", "https://api.x.ai/", "v1/", Dialect::GROK)
    },
    Provider {
        has_responses: true,
        ..like_openai(
            "groq",
            "Groq",
            "https://api.groq.com/openai/v1/",
            "",
            Dialect::GROQ,
        )
    },
    like_openai(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com/",
        "",
        Dialect::DEEPSEEK,
    ),
    like_openai(
        "mistral",
        "Mistral",
        "https://api.mistral.ai/",
        "v1/",
        Dialect::MISTRAL,
    ),
    Provider {
        aliases: &["perplexity"],
        ..like_openai(
            "perplexity-ai",
            "Perplexity",
            "https://api.perplexity.ai/",
            "",
            Dialect::PERPLEXITY,
        )
    },
    like_openai(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai/",
        "v1/",
        Dialect::CEREBRAS,
    ),
    Provider {
        has_responses: true,
        ..like_openai(
            "openrouter",
            "OpenRouter",
            "https://openrouter.ai/api/",
            "v1/",
            Dialect::OPENROUTER,
        )
    },
    Provider {
        has_responses: true,
        ..like_openai(
            "fireworks",
            "Fireworks",
            "https://api.fireworks.ai/inference/v1/",
            "",
            Dialect::COMPATIBLE,
        )
    },
    like_openai(
        "cohere",
        "Cohere",
        "https://api.cohere.com/",
        "compatibility/v1/",
        Dialect::COMPATIBLE,
    ),
    Provider {
        base: BaseUrl::AzureOpenAi,
        credentials: &[header("api-key"), BEARER],
        ..like_openai(
            "azure-openai",
            "Azure OpenAI",
            "",
            "",
            Dialect::AZURE_OPENAI,
        )
    },
];

/// What is known of a provider of an account's own: it speaks OpenAI's API, at an address that is not in here.
static CUSTOM: Provider = Provider {
    // Whether it is there, it says itself.
    has_responses: true,
    ..like_openai(
        "custom",
        "A provider of the account's own",
        "",
        "",
        Dialect::COMPATIBLE,
    )
};

/// A provider of an account's own, which is none of [`providers`].
pub fn custom_provider() -> &'static Provider {
    &CUSTOM
}

/// All of them.
pub fn providers() -> &'static [Provider] {
    PROVIDERS
}

/// The one of this slug, or of this word in `provider/model`.
pub fn provider(name: &str) -> Option<&'static Provider> {
    PROVIDERS
        .iter()
        .find(|provider| provider.slug == name || provider.aliases.contains(&name))
}

impl Provider {
    /// A provider that the operator runs, at an address with a slash at its end.
    pub fn operated(slug: &'static str, base: &'static str, dialect: Dialect) -> Self {
        let like = match dialect {
            Dialect::ANTHROPIC => provider("anthropic"),
            Dialect::GEMINI => provider("google-ai-studio"),
            _ => None,
        };
        let openai = || Self {
            // Whether it is there, it says itself.
            has_responses: true,
            ..like_openai(slug, slug, base, "v1/", dialect)
        };
        let like = like.cloned().unwrap_or_else(openai);
        Self {
            slug,
            name: slug,
            aliases: &[],
            base: BaseUrl::Fixed(base),
            dialect,
            ..like
        }
    }

    /// The path of the provider's list of models.
    pub fn models_path(&self) -> &'static str {
        match self.api {
            Api::OpenAi | Api::Anthropic => "v1/models",
            Api::Gemini => "v1beta/models",
        }
    }

    /// A path as the provider has it: where its API is OpenAI's below a version, that may be left out (contract:
    /// section 6, `openai`).
    pub fn rooted<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let is_versioned = |path: &str| path.split(['/', '?']).next().is_some_and(is_version);
        match self.openai_root {
            Some(root)
                if self.api == Api::OpenAi && !path.starts_with(root) && !is_versioned(path) =>
            {
                Cow::Owned(format!("{root}{path}"))
            }
            _ => Cow::Borrowed(path),
        }
    }

    /// The address of a path below another base than the provider's own, which has a slash at its end. A version
    /// at the base's end counts, and the path's own is left out: operators write both
    /// `http://10.0.0.5:8000` and `http://10.0.0.5:8000/v1`.
    pub fn below(&self, base: &str, path: &str) -> String {
        let path = self.rooted(path);
        let last = base.trim_end_matches('/').rsplit('/').next();
        match path.split_once('/') {
            Some((first, rest)) if is_version(first) && last.is_some_and(is_version) => {
                format!("{base}{rest}")
            }
            _ => format!("{base}{path}"),
        }
    }

    /// The path of an endpoint of OpenAI's API, such as `chat/completions`; nothing where there is none that a
    /// model's name alone leads to.
    pub fn openai_path(&self, endpoint: &str) -> Option<String> {
        let root = self
            .openai_root
            .filter(|_| self.base != BaseUrl::AzureOpenAi);
        root.map(|root| format!("{root}{endpoint}"))
    }

    /// The address that a path below the provider's slug leads to. The path has no slash at its
    /// beginning; a query may follow it.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn upstream(&self, path: &str) -> Result<String, PathError> {
        let (segments, _) = path.split_once('?').unwrap_or((path, ""));
        if segments.split(['/', '\\']).any(is_dots) {
            return Err(PathError::Dots);
        }
        if path.contains(['\t', '\n', '\r', '#']) || path.ends_with(|last: char| last <= ' ') {
            return Err(PathError::TakenOut);
        }
        match self.base {
            BaseUrl::Fixed(base) => Ok(self.below(base, path)),
            BaseUrl::AzureOpenAi => {
                let mut parts = path.splitn(3, '/');
                let (resource, deployment, rest) = (parts.next(), parts.next(), parts.next());
                let resource = resource.filter(|name| is_word(name, b"-"));
                let deployment = deployment.filter(|name| is_word(name, b"-_."));
                let (Some(resource), Some(deployment), Some(rest)) = (resource, deployment, rest)
                else {
                    return Err(PathError::Azure);
                };
                Ok(format!(
                    "https://{resource}.openai.azure.com/openai/deployments/{deployment}/{rest}"
                ))
            }
        }
    }
}

/// Whether a segment of a path is a version: `v1`, `v1beta`.
fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a segment of a path means another one, written plainly or in percent.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

fn is_word(name: &str, also: &[u8]) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of contract, section 6.
    #[test]
    fn addresses() {
        for (name, path, address) in [
            (
                "openai",
                "v1/chat/completions",
                "https://api.openai.com/v1/chat/completions",
            ),
            (
                "anthropic",
                "v1/messages",
                "https://api.anthropic.com/v1/messages",
            ),
            (
                "google-ai-studio",
                "v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            ),
            (
                "groq",
                "chat/completions",
                "https://api.groq.com/openai/v1/chat/completions",
            ),
            (
                "cohere",
                "chat/completions",
                "https://api.cohere.com/compatibility/v1/chat/completions",
            ),
            (
                "cohere",
                "compatibility/v1/chat/completions",
                "https://api.cohere.com/compatibility/v1/chat/completions",
            ),
            (
                "fireworks",
                "chat/completions",
                "https://api.fireworks.ai/inference/v1/chat/completions",
            ),
            (
                "azure-openai",
                "my-resource/gpt-4o/chat/completions?api-version=2024-06-01",
                "https://my-resource.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01",
            ),
        ] {
            let found = provider(name).unwrap().upstream(path);
            assert_eq!(found.as_deref(), Ok(address));
        }
        assert_eq!(provider("xai").unwrap().slug, "grok");
        assert!(provider("nobody").is_none());
    }

    #[test]
    fn a_base_is_written_with_its_version_and_without() {
        for (name, base, path, address) in [
            (
                "openai",
                "http://a/v1/",
                "v1/chat/completions",
                "http://a/v1/chat/completions",
            ),
            (
                "openai",
                "http://a/v1/",
                "chat/completions",
                "http://a/v1/chat/completions",
            ),
            (
                "openai",
                "http://a/",
                "v1/chat/completions",
                "http://a/v1/chat/completions",
            ),
            (
                "openai",
                "http://a/",
                "chat/completions",
                "http://a/v1/chat/completions",
            ),
            (
                "openai",
                "http://a/api/v3/",
                "v1/models?x=1",
                "http://a/api/v3/models?x=1",
            ),
            (
                "groq",
                "http://a/openai/v1/",
                "v1/models",
                "http://a/openai/v1/models",
            ),
            (
                "anthropic",
                "http://a/v1/",
                "v1/messages",
                "http://a/v1/messages",
            ),
            (
                "google-ai-studio",
                "http://a/v1beta/",
                "v1/models/g:countTokens",
                "http://a/v1beta/models/g:countTokens",
            ),
            (
                "openai",
                "http://vllm/",
                "v1/models",
                "http://vllm/v1/models",
            ),
        ] {
            assert_eq!(provider(name).unwrap().below(base, path), address);
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let azure = provider("azure-openai").unwrap();
        for path in [
            "evil.example/x/y",
            "a@b/x/y",
            "/x/y",
            "resource",
            "resource/deployment",
            "",
        ] {
            assert_eq!(azure.upstream(path), Err(PathError::Azure), "{path}");
        }
        assert_eq!(azure.upstream("a.example#/x/y"), Err(PathError::TakenOut));
        let openai = provider("openai").unwrap();
        for path in [
            "v1/../chat",
            "..",
            "v1/%2e%2E/chat",
            "v1/.%2e/chat",
            "./v1",
            "v1\\..\\chat",
        ] {
            assert_eq!(openai.upstream(path), Err(PathError::Dots), "{path}");
        }
        for path in [
            "v1/.\t./chat",
            "v1/.\n./chat",
            "v1/.\r./chat",
            "v1/chat/.. ",
            "v1/chat/..\u{1}",
            "v1/chat/..#",
            "v1/images#/v1/chat/completions",
        ] {
            assert_eq!(openai.upstream(path), Err(PathError::TakenOut), "{path:?}");
        }
        assert!(openai.upstream("v1/models/gpt-4.1").is_ok());
        assert!(openai.upstream("v1/files?x=../y").is_ok());
    }

    #[test]
    fn every_provider_can_be_named_and_shown_a_key() {
        let mut names: Vec<&str> = Vec::new();
        for provider in providers() {
            names.push(provider.slug);
            names.extend(provider.aliases);
            assert!(matches!(
                provider.credentials.first(),
                Some(Credential::Header { .. })
            ));
            if let BaseUrl::Fixed(base) = provider.base {
                assert!(
                    base.starts_with("https://") && base.ends_with('/'),
                    "{base}"
                );
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name means two providers");
    }
}
