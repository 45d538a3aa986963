//! Payment intents, of invoices and on their own.

use serde_json::{Value, json};

use super::attempt::{Attempt, Attempted, attempt};
use super::customers;
use super::error::Refusal;
use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, METADATA, Param, param, required, text as text_param};
use super::payment_methods::CARD;
use super::routes::{Route, route};
use super::state::{Answer, Call, State, metadata, text, with_nulls};

/// The least that a card can be charged, in the currency's smallest unit. Stripe has a figure per
/// currency (docs.stripe.com/currencies); this is that of the US dollar.
pub(crate) const MINIMUM: i64 = 50;
const MAXIMUM: i64 = 99_999_999;

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
    param("off_session", Kind::Boolean),
    param("error_on_requires_action", Kind::Boolean),
    param(
        "setup_future_usage",
        Kind::OneOf(&["off_session", "on_session"]),
    ),
    param("use_stripe_sdk", Kind::Boolean),
    param("mandate_data", Kind::Anything),
];

const CREATE: &[Param] = &[
    METADATA,
    required("amount", Kind::Integer),
    required("currency", Kind::Text),
    text_param("customer"),
    text_param("description"),
    param("confirm", Kind::Boolean),
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
    route("POST", "/v1/payment_intents", &[CONFIRM, CREATE], create),
    route(
        "GET",
        "/v1/payment_intents",
        &[LIST, &[EXPAND, text_param("customer")]],
        list,
    ),
    route(
        "GET",
        "/v1/payment_intents/{id}",
        &[SECRET, &[EXPAND]],
        |state, call| {
            let intent = state.need("payment_intent", &call.id, "id")?;
            check_secret(call, &intent)?;
            Ok(intent)
        },
    )
    .publishable(),
    route(
        "POST",
        "/v1/payment_intents/{id}/confirm",
        &[CONFIRM, SECRET],
        |state, call| {
            let intent = state.need("payment_intent", &call.id, "id")?;
            check_secret(call, &intent)?;
            confirm(state, call, &intent)
        },
    )
    .publishable(),
    route(
        "POST",
        "/v1/payment_intents/{id}/cancel",
        &[&[
            EXPAND,
            param(
                "cancellation_reason",
                Kind::OneOf(&[
                    "abandoned",
                    "duplicate",
                    "fraudulent",
                    "requested_by_customer",
                ]),
            ),
        ]],
        cancel,
    ),
];

/// What a new intent is for.
pub(crate) struct Wanted<'a> {
    /// In the currency's smallest unit.
    pub(crate) amount: i64,
    pub(crate) currency: &'a str,
    pub(crate) customer: Value,
    /// Id of the payment method, or null.
    pub(crate) method: Value,
    pub(crate) metadata: Value,
    pub(crate) description: Value,
}

const NULLS: &[&str] = &[
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "last_payment_error",
    "latest_charge",
    "next_action",
    "on_behalf_of",
    "payment_method_configuration_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
    "customer_account",
    "excluded_payment_method_types",
];

impl State {
    /// Makes an intent and gives back its id.
    pub(crate) fn add_intent(&mut self, call: &Call, wanted: Wanted<'_>) -> String {
        let id = self.ids.fresh("pi");
        let secret = format!("{id}_secret_{}", self.ids.letters(25));
        let status = match wanted.method {
            Value::Null => "requires_payment_method",
            _ => "requires_confirmation",
        };
        let card = json!({
            "installments": null, "mandate_options": null, "network": null,
            "request_three_d_secure": "automatic",
        });
        let intent = json!({
            "id": id, "object": "payment_intent", "amount": wanted.amount, "amount_capturable": 0,
            "amount_details": { "tip": {} }, "amount_received": 0, "capture_method": "automatic",
            "client_secret": secret, "confirmation_method": "automatic",
            "currency": wanted.currency, "customer": wanted.customer,
            "description": wanted.description, "metadata": wanted.metadata,
            "payment_method": wanted.method, "payment_method_options": { "card": card },
            "payment_method_types": ["card"], "status": status,
        });
        self.insert(with_nulls(self.stamped(call, intent), NULLS));
        self.event(call, "payment_intent.created", &id);
        id
    }
}

/// A caller with a publishable key has to show the intent's secret; anyone who shows one has to
/// show the right one.
pub(crate) fn check_secret(call: &Call, intent: &Value) -> Result<(), Refusal> {
    let secret = call.params.text("client_secret");
    if secret == Some(text(intent, "client_secret")) || (secret.is_none() && !call.publishable) {
        return Ok(());
    }
    let kind = text(intent, "object");
    let message =
        format!("The client_secret provided does not match the client_secret of this {kind}.");
    Err(Refusal::invalid(message)
        .code(&format!("{kind}_invalid_parameter"))
        .param("client_secret"))
}

/// # Errors
///
/// `amount_too_small` and `amount_too_large`; `amount` is in the currency's smallest unit.
fn check_amount(amount: i64, currency: &str) -> Result<(), Refusal> {
    if amount < MINIMUM {
        let message = format!("Amount must be at least $0.50 {currency}");
        return Err(Refusal::invalid(message)
            .code("amount_too_small")
            .param("amount"));
    }
    if amount > MAXIMUM {
        let message = "Amount must be no more than $999,999.99";
        return Err(Refusal::invalid(message)
            .code("amount_too_large")
            .param("amount"));
    }
    Ok(())
}

