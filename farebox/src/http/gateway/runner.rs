//! Who calls a model, through which gateway: an extractor in a handler's signature. By `cf-aig-authorization`, or
//! by a token of ours where the provider's SDK puts its key, or by nothing where the gateway asks nobody
//! (contract: section 4.3).

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ledger::AccountId;

use crate::app::App;
use crate::error::codes::THROTTLED;
use crate::http::auth::{Permission, is_valid};
use crate::http::client_address::client_address;
use crate::http::gateway::{Dialect, lost};
use crate::http::nul;
use crate::http::public_url::PublicUrl;
use crate::ids::TOKEN_PREFIX;
use crate::proxy::{self, ProxyError, codes};
use crate::store::callers;
use crate::store::gateways::{self, Gateway};
use crate::store::tokens::Token;

/// The header that is for the gateway alone.
const GATEWAY_AUTHORIZATION: HeaderName = HeaderName::from_static("cf-aig-authorization");

/// The header that names the gateway where no path does.
const GATEWAY_ID: HeaderName = HeaderName::from_static("cf-aig-gateway-id");

/// Where the SDKs of providers put a key.
pub const KEY_HEADERS: &[&str] = &proxy::KEY_HEADERS;

/// Whoever may call through the gateway that the path names.
#[derive(Debug)]
pub struct Runner {
    /// The account: the only one that pays.
    pub account: AccountId,
    /// The gateway.
    pub gateway: Gateway,
    /// Whether keys of providers were stored on it when the request came.
    pub has_keys: bool,
    /// Who it is, for the record; nobody where the gateway asks no one.
    pub name: Option<String>,
}

/// The same on the paths of an account, where a header names the gateway and everybody is asked for a token.
#[derive(Debug)]
pub struct AccountRunner(pub Runner);

impl FromRequestParts<Arc<App>> for Runner {
    type Rejection = ProxyError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ProxyError> {
        let params = Params::of(parts, app).await;
        let Some(account) = params.account() else {
            return Err(no_account(parts, app).await);
        };
        let gateway = params.get("gateway_id");
        Self::through(app, parts, account, (gateway, false)).await
    }
}

impl FromRequestParts<Arc<App>> for AccountRunner {
    type Rejection = ProxyError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ProxyError> {
        let Some(account) = Params::of(parts, app).await.account() else {
            return Err(no_account(parts, app).await);
        };
        let gateway = parts.headers.get(GATEWAY_ID);
        let gateway = gateway.map_or(Ok(gateways::DEFAULT_ID), HeaderValue::to_str);
        let gateway = gateway.map_err(|_| no_gateway())?;
        Runner::through(app, parts, account, (gateway, true))
            .await
            .map(Self)
    }
}

/// What the path says.
struct Params(Option<RawPathParams>);

impl Params {
    async fn of(parts: &mut Parts, app: &Arc<App>) -> Self {
        Self(RawPathParams::from_request_parts(parts, app).await.ok())
    }

    fn get(&self, wanted: &str) -> &str {
        let mut params = self.0.iter().flatten();
        let found = params.find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value)
    }

    /// `None` if the segment can't be an account's id, as when a client's base URL ends before the account.
    fn account(&self) -> Option<AccountId> {
        self.get("account_id").parse().ok()
    }
}

impl Runner {
    /// Through the gateway of that id. `asks_all` where a token is needed whatever the gateway's settings say.
    async fn through(
        app: &Arc<App>,
        parts: &Parts,
        account: AccountId,
        (id, asks_all): (&str, bool),
    ) -> Result<Self, ProxyError> {
        if nul::is_in(id) {
            return Err(no_gateway());
        }
        let shown = token_of(&parts.headers, parts.uri.query());
        let hash = shown.map(|text| app.keyring.hash_token(text));
        let found = callers::find(&app.store.db, account, id, hash.as_deref()).await?;
        let name = match hash {
            Some(_) => authenticate(app, parts, account, found.token),
            None => Err(no_token()),
        };
        if let Some(gateway) = found.gateway {
            let asks = asks_all || gateway.settings.authentication;
            let name = match name {
                Err(error) if asks => return Err(error),
                name => name.ok(),
            };
            return Ok(Self {
                account,
                gateway,
                has_keys: found.has_keys,
                name,
            });
        }
        // What gateways there are is for its account to know.
        let name = name?;
        if id != gateways::DEFAULT_ID {
            return Err(no_gateway());
        }
        let gateway = gateways::get_or_create_default(&app.store.db, account, app.now()).await?;
        Ok(Self {
            account,
            gateway,
            has_keys: false,
            name: Some(name),
        })
    }
}

async fn no_account(parts: &mut Parts, app: &Arc<App>) -> ProxyError {
    let url = PublicUrl::from_request_parts(parts, app).await;
    let url = url.map_or_else(|_| String::new(), |url| url.0);
    let (method, path) = (&parts.method, parts.uri.path());
    let dialect = Dialect::of(path, &parts.headers).unwrap_or(Dialect::Cloudflare);
    lost::wrong_base_url(method, path, dialect, &url)
}

