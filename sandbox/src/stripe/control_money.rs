//! What a test does to money that was paid: refunds from Stripe's dashboard and what becomes of
//! them, and disputes, each a step at a time. As methods of `Stripe`, and over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, Router, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::control_http::{Sandbox, outcome};
use super::disputes::{self, Claim, End, FRAUDULENT, INQUIRY};
use super::error::Refusal;
use super::params::Params;
use super::server::{Shared, Stripe};
use super::state::{Answer, Call, State as Memory, text};
use super::{refund_ends, refunds};
use crate::fault_routes::{Reply, done};

/// What a cardholder begins with.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum DisputeKind {
    /// The issuer takes the money.
    #[default]
    Chargeback,
    /// The issuer asks first, and no money moves.
    Inquiry,
}

impl Stripe {
    /// Refunds a payment as the merchant may in Stripe's dashboard: without the metadata of any
    /// integration. The amount is in cents; all that is left where it is absent. Gives back the
    /// refund.
    ///
    /// # Errors
    ///
    /// What Stripe would refuse to refund.
    pub fn refund(&self, payment_intent: &str, amount: Option<i64>) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| refund(state, call, payment_intent, amount))
    }

    /// Leaves the next so many refunds pending, until one of the three methods below ends them.
    pub fn pend_refunds(&self, next: u32) {
        self.shared.state().refunds_to_pend = next;
    }

    /// A pending refund has reached the customer.
    ///
    /// # Errors
    ///
    /// There is no such refund, or it is not pending.
    pub fn succeed_refund(&self, refund: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| refund_ends::succeed(state, call, refund))
    }

    /// A refund, pending or succeeded, has failed after all, for a reason such as
    /// `expired_or_canceled_card`.
    ///
    /// # Errors
    ///
    /// There is no such refund, or it has failed or was canceled already.
    pub fn fail_refund(&self, refund: &str, reason: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| refund_ends::fail(state, call, refund, reason))
    }

    /// The merchant cancels a refund, pending or succeeded, in Stripe's dashboard.
    ///
    /// # Errors
    ///
    /// There is no such refund, or it has failed or was canceled already.
    pub fn cancel_refund(&self, refund: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| refund_ends::cancel(state, call, refund))
    }

    /// Disputes a payment, without moving money yet: `charge.dispute.created`. The amount is in
    /// cents; the whole payment where it is absent. Gives back the dispute.
    ///
    /// # Errors
    ///
    /// There is no such payment or it did not succeed, or the amount is not part of it.
    pub fn open_dispute(
        &self,
        payment_intent: &str,
        kind: DisputeKind,
        amount: Option<i64>,
    ) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| open(state, call, payment_intent, kind, amount))
    }

    /// Takes a chargeback's money: `charge.dispute.funds_withdrawn`.
    ///
    /// # Errors
    ///
    /// There is no such dispute, it is an inquiry, or its money was taken already.
    pub fn withdraw_dispute_funds(&self, dispute: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| disputes::withdraw(state, call, dispute))
    }

    /// Makes a chargeback of an inquiry, without moving money yet: `charge.dispute.updated`.
    ///
    /// # Errors
    ///
    /// There is no such dispute, or it is no open inquiry.
    pub fn escalate_dispute(&self, dispute: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| disputes::escalate(state, call, dispute))
    }

    /// Ends a dispute, without moving money: `charge.dispute.closed`.
    ///
    /// # Errors
    ///
    /// There is no such dispute, it has ended already, or its kind does not end like that.
    pub fn close_dispute(&self, dispute: &str, end: End) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| disputes::end(state, call, dispute, end))
    }

    /// Gives back what a chargeback took: `charge.dispute.funds_reinstated`. It may come before
    /// the dispute is closed as won, as at Stripe, or after it.
    ///
    /// # Errors
    ///
    /// There is no such dispute, it is lost, or it holds no money.
    pub fn reinstate_dispute_funds(&self, dispute: &str) -> Result<Value, Refusal> {
        self.shared
            .change(|state, call| disputes::reinstate(state, call, dispute))
    }
}

fn refund(state: &mut Memory, call: &Call, intent: &str, amount: Option<i64>) -> Answer {
    let mut params = Map::new();
    params.insert("payment_intent".to_owned(), json!(intent));
    params.extend(amount.map(|amount| ("amount".to_owned(), json!(amount))));
    let call = Call {
        now: call.now,
        params: Params(params),
        ..Call::default()
    };
    refunds::create(state, &call)
}

fn open(
    state: &mut Memory,
    call: &Call,
    intent: &str,
    kind: DisputeKind,
    amount: Option<i64>,
) -> Answer {
    let intent = state.need("payment_intent", intent, "payment_intent")?;
    let claim = match kind {
        DisputeKind::Chargeback => FRAUDULENT,
        DisputeKind::Inquiry => INQUIRY,
    };
    let charge = text(&intent, "latest_charge");
    disputes::open(state, call, charge, Claim { amount, ..claim })
}

/// A control that needs nothing but the id in its path.
type Step = fn(&mut Memory, &Call, &str) -> Answer;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/refunds", post(refund_payment))
        .route("/refunds/pending", post(pend_refunds))
        .route("/refunds/{id}/succeed", step(refund_ends::succeed))
        .route("/refunds/{id}/fail", post(fail_refund))
        .route("/refunds/{id}/cancel", step(refund_ends::cancel))
        .route("/disputes", post(open_dispute))
        .route("/disputes/{id}/withdraw", step(disputes::withdraw))
        .route("/disputes/{id}/escalate", step(disputes::escalate))
        .route("/disputes/{id}/close", post(close_dispute))
        .route("/disputes/{id}/reinstate", step(disputes::reinstate))
}

fn step(run: Step) -> MethodRouter<Arc<Shared>> {
    post(
        move |State(shared): Sandbox, Path(id): Path<String>, Json(_): Json<Value>| async move {
            outcome(shared.change(|state, call| run(state, call, &id)))
        },
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    payment_intent: String,
    amount: Option<i64>,
}

async fn refund_payment(State(shared): Sandbox, Json(asked): Json<Refund>) -> Reply {
    let Refund {
        payment_intent,
        amount,
    } = asked;
    outcome(shared.change(|state, call| refund(state, call, &payment_intent, amount)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pend {
    next: u32,
}

async fn pend_refunds(State(shared): Sandbox, Json(pend): Json<Pend>) -> Reply {
    shared.state().refunds_to_pend = pend.next;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    reason: Option<String>,
}

async fn fail_refund(
    State(shared): Sandbox,
    Path(id): Path<String>,
    Json(failure): Json<Failure>,
) -> Reply {
    let reason = failure.reason.as_deref().unwrap_or(refund_ends::EXPIRED);
    outcome(shared.change(|state, call| refund_ends::fail(state, call, &id, reason)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispute {
    payment_intent: String,
    #[serde(default)]
    kind: DisputeKind,
    amount: Option<i64>,
}

async fn open_dispute(State(shared): Sandbox, Json(asked): Json<Dispute>) -> Reply {
    let Dispute {
        payment_intent,
        kind,
        amount,
    } = asked;
    outcome(shared.change(|state, call| open(state, call, &payment_intent, kind, amount)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    status: End,
}

async fn close_dispute(
    State(shared): Sandbox,
    Path(id): Path<String>,
    Json(ended): Json<Ended>,
) -> Reply {
    outcome(shared.change(|state, call| disputes::end(state, call, &id, ended.status)))
}
