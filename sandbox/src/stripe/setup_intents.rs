//! Setup intents: saving a card for later, with authentication where the issuer wants it.

use serde_json::{Value, json};

use super::attempt::{authentication_failure, next_action};
use super::checkout;
use super::customers;
use super::error::Refusal;
use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, METADATA, Param, param, required, text as text_param};
use super::payment_intents::{check_secret, chosen_method};
use super::payment_methods::CARD;
use super::routes::{Route, route};
use super::state::{Answer, Call, State, metadata, text, with_nulls};

const CONFIRM: &[Param] = &[
    EXPAND,
    text_param("payment_method"),
    param(
        "payment_method_data",
        Kind::Nested(&[
            required("type", Kind::OneOf(&["card"])),
            CARD,
            METADATA,
            param("billing_details", Kind::Anything),
            param("allow_redisplay", Kind::Anything),
        ]),
    ),
    text_param("return_url"),
    param("use_stripe_sdk", Kind::Boolean),
    param("mandate_data", Kind::Anything),
];

const CREATE: &[Param] = &[
    METADATA,
    text_param("customer"),
    text_param("description"),
    param("confirm", Kind::Boolean),
    param("usage", Kind::OneOf(&["off_session", "on_session"])),
    param("payment_method_types", Kind::Texts),
    param(
        "automatic_payment_methods",
        Kind::Nested(&[
            required("enabled", Kind::Boolean),
            param("allow_redirects", Kind::OneOf(&["always", "never"])),
        ]),
    ),
];

const SECRET: &[Param] = &[text_param("client_secret")];

pub(crate) const ROUTES: &[Route] = &[
    route("POST", "/v1/setup_intents", &[CONFIRM, CREATE], create),
    route(
        "GET",
        "/v1/setup_intents",
        &[LIST, &[EXPAND, text_param("customer")]],
        |state, call| {
            let customer = call.params.text("customer");
            let matches =
                |intent: &&Value| customer.is_none_or(|wanted| text(intent, "customer") == wanted);
            page(
                state.all("setup_intent").filter(matches),
                call,
                "/v1/setup_intents",
                Within::Time,
            )
        },
    ),
    route(
        "GET",
        "/v1/setup_intents/{id}",
        &[SECRET, &[EXPAND]],
        |state, call| {
            let intent = state.need("setup_intent", &call.id, "id")?;
            check_secret(call, &intent)?;
            Ok(intent)
        },
    )
    .publishable(),
    route(
        "POST",
        "/v1/setup_intents/{id}/confirm",
        &[CONFIRM, SECRET],
        |state, call| {
            let intent = state.need("setup_intent", &call.id, "id")?;
            check_secret(call, &intent)?;
            checkout::refuse_intent_of_session(state, &call.id)?;
            confirm(state, call, &intent)
        },
    )
    .publishable(),
    route(
        "POST",
        "/v1/setup_intents/{id}/cancel",
        &[&[
            EXPAND,
            param(
                "cancellation_reason",
                Kind::OneOf(&["abandoned", "duplicate", "requested_by_customer"]),
            ),
        ]],
        cancel,
    ),
];

const NULLS: &[&str] = &[
    "application",
    "automatic_payment_methods",
    "cancellation_reason",
    "flow_directions",
    "last_setup_error",
    "latest_attempt",
    "mandate",
    "next_action",
    "on_behalf_of",
    "payment_method_configuration_details",
    "single_use_mandate",
    "customer_account",
    "excluded_payment_method_types",
];

/// A new setup intent, confirmed at once where the parameters say so.
///
/// # Errors
///
/// An unknown customer or payment method, and what confirming may refuse.
pub(crate) fn create(state: &mut State, call: &Call) -> Answer {
    let customer = customers::named(state, &call.params)?.unwrap_or_default();
    let method = match chosen_method(state, call, &customer)? {
        Some(key) => state.object(&key)["id"].clone(),
        None => Value::Null,
    };
    let id = state.ids.fresh("seti");
    let secret = format!("{id}_secret_{}", state.ids.letters(25));
    let status = if method.is_null() {
        "requires_payment_method"
    } else {
        "requires_confirmation"
    };
    let intent = json!({
        "id": id, "object": "setup_intent", "client_secret": secret,
        "customer": if customer.is_empty() { Value::Null } else { json!(customer) },
        "description": call.params.or_null("description"), "metadata": metadata(&call.params),
        "payment_method": method,
        "payment_method_options": {
            "card": { "mandate_options": null, "network": null, "request_three_d_secure": "automatic" },
        },
        "payment_method_types": ["card"], "status": status,
        "usage": call.params.text("usage").unwrap_or("off_session"),
    });
    let intent = state.insert(with_nulls(state.stamped(call, intent), NULLS));
    state.event(call, "setup_intent.created", &id);
    if call.params.flag("confirm") == Some(true) {
        return confirm(state, call, &intent);
    }
    Ok(intent)
}

fn unexpected(intent: &Value, message: &str) -> Refusal {
    Refusal::invalid(message)
        .code("setup_intent_unexpected_state")
        .with("setup_intent", intent.clone())
}

