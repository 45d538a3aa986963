//! Starting and stopping the server.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::deliver::{self, Deliverer, Webhook};
use super::faults::Faults;
use super::http;
use super::state::State;

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
    pub(crate) faults: Faults,
    pub(crate) deliverer: Deliverer,
    pub(crate) stop: CancellationToken,
}

/// A running sandbox. It stops when it is shut down or dropped.
pub struct Stripe {
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    tasks: TaskTracker,
}

/// The longest that a shutdown waits for connections to end by themselves.
const GRACE: Duration = Duration::from_millis(800);

impl Stripe {
    /// Starts a sandbox on the current runtime.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or the system gives no randomness for the seed.
    pub async fn start(config: StripeConfig) -> io::Result<Stripe> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let seed = getrandom::u64().map_err(io::Error::other)?;
        let mut state = State::new(config.livemode, format!("http://{address}"), seed);
        state.endpoints = usize::from(config.webhook.is_some());
        let (deliverer, outgoing) = Deliverer::new(config.webhook);
        let shared = Arc::new(Shared {
            secret_key: config.secret_key,
            state: Mutex::new(state),
            faults: Faults::new(),
            deliverer,
            stop: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(deliver::run(shared.clone(), outgoing, tasks.clone()));
        tasks.spawn(serve(listener, shared.clone()));
        tasks.close();
        Ok(Stripe {
            shared,
            address,
            tasks,
        })
    }

    /// The address to give to a client of Stripe as its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops within a second: no new requests, the ones under way may finish, what hangs is let
    /// go of, events that were not delivered are lost.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        // A connection that does not end in time is left to the runtime.
        let _ = timeout(GRACE, self.tasks.wait()).await;
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let stop = shared.stop.clone();
    let served = axum::serve(listener, http::app(shared))
        .with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::warn!(%error, "the sandbox's server ended");
    }
}
