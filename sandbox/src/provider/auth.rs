//! Who asks: the credentials of a request, and whether one of them is good.

use axum::http::HeaderMap;

use super::error::Refusal;
use super::journal::{Credential, is_secret};
use super::route::{Dialect, Route};

/// Every credential of a request, whether it was meant for this API or not, without its secret.
pub(crate) fn credentials(
    keys: &[String],
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Vec<Credential> {
    let in_headers = headers
        .iter()
        .filter(|(name, _)| is_secret(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let in_query = query.iter().filter(|(name, _)| name == "key");
    let in_query = in_query.map(|(_, value)| ("?key", value.as_str()));
    let all = in_headers.chain(in_query);
    all.map(|(at, value)| credential(keys, at, value)).collect()
}

fn credential(keys: &[String], at: &str, value: &str) -> Credential {
    let secret = value.strip_prefix("Bearer ").unwrap_or(value);
    Credential {
        at: at.to_owned(),
        key: keys.iter().position(|key| key == secret),
        ending: ending(secret),
    }
}

/// The last four letters, of which nothing follows about the rest.
fn ending(secret: &str) -> Option<String> {
    let letters: Vec<char> = secret.chars().collect();
    (letters.len() >= 12).then(|| letters[letters.len() - 4..].iter().collect())
}

/// Checks the credential that the API wants.
pub(crate) fn authorise(
    keys: &[String],
    route: &Route,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<(), Refusal> {
    let dialect = route.dialect;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let own = match dialect {
        Dialect::OpenAi => header("api-key"),
        Dialect::Anthropic => header("x-api-key"),
        Dialect::Gemini => header("x-goog-api-key").or_else(|| key_of(query)),
    };
    let key = own.or(bearer).filter(|key| !key.is_empty());
    let Some(key) = key else {
        return Err(missing(dialect));
    };
    if keys.is_empty() || keys.iter().any(|known| known == key) {
        return versions(route, headers, query);
    }
    let ending = ending(key).map(|ending| format!(" (ending in {ending})"));
    let ending = ending.unwrap_or_default();
    Err(Refusal::unauthorized(format!(
        "Incorrect API key provided{ending}."
    )))
}

fn key_of(query: &[(String, String)]) -> Option<&str> {
    let key = query.iter().find(|(name, _)| name == "key");
    key.map(|(_, value)| value.as_str())
}

fn missing(dialect: Dialect) -> Refusal {
    match dialect {
        Dialect::OpenAi => {
            Refusal::unauthorized("You didn't provide an API key in the header Authorization.")
        }
        Dialect::Anthropic => Refusal::unauthorized("The header x-api-key is required."),
        Dialect::Gemini => Refusal::forbidden("The header x-goog-api-key is required."),
    }
}

/// Anthropic and Azure insist on being told a version.
fn versions(route: &Route, headers: &HeaderMap, query: &[(String, String)]) -> Result<(), Refusal> {
    let dialect = route.dialect;
    if dialect == Dialect::Anthropic && !headers.contains_key("anthropic-version") {
        return Err(Refusal::malformed("anthropic-version: header is required"));
    }
    if route.is_azure && !query.iter().any(|(name, _)| name == "api-version") {
        return Err(Refusal::invalid(
            "api-version",
            "Missing required query parameter: api-version",
        ));
    }
    Ok(())
}
