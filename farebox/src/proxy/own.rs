//! Providers of an account's own: where they are, what is sent along, and that a call goes nowhere else than where
//! accounts may send calls.
//!
//! Whoever has chosen the name can let it lead somewhere else a moment later. So it is resolved at each call, and
//! what was checked is what is connected to.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ledger::AccountId;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::catalog;
use crate::gateways;
use crate::proxy::call::Target;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::outbound::{Client, Names};
use crate::store::custom_providers;

/// How long it may take to find out what a name leads to.
const RESOLVE_MAX: Duration = Duration::from_secs(5);

/// What more there is to know of a provider of an account's own.
#[derive(Clone, Debug)]
pub struct Own {
    headers: BTreeMap<String, SecretString>,
}

impl Target {
    /// The account's own provider of that slug, without `custom-`.
    ///
    /// # Errors
    /// [`codes::NO_PROVIDER`] where there is none that is enabled.
    pub async fn own(app: &App, account: AccountId, slug: &str) -> Result<Self, ProxyError> {
        let found = custom_providers::find_by_slug(&app.store.db, account, slug).await?;
        let found = found.filter(|found| found.enable).ok_or_else(|| {
            let message = format!(
                "Invalid provider: this account has no custom provider '{slug}' that is enabled"
            );
            ProxyError::bad_request(codes::NO_PROVIDER, message)
        })?;
        let headers = gateways::open_provider_headers(app, &found);
        Ok(Self {
            provider: catalog::custom_provider(),
            slug: format!("{}{slug}", gateways::CUSTOM),
            instead: Some(format!("{}/", found.base_url.trim_end_matches('/'))),
            own: Some(Own {
                headers: headers.map_err(ProxyError::internal)?,
            }),
            operated: None,
        })
    }
}

impl Own {
    /// Shows each header that is sent along with every call. Its value may be a key.
    pub(super) fn each_header(&self, mut see: impl FnMut(&str, &str)) {
        for (name, value) in &self.headers {
            see(name, value.expose_secret());
        }
    }

    /// Adds what is sent along with every call. A key that the request brings goes before one that is in here.
    ///
    /// # Errors
    /// Where a header can't be sent.
    pub fn show(&self, headers: &mut HeaderMap) -> Result<(), ProxyError> {
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(ProxyError::internal)?;
            let value = HeaderValue::from_str(value.expose_secret());
            let mut value = value.map_err(ProxyError::internal)?;
            value.set_sensitive(true);
            if name != AUTHORIZATION || !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        }
        Ok(())
    }
}

/// How many clients are kept for providers of accounts' own.
const CLIENTS_MAX: usize = 256;

/// What a client may connect to: a name, and the addresses that it led to when they were checked.
type Destination = (String, Vec<SocketAddr>);

/// Clients that keep their connections. Each is bound to addresses that were checked: a name that leads elsewhere
/// now is another destination, and gets another client.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<Destination, Client>>);

impl Clients {
    fn to(&self, destination: Destination) -> Result<Client, ProxyError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.get(&destination) {
            return Ok(client.clone());
        }
        let client = build(&destination)?;
        if known.len() >= CLIENTS_MAX {
            // Names whose addresses change would fill it; whoever is still called comes back at once.
            known.clear();
        }
        known.insert(destination, client.clone());
        Ok(client)
    }
}

/// A client for an address, which reaches only what has just been checked.
///
/// # Errors
/// [`codes::ADDRESS`] where one is out of reach; [`codes::NO_ANSWER`] where the name leads nowhere.
pub async fn client(app: &App, uri: &Uri) -> Result<Client, ProxyError> {
    let url = Url::parse(&uri.to_string()).map_err(refused)?;
    let host = url.host_str().unwrap_or_default();
    let reach = gateways::reach(app);
    // The operator may have allowed less since the address was set.
    let mut base = url.clone();
    base.set_query(None);
    reach.check_base(base.as_str()).map_err(refused)?;
    let mut addresses = resolve(host, url.port_or_known_default().unwrap_or_default()).await?;
    reach.check_all(&addresses).map_err(refused)?;
    // Name servers turn them round from one answer to the next.
    addresses.sort_unstable();
    app.own_clients.to((host.to_owned(), addresses))
}

fn build((_, addresses): &Destination) -> Result<Client, ProxyError> {
    let tls = crate::tls::client_config().map_err(ProxyError::internal)?;
    let names = Names::Checked(Arc::from(addresses.as_slice()));
    // A proxy would look the name up by itself.
    Ok(Client::new(tls, names, None))
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ProxyError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::time::timeout(RESOLVE_MAX, tokio::net::lookup_host((bare, port))).await;
    let found = found.map_err(ProxyError::no_answer)?;
    Ok(found.map_err(ProxyError::no_answer)?.collect())
}

fn refused(why: impl std::fmt::Display) -> ProxyError {
    let message = format!("The custom provider's base_url may not be called: {why}");
    ProxyError::bad_request(codes::ADDRESS, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_kept_for_a_name_as_long_as_it_leads_to_the_same_addresses() {
        let clients = Clients::default();
        let to = |host: &str, port| {
            (
                host.to_owned(),
                vec![SocketAddr::from(([192, 0, 2, 1], port))],
            )
        };
        for (destination, kept) in [
            (to("a.example", 443), 1),
            (to("a.example", 443), 1),
            (to("a.example", 8443), 2),
            (to("b.example", 443), 3),
        ] {
            clients.to(destination).unwrap();
            assert_eq!(clients.0.lock().unwrap().len(), kept);
        }
        for port in 1000..1000 + 2 * u16::try_from(CLIENTS_MAX).unwrap() {
            clients.to(to("c.example", port)).unwrap();
        }
        assert!(clients.0.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
