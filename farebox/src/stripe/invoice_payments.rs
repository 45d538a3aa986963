//! Invoice payments: the way from a payment intent back to its invoice.
//!
//! Since 2025-03-31.basil neither a charge nor a payment intent names its invoice, so a refund
//! or a dispute is traced through these.

use serde::{Deserialize, Deserializer};

use super::{
    Listed, Pages, PaymentIntent, Stripe,
    call::Call,
    open::{open_enum, optional_id},
};

open_enum! {
    /// Where an invoice payment stands.
    InvoicePaymentStatus {
        /// Not paid yet.
        Open = "open",
        /// Paid.
        Paid = "paid",
        /// It will never be paid.
        Canceled = "canceled",
    }
}

/// A payment towards an invoice, as far as Farebox uses it.
#[derive(Debug, Clone, Deserialize)]
pub struct InvoicePayment {
    /// `inpay_…`.
    pub id: String,
    /// The invoice (`in_…`) that it is for.
    #[serde(default, deserialize_with = "optional_id")]
    pub invoice: Option<String>,
    /// Where it stands.
    pub status: InvoicePaymentStatus,
    /// The payment intent (`pi_…`), where it is paid with one.
    #[serde(default, rename = "payment", deserialize_with = "intent")]
    pub payment_intent: Option<String>,
}

#[derive(Deserialize)]
struct Means {
    #[serde(default)]
    payment_intent: Option<PaymentIntent>,
}

fn intent<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    let means = Option::<Means>::deserialize(d)?;
    Ok(means
        .and_then(|means| means.payment_intent)
        .map(|intent| intent.id))
}

impl Listed for InvoicePayment {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    /// The invoice payments of one payment intent (`GET /v1/invoice_payments`).
    pub fn invoice_payments(&self, payment_intent: &str) -> Pages<InvoicePayment> {
        Pages::new(self, list(payment_intent))
    }
}

fn list(payment_intent: &str) -> Call {
    Call::get("/v1/invoice_payments")
        .with("payment[type]", "payment_intent")
        .with("payment[payment_intent]", payment_intent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_is_asked_for_by_its_intent_and_names_its_invoice() {
        let pairs = [
            ("payment[type]", "payment_intent"),
            ("payment[payment_intent]", "pi_1"),
        ];
        assert_eq!(
            list("pi_1").pairs,
            pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
        let payment: InvoicePayment = serde_json::from_value(json!({
            "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "status": "paid",
            "amount_paid": 1050, "amount_requested": 1050, "currency": "usd", "is_default": true,
            "created": 1, "livemode": false, "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        }))
        .unwrap();
        assert_eq!(payment.invoice.as_deref(), Some("in_1"));
        assert_eq!(payment.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(payment.status, InvoicePaymentStatus::Paid);
    }
}
