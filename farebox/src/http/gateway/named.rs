//! A call whose body says where it goes, by `provider/model` (contract: section 4.1): what its provider is sent,
//! and what it is shown for a key.
//!
//! A provider that speaks the format gets the request with its model renamed and nothing else changed. Chat
//! completions are translated for those that don't.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ledger::Timestamp;
use serde::Deserialize;
use wire::{Change, Endpoint, compat};

use crate::app::App;
use crate::catalog::{Api, Credential, Provider, output_tokens_max};
use crate::http::gateway::incoming::{self, Incoming, Sent, bad_format};
use crate::http::gateway::runner;
use crate::proxy::{Call, ProxyError, Target, Translation};

/// The output limit for a model whose own is unknown, at a provider that wants one: each of its models can
/// write as much.
const OUTPUT_TOKENS: u64 = 4096;

/// Which API a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's embeddings.
    Embeddings,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

/// A model at a provider.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where it is.
    pub target: Target,
    /// Its name there.
    pub model: String,
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
}

/// The call that a body in this format makes.
///
/// # Errors
/// Where it can't be read, names no provider that there is, or asks for what the provider doesn't have.
pub async fn call(app: &App, incoming: Incoming, format: Format) -> Result<Call, ProxyError> {
    let body: Body =
        serde_json::from_slice(&incoming.body).map_err(|error| bad_format(error.to_string()))?;
    let named = Named::find(app, &incoming, body.model.as_deref()).await?;
    let sent = named.sent(format, incoming.text()?, incoming.at)?;
    named.call(incoming, sent)
}

impl Named {
    /// The model that is meant by `provider/model`.
    ///
    /// # Errors
    /// Where the name has another form, or there is no such provider.
    pub async fn find(
        app: &App,
        incoming: &Incoming,
        name: Option<&str>,
    ) -> Result<Self, ProxyError> {
        let parts = name.and_then(|name| name.split_once('/'));
        let parts = parts.filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
        let (provider, model) = parts.ok_or_else(|| {
            bad_format("model must be {provider}/{model}, such as openai/gpt-4o-mini.")
        })?;
        Ok(Self {
            target: incoming::target(app, incoming.account, provider).await?,
            model: model.to_owned(),
        })
    }

    /// The call, with the key that the client has brought where its provider looks for it.
    ///
    /// # Errors
    /// As [`Incoming::call`].
    pub fn call(self, incoming: Incoming, sent: Sent) -> Result<Call, ProxyError> {
        let mut call = incoming.call(self.target, Method::POST, sent)?;
        dress(call.target.provider, &mut call.headers);
        Ok(call)
    }

    fn sent(&self, format: Format, body: &str, at: Timestamp) -> Result<Sent, ProxyError> {
        let provider = self.target.provider;
        match (format, translated_to(provider)) {
            (Format::Chat, Some(target)) => self.translated(target, body, at),
            (Format::Messages, Some(compat::Target::Anthropic)) => {
                self.renamed("v1/messages".to_owned(), body)
            }
            (Format::Messages, _) | (Format::Embeddings | Format::Responses, Some(_)) => {
                Err(self.has_no(format))
            }
            (Format::Responses, None) if !provider.has_responses => Err(self.has_no(format)),
            (_, None) => {
                let path = provider.openai_path(format.endpoint());
                let path = path.ok_or_else(|| self.has_no(format))?;
                let body = match format {
                    Format::Chat => &self.alike(&path, body)?,
                    _ => body,
                };
                let sent = self.renamed(path, body)?;
                let compatibility = format != Format::Responses;
                Ok(Sent {
                    compatibility,
                    ..sent
                })
            }
        }
    }

    fn has_no(&self, format: Format) -> ProxyError {
        bad_format(format!(
            "{} has no {} in this format. Call it on its own path, /v1/{{account_id}}/{{gateway_id}}/{}/….",
            self.target.slug,
            format.endpoint(),
            self.target.slug
        ))
    }

    /// The body with the model's name at its provider, and every other byte as it is.
    ///
    /// # Errors
    /// Where it is none.
    pub fn renamed(&self, path: String, body: &str) -> Result<Sent, ProxyError> {
        let endpoint = self.endpoint(&path)?;
        let change = Change {
            model: Some(&self.model),
            ..Change::default()
        };
        let body = wire::change(&endpoint, body, change);
        Ok(Sent {
            path,
            body: Bytes::from(body.map_err(|error| bad_format(error.to_string()))?),
            translation: None,
            compatibility: false,
        })
    }

