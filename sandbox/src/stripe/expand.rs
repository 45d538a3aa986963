//! `expand[]`: objects in place of their ids, and the parts that are only sent when asked for.

use serde_json::{Value, json};

use super::error::Refusal;
use super::list::embedded;
use super::params::Params;
use super::state::{State, text};

/// Every name that leads to something else from some object here.
const NAMES: &[&str] = &[
    "balance_transaction",
    "charge",
    "confirmation_secret",
    "customer",
    "data",
    "default_payment_method",
    "failure_balance_transaction",
    "invoice",
    "invoice_settings",
    "latest_charge",
    "lines",
    "payment",
    "payment_intent",
    "payment_method",
    "payments",
    "refunds",
    "setup_intent",
];

/// Refuses what cannot be expanded in any answer, before any work is done for the request.
///
/// # Errors
///
/// 400 for an unknown name, and for more than four levels, as at Stripe.
pub(crate) fn check(params: &Params) -> Result<(), Refusal> {
    for path in params.texts("expand") {
        if let Some(name) = path.split('.').find(|name| !NAMES.contains(name)) {
            let message = format!("This property cannot be expanded ({name}).");
            return Err(Refusal::malformed("expand", message));
        }
        if path
            .strip_prefix("data.")
            .unwrap_or(path)
            .split('.')
            .count()
            > 4
        {
            let message = "You cannot expand more than 4 levels of a property.";
            return Err(Refusal::malformed("expand", message));
        }
    }
    Ok(())
}

/// Expands everything that a request asks for.
///
/// # Errors
///
/// 400 for a name that this object does not have. The work has been done by then, so that the
/// refusal is one of an executed request and stays under the idempotency key.
pub(crate) fn expand(state: &State, object: &mut Value, params: &Params) -> Result<(), Refusal> {
    for path in params.texts("expand") {
        let steps: Vec<&str> = path.split('.').collect();
        if !step(state, object, &steps) {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(Refusal::invalid(message).param("expand"));
        }
    }
    Ok(())
}

/// False where the path leads nowhere.
fn step(state: &State, object: &mut Value, path: &[&str]) -> bool {
    let Some((head, rest)) = path.split_first() else {
        return true;
    };
    if let Some(items) = object.as_array_mut() {
        return items.iter_mut().all(|item| step(state, item, path));
    }
    add_hidden(state, object, head);
    let customer = text(object, "customer").to_owned();
    let Some(child) = object.get_mut(*head) else {
        // Stripe leaves this one out rather than send a null.
        return (text(object, "object"), *head) == ("refund", "failure_balance_transaction");
    };
    if let Some(id) = child.as_str() {
        // Text that is no id of anything can't be expanded.
        let Some(found) = find(state, id, &customer) else {
            return false;
        };
        *child = found;
    }
    // What is null or empty now may hold an object another time, so it is no mistake to ask.
    child.is_null() || step(state, child, rest)
}

fn find(state: &State, id: &str, customer: &str) -> Option<Value> {
    let key = state.owned(customer, id).unwrap_or_else(|| id.to_owned());
    let found = state.object(&key);
    (!found.is_null()).then(|| found.clone())
}

/// Adds a part that is left out unless it is asked for.
fn add_hidden(state: &State, object: &mut Value, name: &str) {
    let id = text(object, "id").to_owned();
    match (text(object, "object"), name) {
        ("invoice", "payments") => {
            let url = format!("/v1/invoices/{id}/payments");
            if object.get("payments").is_none() {
                object["payments"] = embedded(state.payments_of(&id), url);
            }
        }
        ("invoice", "confirmation_secret") => {
            object["confirmation_secret"] = confirmation_secret(state, &id);
        }
        ("charge", "refunds") => {
            let refunds = state
                .all("refund")
                .filter(|refund| text(refund, "charge") == id);
            let refunds: Vec<Value> = refunds.cloned().collect();
            object["refunds"] = embedded(refunds, format!("/v1/charges/{id}/refunds"));
        }
        _ => {}
    }
}

/// What a browser needs to pay the invoice; null before it is finalized.
fn confirmation_secret(state: &State, invoice: &str) -> Value {
    let Some(payment) = state.payment_of_invoice.get(invoice) else {
        return Value::Null;
    };
    let intent = state.object(text(&state.object(payment)["payment"], "payment_intent"));
    json!({ "client_secret": intent["client_secret"], "type": "payment_intent" })
}
