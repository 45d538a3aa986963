//! Payment methods: the cards that top-ups are charged to.

use serde::Deserialize;

use super::{
    Listed, Pages, Stripe, StripeError,
    call::{Call, segment},
    open::optional_id,
};

/// A payment method, as far as Farebox uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentMethod {
    /// `pm_…`.
    pub id: String,
    /// `card`, `sepa_debit`, `link` and many more.
    #[serde(rename = "type")]
    pub kind: String,
    /// The customer that it is attached to.
    #[serde(default, deserialize_with = "optional_id")]
    pub customer: Option<String>,
    /// What to show of it, where it is a card.
    #[serde(default)]
    pub card: Option<Card>,
}

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Card {
    /// `visa`, `mastercard` and so on.
    pub brand: String,
    /// The number's last four digits.
    pub last4: String,
}

impl Listed for PaymentMethod {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    /// Reads a payment method of a customer's (`GET /v1/customers/{customer}/payment_methods/{id}`).
    /// Never without the customer: charging, showing or removing somebody else's must be refused.
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::NotFound`] where the customer doesn't have it.
    pub async fn payment_method(
        &self,
        customer: &str,
        id: &str,
    ) -> Result<PaymentMethod, StripeError> {
        let (customer, id) = (segment(customer)?, segment(id)?);
        let path = format!("/v1/customers/{customer}/payment_methods/{id}");
        self.send(Call::get(path)).await
    }

    /// A customer's payment methods (`GET /v1/customers/{id}/payment_methods`).
    ///
    /// # Errors
    ///
    /// [`StripeError::NotFound`] at once where `customer` cannot be an id.
    pub fn payment_methods(&self, customer: &str) -> Result<Pages<PaymentMethod>, StripeError> {
        let path = format!("/v1/customers/{}/payment_methods", segment(customer)?);
        Ok(Pages::new(self, Call::get(path)))
    }

    /// Attaches a payment method to a customer, for later charges.
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Card`] where the issuer refuses the card.
    pub async fn attach_payment_method(
        &self,
        id: &str,
        customer: &str,
        idempotency_key: &str,
    ) -> Result<PaymentMethod, StripeError> {
        let call = Call::post(format!("{}/attach", path(id)?), idempotency_key);
        self.send(call.with("customer", customer)).await
    }

    /// Detaches a payment method from its customer, for good: it can never be charged again.
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn detach_payment_method(
        &self,
        id: &str,
        idempotency_key: &str,
    ) -> Result<PaymentMethod, StripeError> {
        self.send(Call::post(format!("{}/detach", path(id)?), idempotency_key))
            .await
    }
}

fn path(id: &str) -> Result<String, StripeError> {
    Ok(format!("/v1/payment_methods/{}", segment(id)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_and_something_else() {
        let card: PaymentMethod = serde_json::from_value(json!({
            "id": "pm_1", "object": "payment_method", "type": "card", "created": 1, "livemode": false,
            "billing_details": {"address": null}, "customer": "cus_1",
            "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030, "funding": "credit"},
        }))
        .unwrap();
        assert_eq!(
            card.card,
            Some(Card {
                brand: "visa".to_owned(),
                last4: "4242".to_owned()
            })
        );
        assert_eq!(card.customer.as_deref(), Some("cus_1"));
        let debit: PaymentMethod = serde_json::from_value(json!({
            "id": "pm_2", "type": "telepathy", "customer": null, "telepathy": {},
        }))
        .unwrap();
        assert_eq!((debit.kind.as_str(), debit.card), ("telepathy", None));
    }
}
