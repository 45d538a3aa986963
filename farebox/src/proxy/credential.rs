//! Whose key a call goes with (contract: section 4.2): the one that the request brings, or else one that is stored
//! on the gateway, or else the operator's, for which the account pays. Nobody's is used who doesn't know the
//! caller.

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::catalog::Credential;
use crate::gateways;
use crate::proxy::call::{Call, Target};
use crate::proxy::error::{ProxyError, codes};
use crate::store::logs::KeySource;
use crate::store::provider_configs;

/// Where the SDKs of providers put a key.
pub const KEY_HEADERS: [&str; 4] = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];

/// Whose key a call goes with.
#[derive(Debug)]
pub enum Key {
    /// The request brought its own, or none to a provider of the account's own: it is passed on as it came,
    /// and costs nothing here.
    Own,
    /// The account has stored it on the gateway: the call costs nothing here.
    Stored(SecretString),
    /// The operator's: the call is paid for out of the account's credit.
    Operators(SecretString),
    /// The operator's for a server that the operator runs, by its place among them; perhaps that server asks for
    /// none. The call is paid for out of the account's credit.
    Operated(usize),
}

impl Key {
    /// Whether it is the operator's.
    pub const fn is_operators(&self) -> bool {
        matches!(self, Self::Operators(_) | Self::Operated(_))
    }

    /// As logs call it.
    pub const fn source(&self) -> KeySource {
        match self {
            Self::Own => KeySource::Request,
            Self::Stored(_) => KeySource::Stored,
            Self::Operators(_) | Self::Operated(_) => KeySource::Operator,
        }
    }
}

/// Chooses the key.
///
/// # Errors
/// Where there is none that the call may go with, and where it names a stored one that there isn't.
pub async fn choose(app: &App, call: &Call) -> Result<Key, ProxyError> {
    // At a server of the operator's another key would be no key: nothing but its own counts there.
    let operated = call.target.operated.as_deref();
    let takes_others = operated.is_none_or(|operated| operated.customer_keys);
    if takes_others && brings_own(&call.target, &call.headers, &call.path) {
        return Ok(Key::Own);
    }
    // Where the gateway asks for a token, nobody has come this far without; where its account has turned that
    // off, whoever knows the address may use its keys.
    let stored = match takes_others {
        true => stored(app, call).await?,
        false => None,
    };
    if let Some(key) = stored {
        return Ok(Key::Stored(key));
    }
    // Nobody but the account has a key for it, and it may need none.
    if call.target.own.is_some() {
        return Ok(Key::Own);
    }
    operators(app, call)
}

/// The operator's key, where the call may be paid for out of credit.
fn operators(app: &App, call: &Call) -> Result<Key, ProxyError> {
    let slug = call.target.provider.slug;
    if call.gateway.settings.byok_only || call.wishes.no_wholesale {
        let message = format!(
            "The call has no key for {slug}: none was sent, none is stored on the gateway, and byok_only or \
             cf-aig-no-wholesale rules out the operator's. Send your own key in the provider's header, or store one."
        );
        return Err(ProxyError::bad_request(codes::OWN_KEY_ONLY, message));
    }
    if call.caller.is_none() {
        let message = "Unauthorized: a call without your own provider key is paid from prepaid credit. Send \
             cf-aig-authorization with a token that has the permission AI Gateway Run.";
        let status = http::StatusCode::UNAUTHORIZED;
        return Err(ProxyError::new(status, codes::UNAUTHORIZED, message));
    }
    let wants_zdr = call.wishes.zdr.unwrap_or(call.gateway.settings.zdr);
    // What the operator's own server keeps, the operator decides: there is no provider to agree with.
    if let Some(operated) = &call.target.operated {
        return Ok(Key::Operated(operated.next_key()));
    }
    if wants_zdr {
        return keeps_nothing(app, slug).map(Key::Operators);
    }
    let key = app.config.providers.keys.get(slug);
    key.cloned().map(Key::Operators).ok_or_else(|| {
        let message = format!(
            "{slug} is not enabled for prepaid use: the operator has no key for it. Send your own key in the \
             provider's header, or store one on the gateway."
        );
        ProxyError::bad_request(codes::NOT_SOLD, message)
    })
}

