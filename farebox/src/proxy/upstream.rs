//! The provider is asked: one attempt after the other, until one brings the head of an answer.
//!
//! What is sent is the client's own request, but for what was meant for the gateway and what belongs to one
//! connection alone. Nothing here reads a body.

use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::time::Instant;

use crate::app::App;
use crate::catalog::{self, BaseUrl};
use crate::config::{EVERY_PROVIDER, ProvidersConfig};
use crate::gateways;
use crate::proxy::address;
use crate::proxy::call::Call;
use crate::proxy::credential::{self, Key};
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::hop;
use crate::proxy::outbound::{Client, Names};
use crate::proxy::own;
use crate::store::gateways::Backoff;

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
}

/// The client of all calls to providers.
///
/// # Errors
/// [`ClientError`] where the configuration names a provider that isn't known.
pub fn client(config: &ProvidersConfig) -> Result<Client, ClientError> {
    let mut cut = config.cut_when_client_leaves.iter();
    if let Some(slug) = cut.find(|slug| !may_be_cut(config, slug)) {
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
    let proxies = goes_through_proxies(config).then(Matcher::from_env);
    let tls = crate::tls::client_config()?;
    Ok(Client::new(tls, Names::of_the_system(), proxies))
}

/// Whether calls go through the proxies that the environment names (`HTTPS_PROXY` and the like). One for the
/// outside world can't reach what stands on this machine.
fn goes_through_proxies(config: &ProvidersConfig) -> bool {
    !config.urls.values().any(|url| is_loopback(url))
}

/// Whether a word may stand in `[providers] cut_when_client_leaves`. Accounts' own providers come and go.
fn may_be_cut(config: &ProvidersConfig, slug: &str) -> bool {
    let is_known = catalog::provider(slug).is_some_and(|known| known.slug == slug)
        || config.operated.contains_key(slug);
    is_known || slug == EVERY_PROVIDER || slug.starts_with(gateways::CUSTOM)
}

fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| crate::stripe::is_loopback(&url))
}

/// When the request was sent to which this is the answer.
#[derive(Clone, Copy)]
pub struct SentAt(pub Instant);

/// Asks the provider; the answer's head has come when this returns.
///
/// # Errors
/// Where no attempt brought one.
pub async fn ask(
    app: &App,
    call: &Call,
    key: &Key,
    body: Bytes,
) -> Result<Response<Incoming>, ProxyError> {
    let uri = uri(call)?;
    let mut headers = headers(call, key)?;
    let mut keys = SpareKeys::of(call, key);
    let settings = &call.gateway.settings;
    let attempts = call.wishes.attempts.or(number(settings.retry_max_attempts));
    let attempts = attempts.unwrap_or(1).clamp(1, 5);
    let timeout = call.wishes.timeout.unwrap_or(app.config.gateway.first_byte);
    let mut attempt = 1;
    loop {
        let client = match (&call.target.own, &call.target.operated) {
            (Some(_), _) => &own::client(app, &uri).await?,
            (None, Some(operated)) => &operated.client,
            (None, None) => &app.upstream,
        };
        let is_last = attempt >= attempts;
        let request = request(call, uri.clone(), headers.clone(), body.clone());
        let sent = SentAt(Instant::now());
        match tokio::time::timeout(timeout, client.send(request)).await {
            Ok(Ok(answer)) if keys.refuses(answer.status()) => {
                // Another key is no further attempt: nothing was wrong with the server.
                keys.show_next(call, &mut headers)?;
                continue;
            }
            Ok(Ok(mut answer)) if is_last || !is_worth_repeating(answer.status()) => {
                answer.extensions_mut().insert(sent);
                return accepted(answer, key);
            }
            Ok(Err(error)) if is_last => return Err(ProxyError::no_answer(error)),
            Err(_) if is_last => return Err(timed_out(timeout)),
            _ => {}
        }
        tokio::time::sleep(pause(call, attempt)).await;
        attempt += 1;
    }
}

/// The operator's further keys for a server that the operator runs.
struct SpareKeys {
    place: usize,
    left: usize,
}

