//! Refunds, whole or in part.

use serde_json::{Value, json};

use super::cards::Aftermath;
use super::disputes::refuse_charged_back;
use super::error::Refusal;
use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, METADATA, param, text as text_param};
use super::refund_ends;
use super::routes::{Route, route};
use super::sequels::Sequel;
use super::state::{Answer, Call, State, integer, metadata, text, with_nulls};

const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer"];

pub(crate) const ROUTES: &[Route] = &[
    route(
        "POST",
        "/v1/refunds",
        &[&[
            EXPAND,
            METADATA,
            text_param("charge"),
            text_param("payment_intent"),
            param("amount", Kind::Integer),
            param("reason", Kind::OneOf(REASONS)),
        ]],
        create,
    ),
    route(
        "GET",
        "/v1/refunds",
        &[
            LIST,
            &[EXPAND, text_param("charge"), text_param("payment_intent")],
        ],
        list,
    ),
    route("GET", "/v1/refunds/{id}", &[&[EXPAND]], |state, call| {
        state.need("refund", &call.id, "id")
    }),
    route(
        "POST",
        "/v1/refunds/{id}",
        &[&[EXPAND, METADATA]],
        |state, call| {
            state.need("refund", &call.id, "id")?;
            state.edit_metadata(&call.id, &call.params);
            state.event(call, "refund.updated", &call.id);
            Ok(state.object(&call.id).clone())
        },
    ),
    route(
        "POST",
        "/v1/refunds/{id}/cancel",
        &[&[EXPAND]],
        |state, call| {
            state.need("refund", &call.id, "id")?;
            // Only a refund that requires action can be canceled so, and to a card none does.
            Err(Refusal::invalid("Canceling this refund is unsupported."))
        },
    ),
];

/// Gives a charge back, whole or in part.
///
/// # Errors
///
/// `charge_disputed`, `charge_already_refunded` and Stripe's other refusals of what cannot be
/// given back.
pub(crate) fn create(state: &mut State, call: &Call) -> Answer {
    let charge = charge_of(state, call)?;
    refuse_charged_back(state, text(&charge, "id"))?;
    let amount = amount_of(state, call, &charge)?;
    let refund = add(state, call, &charge, amount);
    let id = text(&refund, "id").to_owned();
    let aftermath = aftermath(state, text(&charge, "id"));
    if state.refunds_to_pend > 0 {
        state.refunds_to_pend -= 1;
        pend(state, call, &id);
    } else if aftermath == Aftermath::RefundPends {
        pend(state, call, &id);
        state.sequels.push(Sequel::RefundSucceeds(id.clone()));
    } else {
        refund_ends::pay_out(state, call, &refund);
        state.event(call, "refund.created", &id);
        state.event(call, "charge.refunded", text(&charge, "id"));
        if aftermath == Aftermath::RefundFails {
            state.sequels.push(Sequel::RefundFails(id.clone()));
        }
    }
    Ok(state.object(&id).clone())
}

fn add(state: &mut State, call: &Call, charge: &Value, amount: i64) -> Value {
    let refund = json!({
        "id": state.ids.fresh("re"), "object": "refund", "amount": amount, "charge": charge["id"],
        "currency": charge["currency"], "payment_intent": charge["payment_intent"],
        "metadata": metadata(&call.params), "reason": call.params.or_null("reason"),
        "destination_details": { "type": "card", "card": {
            "type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number",
        }},
        "status": "pending",
    });
    let nulls = [
        "balance_transaction",
        "receipt_number",
        "source_transfer_reversal",
        "transfer_reversal",
    ];
    let mut refund = with_nulls(refund, &nulls);
    // A refund is the one object here that carries no `livemode`.
    refund["created"] = json!(call.now);
    state.insert(refund)
}

fn aftermath(state: &State, charge: &str) -> Aftermath {
    let card = state.charged.get(charge);
    card.map_or(Aftermath::Nothing, |card| card.aftermath)
}

fn pend(state: &mut State, call: &Call, id: &str) {
    state.edit(id, json!({ "pending_reason": "processing" }));
    state.event(call, "refund.created", id);
}

/// The succeeded charge that is to be given back.
fn charge_of(state: &State, call: &Call) -> Answer {
    if let Some(id) = call.params.text("charge") {
        return state.need("charge", id, "charge").and_then(succeeded);
    }
    let Some(id) = call.params.text("payment_intent") else {
        let message = "One of the following params should be provided for this request: \
                       payment_intent or charge.";
        return Err(Refusal::unfit(
            "parameter_missing",
            "payment_intent",
            message,
        ));
    };
    let intent = state.need("payment_intent", id, "payment_intent")?;
    match intent["latest_charge"].as_str() {
        Some(charge) if text(&intent, "status") == "succeeded" => {
            state.need("charge", charge, "charge")
        }
        _ => Err(Refusal::invalid(format!(
            "This PaymentIntent ({id}) does not have a successful charge to refund."
        ))),
    }
}

fn succeeded(charge: Value) -> Answer {
    match text(&charge, "status") {
        "succeeded" => Ok(charge),
        _ => Err(Refusal::invalid(format!(
            "This charge ({}) did not succeed, so it cannot be refunded.",
            text(&charge, "id")
        ))),
    }
}

fn amount_of(state: &State, call: &Call, charge: &Value) -> Result<i64, Refusal> {
    let (left, whole) = (state.refundable(charge), integer(charge, "amount"));
    if left < 1 {
        let message = format!("Charge {} has already been refunded.", text(charge, "id"));
        return Err(Refusal::invalid(message).code("charge_already_refunded"));
    }
    let amount = call.params.integer("amount").unwrap_or(left);
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(Refusal::unfit(
            "parameter_invalid_integer",
            "amount",
            message,
        ));
    }
    if amount <= left {
        return Ok(amount);
    }
    let (bound, noun) = match left == whole {
        true => (whole, "charge amount"),
        false => (left, "unrefunded amount on charge"),
    };
    let message = format!(
        "Refund amount ({}) is greater than {noun} ({})",
        dollars(amount),
        dollars(bound)
    );
    Err(Refusal::invalid(message).param("amount"))
}

fn dollars(cents: i64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

fn list(state: &mut State, call: &Call) -> Answer {
    let narrowed = |field: &str, refund: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(refund, field) == wanted)
    };
    let matches =
        |refund: &&Value| narrowed("charge", refund) && narrowed("payment_intent", refund);
    page(
        state.all("refund").filter(matches),
        call,
        "/v1/refunds",
        Within::Time,
    )
}
