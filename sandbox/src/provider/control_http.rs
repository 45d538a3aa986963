//! The controls over HTTP, for scripts: JSON under `/_sandbox`.
//!
//! They need no key. Every change has to come as JSON, which a web page of another origin cannot
//! send without asking first, and the answer to that is no.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{Router, get, post};
use serde_json::json;

use super::behaviour::Behaviour;
use super::server::Shared;
use crate::fault_routes::{self, Reply, done};

type Sandbox = State<Arc<Shared>>;

pub(crate) fn routes(shared: &Shared) -> Router<Arc<Shared>> {
    Router::new()
        .route("/behaviour", get(behaviour).post(set_behaviour))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/watch", post(watch_for))
        .route("/counts", get(counts))
        .merge(fault_routes::routes(shared.faults.clone()))
}

async fn behaviour(State(shared): Sandbox) -> Reply {
    (StatusCode::OK, Json(json!(shared.usual())))
}

/// What the body leaves out goes back to its default.
async fn set_behaviour(State(shared): Sandbox, Json(behaviour): Json<Behaviour>) -> Reply {
    shared.set_usual(behaviour);
    done()
}

async fn requests(State(shared): Sandbox) -> Reply {
    let requests = shared.journal().all();
    (StatusCode::OK, Json(json!({ "requests": requests })))
}

async fn clear_requests(State(shared): Sandbox) -> Reply {
    shared.journal().clear();
    done()
}

async fn watch_for(State(shared): Sandbox, Json(texts): Json<Vec<String>>) -> Reply {
    shared.watch_for(texts);
    done()
}

async fn counts(State(shared): Sandbox) -> Reply {
    let counts = *shared.counts.borrow();
    (StatusCode::OK, Json(json!(counts)))
}
