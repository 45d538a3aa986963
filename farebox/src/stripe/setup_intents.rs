//! Setup intents: saving a card for charges that its owner does not attend.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Listed, Pages, Stripe, StripeError,
    call::{Call, segment},
    open::{Metadata, nullable, open_enum, optional_id, secret},
};

open_enum! {
    /// Where a setup intent stands.
    SetupIntentStatus {
        /// A payment method is to be given.
        RequiresPaymentMethod = "requires_payment_method",
        /// It is to be confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The card's owner must act.
        RequiresAction = "requires_action",
        /// Stripe is at work.
        Processing = "processing",
        /// It was given up.
        Canceled = "canceled",
        /// The payment method is saved.
        Succeeded = "succeeded",
    }
}

/// A setup intent, as far as Farebox uses it.
#[derive(Clone, Deserialize)]
pub struct SetupIntent {
    /// `seti_…`.
    pub id: String,
    /// Where it stands.
    pub status: SetupIntentStatus,
    /// Whether it saves a card that real money can be taken from.
    #[serde(default)]
    pub livemode: bool,
    /// The customer that the payment method is saved for.
    #[serde(default, deserialize_with = "optional_id")]
    pub customer: Option<String>,
    /// The payment method, once there is one.
    #[serde(default, deserialize_with = "optional_id")]
    pub payment_method: Option<String>,
    /// What Farebox wrote when it created the intent.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Metadata,
    #[serde(default, deserialize_with = "secret")]
    client_secret: Option<SecretString>,
}

impl SetupIntent {
    /// What the browser needs to finish the set-up. Whoever has it can act on the intent.
    pub fn client_secret(&self) -> Option<&SecretString> {
        self.client_secret.as_ref()
    }
}

impl Listed for SetupIntent {
    fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for SetupIntent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupIntent")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("payment_method", &self.payment_method)
            .finish_non_exhaustive()
    }
}

impl Stripe {
    /// Begins to save a payment method for later charges (`POST /v1/setup_intents`).
    ///
    /// `usage=off_session` has the card's owner authenticate now, so that a later automatic
    /// top-up may be charged without them.
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn create_setup_intent(
        &self,
        customer: &str,
        metadata: &[(&str, &str)],
        idempotency_key: &str,
    ) -> Result<SetupIntent, StripeError> {
        self.send(create(customer, metadata, idempotency_key)).await
    }

    /// Reads a setup intent (`GET /v1/setup_intents/{id}`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn setup_intent(&self, id: &str) -> Result<SetupIntent, StripeError> {
        self.send(Call::get(format!("/v1/setup_intents/{}", segment(id)?)))
            .await
    }

    /// A customer's setup intents that were created since a time in Unix seconds, newest first
    /// (`GET /v1/setup_intents`).
    pub fn setup_intents(&self, customer: &str, created_gte: i64) -> Pages<SetupIntent> {
        let call = Call::get("/v1/setup_intents")
            .with("customer", customer)
            .with("created[gte]", created_gte);
        Pages::new(self, call)
    }
}

fn create(customer: &str, metadata: &[(&str, &str)], idempotency_key: &str) -> Call {
    // `payment_method_types` is never sent: 2026-09-30.endive removed it, and without it Stripe
    // offers what the operator has turned on in the dashboard.
    Call::post("/v1/setup_intents", idempotency_key)
        .with("customer", customer)
        .with("usage", "off_session")
        .metadata(metadata)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_request_is_for_charges_without_the_owner() {
        let pairs: Vec<_> = create("cus_1", &[("account", "a")], "k").pairs;
        let expected = [
            ("customer", "cus_1"),
            ("usage", "off_session"),
            ("metadata[account]", "a"),
        ];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn its_secret_is_readable_and_not_printable() {
        let intent: SetupIntent = serde_json::from_value(json!({
            "id": "seti_1", "object": "setup_intent", "status": "requires_payment_method",
            "client_secret": "seti_1_secret_hush", "customer": {"id": "cus_1"}, "payment_method": null,
            "usage": "off_session", "metadata": {}, "created": 1, "livemode": false,
        }))
        .unwrap();
        assert_eq!(
            intent.client_secret().unwrap().expose_secret(),
            "seti_1_secret_hush"
        );
        assert!(!format!("{intent:?}").contains("hush"));
        assert_eq!(intent.customer.as_deref(), Some("cus_1"));
    }
}