impl SpareKeys {
    fn of(call: &Call, key: &Key) -> Self {
        let operated = call.target.operated.as_deref();
        let (place, left) = match (key, operated) {
            (Key::Operated(place), Some(operated)) => {
                (*place, operated.key_count().saturating_sub(1))
            }
            _ => (0, 0),
        };
        Self { place, left }
    }

    /// Whether the answer refuses the key and there is another.
    fn refuses(&self, status: StatusCode) -> bool {
        let refusals = [
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        self.left > 0 && refusals.contains(&status)
    }

    fn show_next(&mut self, call: &Call, headers: &mut HeaderMap) -> Result<(), ProxyError> {
        self.left = self.left.saturating_sub(1);
        self.place = self.place.wrapping_add(1);
        credential::show(&Key::Operated(self.place), &call.target, headers)
    }
}

fn uri(call: &Call) -> Result<Uri, ProxyError> {
    let bad = |error: String| ProxyError::bad_request(codes::BAD_FORMAT, error);
    let url = call.target.url(&call.path);
    let url = url.map_err(|error| bad(error.to_string()))?;
    address::uri(url).map_err(|error| bad(error.to_string()))
}

fn request(call: &Call, uri: Uri, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// The answer, unless its status alone says that the operator's key or account is at fault: it may quote that key.
fn accepted(answer: Response<Incoming>, key: &Key) -> Result<Response<Incoming>, ProxyError> {
    let status = answer.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ProxyError::no_answer(
            "the provider switches protocols, which nobody asked for",
        ));
    }
    let is_account = matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED
    );
    match is_account && key.is_operators() {
        true => Err(account_trouble(status, &[])),
        false => Ok(answer),
    }
}

/// How much of a provider's words about the operator's account goes into the server's own log.
const TROUBLE_CHARS_MAX: usize = 300;

/// The provider rejected the operator's key or account. What it says of that is for the operator.
pub fn account_trouble(status: StatusCode, body: &[u8]) -> ProxyError {
    let words: String = String::from_utf8_lossy(body)
        .chars()
        .take(TROUBLE_CHARS_MAX)
        .collect();
    tracing::error!(%status, words, "a provider rejects the operator's key or account");
    let message = "The provider rejected the operator's API key or account. The operator has to mend it. Nothing was \
         charged.";
    ProxyError {
        internal: Some(format!(
            "the provider answers {status} to the operator's key"
        )),
        ..ProxyError::new(StatusCode::BAD_GATEWAY, codes::NO_ANSWER, message).for_good()
    }
}

fn headers(call: &Call, key: &Key) -> Result<HeaderMap, ProxyError> {
    let mut headers = call.headers.clone();
    hop::end_connection(&mut headers);
    match &call.target.own {
        Some(own) => own.show(&mut headers)?,
        None => hop::keep_keys_of(call.target.provider, &mut headers),
    }
    if let Some(operated) = &call.target.operated {
        operated.show(&mut headers);
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
    hop::end_connection(&mut passed);
    hop::end_origin(&mut passed);
    passed
}

fn is_worth_repeating(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn timed_out(timeout: Duration) -> ProxyError {
    let message = format!(
        "The provider sent no byte within {} ms. Nothing was charged. Send the call again, or set a longer \
         cf-aig-request-timeout.",
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
    use std::collections::BTreeMap;

    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_proxy_is_for_the_outside_world() {
        let with = |url: &str| ProvidersConfig {
            keys: BTreeMap::new(),
            zdr_keys: BTreeMap::new(),
            urls: BTreeMap::from([("openai".to_owned(), url.to_owned())]),
            cut_when_client_leaves: Vec::new(),
            operated: BTreeMap::new(),
        };
        for (url, expected) in [
            ("https://proxy.example.org/v1/", true),
            ("http://10.0.0.1:8000/", true),
            ("http://127.0.0.1:9/", false),
            ("http://[::1]:9/", false),
            ("http://localhost:9/", false),
        ] {
            assert_eq!(goes_through_proxies(&with(url)), expected, "{url}");
        }
    }

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
