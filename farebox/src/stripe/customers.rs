//! Customers: one per Farebox account that has ever bought credits.

use serde::Deserialize;

use super::{
    Stripe, StripeError,
    call::{Call, segment},
    open::{Metadata, nullable, optional_id},
};

/// A customer, as far as Farebox uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    /// `cus_…`.
    pub id: String,
    /// True for a customer that was deleted; Stripe then sends little more than the id.
    #[serde(default)]
    pub deleted: bool,
    /// What Farebox wrote when it created the customer.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Metadata,
    #[serde(default, deserialize_with = "nullable")]
    invoice_settings: InvoiceSettings,
}

#[derive(Debug, Default, Clone, Deserialize)]
struct InvoiceSettings {
    #[serde(default, deserialize_with = "optional_id")]
    default_payment_method: Option<String>,
}

impl Customer {
    /// The payment method (`pm_…`) that invoices are charged to unless another is named.
    pub fn default_payment_method(&self) -> Option<&str> {
        self.invoice_settings.default_payment_method.as_deref()
    }
}

/// What a new customer is created with.
#[derive(Debug, Clone, Default)]
pub struct CreateCustomer<'a> {
    /// Shown on invoices.
    pub name: Option<&'a str>,
    /// Where Stripe sends receipts, if the operator has turned them on.
    pub email: Option<&'a str>,
    /// At most 50 entries, keys to 40 characters, values to 500 (Stripe's limits).
    pub metadata: &'a [(&'a str, &'a str)],
}

impl Stripe {
    /// Creates a customer (`POST /v1/customers`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn create_customer(
        &self,
        new: &CreateCustomer<'_>,
        idempotency_key: &str,
    ) -> Result<Customer, StripeError> {
        self.send(create(new, idempotency_key)).await
    }

    /// Reads a customer (`GET /v1/customers/{id}`); a deleted one is found and says so.
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn customer(&self, id: &str) -> Result<Customer, StripeError> {
        self.send(Call::get(path(id)?)).await
    }

    /// Makes a payment method the one that invoices are charged to.
    ///
    /// Setting a card up attaches it to the customer but does not make it the default.
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Invalid`] where it is not attached to the customer.
    pub async fn set_default_payment_method(
        &self,
        customer: &str,
        payment_method: &str,
        idempotency_key: &str,
    ) -> Result<Customer, StripeError> {
        let call = Call::post(path(customer)?, idempotency_key)
            .with("invoice_settings[default_payment_method]", payment_method);
        self.send(call).await
    }
}

fn create(new: &CreateCustomer<'_>, idempotency_key: &str) -> Call {
    Call::post("/v1/customers", idempotency_key)
        .with_some("name", new.name)
        .with_some("email", new.email)
        .metadata(new.metadata)
}

fn path(id: &str) -> Result<String, StripeError> {
    Ok(format!("/v1/customers/{}", segment(id)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_given_is_sent() {
        let new = CreateCustomer {
            name: Some("Physics"),
            email: None,
            metadata: &[("account", "acc_1")],
        };
        let call = create(&new, "customer:acc_1");
        let pairs = [("name", "Physics"), ("metadata[account]", "acc_1")];
        assert_eq!(call.pairs, pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(call.idempotency_key.as_deref(), Some("customer:acc_1"));
    }

    #[test]
    fn a_customer_and_a_deleted_one() {
        let customer: Customer = serde_json::from_value(json!({
            "id": "cus_1", "object": "customer", "created": 1, "livemode": false, "email": null,
            "invoice_settings": {"custom_fields": null, "default_payment_method": "pm_1", "footer": null},
            "metadata": {"account": "acc_1"},
        }))
        .unwrap();
        assert_eq!(customer.default_payment_method(), Some("pm_1"));
        assert_eq!(customer.metadata["account"], "acc_1");
        let gone: Customer =
            serde_json::from_value(json!({"id": "cus_1", "object": "customer", "deleted": true}))
                .unwrap();
        assert!(gone.deleted);
        assert_eq!(gone.default_payment_method(), None);
    }
}
