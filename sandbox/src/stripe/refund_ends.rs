//! What becomes of a refund: a pending one succeeds, and either may fail or be canceled after all.

use serde_json::{Value, json};

use super::balance::Movement;
use super::error::Refusal;
use super::state::{Answer, Call, State, integer, text};

/// Why a refund to Stripe's failing test card fails.
pub(crate) const EXPIRED: &str = "expired_or_canceled_card";

/// Gives the money of a refund back to the customer and counts it on the charge.
pub(crate) fn pay_out(state: &mut State, call: &Call, refund: &Value) {
    let amount = integer(refund, "amount");
    let movement = Movement {
        kind: "refund",
        category: "refund",
        amount: -amount,
        fee: 0,
        description: "REFUND FOR CHARGE".to_owned(),
        source: refund,
    };
    let transaction = state.add_movement(call, &movement)["id"].clone();
    count(state, refund, amount);
    leave(
        state,
        refund,
        json!({ "status": "succeeded", "balance_transaction": transaction }),
    );
}

/// A pending refund has arrived.
///
/// # Errors
///
/// A refund that is not pending.
pub(crate) fn succeed(state: &mut State, call: &Call, id: &str) -> Answer {
    let refund = state.need("refund", id, "id")?;
    if text(&refund, "status") != "pending" {
        return Err(ended(&refund));
    }
    pay_out(state, call, &refund);
    state.event(call, "charge.refunded", text(&refund, "charge"));
    Ok(announce(state, call, id))
}

/// A refund did not reach the customer: its money is the merchant's again.
///
/// # Errors
///
/// A refund that has failed or was canceled already.
pub(crate) fn fail(state: &mut State, call: &Call, id: &str, reason: &str) -> Answer {
    let changes = json!({ "status": "failed", "failure_reason": reason });
    give_up(state, call, id, changes)?;
    let refund = announce(state, call, id);
    state.event(call, "refund.failed", id);
    Ok(refund)
}

/// The merchant takes a refund back, which for a card only Stripe's dashboard can do.
///
/// # Errors
///
/// A refund that has failed or was canceled already.
pub(crate) fn cancel(state: &mut State, call: &Call, id: &str) -> Answer {
    give_up(state, call, id, json!({ "status": "canceled" }))?;
    Ok(announce(state, call, id))
}

fn give_up(state: &mut State, call: &Call, id: &str, mut changes: Value) -> Result<(), Refusal> {
    let refund = state.need("refund", id, "id")?;
    match text(&refund, "status") {
        "pending" => {}
        "succeeded" => {
            let amount = integer(&refund, "amount");
            let movement = Movement {
                kind: "refund_failure",
                category: "refund_failure",
                amount,
                fee: 0,
                description: "REFUND FAILURE".to_owned(),
                source: &refund,
            };
            let transaction = state.add_movement(call, &movement);
            changes["failure_balance_transaction"] = transaction["id"].clone();
            count(state, &refund, -amount);
        }
        _ => return Err(ended(&refund)),
    }
    leave(state, &refund, changes);
    Ok(())
}

fn ended(refund: &Value) -> Refusal {
    Refusal::invalid(format!(
        "This refund has a status of {}, which it cannot leave that way.",
        text(refund, "status")
    ))
}

/// Adds to what a refund's charge has given back.
fn count(state: &mut State, refund: &Value, amount: i64) {
    let charge = text(refund, "charge");
    let found = state.object(charge);
    let refunded = integer(found, "amount_refunded") + amount;
    let whole = refunded == integer(found, "amount_captured");
    state.edit(
        charge,
        json!({ "amount_refunded": refunded, "refunded": whole }),
    );
}

/// Writes where a refund has come to. Only a pending one says why it is pending.
fn leave(state: &mut State, refund: &Value, changes: Value) {
    let id = text(refund, "id");
    let mut settled = state.object(id).clone();
    if let Some(fields) = settled.as_object_mut() {
        fields.remove("pending_reason");
    }
    state.replace(id, settled);
    state.edit(id, changes);
}

fn announce(state: &mut State, call: &Call, id: &str) -> Value {
    state.event(call, "refund.updated", id);
    state.event(call, "charge.refund.updated", id);
    state.object(id).clone()
}
