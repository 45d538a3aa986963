//! Invoice items: the amounts that a draft is made of, each of which becomes a line.

use serde_json::{Value, json};

use super::customers;
use super::error::Refusal;
use super::invoices::{not_editable, total_up};
use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, METADATA, param, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, metadata, text, with_nulls};

pub(crate) const ROUTES: &[Route] = &[
    route(
        "POST",
        "/v1/invoiceitems",
        &[&[
            EXPAND,
            METADATA,
            text_param("customer"),
            text_param("invoice"),
            param("amount", Kind::Integer),
            text_param("currency"),
            text_param("description"),
            param("discountable", Kind::Boolean),
            param("discounts", Kind::Unsettable),
            param(
                "tax_behavior",
                Kind::OneOf(&["exclusive", "inclusive", "unspecified"]),
            ),
            param("tax_code", Kind::Unsettable),
        ]],
        create,
    ),
    route(
        "GET",
        "/v1/invoiceitems",
        &[
            LIST,
            &[
                EXPAND,
                text_param("customer"),
                text_param("invoice"),
                param("pending", Kind::Boolean),
            ],
        ],
        list,
    ),
    route(
        "GET",
        "/v1/invoiceitems/{id}",
        &[&[EXPAND]],
        |state, call| state.need("invoiceitem", &call.id, "id"),
    ),
];

fn create(state: &mut State, call: &Call) -> Answer {
    let params = &call.params;
    let invoice = draft(state, call)?;
    let named = customers::named(state, params)?;
    let customer = match (&invoice, named) {
        (Some(invoice), Some(named)) if named != text(invoice, "customer") => {
            let message = "The customer of the invoice item must be the customer of its invoice.";
            return Err(Refusal::invalid(message).param("customer"));
        }
        (Some(invoice), _) => text(invoice, "customer").to_owned(),
        (None, Some(named)) => named,
        (None, None) => return Err(missing("customer")),
    };
    let Some(amount) = params.integer("amount") else {
        return Err(missing("amount"));
    };
    let currency = currency(call, invoice.as_ref())?;
    let item = new_item(state, call, &customer, amount, &currency);
    state.event(call, "invoiceitem.created", text(&item, "id"));
    if let Some(invoice) = invoice {
        add_line(state, call, text(&invoice, "id"), text(&item, "id"));
    }
    Ok(state.object(text(&item, "id")).clone())
}

fn missing(param: &str) -> Refusal {
    Refusal::unfit(
        "parameter_missing",
        param,
        format!("Missing required param: {param}."),
    )
}

/// The draft that the item is for, if it names an invoice.
fn draft(state: &State, call: &Call) -> Result<Option<Value>, Refusal> {
    let Some(id) = call.params.text("invoice") else {
        return Ok(None);
    };
    let invoice = state.need("invoice", id, "invoice")?;
    match text(&invoice, "status") {
        "draft" => Ok(Some(invoice)),
        _ => Err(not_editable().param("invoice")),
    }
}

fn currency(call: &Call, invoice: Option<&Value>) -> Result<String, Refusal> {
    let given = call.params.text("currency").map(str::to_lowercase);
    let of_invoice = invoice.map(|invoice| text(invoice, "currency").to_owned());
    match (given, of_invoice) {
        (Some(given), Some(needed)) if given != needed => {
            let message = format!(
                "The currency of the invoice item ({given}) must be that of the invoice ({needed})."
            );
            Err(Refusal::invalid(message).param("currency"))
        }
        (Some(given), _) => Ok(given),
        (None, needed) => Ok(needed.unwrap_or_else(|| "usd".to_owned())),
    }
}

fn new_item(state: &mut State, call: &Call, customer: &str, amount: i64, currency: &str) -> Value {
    let item = json!({
        "id": state.ids.fresh("ii"), "object": "invoiceitem", "amount": amount,
        "currency": currency, "customer": customer, "date": call.now,
        "description": call.params.or_null("description"),
        "discountable": call.params.flag("discountable").unwrap_or(true), "discounts": [],
        "livemode": state.livemode, "metadata": metadata(&call.params), "net_amount": amount,
        "period": { "end": call.now, "start": call.now }, "pricing": pricing(amount),
        "proration": false, "quantity": 1, "quantity_decimal": "1", "tax_rates": [],
    });
    state.insert(with_nulls(
        item,
        &["customer_account", "invoice", "parent", "test_clock"],
    ))
}

fn pricing(amount: i64) -> Value {
    json!({ "type": "price_details", "unit_amount_decimal": amount.to_string() })
}

/// Ties a pending item to a draft.
fn add_line(state: &mut State, call: &Call, invoice: &str, item: &str) {
    let item = state.edit(item, json!({ "invoice": invoice }));
    let line = json!({
        "id": state.ids.fresh("il"), "object": "line_item", "amount": item["amount"],
        "currency": item["currency"], "description": item["description"], "discount_amounts": [],
        "discountable": item["discountable"], "discounts": [], "invoice": invoice,
        "livemode": state.livemode, "metadata": item["metadata"],
        "parent": {
            "type": "invoice_item_details", "subscription_item_details": null,
            "invoice_item_details": {
                "invoice_item": item["id"], "proration": false, "subscription": null,
                "proration_details": { "credited_items": null },
            },
        },
        "period": item["period"], "pretax_credit_amounts": [], "pricing": item["pricing"],
        "quantity": 1, "quantity_decimal": "1", "subscription": null, "subtotal": item["amount"],
        "taxes": [],
    });
    let mut lines = state.object(invoice)["lines"].clone();
    if let Some(data) = lines["data"].as_array_mut() {
        data.push(line);
    }
    state.edit(invoice, json!({ "lines": lines }));
    total_up(state, invoice);
    state.event(call, "invoice.updated", invoice);
}

/// Ties every pending item of a customer to a new draft in the same currency.
pub(crate) fn sweep(state: &mut State, call: &Call, customer: &str, invoice: &str) {
    let currency = text(state.object(invoice), "currency").to_owned();
    let pending = |item: &&Value| {
        text(item, "customer") == customer
            && item["invoice"].is_null()
            && text(item, "currency") == currency
    };
    let items: Vec<String> = state
        .all("invoiceitem")
        .rev()
        .filter(pending)
        .map(|item| text(item, "id").to_owned())
        .collect();
    for item in items {
        add_line(state, call, invoice, &item);
    }
}

fn list(state: &mut State, call: &Call) -> Answer {
    let narrowed = |field: &str, item: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(item, field) == wanted)
    };
    let pending = call.params.flag("pending");
    let matches = |item: &&Value| {
        narrowed("customer", item)
            && narrowed("invoice", item)
            && pending.is_none_or(|wanted| wanted == item["invoice"].is_null())
    };
    page(
        state.all("invoiceitem").filter(matches),
        call,
        "/v1/invoiceitems",
        Within::Any,
    )
}
