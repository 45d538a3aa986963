//! Sending events to the webhook endpoint, until it has taken them.
//!
//! Events leave in the order in which they happened, each with a first attempt before the next
//! one's; what fails is tried again on its own, with growing pauses, so that one refused event
//! holds up no other. The switches in `Deliveries` break exactly the habits that Stripe does not
//! promise: promptness, once, and order.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::server::Shared;
use super::sign;
use crate::clock;

/// Where events are sent.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// An `http://` address. There is no TLS here: this is for loopback.
    pub url: String,
    /// Signing secrets, `whsec_…`. Each gives a signature of its own in the header.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// How events are delivered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deliveries {
    /// Milliseconds between an event and its first delivery.
    pub delay_ms: u64,
    /// How many times more a delivered event is delivered again.
    pub repeat: u32,
    /// Gather what happens within a tenth of a second and send the newest first.
    pub reorder: bool,
    /// Deliver nothing. The events are lost to the endpoint, but `GET /v1/events` has them.
    pub drop: bool,
    /// Milliseconds before the first retry; each further pause is twice as long.
    pub retry_ms: u64,
    /// The longest pause between two retries, in milliseconds.
    pub retry_max_ms: u64,
}

impl Default for Deliveries {
    fn default() -> Deliveries {
        Deliveries {
            delay_ms: 0,
            repeat: 0,
            reorder: false,
            drop: false,
            retry_ms: 50,
            retry_max_ms: 2_000,
        }
    }
}

/// How long an endpoint may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const GATHERING: Duration = Duration::from_millis(100);

/// An event on its way.
#[derive(Clone)]
struct Letter {
    event: String,
    due: Instant,
}

/// The way from a request to the webhook endpoint.
pub(crate) struct Deliverer {
    queue: mpsc::UnboundedSender<Letter>,
    pub(crate) settings: watch::Sender<Deliveries>,
    pub(crate) webhook: watch::Sender<Option<Webhook>>,
    /// Events that are queued or not yet taken.
    pub(crate) pending: watch::Sender<usize>,
}

/// The other end of the queue.
pub(crate) struct Outgoing(mpsc::UnboundedReceiver<Letter>);

impl Deliverer {
    pub(crate) fn new(webhook: Option<Webhook>) -> (Deliverer, Outgoing) {
        let (queue, outgoing) = mpsc::unbounded_channel();
        let deliverer = Deliverer {
            queue,
            settings: watch::Sender::new(Deliveries::default()),
            webhook: watch::Sender::new(webhook),
            pending: watch::Sender::new(0),
        };
        (deliverer, Outgoing(outgoing))
    }

    /// Queues an event. Nothing where there is no endpoint or events are being dropped.
    pub(crate) fn send(&self, event: String) {
        let settings = self.settings.borrow().clone();
        if settings.drop || self.webhook.borrow().is_none() {
            return;
        }
        let due = Instant::now() + Duration::from_millis(settings.delay_ms);
        self.pending.send_modify(|pending| *pending += 1);
        if self.queue.send(Letter { event, due }).is_err() {
            self.done();
        }
    }

    fn done(&self) {
        self.pending
            .send_modify(|pending| *pending = pending.saturating_sub(1));
    }

    /// Waits until every event so far was taken by the endpoint.
    pub(crate) async fn settled(&self) {
        let mut pending = self.pending.subscribe();
        // The sender lives in `self`, so this ends only when nothing is pending.
        let _ = pending.wait_for(|pending| *pending == 0).await;
    }
}

/// Sends what is queued until the server stops.
pub(crate) async fn run(shared: Arc<Shared>, mut outgoing: Outgoing, tasks: TaskTracker) {
    let stop = shared.stop.clone();
    while let Some(Some(letter)) = stop.run_until_cancelled(outgoing.0.recv()).await {
        for letter in gather(&shared, &mut outgoing, letter).await {
            if stop
                .run_until_cancelled(first_attempt(&shared, &letter))
                .await
                == Some(false)
            {
                tasks.spawn(retry(shared.clone(), letter, stop.clone()));
            }
        }
    }
}

/// What leaves together: one event, or with `reorder` a batch, newest first.
async fn gather(shared: &Shared, outgoing: &mut Outgoing, first: Letter) -> Vec<Letter> {
    let mut batch = vec![first];
    if shared.deliverer.settings.borrow().reorder {
        sleep(GATHERING).await;
        while let Ok(letter) = outgoing.0.try_recv() {
            batch.push(letter);
        }
        batch.reverse();
    }
    batch
}

async fn first_attempt(shared: &Shared, letter: &Letter) -> bool {
    sleep_until(letter.due).await;
    attempt(shared, letter).await
}

/// True where there is nothing more to do: the endpoint has taken the event, or there is none.
async fn attempt(shared: &Shared, letter: &Letter) -> bool {
    let Some(webhook) = shared.deliverer.webhook.borrow().clone() else {
        shared.deliverer.done();
        return true;
    };
    let repeat = shared.deliverer.settings.borrow().repeat;
    if !post(shared, &webhook, &letter.event).await {
        return false;
    }
    shared.state().delivered(&letter.event);
    for _ in 0..repeat {
        // A repeat that fails is not sent again: the event has been taken.
        post(shared, &webhook, &letter.event).await;
    }
    shared.deliverer.done();
    true
}

async fn retry(shared: Arc<Shared>, letter: Letter, stop: CancellationToken) {
    let settings = shared.deliverer.settings.borrow().clone();
    let mut pause = settings.retry_ms.max(1);
    loop {
        let tried = async {
            sleep(Duration::from_millis(pause)).await;
            attempt(&shared, &letter).await
        };
        match stop.run_until_cancelled(tried).await {
            Some(false) => pause = pause.saturating_mul(2).min(settings.retry_max_ms.max(1)),
            Some(true) | None => return,
        }
    }
}

/// One delivery. True for an answer in the two hundreds.
async fn post(shared: &Shared, webhook: &Webhook, event: &str) -> bool {
    // Stripe sends its JSON indented, which finds out those who verify anything but raw bytes.
    let body = serde_json::to_vec_pretty(shared.state().object(event)).unwrap_or_default();
    let signature = sign::header(&webhook.secrets, clock::now(), &body);
    let sent = timeout(ANSWER_TIMEOUT, exchange(&webhook.url, &signature, &body)).await;
    let status = sent.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    match status {
        Ok(200..=299) => true,
        Ok(status) => {
            tracing::debug!(event, status, "webhook endpoint refused an event");
            false
        }
        Err(error) => {
            tracing::debug!(event, %error, "webhook endpoint did not answer");
            false
        }
    }
}

/// One HTTP/1.1 request over a connection of its own; gives back the status of the answer.
async fn exchange(url: &str, signature: &str, body: &[u8]) -> std::io::Result<u16> {
    let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
    let rest = url.strip_prefix("http://").ok_or_else(invalid)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: Stripe/1.0 (sandbox)\r\n\
         content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         stripe-signature: {signature}\r\naccept: */*\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    // "HTTP/1.1 200": the status stands at the end of the first twelve bytes.
    let status = std::str::from_utf8(&start[9..])
        .ok()
        .and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

impl Shared {
    /// The state, also after a panic under its lock: a sandbox is better wrong than gone.
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, super::state::State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
