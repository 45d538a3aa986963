//! Events: Stripe's news, of which Farebox takes the subject and never the content.
//!
//! An event may be late, repeated, or written in another API version, so it only says what to
//! read afresh. The few fields kept here are those that find the object.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Listed,
    open::{Metadata, nullable},
};

/// A snapshot event: something happened to an object, of which this is the address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// `evt_…`. The same event delivered again has the same id.
    pub id: String,
    /// Such as `invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unix seconds.
    pub created: i64,
    /// Whether real money moves. An event of the other mode is refused.
    pub livemode: bool,
    /// The version that the event was written in, which need not be ours.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The connected account (`acct_…`) it is about; `None` for the operator's own.
    #[serde(default)]
    pub account: Option<String>,
    /// What it is about.
    #[serde(rename = "data", deserialize_with = "subject")]
    pub subject: Subject,
}

/// The object that an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The object's id; `None` for the few objects without one.
    pub id: Option<String>,
    /// Stripe's name for the kind of object, such as `invoice` or `dispute`.
    pub kind: String,
    /// The invoice that it is or belongs to, where the object says so.
    pub invoice: Option<String>,
    /// The payment intent that it is or belongs to, where the object says so.
    pub payment_intent: Option<String>,
    /// The customer that it is or belongs to, where the object says so.
    pub customer: Option<String>,
    /// The object's metadata.
    pub metadata: Metadata,
}

/// A thin event (`v2.core.event`): a notification without the object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Thin {
    /// `evt_…`.
    pub id: String,
    /// Such as `v1.invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether real money moves.
    #[serde(default)]
    pub livemode: Option<bool>,
    /// The id of the object it is about.
    #[serde(default, rename = "related_object", deserialize_with = "related")]
    pub related_object: Option<String>,
}

/// What came to the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// An event that can be used.
    Snapshot(Event),
    /// An event of the other generation, which the endpoint was not set up for.
    Thin(Thin),
}

/// Why a body is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// It is JSON of another kind.
    #[error("the body is not a stripe event")]
    NotAnEvent,
}

impl Incoming {
    /// Reads a webhook's body, whose signature has been verified.
    ///
    /// # Errors
    ///
    /// [`EventError`] where the body is not an event; the body is never part of the error.
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        let value: Value = serde_json::from_slice(body).map_err(|_| EventError::NotJson)?;
        match value.get("object").and_then(Value::as_str) {
            Some("event") => serde_json::from_value(value).map(Self::Snapshot),
            Some("v2.core.event") => serde_json::from_value(value).map(Self::Thin),
            _ => return Err(EventError::NotAnEvent),
        }
        .map_err(|_| EventError::NotAnEvent)
    }
}

impl Listed for Event {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

fn subject<'de, D: Deserializer<'de>>(d: D) -> Result<Subject, D::Error> {
    Ok(Subject::of(&Data::deserialize(d)?.object))
}

fn related<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Value>::deserialize(d)?.and_then(|object| id_in(object.get("id"))))
}

impl Subject {
    fn of(object: &Value) -> Self {
        let kind = object
            .get("object")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let itself = |wanted: &str| (kind == wanted).then(|| id_in(object.get("id"))).flatten();
        // An invoice payment holds its intent one level down.
        let nested = object.pointer("/payment/payment_intent");
        Self {
            id: id_in(object.get("id")),
            invoice: itself("invoice").or_else(|| id_in(object.get("invoice"))),
            payment_intent: itself("payment_intent")
                .or_else(|| id_in(object.get("payment_intent")))
                .or_else(|| id_in(nested)),
            customer: itself("customer").or_else(|| id_in(object.get("customer"))),
            metadata: object.get("metadata").map(metadata).unwrap_or_default(),
            kind: kind.to_owned(),
        }
    }
}

/// The id in a field that holds an id or an object.
fn id_in(field: Option<&Value>) -> Option<String> {
    let field = field?;
    field
        .as_str()
        .or_else(|| field.get("id")?.as_str())
        .map(str::to_owned)
}

