//! Refunds, whole or in part.

use serde_json::{Value, json};

use super::charges::refundable;
use super::error::Refusal;
use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, METADATA, param, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, integer, metadata, text, truth, with_nulls};

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
];

fn create(state: &mut State, call: &Call) -> Answer {
    let charge = charge_of(state, call)?;
    let amount = amount_of(call, &charge)?;
    let charge_id = text(&charge, "id").to_owned();
    let id = state.ids.fresh("re");
    let refund = json!({
        "id": id, "object": "refund", "amount": amount, "charge": charge_id,
        "currency": charge["currency"], "payment_intent": charge["payment_intent"],
        "metadata": metadata(&call.params), "reason": call.params.or_null("reason"),
        "destination_details": { "type": "card", "card": {
            "type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number",
        }},
        "status": "succeeded",
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
    let refund = state.insert(refund);
    let refunded = integer(&charge, "amount_refunded") + amount;
    let whole = refunded == integer(&charge, "amount_captured");
    state.edit(
        &charge_id,
        json!({ "amount_refunded": refunded, "refunded": whole }),
    );
    state.event(call, "charge.refunded", &charge_id);
    state.event(call, "refund.created", &id);
    Ok(refund)
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

fn amount_of(call: &Call, charge: &Value) -> Result<i64, Refusal> {
    let (left, whole) = (refundable(charge), integer(charge, "amount"));
    if truth(charge, "refunded") {
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
