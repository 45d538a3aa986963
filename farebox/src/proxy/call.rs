//! A call as it came, and where it is to go: what every phase reads and none changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method};
use ledger::{AccountId, Timestamp};

use crate::catalog::{CustomCost, PathError, Provider};
use crate::ids::LogId;
use crate::proxy::cache::CacheWishes;
use crate::proxy::operated::Operated;
use crate::proxy::own::Own;
use crate::proxy::translate::Translation;
use crate::store::gateways::Gateway;

/// A call that came through a gateway.
#[derive(Debug)]
pub struct Call {
    /// Its id, and its log's.
    pub id: LogId,
    /// The id of the client's request, which all of its steps share. The first step's own id is the same.
    pub request: LogId,
    /// When it came, by the ledger's clock.
    pub at: Timestamp,
    /// When it came, for durations.
    pub begun: Instant,
    /// Who pays.
    pub account: AccountId,
    /// The gateway with its settings.
    pub gateway: Arc<Gateway>,
    /// Whether keys of providers were stored on it when the request came.
    pub has_keys: bool,
    /// Who called, for the record; nobody where the gateway asks no one.
    pub caller: Option<String>,
    /// Where it goes.
    pub target: Target,
    /// The request's method.
    pub method: Method,
    /// The path below the provider, with its query, without a slash at its beginning.
    pub path: String,
    /// The client's headers, without what was meant for the gateway.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What the gateway was told in headers of its own.
    pub wishes: Wishes,
    /// Whether it came by the OpenAI-compatible endpoint.
    pub compatibility: bool,
    /// How the answer is told, where the request was translated.
    pub translation: Option<Translation>,
    /// Which of several requests it is that are tried one after the other, counted from 0.
    pub step: u16,
}

impl Call {
    /// A header as text; nothing where it isn't there or is no text.
    pub fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A provider that calls can go to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The provider.
    pub provider: &'static Provider,
    /// Its name in paths, in logs, and of the keys that are stored for it.
    pub slug: String,
    /// What is put in the place of its address, with a slash at its end: by the operator, or by the account
    /// whose own provider it is.
    pub instead: Option<String>,
    /// What more there is to know of a provider of the account's own.
    pub own: Option<Own>,
    /// What more there is to know of a provider that the operator runs.
    pub operated: Option<Arc<Operated>>,
}

impl Target {
    /// The address that a path below the provider leads to.
    ///
    /// # Errors
    /// Where the path leads elsewhere than it says.
    pub fn url(&self, path: &str) -> Result<String, PathError> {
        let url = self.provider.upstream(path)?;
        Ok(match &self.instead {
            // An account's own base is taken as it is written (contract: section 5.3).
            Some(base) if self.own.is_some() => format!("{base}{path}"),
            Some(base) => self.provider.below(base, path),
            None => url,
        })
    }
}

/// What a client wants of the gateway itself (contract: section 4.3), read and checked.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// `cf-aig-no-wholesale`: not the operator's key.
    pub no_wholesale: bool,
    /// `cf-aig-byok-alias`: which of the keys that are stored on the gateway.
    pub byok_alias: Option<String>,
    /// `cf-aig-zdr`: whether the provider may keep nothing, whatever the gateway says.
    pub zdr: Option<bool>,
    /// What it wants of the cache.
    pub cache: CacheWishes,
    /// `cf-aig-metadata`.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// `cf-aig-collect-log`: whether there is to be a log, whatever the gateway says.
    pub collect_log: Option<bool>,
    /// `cf-aig-collect-log-payload`: whether it is to have what was said.
    pub collect_payload: Option<bool>,
    /// `cf-aig-event-id`.
    pub event_id: Option<String>,
    /// `cf-aig-request-timeout`: how long until the first byte.
    pub timeout: Option<Duration>,
    /// `cf-aig-max-attempts`.
    pub attempts: Option<u32>,
    /// `cf-aig-retry-delay`.
    pub retry_delay: Option<Duration>,
    /// `cf-aig-custom-cost`: what the call costs, where it goes with a key of its own.
    pub custom_cost: Option<CustomCost>,
    /// `cf-aig-stream-cost`: whether a comment at the end of a stream is to say what it cost.
    pub stream_cost: bool,
    /// `cf-aig-backoff`.
    pub backoff: Option<crate::store::gateways::Backoff>,
}
