//! The controls over HTTP, for scripts: JSON under `/_sandbox`.
//!
//! They need no key. Every change has to come as JSON, which a web page of another origin cannot
//! send without asking first, and the answer to that is no.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{Router, delete, get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::checkout;
use super::control::Outcome;
use super::control_money;
use super::deliver::{Deliveries, Webhook};
use super::error::Refusal;
use super::server::Shared;
use crate::fault_routes::{self, Reply, done, known};

pub(crate) type Sandbox = State<Arc<Shared>>;

pub(crate) fn routes(shared: &Shared) -> Router<Arc<Shared>> {
    Router::new()
        .route("/webhook", post(set_webhook))
        .route("/deliveries", get(deliveries).post(set_deliveries))
        .route("/events/{event}/resend", post(resend))
        .route("/requests", get(requests))
        .route("/requests", delete(clear_requests))
        .route("/state", get(state))
        .route("/payment_intents/{intent}/authenticate", post(authenticate))
        .route("/setup_intents/{intent}/authenticate", post(authenticate))
        .route("/customers/{customer}/cards", post(seed_card))
        .route("/checkout/sessions/{session}/complete", post(complete))
        .merge(fault_routes::routes(shared.faults.clone()))
        .merge(control_money::routes())
}

pub(crate) fn outcome(outcome: Result<Value, Refusal>) -> Reply {
    match outcome {
        Ok(object) => (StatusCode::OK, Json(object)),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, Json(refusal.body()))
        }
    }
}

/// `{"url", "secrets"}`, or `null` for none.
async fn set_webhook(State(shared): Sandbox, Json(webhook): Json<Option<Webhook>>) -> Reply {
    shared.set_webhook(webhook);
    done()
}

async fn deliveries(State(shared): Sandbox) -> Reply {
    let settings = shared.deliverer.settings.borrow().clone();
    let pending = *shared.deliverer.pending.borrow();
    (
        StatusCode::OK,
        Json(json!({ "settings": settings, "pending": pending })),
    )
}

/// What the body leaves out goes back to its default.
async fn set_deliveries(State(shared): Sandbox, Json(settings): Json<Deliveries>) -> Reply {
    shared.deliverer.settings.send_replace(settings);
    done()
}

async fn resend(State(shared): Sandbox, Path(event): Path<String>, Json(_): Json<Value>) -> Reply {
    known(shared.resend(&event))
}

async fn requests(State(shared): Sandbox) -> Reply {
    let requests = shared.state().journal.all();
    (StatusCode::OK, Json(json!({ "requests": requests })))
}

async fn clear_requests(State(shared): Sandbox) -> Reply {
    shared.state().journal.clear();
    done()
}

async fn state(State(shared): Sandbox) -> Reply {
    let dump = shared.state().dump();
    (StatusCode::OK, Json(dump))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    outcome: Outcome,
}

async fn authenticate(
    State(shared): Sandbox,
    Path(intent): Path<String>,
    Json(answered): Json<Answered>,
) -> Reply {
    outcome(shared.authenticate(&intent, answered.outcome))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    payment_method: String,
}

async fn complete(
    State(shared): Sandbox,
    Path(session): Path<String>,
    Json(Chosen { payment_method }): Json<Chosen>,
) -> Reply {
    outcome(shared.change(|state, call| checkout::complete(state, call, &session, &payment_method)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    payment_method: String,
    #[serde(default)]
    default: bool,
}

async fn seed_card(
    State(shared): Sandbox,
    Path(customer): Path<String>,
    Json(seed): Json<Seed>,
) -> Reply {
    outcome(shared.seed_customer_card(&customer, &seed.payment_method, seed.default))
}
