//! The cards that credit is bought with: `…/billing/payment-methods`. Farebox's own; Cloudflare keeps
//! them in its dashboard.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A payment method of the account's, with all that is ever shown of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaymentMethod {
    /// Stripe's id, as `POST …/billing/topup` takes it in `payment_method_id`.
    #[cfg_attr(feature = "openapi", schema(example = "pm_123"))]
    pub id: String,
    /// Stripe's word for what it is: `card` and many more.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(example = "card"))]
    pub kind: String,
    /// A card's brand, as Stripe writes it; `null` where it is no card.
    #[cfg_attr(feature = "openapi", schema(required, example = "visa"))]
    pub brand: Option<String>,
    /// A card's last four digits; `null` where it is no card.
    #[cfg_attr(feature = "openapi", schema(required, example = "4242"))]
    pub last4: Option<String>,
    /// Whether it is charged where a top-up names none.
    pub default: bool,
}

/// The body of `POST …/billing/payment-methods/setup`, which may be left out. A field that it doesn't
/// know is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupPaymentMethod {
    /// Where a page of Stripe's leads back to: an `https` URL, or an `http` one of the customer's own
    /// machine. Without it the answer has a secret for a page of the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, example = "https://example.com/billing")
    )]
    pub return_url: Option<String>,
}

/// The answer to `POST …/billing/payment-methods/setup`: how the customer goes on. All fields are always
/// written.
///
/// Its `Debug` hides the secret and the page: whoever has either can save a card for the account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaymentMethodSetup {
    /// The Stripe SetupIntent's secret, for Stripe.js; `null` where there is a page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub client_secret: Option<String>,
    /// The Stripe SetupIntent; `null` where its page has yet to make it.
    #[cfg_attr(feature = "openapi", schema(required, example = "seti_123"))]
    pub setup_intent_id: Option<String>,
    /// A page of Stripe's, good for a day; `null` where there is a secret.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub url: Option<String>,
}

impl fmt::Debug for PaymentMethodSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |given: &Option<String>| given.as_ref().map(|_| "[hidden]");
        f.debug_struct("PaymentMethodSetup")
            .field("client_secret", &hidden(&self.client_secret))
            .field("setup_intent_id", &self.setup_intent_id)
            .field("url", &hidden(&self.url))
            .finish()
    }
}

/// The answer to `DELETE …/billing/payment-methods/{payment_method_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemovedPaymentMethod {
    /// What is gone.
    #[cfg_attr(feature = "openapi", schema(example = "pm_123"))]
    pub id: String,
}
