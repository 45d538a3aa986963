//! `[providers]`, and a table `[providers.NAME]` for each provider that the operator runs.

use std::collections::BTreeMap;

mod operated;

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;
pub use operated::{OperatedConfig, UnknownParameters};

/// In a list of providers: all of them.
pub const EVERY_PROVIDER: &str = "*";

/// The operator's own accounts at providers.
#[derive(Debug, Clone)]
pub struct ProvidersConfig {
    /// Keys by provider, which calls go with that are paid for out of the account's credit.
    pub keys: BTreeMap<String, SecretString>,
    /// Keys by provider of accounts with which the provider keeps nothing, for calls that ask for that.
    pub zdr_keys: BTreeMap<String, SecretString>,
    /// Addresses by provider, in the place of its own, each with a slash at its end.
    pub urls: BTreeMap<String, String>,
    /// Providers whose answers are cut as soon as the client leaves.
    pub cut_when_client_leaves: Vec<String>,
    /// The providers that the operator runs, by their names in paths.
    pub operated: BTreeMap<String, OperatedConfig>,
}

impl ProvidersConfig {
    /// Whether what this provider answers is cut as soon as the client leaves.
    pub fn cuts_when_client_leaves(&self, slug: &str) -> bool {
        let mut named = self.cut_when_client_leaves.iter();
        named.any(|named| named == slug || named == EVERY_PROVIDER)
    }

    pub(in crate::config) fn read(reader: &mut Reader) -> Self {
        Self {
            keys: keys(reader, "providers.keys"),
            zdr_keys: keys(reader, "providers.zdr_keys"),
            urls: urls(reader),
            cut_when_client_leaves: reader.list("providers.cut_when_client_leaves"),
            operated: operated::read(reader),
        }
    }
}

fn keys(reader: &mut Reader, option: &'static str) -> BTreeMap<String, SecretString> {
    let mut keys = BTreeMap::new();
    for entry in reader.secrets(option) {
        match entry.expose_secret().split_once('=') {
            Some((slug, key)) if is_slug(slug) && is_header_text(key) => {
                keys.insert(slug.trim().to_owned(), key.trim().into());
            }
            // Without a word of it: what is malformed may still be a key.
            _ => reader.fail(
                option,
                "one entry is no provider with its key",
                "write openai=sk-…",
            ),
        }
    }
    keys
}

/// Whether a word may be a provider's name. A key that stands in its place must not get into an error.
fn is_slug(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Whether a key can stand in a header.
fn is_header_text(key: &str) -> bool {
    let key = key.trim();
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn urls(reader: &mut Reader) -> BTreeMap<String, String> {
    const OPTION: &str = "providers.urls";
    let mut urls = BTreeMap::new();
    for entry in reader.list(OPTION) {
        let url = entry
            .split_once('=')
            .and_then(|(slug, url)| Some((slug, base(url.trim())?)));
        match url {
            Some((slug, url)) => {
                urls.insert(slug.trim().to_owned(), url);
            }
            None => {
                let wrong = format!("{entry:?} is no provider with an address");
                reader.fail(OPTION, &wrong, "write openai=https://proxy.example.org/v1");
            }
        }
    }
    urls
}

/// The address with a slash at its end; nothing where it isn't one that a path can be put behind.
fn base(url: &str) -> Option<String> {
    let parsed: http::Uri = url.parse().ok()?;
    let is_http = matches!(parsed.scheme_str(), Some("http" | "https"));
    let is_plain = parsed.query().is_none() && !parsed.authority()?.as_str().contains('@');
    (is_http && is_plain).then(|| format!("{}/", url.trim_end_matches('/')))
}
