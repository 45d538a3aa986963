//! Invoices: drafting, reading and ending them. `finalize` makes one payable, `pay` collects.
//!
//! Only one-off invoices. No invoice is ever collected by the passing of time: `auto_advance` is
//! kept and shown, and moves nothing.

use serde_json::{Value, json};

use super::customers;
use super::error::Refusal;
use super::list::{Within, embedded, page};
use super::params::{EXPAND, Kind, LIST, METADATA, Param, param, required, text as text_param};
use super::payment_intents::cancel_intent;
use super::routes::{Route, route};
use super::state::{Answer, Call, State, integer, metadata, text, with_nulls};

const FIELDS: &[Param] = &[
    EXPAND,
    METADATA,
    param("auto_advance", Kind::Boolean),
    param("description", Kind::Unsettable),
    param("footer", Kind::Unsettable),
    text_param("default_payment_method"),
    param("discounts", Kind::Unsettable),
    param(
        "automatic_tax",
        Kind::Nested(&[required("enabled", Kind::Boolean)]),
    ),
];

const CREATE: &[Param] = &[
    required("customer", Kind::Text),
    text_param("currency"),
    param(
        "collection_method",
        Kind::OneOf(&["charge_automatically", "send_invoice"]),
    ),
    param("days_until_due", Kind::Integer),
    param(
        "pending_invoice_items_behavior",
        Kind::OneOf(&["exclude", "include"]),
    ),
];

const STATUSES: &[&str] = &["draft", "open", "paid", "uncollectible", "void"];

pub(crate) const ROUTES: &[Route] = &[
    route("POST", "/v1/invoices", &[FIELDS, CREATE], create),
    route(
        "GET",
        "/v1/invoices",
        &[
            LIST,
            &[
                EXPAND,
                text_param("customer"),
                param("status", Kind::OneOf(STATUSES)),
                param(
                    "collection_method",
                    Kind::OneOf(&["charge_automatically", "send_invoice"]),
                ),
            ],
        ],
        list,
    ),
    route("GET", "/v1/invoices/{id}", &[&[EXPAND]], |state, call| {
        state.need("invoice", &call.id, "id")
    }),
    route("POST", "/v1/invoices/{id}", &[FIELDS], update),
    route("DELETE", "/v1/invoices/{id}", &[&[]], delete),
    route("POST", "/v1/invoices/{id}/void", &[&[EXPAND]], void),
    route(
        "POST",
        "/v1/invoices/{id}/mark_uncollectible",
        &[&[EXPAND]],
        mark_uncollectible,
    ),
    route(
        "GET",
        "/v1/invoices/{id}/lines",
        &[&[
            EXPAND,
            param("limit", Kind::Integer),
            text_param("starting_after"),
            text_param("ending_before"),
        ]],
        lines,
    ),
];

const NULLS: &[&str] = &[
    "account_country",
    "account_name",
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "confirmation_secret",
    "custom_fields",
    "customer_account",
    "customer_address",
    "customer_phone",
    "customer_shipping",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "effective_at",
    "ending_balance",
    "footer",
    "from_invoice",
    "hosted_invoice_url",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "next_payment_attempt",
    "number",
    "on_behalf_of",
    "parent",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
    "webhooks_delivered_at",
];

/// Amounts, in the currency's smallest unit, and a count: nothing yet in a new draft.
const ZEROS: &[&str] = &[
    "amount_due",
    "amount_overpaid",
    "amount_paid",
    "amount_paid_off_stripe",
    "amount_remaining",
    "amount_shipping",
    "attempt_count",
    "post_payment_credit_notes_amount",
    "pre_payment_credit_notes_amount",
    "starting_balance",
    "subtotal",
    "subtotal_excluding_tax",
    "total",
    "total_excluding_tax",
];

/// What there is no taxing or discounting here to fill.
const EMPTY: &[&str] = &[
    "customer_tax_ids",
    "default_tax_rates",
    "discounts",
    "total_discount_amounts",
    "total_pretax_credit_amounts",
    "total_taxes",
];