fn no_gateway() -> ProxyError {
    let message = "Please configure AI Gateway: the account has no gateway of that id. Use \"default\", which \
         always exists, or create the gateway.";
    ProxyError::bad_request(codes::NO_GATEWAY, message)
}

fn no_token() -> ProxyError {
    unauthorized(
        "Unauthorized: no Farebox token was sent. Send cf-aig-authorization: Bearer <token>, or the token in \
         place of the provider's key.",
    )
}

/// Who it is that has shown a token: the one that was found, if any was.
fn authenticate(
    app: &Arc<App>,
    parts: &Parts,
    account: AccountId,
    found: Option<Token>,
) -> Result<String, ProxyError> {
    let now = app.now();
    let token = found.filter(|token| is_valid(token, now) && token.account == account);
    let token = token.ok_or_else(|| failed(app, parts))?;
    match Permission::Run.granted_by(&token.permissions) {
        true => Ok(name(&token)),
        false => {
            let message = format!(
                "Unauthorized: the token lacks the permission {}. Use a token that has it.",
                Permission::Run.name()
            );
            Err(ProxyError::new(
                StatusCode::FORBIDDEN,
                codes::UNAUTHORIZED,
                message,
            ))
        }
    }
}

fn name(token: &Token) -> String {
    format!("token:{}", token.id)
}

fn unauthorized(message: impl Into<String>) -> ProxyError {
    ProxyError::new(StatusCode::UNAUTHORIZED, codes::UNAUTHORIZED, message)
}

/// Counts a failed attempt; past the limit the refusal becomes 429.
fn failed(app: &Arc<App>, parts: &Parts) -> ProxyError {
    app.metrics.authentication_failed();
    let address = client_address(app, &parts.headers, &parts.extensions);
    match app.throttle.failed(address, Instant::now()) {
        Ok(()) => unauthorized(
            "Unauthorized: the token is unknown, expired, revoked, or belongs to another account. Check the \
             token and the account id in the base URL.",
        ),
        Err(wait) => {
            let message = "Too many failed attempts to authenticate from this address. Send the call again after the \
                 seconds in Retry-After.";
            let seconds = wait.as_secs().saturating_add(1);
            ProxyError::new(StatusCode::TOO_MANY_REQUESTS, THROTTLED, message).after(seconds)
        }
    }
}

/// The token, where it is meant to be or where an SDK puts its key.
fn token_of<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a str> {
    let for_gateway = headers.get(GATEWAY_AUTHORIZATION);
    if let Some(value) = for_gateway.filter(|value| !is_empty(value)) {
        return value.to_str().ok().map(bare);
    }
    let shown = KEY_HEADERS.iter().filter_map(|name| headers.get(*name));
    let shown = shown.filter_map(|value| value.to_str().ok()).map(bare);
    let queried = query.into_iter().flat_map(|query| query.split('&'));
    let queried = queried.filter_map(|pair| pair.strip_prefix("key="));
    shown.chain(queried).find(|text| is_token_text(text))
}

/// A key or a token without its scheme.
pub fn bare(value: &str) -> &str {
    let scheme = value
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    scheme.map_or(value, |_| value[7..].trim())
}

/// Whether a header has a token of ours.
pub fn is_token(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| is_token_text(bare(text)))
}

/// Whether a header of a key has none: it is empty, or a scheme alone.
pub fn is_empty(value: &HeaderValue) -> bool {
    let text = value.to_str().map(str::trim);
    text.is_ok_and(|text| text.is_empty() || text.eq_ignore_ascii_case("bearer"))
}

/// Whether a text is a token of ours, as far as its looks tell.
pub fn is_token_text(text: &str) -> bool {
    text.starts_with(TOKEN_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{self, Credential};

    #[test]
    fn a_token_is_found_wherever_a_provider_wants_its_key() {
        for provider in catalog::providers() {
            for credential in provider.credentials {
                match credential {
                    Credential::Header { name, .. } => {
                        assert!(KEY_HEADERS.contains(name), "{name}")
                    }
                    Credential::Query { name } => assert_eq!(*name, "key"),
                }
            }
        }
    }

    #[test]
    fn a_token_is_read_with_its_scheme_and_without() {
        for text in ["fbx_1", "Bearer fbx_1", "bearer  fbx_1"] {
            assert_eq!(bare(text), "fbx_1");
            assert!(is_token(&HeaderValue::from_static(text)));
        }
        for (text, empty) in [
            ("", true),
            ("Bearer ", true),
            ("bearer", true),
            ("Bearer x", false),
        ] {
            assert_eq!(is_empty(&HeaderValue::from_static(text)), empty, "{text}");
        }
        for text in ["", "Bearer sk-1", "Basic fbx_1", "ключ-fbx_1"] {
            assert!(!is_token_text(bare(text)), "{text}");
        }
    }
}
