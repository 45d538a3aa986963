//! One attempt to take an intent's amount from a card, and what follows from it.
//!
//! Paying an invoice, confirming an intent and finishing authentication all end here, so that an
//! invoice and its intent can never disagree about whether it was paid.

use serde_json::{Value, json};

use super::cards::{AUTHENTICATION_REQUIRED, Aftermath, Decline};
use super::error::Refusal;
use super::pay;
use super::sequels::Sequel;
use super::state::{Answer, Call, State, text};

/// What is to be charged, and how.
pub(crate) struct Attempt {
    pub(crate) intent: String,
    /// Key of the payment method.
    pub(crate) method: String,
    /// The customer is not there to be asked for anything.
    pub(crate) off_session: bool,
    /// Where the customer's browser goes after authentication.
    pub(crate) return_url: Option<String>,
}

/// How an attempt went.
pub(crate) enum Attempted {
    Paid,
    /// The customer has to authenticate first.
    Asked,
    Declined(Refusal),
}

pub(crate) fn attempt(state: &mut State, call: &Call, attempt: &Attempt) -> Attempted {
    let Some(card) = state.cards.get(&attempt.method).copied() else {
        return Attempted::Declined(Refusal::missing(
            "payment_method",
            &attempt.method,
            "payment_method",
        ));
    };
    let method_id = state.object(&attempt.method)["id"].clone();
    state.edit(&attempt.intent, json!({ "payment_method": method_id }));
    pay::attempted(state, &attempt.intent);
    match (card.asks(attempt.off_session), attempt.off_session) {
        (true, true) => decline(state, call, attempt, &AUTHENTICATION_REQUIRED),
        (true, false) => ask(state, call, attempt),
        (false, _) => charge(state, call, attempt),
    }
}

fn charge(state: &mut State, call: &Call, attempt: &Attempt) -> Attempted {
    match state
        .cards
        .get(&attempt.method)
        .and_then(|card| card.decline)
    {
        Some(refused) => decline(state, call, attempt, &refused),
        None => succeed(state, call, attempt),
    }
}

fn succeed(state: &mut State, call: &Call, attempt: &Attempt) -> Attempted {
    let charge = state.add_charge(call, &attempt.intent, &attempt.method, None);
    let amount = state.object(&attempt.intent)["amount"].clone();
    let intent = state.edit(
        &attempt.intent,
        json!({
            "status": "succeeded", "amount_received": amount, "latest_charge": charge,
            "next_action": null, "last_payment_error": null,
        }),
    );
    keep_card(state, call, &intent, &attempt.method);
    state.event(call, "charge.succeeded", &charge);
    state.event(call, "payment_intent.succeeded", &attempt.intent);
    pay::settled(state, call, &attempt.intent);
    if let Some(Aftermath::Disputed(claim)) = state.charged.get(&charge).map(|card| card.aftermath)
    {
        state.sequels.push(Sequel::Disputed(charge, claim));
    }
    Attempted::Paid
}

/// An intent with `setup_future_usage` attaches its card to the customer when it succeeds.
fn keep_card(state: &mut State, call: &Call, intent: &Value, method: &str) {
    let customer = text(intent, "customer");
    if customer.is_empty() || intent["setup_future_usage"].is_null() {
        return;
    }
    if state.object(method)["customer"].is_null() {
        state.edit(method, json!({ "customer": customer }));
        state.event(call, "payment_method.attached", method);
    }
}

fn decline(state: &mut State, call: &Call, attempt: &Attempt, refused: &Decline) -> Attempted {
    let charge = state.add_charge(call, &attempt.intent, &attempt.method, Some(refused));
    let method = state.object(&attempt.method).clone();
    let refusal = refused
        .refusal()
        .with("charge", json!(charge))
        .with("payment_method", method);
    fail(state, &attempt.intent, &refusal, json!(charge));
    state.event(call, "charge.failed", &charge);
    announce_failure(state, call, &attempt.intent);
    let intent = state.object(&attempt.intent).clone();
    Attempted::Declined(refusal.with("payment_intent", intent))
}

/// Puts an intent back to where it wants another card.
fn fail(state: &mut State, intent: &str, refusal: &Refusal, charge: Value) {
    let latest = if charge.is_null() {
        state.object(intent)["latest_charge"].clone()
    } else {
        charge
    };
    state.edit(
        intent,
        json!({
            "status": "requires_payment_method", "payment_method": null, "latest_charge": latest,
            "next_action": null, "last_payment_error": refusal.error,
        }),
    );
}

fn announce_failure(state: &mut State, call: &Call, intent: &str) {
    state.event(call, "payment_intent.payment_failed", intent);
    if let Some(invoice) = state.invoice_of_intent.get(intent).cloned() {
        state.event(call, "invoice.payment_failed", &invoice);
    }
}

fn ask(state: &mut State, call: &Call, attempt: &Attempt) -> Attempted {
    let action = next_action(state, &attempt.intent, attempt.return_url.as_deref());
    state.edit(
        &attempt.intent,
        json!({
            "status": "requires_action", "next_action": action, "last_payment_error": null,
        }),
    );
    state.event(call, "payment_intent.requires_action", &attempt.intent);
    if let Some(invoice) = state.invoice_of_intent.get(&attempt.intent).cloned() {
        state.event(call, "invoice.payment_action_required", &invoice);
    }
    Attempted::Asked
}

/// `next_action` of an intent whose customer has to authenticate: a redirect where the caller
/// said where to come back to, else what stripe.js would handle. Both lead to the same page.
pub(crate) fn next_action(state: &mut State, intent: &str, return_url: Option<&str>) -> Value {
    let secret = text(state.object(intent), "client_secret");
    let url = format!("{}/3ds/{intent}?client_secret={secret}", state.base_url);
    match return_url {
        Some(back) => {
            state.return_urls.insert(intent.to_owned(), back.to_owned());
            json!({ "type": "redirect_to_url", "redirect_to_url": { "return_url": back, "url": url } })
        }
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": url },
        }),
    }
}

/// The customer has answered the issuer's question about a payment.
///
/// # Errors
///
/// `payment_intent_unexpected_state` where no question is open.
pub(crate) fn authenticate(
    state: &mut State,
    call: &Call,
    intent: &str,
    succeeded: bool,
) -> Answer {
    let found = state.need("payment_intent", intent, "id")?;
    if text(&found, "status") != "requires_action" {
        let message = "This PaymentIntent is not waiting for authentication.";
        return Err(Refusal::invalid(message).code("payment_intent_unexpected_state"));
    }
    let customer = text(&found, "customer");
    let method = state.resolve(
        call,
        text(&found, "payment_method"),
        customer,
        "payment_method",
    )?;
    let attempt = Attempt {
        intent: intent.to_owned(),
        method,
        off_session: false,
        return_url: None,
    };
    if succeeded {
        charge(state, call, &attempt);
    } else {
        let method = state.object(&attempt.method).clone();
        let refusal = authentication_failure("payment_intent").with("payment_method", method);
        fail(state, intent, &refusal, Value::Null);
        announce_failure(state, call, intent);
    }
    Ok(state.object(intent).clone())
}

/// The error that an intent keeps when its customer did not authenticate.
pub(crate) fn authentication_failure(kind: &str) -> Refusal {
    let message = "We are unable to authenticate your payment method. Please choose a different \
                   payment method and try again.";
    Refusal::invalid(message).code(&format!("{kind}_authentication_failure"))
}
