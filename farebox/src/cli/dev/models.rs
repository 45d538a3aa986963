//! The sandbox's provider of language models, in the place of those that the operator has not configured.

use sandbox::{Provider, ProviderConfig};

use crate::cli::Failure;
use crate::config::ProvidersConfig;
use crate::ids;

/// The providers that the sandbox can be, with the paths below its address at which it is each of them.
const SOLD: [(&str, &str); 7] = [
    ("openai", "/"),
    ("anthropic", "/"),
    ("google-ai-studio", "/"),
    ("grok", "/grok/"),
    ("groq", "/groq/v1/"),
    ("deepseek", "/deepseek/"),
    ("mistral", "/mistral/"),
];

/// A running provider, and whom it stands in for.
pub(in crate::cli) struct Models {
    pub(in crate::cli) provider: Provider,
    pub(super) slugs: Vec<&'static str>,
}

impl Models {
    /// Starts the provider, and has it answer for every provider of which `config` names neither key nor address.
    pub(super) async fn start(config: &mut ProvidersConfig) -> Result<Self, Failure> {
        let key = format!("sk-sandbox-{}", ids::opaque());
        let provider = Provider::start(ProviderConfig {
            keys: vec![key.clone()],
            ..ProviderConfig::default()
        });
        let provider = provider.await.map_err(Failure::new)?;
        let is_free =
            |slug: &str| !config.keys.contains_key(slug) && !config.urls.contains_key(slug);
        let free: Vec<_> = SOLD.iter().filter(|(slug, _)| is_free(slug)).collect();
        for (slug, path) in &free {
            let url = format!("{}{path}", provider.url());
            config.keys.insert((*slug).to_owned(), key.as_str().into());
            config.urls.insert((*slug).to_owned(), url);
        }
        let slugs = free.into_iter().map(|(slug, _)| *slug).collect();
        Ok(Self { provider, slugs })
    }
}
