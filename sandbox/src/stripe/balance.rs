//! Balance transactions: what a refund or a dispute moves on the merchant's balance.
//!
//! Payments have none here, since nobody asks what their fees were.

use serde_json::{Value, json};

use super::params::EXPAND;
use super::routes::{Route, route};
use super::state::{Call, State};

pub(crate) const ROUTES: &[Route] = &[route(
    "GET",
    "/v1/balance_transactions/{id}",
    &[&[EXPAND]],
    |state, call| state.need("balance_transaction", &call.id, "id"),
)];

/// One movement. Amounts are in the currency's smallest unit; below zero they leave the merchant.
pub(crate) struct Movement<'a> {
    pub(crate) kind: &'static str,
    pub(crate) category: &'static str,
    pub(crate) amount: i64,
    /// What Stripe keeps for it.
    pub(crate) fee: i64,
    pub(crate) description: String,
    /// The object that moves the money, as it stands.
    pub(crate) source: &'a Value,
}

impl State {
    /// Records a movement and gives back the balance transaction.
    pub(crate) fn add_movement(&mut self, call: &Call, movement: &Movement<'_>) -> Value {
        let currency = &movement.source["currency"];
        let fee = json!({
            "amount": movement.fee, "application": null, "currency": currency,
            "description": "Dispute fee", "type": "stripe_fee",
        });
        let fees = if movement.fee == 0 { vec![] } else { vec![fee] };
        let id = self.ids.fresh("txn");
        self.insert(json!({
            "id": id, "object": "balance_transaction",
            "amount": movement.amount, "available_on": call.now, "balance_type": "payments",
            "created": call.now, "currency": currency, "description": movement.description,
            "exchange_rate": null, "fee": movement.fee, "fee_details": fees,
            "net": movement.amount - movement.fee, "reporting_category": movement.category,
            "source": movement.source["id"], "status": "available", "type": movement.kind,
        }))
    }
}
