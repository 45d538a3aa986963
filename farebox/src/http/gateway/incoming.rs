//! A request to the data plane, read: what every way to call a model begins with.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use ledger::{AccountId, Timestamp};

use crate::app::App;
use crate::catalog;
use crate::gateways;
use crate::http::gateway::body;
use crate::http::gateway::runner::{self, Runner};
use crate::http::gateway::{upgrade, wishes};
use crate::ids::LogId;
use crate::proxy::{self, Call, ProxyError, Target, Translation, codes};
use crate::store::gateways::Gateway;

/// Headers that are for this server alone, and of which a provider has no use.
const NOT_FOR_PROVIDERS: [&str; 8] = [
    "cf-cache-ttl",
    "cf-skip-cache",
    "x-auth-email",
    "x-auth-key",
    "cookie",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
];

/// A request whose body is here, and of which nobody has said yet where it goes.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its id, and that of its first call.
    pub id: LogId,
    /// When it came, by the ledger's clock.
    pub at: Timestamp,
    /// When it came, for durations.
    pub begun: Instant,
    /// Who pays.
    pub account: AccountId,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Whether keys of providers were stored on it when the request came.
    pub has_keys: bool,
    /// Who called; nobody where the gateway asks no one.
    pub caller: Option<String>,
    /// All of the client's headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What is sent to a provider.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The path below the provider, with its query.
    pub path: String,
    /// The body.
    pub body: Bytes,
    /// How the answer is told, where the request was translated.
    pub translation: Option<Translation>,
    /// Whether it came in OpenAI's format, by `provider/model`.
    pub compatibility: bool,
}

impl Incoming {
    /// Reads the request to its end.
    ///
    /// # Errors
    /// If the client asks for a WebSocket, or the body is too large or is cut.
    pub async fn read(app: &App, runner: Runner, request: Request) -> Result<Self, ProxyError> {
        let (at, begun) = (app.now(), Instant::now());
        if upgrade::is_requested(request.headers()) {
            return Err(upgrade::refused());
        }
        let (mut parts, body) = request.into_parts();
        let body = body::read(app, &mut parts.headers, body).await?;
        Ok(Self {
            id: LogId::new(at),
            at,
            begun,
            account: runner.account,
            gateway: Arc::new(runner.gateway),
            has_keys: runner.has_keys,
            caller: runner.name,
            headers: parts.headers,
            body,
        })
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`codes::BAD_FORMAT`] where it is none.
    pub fn text(&self) -> Result<&str, ProxyError> {
        std::str::from_utf8(&self.body)
            .map_err(|_| bad_format("The request's body must be text in UTF-8."))
    }

    /// The call that it makes.
    ///
    /// # Errors
    /// [`codes::BAD_HEADER`] where a header that is meant for the gateway can't be read.
    pub fn call(self, target: Target, method: Method, sent: Sent) -> Result<Call, ProxyError> {
        let wishes = wishes::read(&self.headers)?;
        let body = proxy::admitted(&target, &sent.path, sent.body)?;
        Ok(Call {
            id: self.id,
            request: self.id,
            at: self.at,
            begun: self.begun,
            account: self.account,
            gateway: self.gateway,
            has_keys: self.has_keys,
            caller: self.caller,
            target,
            method,
            path: sent.path,
            headers: passed_headers(self.headers),
            body,
            wishes,
            compatibility: sent.compatibility,
            translation: sent.translation,
            step: 0,
        })
    }
}

/// A request that isn't what its API takes.
pub fn bad_format(message: impl Into<String>) -> ProxyError {
    ProxyError::bad_request(codes::BAD_FORMAT, message)
}

/// A body of more than `max` bytes.
pub fn too_large(max: usize) -> ProxyError {
    let message = format!("The request's body is larger than the limit of {max} bytes. Send less.");
    ProxyError::new(StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_LARGE, message)
}

/// The provider of that slug or alias, or the account's own of `custom-…`.
///
/// # Errors
/// [`codes::NO_PROVIDER`].
pub async fn target(app: &App, account: AccountId, name: &str) -> Result<Target, ProxyError> {
    if let Some(own) = name.strip_prefix(gateways::CUSTOM) {
        return Target::own(app, account, own).await;
    }
    if let Some(operated) = app.operated.get(name) {
        return Ok(Target::operated(operated));
    }
    let provider = catalog::provider(name).ok_or_else(|| no_provider(app, name))?;
    Ok(Target {
        provider,
        slug: provider.slug.to_owned(),
        instead: app.config.providers.urls.get(provider.slug).cloned(),
        own: None,
        operated: None,
    })
}

/// There is none of that name.
pub fn no_provider(app: &App, name: &str) -> ProxyError {
    let known = catalog::providers().iter().map(|known| known.slug);
    let known = known.chain(app.operated.iter().map(|operated| operated.provider.slug));
    let known: Vec<_> = known.collect();
    let name: String = name.chars().take(64).collect();
    let message = format!(
        "Invalid provider: there is no provider {name:?}. Use one of {}, or custom-{{slug}}.",
        known.join(", ")
    );
    ProxyError::bad_request(codes::NO_PROVIDER, message)
}

/// The headers without what was meant for the gateway: its own, and its token wherever an SDK puts a key. An empty
/// key is none: some clients send `Authorization:` beside the header that has the key.
fn passed_headers(mut headers: HeaderMap) -> HeaderMap {
    let ours: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("cf-aig-"))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    for name in runner::KEY_HEADERS {
        match headers.get_mut(*name) {
            Some(value) if runner::is_token(value) || runner::is_empty(value) => {
                headers.remove(*name);
            }
            // So that nothing that prints headers prints it.
            Some(value) => value.set_sensitive(true),
            None => {}
        }
    }
    for name in NOT_FOR_PROVIDERS {
        headers.remove(name);
    }
    headers
}

/// The path without the gateway's token, which an SDK may have put into the query, and without an empty key.
pub fn passed_path(target: &Target, path: &str) -> String {
    // At an operator's own server a key in the query is nobody's.
    let is_any = target
        .operated
        .as_ref()
        .is_some_and(|operated| !operated.customer_keys);
    let provider = target.provider;
    let Some((below, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let is_key = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut credentials = provider.credentials.iter();
        (is_any || value.is_empty() || runner::is_token_text(value))
            && credentials.any(
                |known| matches!(known, catalog::Credential::Query { name: key } if *key == name),
            )
    };
    let kept: Vec<_> = query.split('&').filter(|pair| !is_key(pair)).collect();
    match kept.is_empty() {
        true => below.to_owned(),
        false => format!("{below}?{}", kept.join("&")),
    }
}
