//! The provider is asked: one attempt after the other, until one brings the head of an answer.
//!
//! What is sent is the client's own request, but for what was meant for the gateway and what belongs to one
//! connection alone. Nothing here reads a body.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::app::App;
use crate::catalog::{self, BaseUrl};
use crate::config::{EVERY_PROVIDER, ProvidersConfig};
use crate::gateways;
use crate::proxy::call::Call;
use crate::proxy::credential::{self, Key};
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::own;
use crate::store::gateways::Backoff;

/// Headers that belong to one connection (RFC 9110, section 7.6.1), or that are made anew.
const NOT_PASSED_ON: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Headers that choose or tell which of the operator's accounts at a provider is used: nothing to callers.
const OPERATORS_OWN: [&str; 5] = [
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "x-goog-user-project",
    "set-cookie",
];

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long it may take to reach a provider.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Why calls can't be passed on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no such provider, or its key would go where the caller says.
    #[error("{0:?} is none of the providers that take a key or an address here")]
    Provider(String),
    /// There is no such provider.
    #[error(
        "cut_when_client_leaves: there is no provider {0:?}; write its name in paths, or \"*\" for all"
    )]
    Unknown(String),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The client.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// The client of all calls to providers.
///
/// # Errors
/// [`ClientError`] where the configuration names a provider that isn't known.
pub fn client(config: &ProvidersConfig) -> Result<reqwest::Client, ClientError> {
    let mut cut = config.cut_when_client_leaves.iter();
    if let Some(slug) = cut.find(|slug| !may_be_cut(slug)) {
        return Err(ClientError::Unknown(slug.clone()));
    }
    let named = config.keys.keys().chain(config.zdr_keys.keys());
    for slug in named.chain(config.urls.keys()) {
        // Azure's address is chosen by the caller, who must not be able to choose where the key goes.
        let known = catalog::provider(slug).filter(|known| known.slug == slug);
        if known.is_none_or(|known| known.base == BaseUrl::AzureOpenAi) {
            return Err(ClientError::Provider(slug.clone()));
        }
    }
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client_config()?)
        .connect_timeout(CONNECT_MAX)
        // Following one would hand the key to another host; the caller is told of it instead.
        .redirect(reqwest::redirect::Policy::none());
    if config.urls.values().any(|url| is_loopback(url)) {
        // A proxy for the outside world cannot reach what stands on this machine.
        builder = builder.no_proxy();
    }
    Ok(builder.build()?)
}

/// Whether a word may stand in `[providers] cut_when_client_leaves`. Accounts' own providers come and go.
fn may_be_cut(slug: &str) -> bool {
    let is_known = catalog::provider(slug).is_some_and(|known| known.slug == slug);
    is_known || slug == EVERY_PROVIDER || slug.starts_with(gateways::CUSTOM)
}

fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| crate::stripe::is_loopback(&url))
}

/// Asks the provider; the answer's head has come when this returns.
///
/// # Errors
/// Where no attempt brought one.
pub async fn ask(
    app: &App,
    call: &Call,
    key: &Key,
    body: Bytes,
) -> Result<reqwest::Response, ProxyError> {
    let url = call.target.url(&call.path);
    let url = url.map_err(|error| ProxyError::bad_request(codes::BAD_FORMAT, error.to_string()))?;
    let headers = headers(call, key)?;
    let settings = &call.gateway.settings;
    let attempts = call.wishes.attempts.or(number(settings.retry_max_attempts));
    let attempts = attempts.unwrap_or(1).clamp(1, 5);
    let timeout = call.wishes.timeout.unwrap_or(app.config.gateway.first_byte);
    let mut attempt = 1;
    loop {
        let client = match &call.target.own {
            Some(_) => own::client(app, &url).await?,
            None => app.upstream.clone(),
        };
        let request = client.request(call.method.clone(), &url);
        let request = request.headers(headers.clone()).body(body.clone());
        let is_last = attempt >= attempts;
        match tokio::time::timeout(timeout, request.send()).await {
            Ok(Ok(answer)) if is_last || !is_worth_repeating(answer.status()) => {
                return accepted(answer, key);
            }
            Ok(Err(error)) if is_last => return Err(ProxyError::no_answer(error.without_url())),
            Err(_) if is_last => return Err(timed_out(timeout)),
            _ => {}
        }
        tokio::time::sleep(pause(call, attempt)).await;
        attempt += 1;
    }
}

