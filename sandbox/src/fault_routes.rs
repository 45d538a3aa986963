//! The controls of faults over HTTP, which every sandbox has alike.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{Router, get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::faults::{FaultId, Faults, Hits};

pub(crate) type Reply = (StatusCode, Json<Value>);

/// `/faults` and what is below it, whatever state the router has around them.
pub(crate) fn routes<F, S>(faults: Arc<Faults<F>>) -> Router<S>
where
    F: Hits + DeserializeOwned + Serialize + Send + Sync + 'static,
{
    Router::new()
        .route("/faults", get(standing::<F>).post(add::<F>))
        .route("/faults/clear", post(clear::<F>))
        .route("/faults/{fault}/hanging", get(hanging::<F>))
        .route("/faults/{fault}/release", post(release::<F>))
        .with_state(faults)
}

pub(crate) fn done() -> Reply {
    (StatusCode::OK, Json(json!({ "ok": true })))
}

pub(crate) fn known(known: bool) -> Reply {
    if known {
        done()
    } else {
        (StatusCode::NOT_FOUND, Json(json!({ "ok": false })))
    }
}

async fn standing<F: Hits + Serialize>(State(faults): State<Arc<Faults<F>>>) -> Reply {
    let standing = faults.standing();
    (StatusCode::OK, Json(json!({ "faults": standing })))
}

async fn add<F: Hits>(State(faults): State<Arc<Faults<F>>>, Json(fault): Json<F>) -> Reply {
    (StatusCode::OK, Json(json!({ "id": faults.add(fault) })))
}

async fn clear<F: Hits>(State(faults): State<Arc<Faults<F>>>, Json(_): Json<Value>) -> Reply {
    faults.clear();
    done()
}

#[derive(Deserialize)]
struct Patience {
    #[serde(default = "ten_seconds")]
    timeout_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

/// Answers once a request hangs at the fault; 408 if none does in time.
async fn hanging<F: Hits>(
    State(faults): State<Arc<Faults<F>>>,
    Path(fault): Path<u64>,
    Query(patience): Query<Patience>,
) -> Reply {
    let waiting = faults.hanging(FaultId(fault));
    match timeout(Duration::from_millis(patience.timeout_ms), waiting).await {
        Ok(()) => done(),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, Json(json!({ "ok": false }))),
    }
}

async fn release<F: Hits>(
    State(faults): State<Arc<Faults<F>>>,
    Path(fault): Path<u64>,
    Json(_): Json<Value>,
) -> Reply {
    known(faults.release(FaultId(fault)))
}