fn confirm(state: &mut State, call: &Call, intent: &Value) -> Answer {
    let id = text(intent, "id");
    refuse_ended(intent, "confirm")?;
    let customer = text(intent, "customer");
    let method = match (
        chosen_method(state, call, customer)?,
        text(intent, "payment_method"),
    ) {
        (Some(key), _) => key,
        (None, "") => {
            let message = "You cannot confirm this SetupIntent because it's missing a payment \
                           method.";
            return Err(unexpected(intent, message));
        }
        (None, id) => state.resolve(call, id, customer, "payment_method")?,
    };
    confirm_with(state, call, id, &method, call.params.text("return_url"))
}

/// Confirms an intent that has not ended with a payment method, which is given by its key.
///
/// # Errors
///
/// The refusal of the card's issuer.
pub(crate) fn confirm_with(
    state: &mut State,
    call: &Call,
    id: &str,
    method: &str,
    return_url: Option<&str>,
) -> Answer {
    let method_id = state.object(method)["id"].clone();
    state.edit(id, json!({ "payment_method": method_id }));
    // Setting up happens with the customer present, and then the issuer may ask.
    if state.cards.get(method).is_some_and(|card| card.asks(false)) {
        let action = next_action(state, id, return_url);
        let intent = state.edit(
            id,
            json!({ "status": "requires_action", "next_action": action }),
        );
        state.event(call, "setup_intent.requires_action", id);
        return Ok(intent);
    }
    finish(state, call, id, method)
}

/// Saves the card, unless its issuer refuses that.
fn finish(state: &mut State, call: &Call, id: &str, method: &str) -> Answer {
    let refused = state
        .cards
        .get(method)
        .filter(|card| !card.attachable)
        .and_then(|c| c.decline);
    if let Some(refused) = refused {
        let refusal = refused
            .refusal()
            .with("payment_method", state.object(method).clone());
        fail(state, call, id, &refusal);
        let intent = state.object(id).clone();
        return Err(refusal.with("setup_intent", intent));
    }
    if let Some(card) = state.cards.get_mut(method) {
        *card = card.set_up();
    }
    let customer = state.object(id)["customer"].clone();
    state.edit(
        id,
        json!({ "status": "succeeded", "next_action": null, "last_setup_error": null }),
    );
    if customer.is_string() && state.object(method)["customer"].is_null() {
        state.edit(method, json!({ "customer": customer }));
        state.event(call, "payment_method.attached", method);
    }
    state.event(call, "setup_intent.succeeded", id);
    checkout::settled(state, call, id);
    Ok(state.object(id).clone())
}

fn fail(state: &mut State, call: &Call, id: &str, refusal: &Refusal) {
    state.edit(
        id,
        json!({
            "status": "requires_payment_method", "payment_method": null, "next_action": null,
            "last_setup_error": refusal.error,
        }),
    );
    state.event(call, "setup_intent.setup_failed", id);
}

/// The customer has answered the issuer's question about saving a card.
///
/// # Errors
///
/// `setup_intent_unexpected_state` where no question is open.
pub(crate) fn authenticate(state: &mut State, call: &Call, id: &str, succeeded: bool) -> Answer {
    let intent = state.need("setup_intent", id, "id")?;
    if text(&intent, "status") != "requires_action" {
        return Err(unexpected(
            &intent,
            "This SetupIntent is not waiting for authentication.",
        ));
    }
    let (customer, method) = (text(&intent, "customer"), text(&intent, "payment_method"));
    let method = state.resolve(call, method, customer, "payment_method")?;
    if succeeded {
        // A refusal is not the answer to the customer's click; the intent carries it.
        let _ = finish(state, call, id, &method);
    } else {
        let method = state.object(&method).clone();
        let refusal = authentication_failure("setup_intent").with("payment_method", method);
        fail(state, call, id, &refusal);
    }
    Ok(state.object(id).clone())
}

fn cancel(state: &mut State, call: &Call) -> Answer {
    let intent = state.need("setup_intent", &call.id, "id")?;
    refuse_ended(&intent, "cancel")?;
    checkout::refuse_intent_of_session(state, &call.id)?;
    let reason = call.params.or_null("cancellation_reason");
    end(state, call, &call.id, reason);
    Ok(state.object(&call.id).clone())
}

/// Cancels an intent that nobody will confirm any more.
pub(crate) fn abandon(state: &mut State, call: &Call, id: &str) {
    end(state, call, id, json!("abandoned"));
}

fn end(state: &mut State, call: &Call, id: &str, reason: Value) {
    let changes =
        json!({ "status": "canceled", "cancellation_reason": reason, "next_action": null });
    state.edit(id, changes);
    state.event(call, "setup_intent.canceled", id);
}

fn refuse_ended(intent: &Value, verb: &str) -> Result<(), Refusal> {
    if !matches!(text(intent, "status"), "succeeded" | "canceled") {
        return Ok(());
    }
    let message = format!(
        "You cannot {verb} this SetupIntent because it has already succeeded or been canceled."
    );
    Err(unexpected(intent, &message))
}
