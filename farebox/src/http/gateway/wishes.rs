//! The gateway's own headers (contract: section 4.3), read and checked.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use crate::catalog::CustomCost;
use crate::http::nul;
use crate::proxy::{CacheWishes, ProxyError, Wishes, codes};
use crate::store::gateways::Backoff;

/// Entries of `cf-aig-metadata` that are kept.
const METADATA_MAX: usize = 5;

/// The longest pause between attempts that can be asked for, in milliseconds.
const RETRY_DELAY_MAX_MS: u64 = 60_000;

/// The longest wait for an answer's beginning that can be asked for: a day, in milliseconds.
const TIMEOUT_MAX_MS: u64 = 86_400_000;

/// For how long an answer can be asked to be kept, in seconds: from a minute to a month.
const CACHE_TTL: (u64, u64) = (60, 31 * 86_400);

/// Characters of an event id.
const EVENT_ID_MAX: usize = 256;

/// Reads what a client wants of the gateway.
///
/// # Errors
/// [`codes::BAD_HEADER`] where a header can't be read or asks for what isn't there.
pub fn read(headers: &HeaderMap) -> Result<Wishes, ProxyError> {
    Ok(Wishes {
        no_wholesale: flag(headers, "cf-aig-no-wholesale")?.unwrap_or_default(),
        byok_alias: text(headers, "cf-aig-byok-alias")?
            .filter(|alias| !alias.is_empty())
            .map(str::to_owned),
        zdr: flag(headers, "cf-aig-zdr")?,
        cache: cache(headers)?,
        metadata: metadata(headers)?,
        collect_log: flag(headers, "cf-aig-collect-log")?,
        collect_payload: flag(headers, "cf-aig-collect-log-payload")?,
        event_id: event_id(headers)?,
        timeout: millis(headers, "cf-aig-request-timeout", 1, TIMEOUT_MAX_MS)?,
        attempts: number(headers, "cf-aig-max-attempts", 1, 5)?
            .and_then(|attempts| u32::try_from(attempts).ok()),
        retry_delay: millis(headers, "cf-aig-retry-delay", 0, RETRY_DELAY_MAX_MS)?,
        custom_cost: custom_cost(headers)?,
        stream_cost: stream_cost(headers)?,
        backoff: backoff(headers)?,
    })
}

/// What is wanted of the cache, by names of today or by those from before.
fn cache(headers: &HeaderMap) -> Result<CacheWishes, ProxyError> {
    let ttl = |name| number(headers, name, CACHE_TTL.0, CACHE_TTL.1);
    let ttl = match ttl("cf-aig-cache-ttl")? {
        None => ttl("cf-cache-ttl")?,
        named => named,
    };
    let skip = match flag(headers, "cf-aig-skip-cache")? {
        None => flag(headers, "cf-skip-cache")?,
        named => named,
    };
    let key = text(headers, "cf-aig-cache-key")?.filter(|key| !key.is_empty());
    Ok(CacheWishes {
        key: key.map(str::to_owned),
        ttl: ttl.map(Duration::from_secs),
        skip: skip.unwrap_or_default(),
    })
}

fn bad(name: &str, instead: impl fmt::Display) -> ProxyError {
    ProxyError::bad_request(
        codes::BAD_HEADER,
        format!("The header {name} must be {instead}"),
    )
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ProxyError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| bad(name, "plain text"))?;
    Ok(Some(text.trim()))
}

fn flag(headers: &HeaderMap, name: &str) -> Result<Option<bool>, ProxyError> {
    match text(headers, name)? {
        None => Ok(None),
        Some(word) if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(word) if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(bad(name, "true or false")),
    }
}

fn number(headers: &HeaderMap, name: &str, min: u64, max: u64) -> Result<Option<u64>, ProxyError> {
    let Some(text) = text(headers, name)? else {
        return Ok(None);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number));
    number
        .map(Some)
        .ok_or_else(|| bad(name, format_args!("a number from {min} to {max}")))
}

fn millis(
    headers: &HeaderMap,
    name: &str,
    min: u64,
    max: u64,
) -> Result<Option<Duration>, ProxyError> {
    Ok(number(headers, name, min, max)?.map(Duration::from_millis))
}

fn event_id(headers: &HeaderMap) -> Result<Option<String>, ProxyError> {
    let name = "cf-aig-event-id";
    match text(headers, name)? {
        Some(id) if id.len() > EVENT_ID_MAX => {
            Err(bad(name, format_args!("at most {EVENT_ID_MAX} characters")))
        }
        id => Ok(id.map(str::to_owned)),
    }
}

fn backoff(headers: &HeaderMap) -> Result<Option<Backoff>, ProxyError> {
    let name = "cf-aig-backoff";
    let Some(word) = text(headers, name)? else {
        return Ok(None);
    };
    let found = Backoff::NAMES.iter().find(|(known, _)| *known == word);
    let found = found.map(|(_, backoff)| Some(*backoff));
    found.ok_or_else(|| bad(name, "constant, linear or exponential"))
}

fn custom_cost(headers: &HeaderMap) -> Result<Option<CustomCost>, ProxyError> {
    let text = text(headers, "cf-aig-custom-cost")?;
    let cost = text.map(CustomCost::parse).transpose();
    cost.map_err(|error| ProxyError::bad_request(codes::BAD_HEADER, format!("The header {error}")))
}

fn stream_cost(headers: &HeaderMap) -> Result<bool, ProxyError> {
    let name = "cf-aig-stream-cost";
    match text(headers, name)? {
        None => Ok(false),
        Some("comment") => Ok(true),
        Some(_) => Err(bad(
            name,
            "comment; trailers come to a client that sends TE: trailers",
        )),
    }
}

/// The first five entries; none at all where one is no text, number, or yes or no.
fn metadata(headers: &HeaderMap) -> Result<std::collections::BTreeMap<String, Value>, ProxyError> {
    let name = "cf-aig-metadata";
    let Some(text) = text(headers, name)? else {
        return Ok(Default::default());
    };
    let Pairs(pairs) = serde_json::from_str(text)
        .map_err(|_| bad(name, "a JSON object of texts, numbers and booleans"))?;
    let mut entries = pairs.iter();
    if entries.any(|(key, value)| nul::is_in(key) || value.as_str().is_some_and(nul::is_in)) {
        return Err(bad(name, "without the character U+0000"));
    }
    let is_plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    if !pairs.iter().all(|(_, value)| is_plain(value)) {
        return Ok(Default::default());
    }
    let ours = pairs.into_iter().filter(|(key, _)| !key.starts_with("cf."));
    Ok(ours.take(METADATA_MAX).collect())
}

/// An object's entries in the order in which they stand.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
