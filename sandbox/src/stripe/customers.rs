//! Customers.

use serde_json::{Value, json};

use super::error::Refusal;
use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, METADATA, Param, Params, param, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, metadata, text, truth, with_nulls};

const FIELDS: &[Param] = &[
    EXPAND,
    METADATA,
    param("balance", Kind::Integer),
    param("description", Kind::Unsettable),
    param("email", Kind::Unsettable),
    param("name", Kind::Unsettable),
    param("phone", Kind::Unsettable),
    param(
        "invoice_settings",
        Kind::Nested(&[param("default_payment_method", Kind::Unsettable)]),
    ),
];

pub(crate) const ROUTES: &[Route] = &[
    route(
        "POST",
        "/v1/customers",
        &[FIELDS, &[text_param("payment_method")]],
        create,
    ),
    route(
        "GET",
        "/v1/customers",
        &[LIST, &[EXPAND, text_param("email")]],
        list,
    ),
    route("GET", "/v1/customers/{id}", &[&[EXPAND]], get),
    route("POST", "/v1/customers/{id}", &[FIELDS], update),
    route("DELETE", "/v1/customers/{id}", &[&[]], delete),
];

fn create(state: &mut State, call: &Call) -> Answer {
    if call
        .params
        .nested("invoice_settings")
        .text("default_payment_method")
        .is_some()
        && call.params.text("payment_method").is_none()
    {
        // Nothing can be attached to a customer that does not exist yet.
        let default = call.params.nested("invoice_settings");
        return Err(not_attached(
            default.text("default_payment_method").unwrap_or(""),
        ));
    }
    let id = state.ids.fresh("cus");
    let prefix = state.ids.letters(8).to_uppercase();
    let customer = json!({
        "id": id, "object": "customer", "balance": 0, "delinquent": false,
        "invoice_prefix": prefix, "next_invoice_sequence": 1,
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null,
            "rendering_options": null,
        },
        "metadata": metadata(&call.params), "preferred_locales": [], "tax_exempt": "none",
    });
    let nulls = [
        "address",
        "currency",
        "default_source",
        "description",
        "discount",
        "email",
        "name",
        "phone",
        "shipping",
        "test_clock",
    ];
    state.insert(with_nulls(state.stamped(call, customer), &nulls));
    if let Err(refusal) = attach_given(state, call, &id).and_then(|()| apply(state, call, &id)) {
        // Refused whole: a customer with half of what was asked for must not stay behind.
        state.replace(&id, deleted(&id));
        return Err(refusal);
    }
    state.event(call, "customer.created", &id);
    Ok(state.object(&id).clone())
}

fn attach_given(state: &mut State, call: &Call, id: &str) -> Result<(), Refusal> {
    let Some(method) = call.params.text("payment_method") else {
        return Ok(());
    };
    state.attach(call, method, id, "payment_method").map(drop)
}

fn update(state: &mut State, call: &Call) -> Answer {
    state.need("customer", &call.id, "id")?;
    apply(state, call, &call.id)?;
    state.event(call, "customer.updated", &call.id);
    Ok(state.object(&call.id).clone())
}

/// Writes the parameters that creation and update share.
fn apply(state: &mut State, call: &Call, id: &str) -> Result<(), Refusal> {
    let params = &call.params;
    if let Some(method) = params
        .nested("invoice_settings")
        .get("default_payment_method")
    {
        let method = method.as_str().unwrap_or("");
        set_default(state, id, method)?;
    }
    for field in ["description", "email", "name", "phone"] {
        if params.get(field).is_some() {
            state.edit(id, json!({ field: params.or_null(field) }));
        }
    }
    if let Some(balance) = params.integer("balance") {
        state.edit(id, json!({ "balance": balance }));
    }
    state.edit_metadata(id, params);
    Ok(())
}

fn set_default(state: &mut State, id: &str, method: &str) -> Result<(), Refusal> {
    let default = match method {
        "" => Value::Null,
        _ if state.owns(id, method) => json!(method),
        _ => return Err(not_attached(method)),
    };
    let mut settings = state.object(id)["invoice_settings"].clone();
    settings["default_payment_method"] = default;
    state.edit(id, json!({ "invoice_settings": settings }));
    Ok(())
}

/// The default payment method is the customer's no more.
pub(crate) fn forget_default(state: &mut State, call: &Call, id: &str) {
    let before = state.object(id)["invoice_settings"].clone();
    let mut settings = before.clone();
    settings["default_payment_method"] = Value::Null;
    state.edit(id, json!({ "invoice_settings": settings }));
    let before = json!({ "invoice_settings": before });
    state.event_after(call, "customer.updated", id, before);
}

/// Stripe's answer to a default payment method, or one to pay with, that is not the customer's.
pub(crate) fn not_attached(method: &str) -> Refusal {
    Refusal::invalid(format!(
        "The customer does not have a payment method with the ID {method}. The payment method \
         must be attached to the customer."
    ))
    .code("resource_missing")
    .param("invoice_settings[default_payment_method]")
}

fn get(state: &mut State, call: &Call) -> Answer {
    // A deleted customer can still be read, in the short form that says so.
    let found = state.object(&call.id);
    if text(found, "object") == "customer" && truth(found, "deleted") {
        return Ok(found.clone());
    }
    state.need("customer", &call.id, "id")
}

fn list(state: &mut State, call: &Call) -> Answer {
    let email = call.params.text("email");
    let matches = |customer: &&Value| {
        !truth(customer, "deleted") && email.is_none_or(|email| text(customer, "email") == email)
    };
    page(
        state.all("customer").filter(matches),
        call,
        "/v1/customers",
        Within::Time,
    )
}

fn delete(state: &mut State, call: &Call) -> Answer {
    state.need("customer", &call.id, "id")?;
    state.event(call, "customer.deleted", &call.id);
    state.replace(&call.id, deleted(&call.id));
    Ok(state.object(&call.id).clone())
}

fn deleted(id: &str) -> Value {
    json!({ "id": id, "object": "customer", "deleted": true })
}

/// The payment method that is charged when nobody names one; empty where there is none.
pub(crate) fn default_method(state: &State, customer: &str) -> String {
    text(
        &state.object(customer)["invoice_settings"],
        "default_payment_method",
    )
    .to_owned()
}

/// The customer that a parameter names.
///
/// # Errors
///
/// `resource_missing`, also for a deleted customer.
pub(crate) fn named(state: &State, params: &Params) -> Result<Option<String>, Refusal> {
    match params.text("customer") {
        Some(id) => {
            state.need("customer", id, "customer")?;
            Ok(Some(id.to_owned()))
        }
        None => Ok(None),
    }
}