fn metadata(value: &Value) -> Metadata {
    nullable(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, object: Value) -> Value {
        json!({
            "id": "evt_1", "object": "event", "type": kind, "created": 1_700_000_000, "livemode": false,
            "api_version": "2026-05-27.dahlia", "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null}, "data": {"object": object},
        })
    }

    fn subject_of(kind: &str, object: Value) -> Subject {
        match Incoming::parse(event(kind, object).to_string().as_bytes()).unwrap() {
            Incoming::Snapshot(event) => event.subject,
            Incoming::Thin(thin) => panic!("{thin:?}"),
        }
    }

    #[test]
    fn an_invoice_event_names_the_invoice() {
        let invoice = json!({"id": "in_1", "object": "invoice", "customer": "cus_1", "metadata": {"topup_id": "t1"}});
        let body = event("invoice.paid", invoice).to_string();
        let Incoming::Snapshot(event) = Incoming::parse(body.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(
            (event.id.as_str(), event.kind.as_str()),
            ("evt_1", "invoice.paid")
        );
        assert_eq!((event.livemode, event.account), (false, None));
        assert_eq!(event.subject.kind, "invoice");
        assert_eq!(event.subject.invoice.as_deref(), Some("in_1"));
        assert_eq!(event.subject.customer.as_deref(), Some("cus_1"));
        assert_eq!(event.subject.metadata["topup_id"], "t1");
    }

    #[test]
    fn every_object_leads_to_its_invoice_or_its_payment() {
        let cases = [
            (
                json!({"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "payment": {"payment_intent": "pi_1"}}),
                Some("in_1"),
                Some("pi_1"),
            ),
            (
                json!({"id": "pi_1", "object": "payment_intent"}),
                None,
                Some("pi_1"),
            ),
            (
                json!({"id": "re_1", "object": "refund", "payment_intent": "pi_1", "charge": "ch_1"}),
                None,
                Some("pi_1"),
            ),
            (
                json!({"id": "dp_1", "object": "dispute", "payment_intent": {"id": "pi_1"}}),
                None,
                Some("pi_1"),
            ),
            (
                json!({"id": "cn_1", "object": "credit_note", "invoice": "in_1", "metadata": null}),
                Some("in_1"),
                None,
            ),
            (
                json!({"id": "pm_1", "object": "payment_method", "customer": null}),
                None,
                None,
            ),
        ];
        for (object, invoice, intent) in cases {
            let subject = subject_of("x.y", object.clone());
            assert_eq!(subject.id.as_deref(), object["id"].as_str());
            assert_eq!(
                (
                    subject.invoice.as_deref(),
                    subject.payment_intent.as_deref()
                ),
                (invoice, intent)
            );
        }
        assert_eq!(
            subject_of("balance.available", json!({"object": "balance"})).id,
            None
        );
    }

    #[test]
    fn a_thin_event_is_recognised_as_one() {
        let body = json!({
            "id": "evt_2", "object": "v2.core.event", "type": "v1.invoice.paid", "livemode": true,
            "created": "2026-09-01T00:00:00.000Z",
            "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
        });
        let Incoming::Thin(thin) = Incoming::parse(body.to_string().as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(
            (thin.kind.as_str(), thin.livemode),
            ("v1.invoice.paid", Some(true))
        );
        assert_eq!(thin.related_object.as_deref(), Some("in_1"));
    }

    #[test]
    fn other_things_are_not_events() {
        let invoice = json!({"id": "in_1", "object": "invoice"}).to_string();
        let no_data =
            json!({"id": "evt_1", "object": "event", "type": "x", "created": 1, "livemode": true})
                .to_string();
        for body in [
            invoice.as_str(),
            no_data.as_str(),
            "[]",
            "null",
            "{}",
            "3",
            r#"{"object":["event"]}"#,
        ] {
            assert_eq!(
                Incoming::parse(body.as_bytes()),
                Err(EventError::NotAnEvent),
                "{body}"
            );
        }
        for body in [&b""[..], b"{", b"\xff\xfe", b"object=event"] {
            assert_eq!(Incoming::parse(body), Err(EventError::NotJson));
        }
    }
}
