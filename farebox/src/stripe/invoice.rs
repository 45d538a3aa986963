//! An invoice as Stripe tells it: the object that a top-up is.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::open::{Metadata, nullable, open_enum, optional_id, secret};

open_enum! {
    /// Where an invoice stands.
    InvoiceStatus {
        /// It can still be changed and is not to be paid yet.
        Draft = "draft",
        /// It is final and waits for its payment.
        Open = "open",
        /// It is paid, by whatever means. That alone does not make credit.
        Paid = "paid",
        /// The operator has given it up; it can still be paid.
        Uncollectible = "uncollectible",
        /// It was withdrawn and can never be paid.
        Void = "void",
    }
}

open_enum! {
    /// Where a payment intent stands.
    PaymentIntentStatus {
        /// A payment method is to be given; also after a decline.
        RequiresPaymentMethod = "requires_payment_method",
        /// It is to be confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The card's owner must act.
        RequiresAction = "requires_action",
        /// Authorised and not captured.
        RequiresCapture = "requires_capture",
        /// The bank is at work.
        Processing = "processing",
        /// It was given up.
        Canceled = "canceled",
        /// The money has been taken.
        Succeeded = "succeeded",
    }
}

/// An invoice, as far as Farebox uses it. Amounts are in the currency's smallest unit.
///
/// Credit is never derived from `amount_due` or `amount_paid`: tax is in them, and a customer's
/// balance or a discount lowers them.
#[derive(Clone, Deserialize)]
pub struct Invoice {
    /// `in_…`.
    pub id: String,
    /// Where it stands; null in Stripe's answer becomes `Other("")`.
    #[serde(default = "InvoiceStatus::none", deserialize_with = "status")]
    pub status: InvoiceStatus,
    /// Three letters, lower case.
    pub currency: String,
    /// With discounts and tax.
    pub total: i64,
    /// With discounts, without tax.
    #[serde(default)]
    pub total_excluding_tax: Option<i64>,
    /// What is to be paid, after the customer's balance.
    pub amount_due: i64,
    /// What was paid.
    pub amount_paid: i64,
    /// How often a payment was tried.
    #[serde(default)]
    pub attempt_count: i64,
    /// Whether real money moves.
    pub livemode: bool,
    /// What Farebox wrote when it created the invoice.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: Metadata,
    /// The customer that owes it.
    #[serde(default, deserialize_with = "optional_id")]
    pub customer: Option<String>,
    /// Unix seconds.
    pub created: i64,
    /// A page on which it can be paid. Whoever has the address can open it.
    #[serde(default)]
    pub hosted_invoice_url: Option<String>,
    /// Where the PDF is.
    #[serde(default)]
    pub invoice_pdf: Option<String>,
    /// The number that is printed on it, given when it becomes final.
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    confirmation_secret: Option<ConfirmationSecret>,
    #[serde(default, deserialize_with = "nullable")]
    payments: Payments,
}

impl Invoice {
    /// What the browser needs to pay the invoice's payment intent. Present on a final invoice
    /// that was asked for with it, as this client always does for a single invoice.
    pub fn client_secret(&self) -> Option<&SecretString> {
        self.confirmation_secret.as_ref()?.client_secret.as_ref()
    }

    /// The payment intent that pays this invoice: of several the one that did, else the default.
    ///
    /// Its status is unknown in lists, where Stripe sends the id alone.
    pub fn payment_intent(&self) -> Option<&PaymentIntent> {
        let rank = |payment: &&Payment| (payment.is_paid(), payment.is_default);
        let with_intent = self
            .payments
            .data
            .iter()
            .filter(|one| one.intent().is_some());
        with_intent.max_by_key(rank)?.intent()
    }
}

/// The invoice without what must not be logged: its secret and the page that opens without a
/// password.
impl fmt::Debug for Invoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invoice")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("currency", &self.currency)
            .field("total", &self.total)
            .field("amount_paid", &self.amount_paid)
            .field("livemode", &self.livemode)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

impl InvoiceStatus {
    fn none() -> Self {
        Self::Other(String::new())
    }
}

fn status<'de, D: Deserializer<'de>>(d: D) -> Result<InvoiceStatus, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_else(InvoiceStatus::none))
}

#[derive(Clone, Deserialize)]
struct ConfirmationSecret {
    #[serde(default, deserialize_with = "secret")]
    client_secret: Option<SecretString>,
}

#[derive(Clone, Default, Deserialize)]
struct Payments {
    #[serde(default)]
    data: Vec<Payment>,
}

/// Stripe's `invoice_payment`, inside an invoice.
#[derive(Clone, Deserialize)]
struct Payment {
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    status: String,
    payment: PaymentMeans,
}

#[derive(Clone, Deserialize)]
struct PaymentMeans {
    #[serde(default)]
    payment_intent: Option<PaymentIntent>,
}

impl Payment {
    fn intent(&self) -> Option<&PaymentIntent> {
        self.payment.payment_intent.as_ref()
    }

    fn is_paid(&self) -> bool {
        self.status == "paid"
    }
}

/// A payment intent, as far as an invoice shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RawIntent")]
pub struct PaymentIntent {
    /// `pi_…`.
    pub id: String,
    /// Where it stands; `None` where Stripe sent the id alone.
    pub status: Option<PaymentIntentStatus>,
    /// Why the last attempt to pay failed.
    pub last_payment_error: Option<PaymentProblem>,
}

