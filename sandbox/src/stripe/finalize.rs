//! Making a draft payable.

use serde_json::{Value, json};

use super::customers;
use super::error::Refusal;
use super::params::{EXPAND, Kind, param};
use super::pay;
use super::payment_intents::{MINIMUM, Wanted};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, integer, text};

pub(crate) const ROUTES: &[Route] = &[route(
    "POST",
    "/v1/invoices/{id}/finalize",
    &[&[EXPAND, param("auto_advance", Kind::Boolean)]],
    |state, call| {
        let invoice = state.need("invoice", &call.id, "id")?;
        if text(&invoice, "status") != "draft" {
            let message = "This invoice is already finalized, you can't re-finalize a \
                           non-draft invoice.";
            return Err(Refusal::invalid(message).code("invoice_not_editable"));
        }
        if let Some(advance) = call.params.flag("auto_advance") {
            state.edit(&call.id, json!({ "auto_advance": advance }));
        }
        finalize(state, call, &call.id)
    },
)];

/// Gives a draft its number and its intent. One that leaves nothing to charge is paid at once.
///
/// # Errors
///
/// `invoice_no_customer_line_items` for a draft without lines.
pub(crate) fn finalize(state: &mut State, call: &Call, id: &str) -> Answer {
    let invoice = state.object(id).clone();
    let lines = invoice["lines"]["data"].as_array();
    if lines.is_none_or(Vec::is_empty) {
        let message = "You cannot finalize an invoice without line items.";
        return Err(Refusal::invalid(message).code("invoice_no_customer_line_items"));
    }
    open(state, call, &invoice);
    let due = apply_balance(state, call, &invoice);
    if due > 0 {
        let method = chosen_default(state, &invoice);
        let intent = state.add_intent(
            call,
            Wanted {
                amount: due,
                currency: text(&invoice, "currency"),
                customer: invoice["customer"].clone(),
                method,
                metadata: json!({}),
                description: Value::Null,
            },
        );
        state.add_invoice_payment(call, id, &intent);
    }
    state.event(call, "invoice.updated", id);
    state.event(call, "invoice.finalized", id);
    if due == 0 {
        pay::without_charge(state, call, id);
    }
    Ok(state.object(id).clone())
}

fn open(state: &mut State, call: &Call, invoice: &Value) {
    let id = text(invoice, "id");
    state.invoices_numbered += 1;
    let prefix = text(state.object(text(invoice, "customer")), "invoice_prefix").to_owned();
    let page = format!("{}/invoice/{id}", state.base_url);
    let mut transitions = invoice["status_transitions"].clone();
    transitions["finalized_at"] = json!(call.now);
    state.edit(
        id,
        json!({
            "status": "open", "number": format!("{prefix}-{:04}", state.invoices_numbered),
            "hosted_invoice_url": page, "invoice_pdf": format!("{page}?format=print"),
            "effective_at": call.now, "status_transitions": transitions,
        }),
    );
}

/// Settles what can be settled against the customer's balance (positive: the customer owes), and
/// gives back what is left to charge. An amount too small for a card goes onto the balance
/// instead, and the invoice counts as paid: Stripe's rule for the minimum charge.
fn apply_balance(state: &mut State, call: &Call, invoice: &Value) -> i64 {
    let customer = text(invoice, "customer");
    let before = integer(state.object(customer), "balance");
    let owed = before.saturating_add(integer(invoice, "total"));
    let (due, after) = if owed < MINIMUM { (0, owed) } else { (owed, 0) };
    state.edit(
        text(invoice, "id"),
        json!({
            "starting_balance": before, "ending_balance": after, "amount_due": due,
            "amount_remaining": due,
        }),
    );
    if after != before {
        state.edit(customer, json!({ "balance": after }));
        state.event(call, "customer.updated", customer);
    }
    due
}

/// The payment method that the new intent starts with.
fn chosen_default(state: &State, invoice: &Value) -> Value {
    if text(invoice, "collection_method") != "charge_automatically" {
        return Value::Null;
    }
    match pay::default_method(state, invoice).as_str() {
        "" => Value::Null,
        method => json!(method),
    }
}

/// The customer's or the invoice's own default, which comes first; empty where there is neither.
pub(crate) fn default_of(state: &State, invoice: &Value) -> String {
    match text(invoice, "default_payment_method") {
        "" => customers::default_method(state, text(invoice, "customer")),
        method => method.to_owned(),
    }
}
