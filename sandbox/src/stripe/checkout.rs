//! Checkout sessions in mode `setup`: a page of Stripe's on which a customer saves a card.
//!
//! A session works by a setup intent of its own. What becomes of that becomes of the session: it
//! is complete when the intent has succeeded, and while it is open the customer may try again.
//! The page itself is in `checkout_page`. Sessions that take a payment are not here.

use serde_json::{Value, json};

use super::error::Refusal;
use super::list::{Within, page};
use super::params::{
    EXPAND, Kind, LIST, METADATA, Param, Params, param, required, text as text_param,
};
use super::routes::{Route, route};
use super::setup_intents;
use super::state::{Answer, Call, State, metadata, text, with_nulls};

const CREATE: &[Param] = &[
    EXPAND,
    METADATA,
    required("mode", Kind::OneOf(&["setup"])),
    required("success_url", Kind::Text),
    text_param("cancel_url"),
    text_param("client_reference_id"),
    text_param("currency"),
    text_param("customer"),
    text_param("customer_email"),
    text_param("locale"),
    param("expires_at", Kind::Integer),
    param("payment_method_types", Kind::Texts),
    param(
        "setup_intent_data",
        Kind::Nested(&[METADATA, text_param("description")]),
    ),
    param("ui_mode", Kind::OneOf(&["hosted_page"])),
];

pub(crate) const ROUTES: &[Route] = &[
    route("POST", "/v1/checkout/sessions", &[CREATE], create),
    route(
        "GET",
        "/v1/checkout/sessions",
        &[
            LIST,
            &[
                EXPAND,
                text_param("customer"),
                param("status", Kind::OneOf(&["complete", "expired", "open"])),
            ],
        ],
        list,
    ),
    route(
        "GET",
        "/v1/checkout/sessions/{id}",
        &[&[EXPAND]],
        |state, call| state.need("checkout.session", &call.id, "id"),
    ),
    route(
        "POST",
        "/v1/checkout/sessions/{id}/expire",
        &[&[EXPAND]],
        expire,
    ),
];

const NULLS: &[&str] = &[
    "adaptive_pricing",
    "after_expiration",
    "allow_promotion_codes",
    "amount_subtotal",
    "amount_total",
    "billing_address_collection",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer_account",
    "customer_creation",
    "customer_details",
    "invoice",
    "invoice_creation",
    "origin_context",
    "payment_intent",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "shipping_address_collection",
    "shipping_cost",
    "submit_type",
    "subscription",
    "total_details",
    "wallet_options",
];

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

fn create(state: &mut State, call: &Call) -> Answer {
    let params = &call.params;
    let expires_at = check(call)?;
    let intent = setup_intent(state, call)?;
    let kind = if state.livemode { "live" } else { "test" };
    let id = format!("cs_{kind}_a1{}", state.ids.letters(56));
    let session = json!({
        "id": id, "object": "checkout.session",
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "cancel_url": params.or_null("cancel_url"),
        "client_reference_id": params.or_null("client_reference_id"),
        "currency": params.or_null("currency"), "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        },
        "customer": params.or_null("customer"), "customer_email": params.or_null("customer_email"),
        "expires_at": expires_at, "locale": params.or_null("locale"),
        "metadata": metadata(params), "mode": "setup", "payment_method_collection": "always",
        "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card"], "payment_status": "no_payment_required",
        "phone_number_collection": { "enabled": false }, "setup_intent": intent,
        "shipping_options": [], "status": "open", "success_url": params.or_null("success_url"),
        "ui_mode": "hosted_page", "url": format!("{}/checkout/{id}", state.base_url),
    });
    state.session_of_setup.insert(intent, id);
    Ok(state.insert(with_nulls(state.stamped(call, session), NULLS)))
}

/// Checks the parameters that have rules of their own, and gives back when the session expires.
fn check(call: &Call) -> Result<i64, Refusal> {
    let params = &call.params;
    if params.get("currency").is_none() && params.get("payment_method_types").is_none() {
        let message = "Missing required param: currency.";
        return Err(Refusal::unfit("parameter_missing", "currency", message));
    }
    for name in ["success_url", "cancel_url"] {
        let url = params.text(name).unwrap_or("https://");
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Refusal::unfit("url_invalid", name, "Not a valid URL"));
        }
    }
    let expires_at = params.integer("expires_at").unwrap_or(call.now + DAY);
    if !(call.now + 30 * MINUTE..=call.now + DAY).contains(&expires_at) {
        let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from \
                       Checkout Session creation.";
        return Err(Refusal::malformed("expires_at", message));
    }
    Ok(expires_at)
}