/// Why a payment failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentProblem {
    /// Stripe's error code, such as `card_declined`.
    #[serde(default)]
    pub code: Option<String>,
    /// The issuer's reason, such as `insufficient_funds`.
    #[serde(default)]
    pub decline_code: Option<String>,
    /// Stripe's text, which may be shown to the card's owner.
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawIntent {
    Id(String),
    Object {
        id: String,
        #[serde(default)]
        status: Option<PaymentIntentStatus>,
        #[serde(default)]
        last_payment_error: Option<PaymentProblem>,
    },
}

impl From<RawIntent> for PaymentIntent {
    fn from(raw: RawIntent) -> Self {
        match raw {
            RawIntent::Id(id) => Self {
                id,
                status: None,
                last_payment_error: None,
            },
            RawIntent::Object {
                id,
                status,
                last_payment_error,
            } => Self {
                id,
                status,
                last_payment_error,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    /// An open invoice with a declined payment, in the shape of the specification.
    fn open_invoice() -> Value {
        serde_json::from_str(r#"{
            "id": "in_1", "object": "invoice", "status": "open", "currency": "usd",
            "amount_due": 1050, "amount_paid": 0, "amount_remaining": 1050, "amount_overpaid": 0,
            "subtotal": 1050, "total": 1050, "total_excluding_tax": 1050,
            "auto_advance": false, "attempted": true, "attempt_count": 1, "created": 1700000000,
            "collection_method": "charge_automatically", "customer": "cus_1", "livemode": false,
            "hosted_invoice_url": "https://invoice.stripe.com/i/hush", "number": "F-0001",
            "invoice_pdf": "https://pay.stripe.com/invoice/hush/pdf",
            "metadata": {"topup_id": "t1", "account": "a1"},
            "confirmation_secret": {"client_secret": "pi_1_secret_hush", "type": "payment_intent"},
            "payments": {"object": "list", "has_more": false, "url": "/v1/invoice_payments", "data": [{
                "id": "inpay_1", "object": "invoice_payment", "amount_paid": null, "amount_requested": 1050,
                "created": 1700000000, "currency": "usd", "invoice": "in_1", "is_default": true,
                "livemode": false, "status": "open", "status_transitions": {"canceled_at": null, "paid_at": null},
                "payment": {"type": "payment_intent", "payment_intent": {
                    "id": "pi_1", "object": "payment_intent", "status": "requires_payment_method",
                    "client_secret": "pi_1_secret_hush", "amount": 1050, "currency": "usd",
                    "last_payment_error": {"type": "card_error", "code": "card_declined",
                        "decline_code": "insufficient_funds", "message": "Insufficient funds."}
                }}
            }]}
        }"#)
        .unwrap()
    }

    fn decode(value: Value) -> Invoice {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_expanded_invoice_gives_all_that_a_topup_needs() {
        let invoice = decode(open_invoice());
        assert_eq!(invoice.status, InvoiceStatus::Open);
        assert_eq!(invoice.total_excluding_tax, Some(1050));
        assert_eq!(invoice.metadata["topup_id"], "t1");
        assert_eq!(invoice.customer.as_deref(), Some("cus_1"));
        assert_eq!(
            invoice.client_secret().unwrap().expose_secret(),
            "pi_1_secret_hush"
        );
        let intent = invoice.payment_intent().unwrap();
        assert_eq!(
            intent.status,
            Some(PaymentIntentStatus::RequiresPaymentMethod)
        );
        let problem = intent.last_payment_error.as_ref().unwrap();
        assert_eq!(problem.decline_code.as_deref(), Some("insufficient_funds"));
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", decode(open_invoice()));
        assert!(!printed.contains("hush"), "{printed}");
        assert!(printed.contains("in_1"), "{printed}");
    }

    #[test]
    fn an_unexpanded_payment_still_has_its_id() {
        let mut value = open_invoice();
        value["payments"]["data"][0]["payment"]["payment_intent"] = json!("pi_1");
        value["confirmation_secret"] = Value::Null;
        let invoice = decode(value);
        let bare = PaymentIntent {
            id: "pi_1".to_owned(),
            status: None,
            last_payment_error: None,
        };
        assert_eq!(invoice.payment_intent(), Some(&bare));
        assert!(invoice.client_secret().is_none());
    }

    #[test]
    fn a_draft_has_neither_payment_nor_secret() {
        let mut value = open_invoice();
        let fields = value.as_object_mut().unwrap();
        for field in [
            "payments",
            "confirmation_secret",
            "hosted_invoice_url",
            "invoice_pdf",
            "number",
        ] {
            fields.remove(field);
        }
        fields.insert("status".to_owned(), json!("draft"));
        fields.insert("metadata".to_owned(), Value::Null);
        let invoice = decode(value);
        assert_eq!(invoice.status, InvoiceStatus::Draft);
        assert!(invoice.payment_intent().is_none() && invoice.metadata.is_empty());
    }

    #[test]
    fn of_several_payments_the_one_that_paid_counts() {
        let mut value = open_invoice();
        let mut paid = value["payments"]["data"][0].clone();
        paid["is_default"] = json!(false);
        paid["status"] = json!("paid");
        paid["payment"] = json!({"type": "payment_intent", "payment_intent": "pi_2"});
        let out_of_band = json!({"id": "inpay_3", "is_default": false, "status": "paid",
            "payment": {"type": "payment_record", "payment_record": "pr_1"}});
        value["payments"]["data"]
            .as_array_mut()
            .unwrap()
            .extend([paid, out_of_band]);
        assert_eq!(decode(value).payment_intent().unwrap().id, "pi_2");
    }

    #[test]
    fn a_status_of_tomorrow_is_kept() {
        let mut value = open_invoice();
        value["status"] = json!("simmering");
        assert_eq!(
            decode(value).status,
            InvoiceStatus::Other("simmering".to_owned())
        );
    }
}
