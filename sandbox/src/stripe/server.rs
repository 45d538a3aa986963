//! Starting and stopping the server.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::deliver::{self, Deliverer, Webhook};
use super::faults::Fault;
use super::http;
use super::state::State;
use crate::faults::Faults;
use crate::server::Server;

/// How a sandbox is started.
pub struct StripeConfig {
    /// Where to listen. Port 0 takes any that is free. It should be on loopback.
    pub listen: SocketAddr,
    /// The key that requests must carry, as a bearer token or as the user of Basic. Publishable
    /// keys are not checked beyond their `pk_`: what they may do, the client secret decides.
    pub secret_key: String,
    /// Where events are sent, if anywhere.
    pub webhook: Option<Webhook>,
    /// The `livemode` of every object.
    pub livemode: bool,
}

/// What the server's tasks share.
pub(crate) struct Shared {
    pub(crate) secret_key: String,
    pub(crate) state: Mutex<State>,
    pub(crate) faults: Arc<Faults<Fault>>,
    pub(crate) deliverer: Deliverer,
    pub(crate) stop: CancellationToken,
}

/// A running sandbox. It stops when it is shut down or dropped.
pub struct Stripe {
    pub(crate) shared: Arc<Shared>,
    server: Server,
}

impl Stripe {
    /// Starts a sandbox on the current runtime.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or the system gives no randomness for the seed.
    pub async fn start(config: StripeConfig) -> io::Result<Stripe> {
        let (server, listener) = Server::bind(config.listen).await?;
        let seed = getrandom::u64().map_err(io::Error::other)?;
        let mut state = State::new(config.livemode, server.url(), seed);
        state.endpoints = usize::from(config.webhook.is_some());
        let (deliverer, outgoing) = Deliverer::new(config.webhook);
        let shared = Arc::new(Shared {
            secret_key: config.secret_key,
            state: Mutex::new(state),
            faults: Arc::new(Faults::new()),
            deliverer,
            stop: server.stop(),
        });
        server.spawn(deliver::run(shared.clone(), outgoing, server.tasks()));
        server.serve(listener, http::app(shared.clone()));
        Ok(Stripe { shared, server })
    }

    /// The address to give to a client of Stripe as its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Stops within a second: no new requests, the ones under way may finish, what hangs is let
    /// go of, events that were not delivered are lost.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