/// The session's own setup intent, by id.
fn setup_intent(state: &mut State, call: &Call) -> Result<String, Refusal> {
    let Params(mut params) = call.params.nested("setup_intent_data");
    let customer = call.params.get("customer").cloned();
    params.extend(customer.map(|customer| ("customer".to_owned(), customer)));
    let asked = Call {
        now: call.now,
        request_id: call.request_id.clone(),
        idempotency_key: call.idempotency_key.clone(),
        params: Params(params),
        ..Call::default()
    };
    let intent = setup_intents::create(state, &asked)?;
    Ok(text(&intent, "id").to_owned())
}

fn list(state: &mut State, call: &Call) -> Answer {
    let narrowed = |field: &str, session: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(session, field) == wanted)
    };
    let matches = |session: &&Value| narrowed("customer", session) && narrowed("status", session);
    page(
        state.all("checkout.session").filter(matches),
        call,
        "/v1/checkout/sessions",
        Within::Time,
    )
}

/// The customer has chosen a test card on the session's page. Gives back the setup intent, which
/// may want the customer to authenticate next.
///
/// # Errors
///
/// A session that is not open, an unknown test card, and the card's refusal to be saved.
pub(crate) fn submit(state: &mut State, call: &Call, id: &str, card: &str) -> Answer {
    let session = open_one(state, id, "completed")?;
    let method = state.method_of_test_card(call, card, "payment_method")?;
    let back = format!("{}/checkout/{id}/return", state.base_url);
    let intent = text(&session, "setup_intent");
    setup_intents::confirm_with(state, call, intent, &method, Some(&back))
}

/// The same by a customer who authenticates where the card's issuer asks. Gives back the session.
///
/// # Errors
///
/// Those of `submit`, and a card that is refused after the customer has authenticated.
pub(crate) fn complete(state: &mut State, call: &Call, id: &str, card: &str) -> Answer {
    let mut intent = submit(state, call, id, card)?;
    if text(&intent, "status") == "requires_action" {
        intent = setup_intents::authenticate(state, call, text(&intent, "id"), true)?;
    }
    if text(&intent, "status") != "succeeded" {
        let refused = "This card was not saved after the customer had authenticated.";
        return Err(Refusal::invalid(refused).with("setup_intent", intent));
    }
    Ok(state.object(id).clone())
}

/// A setup intent has succeeded: so its session, if it has one, is complete.
pub(crate) fn settled(state: &mut State, call: &Call, intent: &str) {
    let Some(id) = state.session_of_setup.get(intent).cloned() else {
        return;
    };
    let customer = state.object(text(state.object(&id), "customer"));
    let details = json!({
        "address": null, "business_name": null, "email": customer["email"],
        "individual_name": null, "name": customer["name"], "phone": null, "tax_exempt": null,
        "tax_ids": null,
    });
    state.edit(
        &id,
        json!({ "status": "complete", "url": null, "customer_details": details }),
    );
    state.event(call, "checkout.session.completed", &id);
}

fn expire(state: &mut State, call: &Call) -> Answer {
    let session = open_one(state, &call.id, "expired")?;
    setup_intents::abandon(state, call, text(&session, "setup_intent"));
    state.edit(&call.id, json!({ "status": "expired", "url": null }));
    state.event(call, "checkout.session.expired", &call.id);
    Ok(state.object(&call.id).clone())
}

fn open_one(state: &State, id: &str, end: &str) -> Answer {
    let session = state.need("checkout.session", id, "id")?;
    match text(&session, "status") {
        "open" => Ok(session),
        status => Err(Refusal::invalid(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be {end}. This Checkout \
             Session has a status of {status}."
        ))),
    }
}

/// # Errors
///
/// An intent of a session, which is confirmed and ended by the session's page alone.
pub(crate) fn refuse_intent_of_session(state: &State, intent: &str) -> Result<(), Refusal> {
    match state.session_of_setup.get(intent) {
        None => Ok(()),
        Some(session) => Err(Refusal::invalid(format!(
            "This SetupIntent belongs to the Checkout Session {session}, so only the customer on \
             its page confirms it, and expiring the session cancels it."
        ))
        .code("setup_intent_unexpected_state")),
    }
}
