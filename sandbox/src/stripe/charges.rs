//! Charges: what was asked of a card, once per attempt.

use serde_json::{Value, json};

use super::cards::{Authentication, Card, Decline};
use super::list::{Within, page};
use super::params::{EXPAND, LIST, text as text_param};
use super::routes::{Route, route};
use super::state::{Answer, Call, State, integer, text, with_nulls};

pub(crate) const ROUTES: &[Route] = &[
    route(
        "GET",
        "/v1/charges",
        &[
            LIST,
            &[EXPAND, text_param("customer"), text_param("payment_intent")],
        ],
        list,
    ),
    route("GET", "/v1/charges/{id}", &[&[EXPAND]], |state, call| {
        state.need("charge", &call.id, "id")
    }),
];

const NULLS: &[&str] = &[
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "description",
    "failure_balance_transaction",
    "failure_code",
    "failure_message",
    "on_behalf_of",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
];

impl State {
    /// Records one attempt to charge a card for an intent, failed where there is a decline.
    /// Gives back the charge's id.
    pub(crate) fn add_charge(
        &mut self,
        call: &Call,
        intent: &str,
        method: &str,
        decline: Option<&Decline>,
    ) -> String {
        let id = self.ids.fresh("ch");
        let (intent, method_object) = (self.object(intent), self.object(method));
        let amount = &intent["amount"];
        let failed = decline.is_some();
        let mut charge = json!({
            "id": id, "object": "charge", "amount": amount,
            "amount_captured": if failed { json!(0) } else { amount.clone() },
            "amount_refunded": 0, "billing_details": method_object["billing_details"],
            "calculated_statement_descriptor": "SANDBOX", "captured": !failed,
            "currency": intent["currency"], "customer": intent["customer"],
            "description": intent["description"], "disputed": false, "fraud_details": {},
            "metadata": intent["metadata"], "outcome": outcome(decline), "paid": !failed,
            "payment_intent": intent["id"], "payment_method": method_object["id"],
            "payment_method_details": details(amount, method_object, self.cards.get(method)),
            "refunded": false, "status": if failed { "failed" } else { "succeeded" },
        });
        if let Some(decline) = decline {
            charge["failure_code"] = json!(decline.code);
            charge["failure_message"] = json!(decline.message);
        }
        self.insert(with_nulls(self.stamped(call, charge), NULLS));
        if let (None, Some(card)) = (decline, self.cards.get(method)) {
            self.charged.insert(id.clone(), *card);
        }
        id
    }

    /// What of a charge may still be refunded, in the currency's smallest unit. A pending refund
    /// is not counted on its charge yet, and cannot be had twice all the same.
    pub(crate) fn refundable(&self, charge: &Value) -> i64 {
        let pending = self
            .all("refund")
            .filter(|refund| refund["charge"] == charge["id"] && refund["status"] == "pending")
            .map(|refund| integer(refund, "amount"));
        integer(charge, "amount_captured")
            - integer(charge, "amount_refunded")
            - pending.sum::<i64>()
    }
}

fn outcome(decline: Option<&Decline>) -> Value {
    let status = if decline.is_some() {
        "declined_by_network"
    } else {
        "approved_by_network"
    };
    let message = match decline {
        Some(_) => "The bank did not return any further details with this decline.",
        None => "Payment complete.",
    };
    json!({
        "advice_code": null, "network_advice_code": null, "network_decline_code": null,
        "network_status": status, "reason": decline.map(|decline| decline.decline_code),
        "risk_level": "normal", "risk_score": 1, "seller_message": message,
        "type": if decline.is_some() { "issuer_declined" } else { "authorized" },
    })
}

fn details(amount: &Value, method: &Value, card: Option<&Card>) -> Value {
    let seen = &method["card"];
    let asked = card.is_some_and(|card| card.authentication == Authentication::Always);
    let three_d_secure = asked.then(|| {
        json!({
            "authentication_flow": "challenge", "electronic_commerce_indicator": "05",
            "exemption_indicator": null, "result": "authenticated", "result_reason": null,
            "transaction_id": null, "version": "2.2.0",
        })
    });
    json!({
        "type": "card",
        "card": {
            "amount_authorized": amount, "authorization_code": null, "brand": seen["brand"],
            "checks": seen["checks"], "country": seen["country"], "exp_month": seen["exp_month"],
            "exp_year": seen["exp_year"], "fingerprint": seen["fingerprint"],
            "funding": seen["funding"], "installments": null, "last4": seen["last4"],
            "mandate": null, "network": seen["brand"], "network_token": null,
            "network_transaction_id": null, "regulated_status": seen["regulated_status"],
            "three_d_secure": three_d_secure, "wallet": null,
        },
    })
}

fn list(state: &mut State, call: &Call) -> Answer {
    let narrowed = |field: &str, charge: &Value| {
        call.params
            .text(field)
            .is_none_or(|wanted| text(charge, field) == wanted)
    };
    let matches =
        |charge: &&Value| narrowed("customer", charge) && narrowed("payment_intent", charge);
    page(
        state.all("charge").filter(matches),
        call,
        "/v1/charges",
        Within::Time,
    )
}
