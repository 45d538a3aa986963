//! Starting and stopping the server, and what its requests share.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::behaviour::Behaviour;
use super::faults::Fault;
use super::http;
use super::journal::{Counts, Journal};
use crate::faults::Faults;
use crate::server::Server;

/// How a provider is started.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Where to listen. Port 0 takes any that is free. It should be on loopback.
    pub listen: SocketAddr,
    /// The keys that are good, whichever API is asked. Where there is none, any key is.
    pub keys: Vec<String>,
    /// The most requests that the journal keeps; the oldest go first.
    pub journal: usize,
}

impl Default for ProviderConfig {
    /// Any free port of loopback, any key, and the latest 10,000 requests.
    fn default() -> ProviderConfig {
        ProviderConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            keys: Vec::new(),
            journal: 10_000,
        }
    }
}

/// What the server's requests share. No lock is held while anybody waits.
pub(crate) struct Shared {
    pub(crate) keys: Vec<String>,
    pub(crate) faults: Arc<Faults<Fault>>,
    /// What a request does that nothing else is said of.
    pub(crate) usual: RwLock<Behaviour>,
    /// Texts that the test wants to be told of.
    pub(crate) watched: RwLock<Vec<String>>,
    pub(crate) journal: Mutex<Journal>,
    pub(crate) counts: watch::Sender<Counts>,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn usual(&self) -> Behaviour {
        let usual = self.usual.read().unwrap_or_else(PoisonError::into_inner);
        usual.clone()
    }

    pub(crate) fn set_usual(&self, behaviour: Behaviour) {
        *self.usual.write().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    pub(crate) fn watched(&self) -> Vec<String> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.clone()
    }

    pub(crate) fn watch_for(&self, texts: Vec<String>) {
        *self.watched.write().unwrap_or_else(PoisonError::into_inner) = texts;
    }
}

/// A running provider. It stops when it is shut down or dropped.
pub struct Provider {
    pub(crate) shared: Arc<Shared>,
    server: Server,
}

impl Provider {
    /// Starts a provider on the current runtime.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(config: ProviderConfig) -> io::Result<Provider> {
        let (server, listener) = Server::bind(config.listen).await?;
        let shared = Arc::new(Shared {
            keys: config.keys,
            faults: Arc::new(Faults::new()),
            usual: RwLock::default(),
            watched: RwLock::default(),
            journal: Mutex::new(Journal::new(config.journal)),
            counts: watch::Sender::new(Counts::default()),
            stop: server.stop(),
        });
        server.serve(listener, http::app(shared.clone()));
        Ok(Provider { shared, server })
    }

    /// The address of the server, without a slash at the end. The base URLs of the providers are
    /// below it: `/v1` for OpenAI's SDK, itself for Anthropic's and Google's, and any other path
    /// for those that are compatible with OpenAI.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Stops within a second: no new requests, the ones under way may finish, what hangs, stalls
    /// or never ends is broken off.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