fn create(state: &mut State, call: &Call) -> Answer {
    let params = &call.params;
    let customer = customers::named(state, params)?.unwrap_or_default();
    let method = params
        .text("collection_method")
        .unwrap_or("charge_automatically");
    if method == "send_invoice" && params.integer("days_until_due").is_none() {
        let message = "If you're using `collection_method` = 'send_invoice', you need to provide \
                       either `days_until_due` or `due_date`.";
        return Err(Refusal::invalid(message).param("days_until_due"));
    }
    check_editable_fields(state, call, &customer)?;
    let id = state.ids.fresh("in");
    let draft = draft(state, call, &id, &customer, method);
    state.insert(with_nulls(state.stamped(call, draft), NULLS));
    apply(state, call, &id);
    state.event(call, "invoice.created", &id);
    if params.text("pending_invoice_items_behavior") == Some("include") {
        super::invoice_items::sweep(state, call, &customer, &id);
    }
    Ok(state.object(&id).clone())
}

fn draft(state: &State, call: &Call, id: &str, customer: &str, method: &str) -> Value {
    let owner = state.object(customer);
    let due = call
        .params
        .integer("days_until_due")
        .map(|days| call.now + days * 86_400);
    let currency = call.params.text("currency").unwrap_or("usd").to_lowercase();
    let mut draft = json!({
        "id": id, "object": "invoice", "attempted": false, "auto_advance": false,
        "automatic_tax": automatic_tax(false), "billing_reason": "manual",
        "collection_method": method, "currency": currency, "customer": customer,
        "customer_email": owner["email"], "customer_name": owner["name"],
        "customer_tax_exempt": "none", "due_date": due, "issuer": { "type": "self" },
        "lines": embedded(Vec::new(), format!("/v1/invoices/{id}/lines")),
        "metadata": metadata(&call.params),
        "payment_settings": {
            "default_mandate": null, "payment_method_options": null, "payment_method_types": null,
        },
        "period_end": call.now, "period_start": call.now, "status": "draft",
        "status_transitions": {
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null,
            "voided_at": null,
        },
    });
    for field in ZEROS {
        draft[field] = json!(0);
    }
    for field in EMPTY {
        draft[field] = json!([]);
    }
    draft
}

/// There is no tax here, so that a computed one is complete and nothing.
fn automatic_tax(enabled: bool) -> Value {
    json!({
        "disabled_reason": null, "enabled": enabled,
        "liability": enabled.then(|| json!({ "type": "self" })),
        "provider": enabled.then_some("stripe"),
        "status": enabled.then_some("complete"),
    })
}

fn check_editable_fields(state: &State, call: &Call, customer: &str) -> Result<(), Refusal> {
    if let Some(method) = call.params.text("default_payment_method")
        && !state.owns(customer, method)
    {
        return Err(customers::not_attached(method).param("default_payment_method"));
    }
    match call.params.text("discounts") {
        None | Some("") => Ok(()),
        Some(other) => Err(Refusal::missing("coupon", other, "discounts")),
    }
}

/// Writes the parameters that creation and update share.
fn apply(state: &mut State, call: &Call, id: &str) {
    let params = &call.params;
    for field in ["description", "footer", "default_payment_method"] {
        if params.get(field).is_some() {
            state.edit(id, json!({ field: params.or_null(field) }));
        }
    }
    if let Some(advance) = params.flag("auto_advance") {
        state.edit(id, json!({ "auto_advance": advance }));
    }
    if let Some(enabled) = params.nested("automatic_tax").flag("enabled") {
        state.edit(id, json!({ "automatic_tax": automatic_tax(enabled) }));
    }
    state.edit_metadata(id, params);
}

fn update(state: &mut State, call: &Call) -> Answer {
    let invoice = state.need("invoice", &call.id, "id")?;
    check_editable_fields(state, call, text(&invoice, "customer"))?;
    let frozen = call.params.0.keys().find(|name| {
        // What Stripe lets one change after finalization, of what there is here.
        !matches!(
            name.as_str(),
            "metadata" | "auto_advance" | "default_payment_method" | "expand"
        )
    });
    if let Some(frozen) = frozen
        && text(&invoice, "status") != "draft"
    {
        return Err(not_editable().param(frozen));
    }
    apply(state, call, &call.id);
    state.event(call, "invoice.updated", &call.id);
    Ok(state.object(&call.id).clone())
}

