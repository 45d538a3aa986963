//! Providers that the operator runs (`[providers.NAME]`): where they are, the operator's keys for them, and which
//! models they have.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::proxy::matcher::Matcher;
use secrecy::SecretString;
use serde::Deserialize;

use crate::app::App;
use crate::catalog::{self, Provider};
use crate::config::{OperatedConfig, UnknownParameters};
use crate::gateways::Reach;
use crate::proxy::address;
use crate::proxy::call::Target;
use crate::proxy::credential::{self, Key};
use crate::proxy::outbound::{Client, Names};

/// How often the operator's own servers are asked for their models.
const MODELS: Duration = Duration::from_secs(60);

/// How long a server may take to list its models.
const LIST_MAX: Duration = Duration::from_secs(10);

/// The longest list of models that is read.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A provider that the operator runs.
#[derive(Debug)]
pub struct Operated {
    /// Its name, where it is, and which API it speaks.
    pub provider: &'static Provider,
    /// Whether customers may use keys of their own.
    pub customer_keys: bool,
    /// What happens to parameters that its API doesn't define.
    pub unknown_parameters: UnknownParameters,
    /// The most tokens that a call can read and write together.
    pub context_tokens: Option<u64>,
    /// Calls it.
    pub(super) client: Client,
    keys: Vec<SecretString>,
    /// How many calls have taken a key.
    turn: AtomicUsize,
    headers: HeaderMap,
    /// The models that the operator has listed; none if the server's own list counts.
    listed: Vec<String>,
    /// What the server has listed, if it has answered.
    served: RwLock<Option<Vec<String>>>,
}

/// All of them, by their names in paths.
#[derive(Debug, Default)]
pub struct AllOperated(BTreeMap<String, Arc<Operated>>);

/// Why a provider can't be called as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("[providers.{name}] {why}")]
pub struct OperatedError {
    name: String,
    why: String,
}

impl AllOperated {
    /// Those of the configuration.
    ///
    /// # Errors
    /// [`OperatedError`] if a name is taken, or an address or a file of roots can't be used.
    pub fn new(configured: &BTreeMap<String, OperatedConfig>) -> Result<Self, OperatedError> {
        let mut all = BTreeMap::new();
        for (name, config) in configured {
            let operated = Operated::new(name, config).map_err(|why| OperatedError {
                name: name.clone(),
                why,
            })?;
            all.insert(name.clone(), Arc::new(operated));
        }
        Ok(Self(all))
    }

    /// The one of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Operated>> {
        self.0.get(name)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Operated>> {
        self.0.values()
    }
}

impl Operated {
    fn new(name: &str, config: &OperatedConfig) -> Result<Self, String> {
        if catalog::provider(name).is_some() {
            return Err("is the name of a provider that Farebox knows: take another".to_owned());
        }
        let reach = Reach {
            private: config.allow_private_address,
        };
        let checked = reach.check_base(&config.base_url);
        checked.map_err(|why| {
            format!("base_url: {why} (allow_private_address = true allows your own network)")
        })?;
        // Once for each provider of the configuration, and kept as long as the process: calls and their logs name it.
        let slug: &'static str = Box::leak(name.to_owned().into_boxed_str());
        let base = Box::leak(config.base_url.clone().into_boxed_str());
        let provider = Provider::operated(slug, base, config.dialect);
        Ok(Self {
            provider: Box::leak(Box::new(provider)),
            customer_keys: config.customer_keys,
            unknown_parameters: config.unknown_parameters,
            context_tokens: config.context_tokens,
            client: client(config)?,
            keys: config.keys.clone(),
            turn: AtomicUsize::new(0),
            headers: config.headers.clone(),
            listed: config.models.clone(),
            served: RwLock::default(),
        })
    }

    /// The place of the key whose turn it is.
    pub(super) fn next_key(&self) -> usize {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(self.keys.len()).unwrap_or_default()
    }

    /// How many keys there are.
    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The key at that place, beginning anew at the end. None if the server asks for none.
    pub(super) fn key(&self, place: usize) -> Option<&SecretString> {
        self.keys.get(place.checked_rem(self.keys.len())?)
    }

