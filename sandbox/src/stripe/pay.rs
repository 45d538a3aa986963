//! Collecting an invoice.

use serde_json::{Value, json};

use super::attempt::{Attempt, Attempted, attempt};
use super::error::Refusal;
use super::finalize;
use super::invoices::end_payment;
use super::params::{EXPAND, Kind, param, text as text_param};
use super::payment_intents::chosen_method;
use super::routes::{Route, route};
use super::state::{Answer, Call, State, integer, text};

pub(crate) use super::finalize::default_of as default_method;

pub(crate) const ROUTES: &[Route] = &[route(
    "POST",
    "/v1/invoices/{id}/pay",
    &[&[
        EXPAND,
        text_param("payment_method"),
        param("off_session", Kind::Boolean),
        param("paid_out_of_band", Kind::Boolean),
        param("forgive", Kind::Boolean),
    ]],
    pay,
)];

fn pay(state: &mut State, call: &Call) -> Answer {
    let invoice = state.need("invoice", &call.id, "id")?;
    match text(&invoice, "status") {
        "paid" => return Err(Refusal::invalid("Invoice is already paid")),
        "void" => return Err(Refusal::invalid("Voided invoices cannot be paid.")),
        "draft" => {
            // Paying a draft finalizes it first, which may already settle it.
            let opened = finalize::finalize(state, call, &call.id)?;
            if text(&opened, "status") == "paid" {
                return Ok(opened);
            }
        }
        _ => {}
    }
    if call.params.flag("paid_out_of_band") == Some(true) {
        return Ok(out_of_band(state, call));
    }
    charge(state, call, &invoice)
}

fn charge(state: &mut State, call: &Call, invoice: &Value) -> Answer {
    let method = method_for(state, call, invoice)?;
    let Some(payment) = state.payment_of_invoice.get(&call.id) else {
        return Err(Refusal::invalid("This invoice has nothing to pay."));
    };
    let intent = text(&state.object(payment)["payment"], "payment_intent").to_owned();
    let outcome = attempt(
        state,
        call,
        &Attempt {
            intent: intent.clone(),
            method,
            // Stripe's default: a merchant who says nothing charges a customer who is away.
            off_session: call.params.flag("off_session").unwrap_or(true),
            return_url: None,
        },
    );
    match outcome {
        Attempted::Paid => Ok(state.object(&call.id).clone()),
        Attempted::Declined(refusal) => Err(refusal),
        Attempted::Asked => Err(requires_action(state.object(&intent))),
    }
}

fn requires_action(intent: &Value) -> Refusal {
    let message = "This payment requires additional user action before it can be completed \
                   successfully. Payment can be completed using the PaymentIntent associated with \
                   the invoice.";
    Refusal::card("invoice_payment_intent_requires_action", message)
        .with("payment_intent", intent.clone())
}

/// The key of the payment method to charge: the named one, else the invoice's or customer's
/// default. It has to be the customer's own.
fn method_for(state: &mut State, call: &Call, invoice: &Value) -> Result<String, Refusal> {
    let customer = text(invoice, "customer");
    if let Some(key) = chosen_method(state, call, customer)? {
        let named = call.params.text("payment_method").unwrap_or("");
        return match text(state.object(&key), "customer") {
            owner if owner == customer => Ok(key),
            _ => Err(super::customers::not_attached(named).param("payment_method")),
        };
    }
    match default_method(state, invoice).as_str() {
        "" => {
            let message = "This customer has no attached payment source or default payment \
                           method. Please consider adding a default payment method.";
            Err(Refusal::invalid(message).code("resource_missing"))
        }
        method => state.resolve(call, method, customer, "payment_method"),
    }
}

/// Counts an attempt on the invoice of an intent, if it has one.
pub(crate) fn attempted(state: &mut State, intent: &str) {
    let Some(invoice) = state.invoice_of_intent.get(intent).cloned() else {
        return;
    };
    let count = integer(state.object(&invoice), "attempt_count") + 1;
    state.edit(
        &invoice,
        json!({ "attempted": true, "attempt_count": count }),
    );
}

/// The intent of an invoice has succeeded: so the invoice is paid. Nothing for other intents.
pub(crate) fn settled(state: &mut State, call: &Call, intent: &str) {
    let Some(invoice) = state.invoice_of_intent.get(intent).cloned() else {
        return;
    };
    let amount = state.object(intent)["amount_received"].clone();
    if let Some(payment) = state.payment_of_invoice.get(&invoice).cloned() {
        state.edit(
            &payment,
            json!({
                "status": "paid", "amount_paid": amount,
                "status_transitions": { "canceled_at": null, "paid_at": call.now },
            }),
        );
        mark_paid(state, call, &invoice, json!({ "amount_paid": amount }));
        state.event(call, "invoice_payment.paid", &payment);
        announce(state, call, &invoice);
        state.event(call, "invoice.payment_succeeded", &invoice);
    }
}

/// Finalizing left nothing to charge.
pub(crate) fn without_charge(state: &mut State, call: &Call, invoice: &str) {
    mark_paid(state, call, invoice, json!({ "attempted": true }));
    announce(state, call, invoice);
    state.event(call, "invoice.payment_succeeded", invoice);
}

/// The merchant says that the money came another way. It counts as paid since API version basil,
/// and it fires `invoice.paid` but no `invoice.payment_succeeded`.
fn out_of_band(state: &mut State, call: &Call) -> Value {
    let due = state.object(&call.id)["amount_due"].clone();
    end_payment(state, call, &call.id, "automatic");
    mark_paid(
        state,
        call,
        &call.id,
        json!({ "amount_paid": due, "amount_paid_off_stripe": due }),
    );
    announce(state, call, &call.id);
    state.object(&call.id).clone()
}

fn mark_paid(state: &mut State, call: &Call, invoice: &str, changes: Value) {
    let mut transitions = state.object(invoice)["status_transitions"].clone();
    transitions["paid_at"] = json!(call.now);
    state.edit(invoice, changes);
    state.edit(
        invoice,
        json!({
            "status": "paid", "amount_remaining": 0, "auto_advance": false,
            "status_transitions": transitions,
        }),
    );
}

fn announce(state: &mut State, call: &Call, invoice: &str) {
    state.event(call, "invoice.updated", invoice);
    state.event(call, "invoice.paid", invoice);
}