fn create(state: &mut State, call: &Call) -> Answer {
    let params = &call.params;
    let currency = params.text("currency").unwrap_or("usd").to_lowercase();
    let amount = params.integer("amount").unwrap_or(0);
    check_amount(amount, &currency)?;
    let customer = customers::named(state, params)?.unwrap_or_default();
    let method = match chosen_method(state, call, &customer)? {
        Some(key) => state.object(&key)["id"].clone(),
        None => Value::Null,
    };
    let id = state.add_intent(
        call,
        Wanted {
            amount,
            currency: &currency,
            customer: if customer.is_empty() {
                Value::Null
            } else {
                json!(customer)
            },
            method,
            metadata: metadata(params),
            description: params.or_null("description"),
        },
    );
    if params.get("automatic_payment_methods").is_some() {
        let automatic = json!({ "enabled": true, "allow_redirects": "always" });
        state.edit(&id, json!({ "automatic_payment_methods": automatic }));
    }
    if params.get("setup_future_usage").is_some() {
        state.edit(
            &id,
            json!({ "setup_future_usage": params.or_null("setup_future_usage") }),
        );
    }
    let intent = state.object(&id).clone();
    if params.flag("confirm") == Some(true) {
        confirm(state, call, &intent)
    } else {
        Ok(intent)
    }
}

fn list(state: &mut State, call: &Call) -> Answer {
    let customer = call.params.text("customer");
    let matches =
        |intent: &&Value| customer.is_none_or(|wanted| text(intent, "customer") == wanted);
    page(
        state.all("payment_intent").filter(matches),
        call,
        "/v1/payment_intents",
        Within::Time,
    )
}

/// The key of the payment method that the request names or describes.
pub(crate) fn chosen_method(
    state: &mut State,
    call: &Call,
    customer: &str,
) -> Result<Option<String>, Refusal> {
    if call.params.get("payment_method_data").is_some() {
        return state
            .method_from(call, &call.params.nested("payment_method_data"))
            .map(Some);
    }
    let Some(id) = call.params.text("payment_method") else {
        return Ok(None);
    };
    let key = state.resolve(call, id, customer, "payment_method")?;
    let owner = text(state.object(&key), "customer");
    if !owner.is_empty() && owner != customer {
        return Err(customers::not_attached(id).param("payment_method"));
    }
    Ok(Some(key))
}

fn unexpected(intent: &Value, message: String) -> Refusal {
    Refusal::invalid(message)
        .code("payment_intent_unexpected_state")
        .with("payment_intent", intent.clone())
}

fn confirm(state: &mut State, call: &Call, intent: &Value) -> Answer {
    let status = text(intent, "status");
    if !matches!(
        status,
        "requires_payment_method" | "requires_confirmation" | "requires_action"
    ) {
        let message = match status {
            "succeeded" => "You cannot confirm this PaymentIntent because it has already \
                            succeeded after being previously confirmed."
                .to_owned(),
            other => format!(
                "You cannot confirm this PaymentIntent because it has a status of {other}. Only \
                 a PaymentIntent with one of the following statuses may be confirmed: \
                 requires_confirmation, requires_action."
            ),
        };
        return Err(unexpected(intent, message));
    }
    let id = text(intent, "id").to_owned();
    let method = method_to_confirm(state, call, intent)?;
    if call.params.get("setup_future_usage").is_some() {
        state.edit(
            &id,
            json!({ "setup_future_usage": call.params.or_null("setup_future_usage") }),
        );
    }
    let flag = |name: &str| call.params.flag(name).unwrap_or(false);
    let outcome = attempt(
        state,
        call,
        &Attempt {
            intent: id.clone(),
            method,
            off_session: flag("off_session") || flag("error_on_requires_action"),
            return_url: call.params.text("return_url").map(str::to_owned),
        },
    );
    match outcome {
        Attempted::Declined(refusal) => Err(refusal),
        Attempted::Paid | Attempted::Asked => Ok(state.object(&id).clone()),
    }
}

fn method_to_confirm(state: &mut State, call: &Call, intent: &Value) -> Result<String, Refusal> {
    let customer = text(intent, "customer");
    if let Some(key) = chosen_method(state, call, customer)? {
        return Ok(key);
    }
    match text(intent, "payment_method") {
        "" => Err(unexpected(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can \
             either update the PaymentIntent with a payment method and then confirm it again, or \
             confirm it again directly with a payment method or ConfirmationToken."
                .to_owned(),
        )),
        id => state.resolve(call, id, customer, "payment_method"),
    }
}

fn cancel(state: &mut State, call: &Call) -> Answer {
    let intent = state.need("payment_intent", &call.id, "id")?;
    let status = text(&intent, "status");
    if state.invoice_of_intent.contains_key(&call.id) {
        let message = "You cannot cancel this PaymentIntent because it belongs to an invoice. \
                       Void the invoice instead.";
        return Err(unexpected(&intent, message.to_owned()));
    }
    if matches!(status, "succeeded" | "canceled") {
        let message = format!(
            "You cannot cancel this PaymentIntent because it has a status of {status}. Only a \
             PaymentIntent with one of the following statuses may be canceled: \
             requires_payment_method, requires_capture, requires_confirmation, requires_action, \
             processing."
        );
        return Err(unexpected(&intent, message));
    }
    let reason = call.params.or_null("cancellation_reason");
    cancel_intent(state, call, &call.id, reason);
    Ok(state.object(&call.id).clone())
}

/// Ends an intent that has not succeeded.
pub(crate) fn cancel_intent(state: &mut State, call: &Call, id: &str, reason: Value) {
    state.edit(
        id,
        json!({
            "status": "canceled", "canceled_at": call.now, "cancellation_reason": reason,
            "next_action": null,
        }),
    );
    state.event(call, "payment_intent.canceled", id);
}