    /// Adds the headers that go with each call.
    pub(super) fn show(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Whether lists of models may name this one, as far as it is known what the server has.
    pub fn has_model(&self, id: &str) -> bool {
        if !self.listed.is_empty() {
            return self.listed.iter().any(|listed| listed == id);
        }
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        let served = served.as_ref();
        served.is_none_or(|served| served.iter().any(|served| served == id))
    }

    /// Asks the server for its models, and remembers them.
    ///
    /// # Errors
    /// In words, if it doesn't answer with a list.
    pub async fn refresh(self: &Arc<Self>) -> Result<Vec<String>, String> {
        let asking = tokio::time::timeout(LIST_MAX, self.ask_for_models());
        let models = asking
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", LIST_MAX.as_secs())))?;
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        *served = Some(models.clone());
        Ok(models)
    }

    /// Asks the server for its models, at the start and again and again. Says when it stops answering, and when it
    /// answers again.
    pub async fn watch(self: Arc<Self>, app: Arc<App>) {
        let provider = self.provider.slug;
        let mut answers = None;
        loop {
            let models = tokio::select! {
                models = self.refresh() => models,
                () = app.stop.cancelled() => return,
            };
            match &models {
                Ok(models) if answers != Some(true) => {
                    tracing::info!(provider, models = models.join(", "), "the provider answers");
                }
                Err(why) if answers != Some(false) => tracing::warn!(
                    provider,
                    why,
                    "the provider doesn't answer: its calls will fail until it does. Check [providers.{provider}] base_url"
                ),
                _ => {}
            }
            answers = Some(models.is_ok());
            tokio::select! {
                () = tokio::time::sleep(MODELS) => {}
                () = app.stop.cancelled() => return,
            }
        }
    }

    async fn ask_for_models(self: &Arc<Self>) -> Result<Vec<String>, String> {
        let target = Target::operated(self);
        let url = target.url(self.provider.models_path());
        let url = url.map_err(|error| error.to_string())?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = address::uri(url.clone()).map_err(|error| error.to_string())?;
        let headers = request.headers_mut();
        self.show(headers);
        let shown = credential::show(&Key::Operated(0), &target, headers);
        shown.map_err(|error| error.message)?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| format!("{url}: {error}"))?;
        if !answer.status().is_success() {
            return Err(format!("{url} answers {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), LIST_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| format!("{url}: {error}"))?.to_bytes();
        models(&body).ok_or_else(|| format!("{url} answers with no list of models"))
    }
}

impl Target {
    /// The provider that the operator runs.
    pub fn operated(operated: &Arc<Operated>) -> Self {
        Self {
            provider: operated.provider,
            slug: operated.provider.slug.to_owned(),
            instead: None,
            own: None,
            operated: Some(operated.clone()),
        }
    }
}

fn client(config: &OperatedConfig) -> Result<Client, String> {
    let tls = match &config.tls_roots {
        Some(roots) => {
            let tls = crate::tls::client_config_with(roots);
            tls.map_err(|error| format!("tls_roots_file: {error}"))?
        }
        None => crate::tls::client_config().map_err(|error| error.to_string())?,
    };
    // A proxy for the outside world can't reach what is on the operator's network.
    let (names, proxies) = match config.allow_private_address {
        true => (Names::of_the_system(), None),
        false => (Names::public(), Some(Matcher::from_env())),
    };
    Ok(Client::new(tls, names, proxies))
}

/// The ids of a list in OpenAI's and Anthropic's form, or Gemini's.
fn models(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        data: Option<Vec<Id>>,
        models: Option<Vec<Name>>,
    }
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let list: List = serde_json::from_slice(body).ok()?;
    let ids = list
        .data
        .map(|data| data.into_iter().map(|model| model.id).collect());
    ids.or_else(|| {
        let names = list.models?.into_iter().map(|model| model.name);
        Some(
            names
                .map(|name| name.trim_start_matches("models/").to_owned())
                .collect(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_models_are_read_in_each_form() {
        for (body, expected) in [
            (
                r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#,
                Some(vec!["a", "b"]),
            ),
            // llama.cpp's HTTP server lists both forms.
            (
                r#"{"models":[{"name":"x"}],"data":[{"id":"a"}]}"#,
                Some(vec!["a"]),
            ),
            (
                r#"{"models":[{"name":"models/gemma"}]}"#,
                Some(vec!["gemma"]),
            ),
            (r#"{"data":[]}"#, Some(vec![])),
            (r#"{"error":"x"}"#, None),
            ("<html>", None),
        ] {
            let expected = expected.map(|ids| ids.into_iter().map(str::to_owned).collect());
            assert_eq!(models(body.as_bytes()), expected, "{body}");
        }
    }
}
