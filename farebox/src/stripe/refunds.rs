//! Refunds: money that goes back to the card it came from. A refund takes credit back.

use serde::Deserialize;

use super::{
    Listed, Pages, Stripe, StripeError,
    call::{Call, segment},
    open::{Metadata, nullable, open_enum, optional_id},
};

open_enum! {
    /// Where a refund stands.
    RefundStatus {
        /// On its way.
        Pending = "pending",
        /// The customer must act to receive it.
        RequiresAction = "requires_action",
        /// The customer has the money.
        Succeeded = "succeeded",
        /// The bank sent it back.
        Failed = "failed",
        /// It was stopped.
        Canceled = "canceled",
    }
}

/// A refund, as far as Farebox uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// Three letters, lower case.
    pub currency: String,
    /// Where it stands; Stripe may send null.
    #[serde(default)]
    pub status: Option<RefundStatus>,
    /// The payment intent (`pi_…`) whose money goes back.
    #[serde(default, deserialize_with = "optional_id")]
    pub payment_intent: Option<String>,
    /// The charge (`ch_…`) whose money goes back.
    #[serde(default, deserialize_with = "optional_id")]
    pub charge: Option<String>,
    /// Unix seconds.
    pub created: i64,
    /// Whatever the refund's maker wrote.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Metadata,
}

/// A refund to be made.
#[derive(Debug, Clone)]
pub struct CreateRefund<'a> {
    /// `pi_…`, whose money goes back.
    pub payment_intent: &'a str,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    pub reason: Option<&'a str>,
    /// At most 50 entries, keys to 40 characters, values to 500 (Stripe's limits).
    pub metadata: &'a [(&'a str, &'a str)],
}

/// Which refunds to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefundFilter<'a> {
    /// Those of one payment intent.
    pub payment_intent: Option<&'a str>,
    /// Those created at this time or later, in Unix seconds.
    pub created_gte: Option<i64>,
}

impl Listed for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    /// Gives money back (`POST /v1/refunds`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Invalid`] where there is not so much to give back, or the
    /// payment is disputed.
    pub async fn create_refund(
        &self,
        new: &CreateRefund<'_>,
        idempotency_key: &str,
    ) -> Result<Refund, StripeError> {
        self.send(create(new, idempotency_key)).await
    }

    /// Reads a refund (`GET /v1/refunds/{id}`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn refund(&self, id: &str) -> Result<Refund, StripeError> {
        self.send(Call::get(format!("/v1/refunds/{}", segment(id)?)))
            .await
    }

    /// Lists refunds, newest first (`GET /v1/refunds`).
    pub fn refunds(&self, filter: &RefundFilter<'_>) -> Pages<Refund> {
        let call = Call::get("/v1/refunds")
            .with_some("payment_intent", filter.payment_intent)
            .with_some("created[gte]", filter.created_gte);
        Pages::new(self, call)
    }
}

fn create(new: &CreateRefund<'_>, idempotency_key: &str) -> Call {
    Call::post("/v1/refunds", idempotency_key)
        .with("payment_intent", new.payment_intent)
        .with("amount", new.amount)
        .with_some("reason", new.reason)
        .metadata(new.metadata)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refund_leads_to_its_payment() {
        let refund: Refund = serde_json::from_value(json!({
            "id": "re_1", "object": "refund", "amount": 500, "currency": "usd", "created": 7,
            "charge": "ch_1", "payment_intent": {"id": "pi_1", "object": "payment_intent"},
            "status": "pending", "reason": "requested_by_customer", "metadata": null,
        }))
        .unwrap();
        assert_eq!(
            (refund.amount, refund.status),
            (500, Some(RefundStatus::Pending))
        );
        assert_eq!(refund.payment_intent.as_deref(), Some("pi_1"));
        let odd: Refund = serde_json::from_value(
            json!({"id": "re_2", "amount": 1, "currency": "usd", "created": 7, "status": null}),
        )
        .unwrap();
        assert_eq!(odd.status, None);
    }
}
