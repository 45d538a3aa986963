//! Invoice payments: which intent pays which invoice.

use serde_json::{Value, json};

use super::list::{Within, page};
use super::params::{EXPAND, Kind, LIST, param, required, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, text};

pub(crate) const ROUTES: &[Route] = &[
    route(
        "GET",
        "/v1/invoice_payments",
        &[
            LIST,
            &[
                EXPAND,
                text_param("invoice"),
                param(
                    "payment",
                    Kind::Nested(&[
                        required("type", Kind::OneOf(&["payment_intent"])),
                        text_param("payment_intent"),
                    ]),
                ),
                param("status", Kind::OneOf(&["canceled", "open", "paid"])),
            ],
        ],
        list,
    ),
    route(
        "GET",
        "/v1/invoice_payments/{id}",
        &[&[EXPAND]],
        |state, call| state.need("invoice_payment", &call.id, "id"),
    ),
];

impl State {
    /// Ties an intent to the invoice that it is to pay.
    pub(crate) fn add_invoice_payment(&mut self, call: &Call, invoice: &str, intent: &str) {
        let due = self.object(invoice);
        let payment = json!({
            "object": "invoice_payment", "amount_paid": null,
            "amount_requested": due["amount_due"], "currency": due["currency"],
            "invoice": invoice, "is_default": true,
            "payment": { "type": "payment_intent", "payment_intent": intent }, "status": "open",
            "status_transitions": { "canceled_at": null, "paid_at": null },
        });
        let id = self.ids.fresh("inpay");
        let mut payment = self.stamped(call, payment);
        payment["id"] = json!(id);
        self.insert(payment);
        self.invoice_of_intent
            .insert(intent.to_owned(), invoice.to_owned());
        self.payment_of_invoice.insert(invoice.to_owned(), id);
    }

    /// The payments of an invoice as they stand in it when `payments` is expanded.
    pub(crate) fn payments_of(&self, invoice: &str) -> Vec<Value> {
        let payment = self.payment_of_invoice.get(invoice);
        payment
            .map(|payment| self.object(payment).clone())
            .into_iter()
            .collect()
    }
}

fn list(state: &mut State, call: &Call) -> Answer {
    let wanted = call.params.nested("payment");
    let intent = wanted.text("payment_intent");
    let narrowed = |field: &str, payment: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(payment, field) == wanted)
    };
    let matches = |payment: &&Value| {
        narrowed("invoice", payment)
            && narrowed("status", payment)
            && intent.is_none_or(|intent| text(&payment["payment"], "payment_intent") == intent)
    };
    let found = state.all("invoice_payment").filter(matches);
    page(found, call, "/v1/invoice_payments", Within::Time)
}