    /// The body in the state of the format that the provider knows.
    fn alike(&self, path: &str, body: &str) -> Result<String, ProxyError> {
        let body = compat::alike(&self.endpoint(path)?, body);
        body.map_err(|error| bad_format(error.to_string()))
    }

    fn endpoint(&self, path: &str) -> Result<Endpoint, ProxyError> {
        let endpoint = Endpoint::find(self.target.provider.dialect, path);
        endpoint.ok_or_else(|| bad_format("There is no such API"))
    }

    fn translated(
        &self,
        target: compat::Target,
        body: &str,
        at: Timestamp,
    ) -> Result<Sent, ProxyError> {
        let limit = output_tokens_max(self.target.provider.slug, &self.model);
        let limit = limit.unwrap_or(OUTPUT_TOKENS);
        let request = compat::request(target, body, &self.model, limit)
            .map_err(|error| bad_format(format!("Chat completion bad format: {error}")))?;
        Ok(Sent {
            path: request.path,
            body: Bytes::from(request.body),
            translation: Some(Translation {
                target,
                usage_in_stream: request.usage_in_stream,
                created_secs: u64::try_from(at.millis() / 1000).unwrap_or_default(),
            }),
            compatibility: true,
        })
    }
}

impl Format {
    /// Its path in the API that it belongs to.
    const fn endpoint(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }
}

/// What a chat completion becomes at a provider; nothing where it speaks of them itself.
pub fn translated_to(provider: &Provider) -> Option<compat::Target> {
    match provider.api {
        Api::OpenAi => None,
        Api::Anthropic => Some(compat::Target::Anthropic),
        Api::Gemini => Some(compat::Target::Gemini),
    }
}

/// The headers as the provider wants them from a client that may speak another API: the key in its own place,
/// nobody else's key, and what it insists on.
fn dress(provider: &Provider, headers: &mut HeaderMap) {
    let places = provider.credentials.iter();
    let places = places.filter_map(|credential| match credential {
        Credential::Header { name, prefix } => Some((*name, *prefix)),
        Credential::Query { .. } => None,
    });
    let places: Vec<_> = places.collect();
    if let Some((name, prefix)) = places.first().filter(|(name, _)| *name != AUTHORIZATION) {
        let brought = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let shown = brought.map(|value| format!("{prefix}{}", runner::bare(value)));
        let shown = shown.and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(mut value) = shown {
            value.set_sensitive(true);
            headers.remove(AUTHORIZATION);
            headers.entry(*name).or_insert(value);
        }
    }
    for name in runner::KEY_HEADERS {
        if places.iter().all(|(known, _)| known != name) {
            headers.remove(*name);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in provider.headers {
        let name = HeaderName::from_static(name);
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn dressed(provider: &str, headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        dress(catalog::provider(provider).unwrap(), &mut map);
        map
    }

    #[test]
    fn a_key_is_shown_where_its_provider_looks_for_it() {
        for (provider, name, value) in [
            ("openai", "authorization", "Bearer key-1"),
            ("anthropic", "x-api-key", "key-1"),
            ("google-ai-studio", "x-goog-api-key", "key-1"),
        ] {
            let headers = dressed(provider, &[("authorization", "Bearer key-1")]);
            assert_eq!(headers[name], value, "{provider}");
            let keys = runner::KEY_HEADERS.iter();
            let shown = keys.filter(|name| headers.contains_key(**name)).count();
            assert_eq!(shown, 1, "{provider}");
        }
    }

    #[test]
    fn nobody_elses_key_is_shown() {
        let headers = dressed(
            "openai",
            &[("x-api-key", "sk-ant-1"), ("x-goog-api-key", "g")],
        );
        assert!(!headers.contains_key("x-api-key") && !headers.contains_key("x-goog-api-key"));
    }

    #[test]
    fn what_a_provider_insists_on_is_told() {
        let headers = dressed("anthropic", &[]);
        assert_eq!(headers["anthropic-version"], "2023-06-01");
        let headers = dressed("anthropic", &[("anthropic-version", "2024-01-01")]);
        assert_eq!(headers["anthropic-version"], "2024-01-01");
        assert!(!dressed("openai", &[]).contains_key("anthropic-version"));
    }
}
