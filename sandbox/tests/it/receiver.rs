//! A webhook endpoint that remembers what it got and answers as it is told.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use sandbox::Webhook;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Delivery>>>,
    /// How many more deliveries are refused.
    refusals: Arc<AtomicU16>,
}

#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) body: Bytes,
    pub(crate) signature: String,
}

impl Delivery {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Receiver {
    pub(crate) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Receiver {
            url: format!("http://{}/hook?x=1", listener.local_addr().unwrap()),
            got: Arc::default(),
            refusals: Arc::default(),
        };
        let app = Router::new()
            .route("/hook", post(take))
            .with_state(receiver.clone());
        TaskTracker::new().spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    pub(crate) fn webhook(&self, secrets: &[&str]) -> Webhook {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        Webhook {
            url: self.url.clone(),
            secrets,
        }
    }

    pub(crate) fn refuse(&self, times: u16) {
        self.refusals.store(times, Ordering::SeqCst);
    }

    pub(crate) fn got(&self) -> Vec<Delivery> {
        self.got.lock().unwrap().clone()
    }

    /// The types of the delivered events, in the order of their arrival.
    pub(crate) fn types(&self) -> Vec<String> {
        let got = self.got();
        got.iter()
            .map(|one| one.event()["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    receiver
        .got
        .lock()
        .unwrap()
        .push(Delivery { body, signature });
    let refused = receiver
        .refusals
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
    if refused.is_ok() {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    }
}