pub(crate) fn not_editable() -> Refusal {
    let message = "Finalized invoices can't be updated in this way";
    Refusal::invalid(message).code("invoice_not_editable")
}

fn list(state: &mut State, call: &Call) -> Answer {
    let narrowed = |field: &str, invoice: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(invoice, field) == wanted)
    };
    let matches = |invoice: &&Value| {
        ["customer", "status", "collection_method"]
            .iter()
            .all(|field| narrowed(field, invoice))
            && invoice.get("deleted").is_none()
    };
    page(
        state.all("invoice").filter(matches),
        call,
        "/v1/invoices",
        Within::Time,
    )
}

fn lines(state: &mut State, call: &Call) -> Answer {
    let invoice = state.need("invoice", &call.id, "id")?;
    let lines = invoice["lines"]["data"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    page(
        lines.iter(),
        call,
        &format!("/v1/invoices/{}/lines", call.id),
        Within::Any,
    )
}

fn delete(state: &mut State, call: &Call) -> Answer {
    let invoice = state.need("invoice", &call.id, "id")?;
    if text(&invoice, "status") != "draft" {
        let message = "You can only delete draft invoices.";
        return Err(Refusal::invalid(message).code("invoice_not_editable"));
    }
    state.event(call, "invoice.deleted", &call.id);
    state.replace(
        &call.id,
        json!({ "id": call.id, "object": "invoice", "deleted": true }),
    );
    Ok(state.object(&call.id).clone())
}

fn void(state: &mut State, call: &Call) -> Answer {
    let invoice = state.need("invoice", &call.id, "id")?;
    refuse_unless_collectible(&invoice, "voided")?;
    end_payment(state, call, &call.id, "void_invoice");
    transition(state, call, "void", "voided_at");
    state.event(call, "invoice.updated", &call.id);
    state.event(call, "invoice.voided", &call.id);
    Ok(state.object(&call.id).clone())
}

fn mark_uncollectible(state: &mut State, call: &Call) -> Answer {
    let invoice = state.need("invoice", &call.id, "id")?;
    refuse_unless_collectible(&invoice, "marked uncollectible")?;
    transition(state, call, "uncollectible", "marked_uncollectible_at");
    state.event(call, "invoice.updated", &call.id);
    state.event(call, "invoice.marked_uncollectible", &call.id);
    Ok(state.object(&call.id).clone())
}

fn refuse_unless_collectible(invoice: &Value, done: &str) -> Result<(), Refusal> {
    match text(invoice, "status") {
        "open" | "uncollectible" => Ok(()),
        status => {
            let message = format!(
                "Only open or uncollectible invoices can be {done}. This invoice is {status}."
            );
            Err(Refusal::invalid(message))
        }
    }
}

fn transition(state: &mut State, call: &Call, status: &str, at: &str) {
    let mut transitions = state.object(&call.id)["status_transitions"].clone();
    transitions[at] = json!(call.now);
    state.edit(
        &call.id,
        json!({
            "status": status, "status_transitions": transitions, "auto_advance": false,
        }),
    );
}

/// Cancels the payment that an invoice waits for, if it has one.
pub(crate) fn end_payment(state: &mut State, call: &Call, invoice: &str, reason: &str) {
    let Some(payment) = state.payment_of_invoice.get(invoice).cloned() else {
        return;
    };
    let intent = text(&state.object(&payment)["payment"], "payment_intent").to_owned();
    state.edit(
        &payment,
        json!({
            "status": "canceled",
            "status_transitions": { "canceled_at": call.now, "paid_at": null },
        }),
    );
    cancel_intent(state, call, &intent, json!(reason));
}

/// Adds up the lines of a draft.
pub(crate) fn total_up(state: &mut State, id: &str) {
    let invoice = state.object(id);
    let lines = invoice["lines"]["data"].as_array();
    let total: i64 = lines
        .into_iter()
        .flatten()
        .map(|line| integer(line, "amount"))
        .sum();
    let due = total.max(0);
    state.edit(
        id,
        json!({
            "subtotal": total, "subtotal_excluding_tax": total, "total": total,
            "total_excluding_tax": total, "amount_due": due, "amount_remaining": due,
        }),
    );
}