/// The key of the operator's account with which the provider keeps nothing. Where there is none the call is
/// not made with another: it would break what was asked for, and nobody would know.
fn keeps_nothing(app: &App, slug: &str) -> Result<SecretString, ProxyError> {
    let key = app.config.providers.zdr_keys.get(slug);
    key.cloned().ok_or_else(|| {
        let message = format!(
            "Zero data retention is on (zdr or cf-aig-zdr), and the operator has no zero-retention key for \
             {slug}. Send cf-aig-zdr: false, or use your own provider key."
        );
        ProxyError::bad_request(codes::NO_ZDR, message)
    })
}

/// The key that is stored on the gateway for the provider, under the alias that the call names, or by default.
async fn stored(app: &App, call: &Call) -> Result<Option<SecretString>, ProxyError> {
    let (db, slug) = (&app.store.db, &call.target.slug);
    let alias = call.wishes.byok_alias.as_deref();
    if !call.has_keys && alias.is_none() {
        return Ok(None);
    }
    match (
        provider_configs::for_call(db, &call.gateway, slug, alias).await?,
        alias,
    ) {
        (Some(found), _) => {
            let opened = gateways::open_provider_key(app, &found);
            let opened = opened.map_err(ProxyError::internal)?;
            match opened.expose_secret().is_empty() {
                true => Err(no_secret(slug, &found.alias)),
                false => Ok(Some(opened)),
            }
        }
        (None, None) => Ok(None),
        (None, Some(alias)) => {
            let known = provider_configs::aliases(db, &call.gateway, slug).await?;
            Err(no_such_alias(slug, alias, &known))
        }
    }
}

/// An alias can be stored before its key. Its calls are refused, so that none is paid out of credit by mistake.
fn no_secret(slug: &str, alias: &str) -> ProxyError {
    let message = format!(
        "The BYOK credential '{alias}' of provider '{slug}' has no secret yet. Set it with PUT on \
         provider_configs, or remove the credential"
    );
    ProxyError::bad_request(codes::NO_STORED_KEY, message)
}

fn no_such_alias(slug: &str, alias: &str, known: &[String]) -> ProxyError {
    let known: Vec<_> = known.iter().map(|known| format!("'{known}'")).collect();
    let known = match known.is_empty() {
        true => "none".to_owned(),
        false => known.join(", "),
    };
    let message = format!(
        "Provider '{slug}' has no BYOK credential named '{alias}'. Configured aliases: {known}"
    );
    ProxyError::bad_request(codes::NO_STORED_KEY, message)
}

fn brings_own(target: &Target, headers: &HeaderMap, path: &str) -> bool {
    target
        .provider
        .credentials
        .iter()
        .any(|credential| match credential {
            Credential::Header { name, .. } => headers.contains_key(*name),
            Credential::Query { name } => query_has(path, name),
        })
}

fn query_has(path: &str, name: &str) -> bool {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = query.split('&').map(|pair| pair.split('=').next());
    pairs.any(|known| known == Some(name))
}

/// The headers that go to the provider, with the key that was chosen.
///
/// # Errors
/// Where the key can't stand in a header.
pub fn show(key: &Key, target: &Target, headers: &mut HeaderMap) -> Result<(), ProxyError> {
    let secret = match (key, &target.operated) {
        (Key::Operators(secret) | Key::Stored(secret), _) => secret,
        (Key::Operated(place), Some(operated)) => {
            for name in KEY_HEADERS {
                headers.remove(name);
            }
            // A credential may be among these, too.
            operated.show(headers);
            match operated.key(*place) {
                Some(secret) => secret,
                None => return Ok(()),
            }
        }
        (Key::Own, _) | (Key::Operated(_), None) => return Ok(()),
    };
    let shown = target
        .provider
        .credentials
        .iter()
        .find_map(|credential| match credential {
            Credential::Header { name, prefix } => Some((*name, *prefix)),
            Credential::Query { .. } => None,
        });
    let (name, prefix) =
        shown.ok_or_else(|| ProxyError::internal("the provider has no header for a key"))?;
    let text = format!("{prefix}{}", secret.expose_secret());
    let mut value = http::HeaderValue::from_str(&text)
        .map_err(|_| ProxyError::internal("the key can't stand in a header"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
