//! Checkout sessions: pages of Stripe's on which a customer saves a card.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Stripe, StripeError,
    call::Call,
    open::{optional_id, secret},
};

/// A checkout session, as far as Farebox uses it.
#[derive(Clone, Deserialize)]
pub struct CheckoutSession {
    /// `cs_…`.
    pub id: String,
    /// What saves the card, where Stripe has made it already.
    #[serde(default, deserialize_with = "optional_id")]
    pub setup_intent: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    url: Option<SecretString>,
}

impl CheckoutSession {
    /// The page, for as long as the session is open. Whoever has it can save a card for the customer.
    pub fn url(&self) -> Option<&SecretString> {
        self.url.as_ref()
    }
}

impl fmt::Debug for CheckoutSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckoutSession")
            .field("id", &self.id)
            .field("setup_intent", &self.setup_intent)
            .finish_non_exhaustive()
    }
}

/// What a session that saves a card is created with.
#[derive(Debug, Clone)]
pub struct CreateSetupSession<'a> {
    /// The customer (`cus_…`) that the card is saved for.
    pub customer: &'a str,
    /// ISO 4217, lower case: which ways to pay Stripe offers depends on it.
    pub currency: &'a str,
    /// Where the page leads when it is done, and by its back button.
    pub return_url: &'a str,
    /// At most 50 entries, keys to 40 characters, values to 500 (Stripe's limits). The setup intent gets
    /// the same.
    pub metadata: &'a [(&'a str, &'a str)],
}

impl Stripe {
    /// Makes a page on which the customer saves a card (`POST /v1/checkout/sessions`, mode `setup`).
    ///
    /// # Errors
    ///
    /// As any call to Stripe; [`StripeError::Invalid`] at `success_url` for one that it doesn't take.
    pub async fn create_setup_session(
        &self,
        new: &CreateSetupSession<'_>,
        idempotency_key: &str,
    ) -> Result<CheckoutSession, StripeError> {
        self.send(create(new, idempotency_key)).await
    }
}

fn create(new: &CreateSetupSession<'_>, idempotency_key: &str) -> Call {
    // As with setup intents, what Stripe offers is what the operator has turned on in the dashboard.
    let call = Call::post("/v1/checkout/sessions", idempotency_key)
        .with("mode", "setup")
        .with("customer", new.customer)
        .with("currency", new.currency)
        .with("success_url", new.return_url)
        .with("cancel_url", new.return_url)
        .metadata(new.metadata);
    new.metadata.iter().fold(call, |call, (key, value)| {
        call.with(format!("setup_intent_data[metadata][{key}]"), value)
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_leads_back_and_what_it_makes_knows_its_account() {
        let new = CreateSetupSession {
            customer: "cus_1",
            currency: "usd",
            return_url: "https://example.com/billing",
            metadata: &[("account", "a")],
        };
        let pairs = create(&new, "k").pairs;
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            pairs,
            [
                "mode=setup",
                "customer=cus_1",
                "currency=usd",
                "success_url=https://example.com/billing",
                "cancel_url=https://example.com/billing",
                "metadata[account]=a",
                "setup_intent_data[metadata][account]=a",
            ]
        );
    }

    #[test]
    fn its_page_is_readable_and_not_printable() {
        let session: CheckoutSession = serde_json::from_value(json!({
            "id": "cs_test_1", "object": "checkout.session", "mode": "setup", "status": "open",
            "url": "https://checkout.stripe.com/c/pay/hush", "setup_intent": "seti_1", "livemode": false,
        }))
        .unwrap();
        let url = session.url().unwrap().expose_secret();
        assert_eq!(url, "https://checkout.stripe.com/c/pay/hush");
        assert!(!format!("{session:?}").contains("hush"));
        assert_eq!(session.setup_intent.as_deref(), Some("seti_1"));
    }
}
