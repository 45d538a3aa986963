//! `[providers.NAME]`: a provider that the operator runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use wire::Dialect;

use super::{Reader, base, is_header_text};

/// The longest name of a provider.
const NAME_MAX: usize = 40;

/// A provider that the operator runs.
#[derive(Debug, Clone)]
pub struct OperatedConfig {
    /// Where it is, with a slash at its end. The path of OpenAI's API may have a version at its end.
    pub base_url: String,
    /// Which API it speaks, and how.
    pub dialect: Dialect,
    /// The operator's keys. None if the server asks for none.
    pub keys: Vec<SecretString>,
    /// Headers that go with each call. Their values are secrets.
    pub headers: HeaderMap,
    /// A PEM file with the only roots that its certificate may come from. The system's if there is none.
    pub tls_roots: Option<PathBuf>,
    /// The models that lists name. Empty: what its own list has.
    pub models: Vec<String>,
    /// The most tokens that a call can read and write together. None if it is unknown.
    pub context_tokens: Option<u64>,
    /// Whether it may be at an address of this machine or its network, and there without TLS.
    pub allow_private_address: bool,
    /// Whether customers may use keys of their own.
    pub customer_keys: bool,
    /// What happens to parameters of a request that its API doesn't define.
    pub unknown_parameters: UnknownParameters,
}

/// What happens to parameters of a request that its API doesn't define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownParameters {
    /// They are passed on.
    Allow,
    /// They are removed.
    Strip,
    /// The request is refused.
    Refuse,
}

pub(super) fn read(reader: &mut Reader) -> BTreeMap<String, OperatedConfig> {
    let mut operated = BTreeMap::new();
    for name in reader.tables("providers") {
        let table = format!("providers.{name}");
        if !is_name(&name) {
            let wrong = format!("{name:?} can't be a provider's name");
            let instead = "write lower-case letters, digits and -, a letter first, at most 40; not compat, \
                           nor custom-… at the beginning";
            reader.fail(&format!("{table}.base_url"), &wrong, instead);
            continue;
        }
        operated.insert(name, one(reader, &table));
    }
    operated
}

fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_fit)
        && name != "compat"
        && !name.starts_with("custom-")
}

fn one(reader: &mut Reader, table: &str) -> OperatedConfig {
    let option = |name: &str| format!("{table}.{name}");
    let known: Vec<_> = Dialect::CONFIGURABLE.iter().map(|one| one.name()).collect();
    let dialects = format!("write one of {}", known.join(", "));
    let dialect = |name: &str| {
        Dialect::CONFIGURABLE
            .iter()
            .find(|one| one.name() == name)
            .copied()
    };
    let base_url = reader.parsed(
        &option("base_url"),
        base,
        "write the server's address, such as http://10.0.0.5:8000/v1",
    );
    let roots = reader.text(&option("tls_roots_file"));
    let context_tokens = reader.number(&option("context_tokens"), 0..=100_000_000_u64);
    OperatedConfig {
        base_url: base_url.unwrap_or_default(),
        dialect: reader
            .parsed(&option("dialect"), dialect, &dialects)
            .unwrap_or(Dialect::COMPATIBLE),
        keys: keys(reader, &option("keys")),
        headers: headers(reader, &option("headers")),
        tls_roots: (!roots.is_empty()).then(|| reader.path(&roots)),
        models: reader.list(&option("models")),
        context_tokens: (context_tokens > 0).then_some(context_tokens),
        allow_private_address: reader.flag(&option("allow_private_address")),
        customer_keys: reader.flag(&option("customer_keys")),
        unknown_parameters: reader
            .parsed(
                &option("unknown_parameters"),
                UnknownParameters::named,
                "write allow, strip or refuse",
            )
            .unwrap_or(UnknownParameters::Refuse),
    }
}

impl UnknownParameters {
    fn named(name: &str) -> Option<Self> {
        match name {
            "allow" => Some(Self::Allow),
            "strip" => Some(Self::Strip),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

fn keys(reader: &mut Reader, option: &str) -> Vec<SecretString> {
    let keys = reader.secrets(option);
    if !keys.iter().all(|key| is_header_text(key.expose_secret())) {
        reader.fail(
            option,
            "a key has characters that no header can have",
            "write keys alone",
        );
    }
    keys
}

fn headers(reader: &mut Reader, option: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for entry in reader.secrets(option) {
        match header(entry.expose_secret()) {
            Some((name, value)) => drop(headers.append(name, value)),
            // Without a word of it: its value may be a key.
            None => reader.fail(option, "one entry is no header", "write x-team: blue"),
        }
    }
    headers
}

fn header(entry: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = entry.split_once(':')?;
    let mut value: HeaderValue = value.trim().parse().ok()?;
    value.set_sensitive(true);
    Some((name.trim().to_ascii_lowercase().parse().ok()?, value))
}
