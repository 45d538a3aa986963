//! What everything in a running Farebox shares. There are no globals besides.

use std::sync::Arc;
use std::time::Duration;

use ledger::{FeeRate, Timestamp};
use secrecy::ExposeSecret;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::{FileError, Live};
use crate::config::{Config, load_keys};
use crate::http::{Throttle, WebSockets};
use crate::keyring::{Keyring, KeyringError};
use crate::metrics::Metrics;
use crate::proxy;
use crate::store::committer::Clock;
use crate::store::{Store, StoreError, reversals};
use crate::stripe::{SettingsError, Stripe};

/// How many changed top-ups a slow waiter may miss before it looks for itself.
const CHANGES_KEPT: usize = 256;

/// A running Farebox.
pub struct App {
    /// The checked configuration.
    pub config: Config,
    /// The database and its one writer of money.
    pub store: Store,
    /// Stripe, or the sandbox that stands in its place.
    pub stripe: Stripe,
    /// Calls providers.
    pub upstream: proxy::Client,
    /// The providers that the operator runs.
    pub operated: proxy::AllOperated,
    /// Call providers of accounts' own.
    pub own_clients: proxy::OwnClients,
    /// Hashes tokens and seals answers.
    pub keyring: Keyring,
    /// What is charged beside the credit.
    pub fee: FeeRate,
    /// Providers, models and what they cost.
    pub catalog: Live,
    /// Slows down failing authentication.
    pub throttle: Throttle,
    /// How many WebSockets each account has open.
    pub websockets: WebSockets,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Every task that may outlive a request; shutdown waits for them.
    pub tasks: TaskTracker,
    /// Tells loops to end.
    pub stop: CancellationToken,
    /// Ids of top-ups whose state has just changed here, for those who wait for one.
    pub changes: broadcast::Sender<String>,
    /// Rings when a job has been enqueued here.
    pub wake_jobs: Notify,
    clock: Clock,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("stripe", &self.stripe)
            .finish_non_exhaustive()
    }
}

/// Why Farebox can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of tokens and secrets.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// Stripe's key or address.
    #[error("[stripe]: {0}")]
    Stripe(#[from] SettingsError),
    /// The operator's prices.
    #[error("[prices] file: {0}")]
    Prices(#[from] FileError),
    /// There is no key to charge with.
    #[error(
        "[stripe] secret_key is not set: nothing could be sold. Set it, or run `farebox dev`, which \
         needs no Stripe account"
    )]
    NoStripeKey,
    /// Anything else in the configuration.
    #[error("{0}")]
    Config(String),
}

impl App {
    /// Opens the store and puts everything together. `clock` is the only source of time.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config, clock: Clock) -> Result<Arc<Self>, StartError> {
        let (key, previous) =
            load_keys(&config.security).map_err(|error| StartError::Config(error.to_string()))?;
        let fee = FeeRate::parse(&config.topup.fee_percent);
        let fee =
            fee.map_err(|error| StartError::Config(format!("[topup] fee_percent: {error}")))?;
        let prices = config.prices.file.clone();
        let catalog = Live::open(&config.topup.currency, prices)?;
        let upstream = proxy::client(&config.providers)
            .map_err(|error| StartError::Config(format!("[providers]: {error}")))?;
        let operated = proxy::AllOperated::new(&config.providers.operated)
            .map_err(|error| StartError::Config(error.to_string()))?;
        let settings = config.stripe.settings().ok_or(StartError::NoStripeKey)?;
        let stripe = Stripe::new(&settings)?;
        let metrics = Arc::new(Metrics::new());
        let counted = metrics.clone();
        let report = move |group| counted.group_committed(group);
        let store = Store::open(&config.database, clock.clone(), report).await?;
        // The operator may have decided otherwise since the disputes came.
        reversals::refreeze_all(&store.db, config.disputes.freeze_spending).await?;
        let previous = previous.as_ref().map(ExposeSecret::expose_secret);
        let keyring = Keyring::open(key.expose_secret(), previous, &store.db).await?;
        Ok(Arc::new(Self {
            throttle: Throttle::new(config.http.auth_failures_per_minute),
            websockets: WebSockets::default(),
            store,
            stripe,
            upstream,
            operated,
            own_clients: proxy::OwnClients::default(),
            keyring,
            fee,
            catalog,
            metrics,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            wake_jobs: Notify::new(),
            changes: broadcast::channel(CHANGES_KEPT).0,
            clock,
            config,
        }))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What time it will be in `duration`; the end of time where there is no such.
    pub fn now_plus(&self, duration: Duration) -> Timestamp {
        shifted(
            self.now(),
            i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
        )
    }

    /// What time it was before `duration`.
    pub fn now_minus(&self, duration: Duration) -> Timestamp {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        shifted(self.now(), millis.saturating_neg())
    }

    /// Ends loops and waits for what is under way.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn shifted(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.millis().saturating_add(millis))
}

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()))
}
