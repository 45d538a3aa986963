//! `POST /webhooks/stripe`: Stripe's news. Answered with 200 only when the event and the work that it
//! causes are durable; what the event says about the money is never believed, only read afresh.

use std::sync::Arc;

use ::api::Envelope;
use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};

use crate::app::App;
use crate::billing::{self, Noted};
use crate::error::{ApiError, codes};
use crate::http::body::RawBody;
use crate::http::envelope::{Nothing, Success};
use crate::stripe::{Event, Incoming, signature};

/// How old a signature may be, in seconds (Stripe: "Verify webhook signatures").
const TOLERANCE_S: i64 = 300;

/// The largest event taken, in bytes. Stripe's are far smaller, and are not bound by the limit that an
/// operator sets for requests.
const BODY_MAX: usize = 1024 * 1024;

/// Takes an event from Stripe.
#[utoipa::path(
    post,
    path = "/webhooks/stripe",
    operation_id = "stripe-webhook",
    tag = "webhooks",
    params(("Stripe-Signature" = String, Header, description = "`t=…,v1=…` over the raw body")),
    request_body(content = serde_json::Value, description = "A snapshot event of Stripe's"),
    responses(
        (status = 200, description = "The event is durable", body = Envelope<Nothing>),
        (status = 400, description = "Not an event for this server", body = Envelope<Nothing>),
    ),
    security(())
)]
pub async fn stripe(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Success<Nothing>, ApiError> {
    let RawBody(body) = RawBody::read(request, BODY_MAX).await?;
    let event = genuine_event(&app, &headers, &body);
    let event = event.inspect_err(|_| app.metrics.webhook("refused"))?;
    let noted = billing::note_event(&app, &event).await?;
    tracing::debug!(event = event.id, kind = event.kind, ?noted, "stripe event");
    app.metrics.webhook(match noted {
        Noted::Taken => "taken",
        Noted::Repeated => "repeated",
        Noted::Ignored => "ignored",
    });
    if noted == Noted::Taken {
        app.wake_jobs.notify_one();
    }
    Ok(Nothing.into())
}

fn genuine_event(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Event, ApiError> {
    let header = headers
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    let now_s = app.now().millis() / 1000;
    let secrets = &app.config.stripe.webhook_secrets;
    signature::verify(
        header.unwrap_or_default(),
        body,
        secrets,
        TOLERANCE_S,
        now_s,
    )
    .map_err(|error| refused(format!("{error}: check [stripe] webhook_secrets")))?;
    let event = match Incoming::parse(body) {
        Ok(Incoming::Snapshot(event)) => event,
        Ok(Incoming::Thin(_)) => {
            return Err(refused(
                "thin events are not taken: choose snapshot events for this endpoint",
            ));
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    if event.livemode != app.stripe.livemode() {
        return Err(refused(
            "the event is of the other mode (test or live) than this server's key",
        ));
    }
    Ok(event)
}

fn refused(why: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, codes::WEBHOOK, why)
}