/// The answer, unless it says that the operator's key is none: it may quote that key.
fn accepted(answer: reqwest::Response, key: &Key) -> Result<reqwest::Response, ProxyError> {
    if answer.status() != StatusCode::UNAUTHORIZED || !key.is_operators() {
        return Ok(answer);
    }
    let message =
        "The provider refused the key of whoever runs this gateway: tell them. Nothing was charged";
    Err(ProxyError {
        internal: Some("the provider answers 401 to the operator's key".to_owned()),
        ..ProxyError::new(StatusCode::BAD_GATEWAY, codes::NO_ANSWER, message)
    })
}

fn headers(call: &Call, key: &Key) -> Result<HeaderMap, ProxyError> {
    let mut headers = call.headers.clone();
    if let Some(own) = &call.target.own {
        own.show(&mut headers)?;
    }
    for name in &NOT_PASSED_ON {
        headers.remove(name);
    }
    // What is metered has to be read.
    headers.remove(ACCEPT_ENCODING);
    if key.is_operators() {
        remove(&mut headers, &OPERATORS_OWN);
    }
    credential::show(key, &call.target, &mut headers)?;
    Ok(headers)
}

fn remove(headers: &mut HeaderMap, names: &[&str]) {
    for name in names {
        headers.remove(*name);
    }
}

/// The headers of an answer that reach the client. Those of a gateway behind this one don't: what they say of a
/// call's cost or log is not so here.
pub fn passed_back(headers: &HeaderMap, key: &Key) -> HeaderMap {
    let names = headers.iter();
    let passed = names.filter(|(name, _)| !name.as_str().starts_with("cf-aig-"));
    let mut passed: HeaderMap = passed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if key.is_operators() {
        remove(&mut passed, &OPERATORS_OWN);
    }
    for name in &NOT_PASSED_ON {
        passed.remove(name);
    }
    passed
}

fn is_worth_repeating(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn timed_out(timeout: Duration) -> ProxyError {
    let message = format!(
        "The provider sent no byte within {} ms; nothing was charged. Ask again, or set a longer \
         cf-aig-request-timeout",
        timeout.as_millis()
    );
    ProxyError::new(StatusCode::GATEWAY_TIMEOUT, codes::TIMED_OUT, message)
}

fn pause(call: &Call, attempt: u32) -> Duration {
    let settings = &call.gateway.settings;
    let delay = call.wishes.retry_delay;
    let delay = delay.unwrap_or_else(|| {
        let millis = settings
            .retry_delay
            .and_then(|delay| u64::try_from(delay).ok());
        Duration::from_millis(millis.unwrap_or_default())
    });
    let factor = match call.wishes.backoff.or(settings.retry_backoff) {
        Some(Backoff::Linear) => attempt,
        Some(Backoff::Exponential) => 1 << attempt.saturating_sub(1).min(8),
        Some(Backoff::Constant) | None => 1,
    };
    delay.saturating_mul(factor).min(PAUSE_MAX)
}

fn number(value: Option<i64>) -> Option<u32> {
    value.and_then(|value| u32::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_a_provider_says_comes_back_but_for_what_is_the_gateways_or_the_operators_to_say() {
        let mut headers = HeaderMap::new();
        for name in ["x-request-id", "cf-aig-cost", "openai-organization", "te"] {
            headers.append(name, HeaderValue::from_static("one"));
        }
        headers.append("x-request-id", HeaderValue::from_static("two"));
        let passed = passed_back(&headers, &Key::Own);
        assert_eq!(passed.get_all("x-request-id").iter().count(), 2);
        assert!(passed.contains_key("openai-organization"));
        assert_eq!(passed.len(), 3);
        let passed = passed_back(&headers, &Key::Operators("key".into()));
        assert_eq!(passed.len(), 2);
    }
}
