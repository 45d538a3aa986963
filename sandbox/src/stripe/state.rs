//! Everything that the sandbox remembers, and the few ways to touch it.
//!
//! Objects are kept in the very form in which Stripe answers them. Beside them stand the facts
//! that Stripe knows and does not show: what a card will do, which invoice an intent pays. Nothing
//! here waits, reads a clock or does input or output.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::cards::Card;
use super::error::Refusal;
use super::idempotency::Idempotency;
use super::ids::Ids;
use super::journal::Journal;
use super::params::Params;
use super::sequels::Sequel;

/// What a state function knows of the request that it works for.
#[derive(Default)]
pub(crate) struct Call {
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// What stands in the path for `{id}`, then for `{sub}`.
    pub(crate) id: String,
    pub(crate) sub: String,
    pub(crate) params: Params,
    /// The caller showed a publishable key, and so must show the object's client secret too.
    pub(crate) publishable: bool,
}

/// What a state function comes to: the object to answer with, or a refusal.
pub(crate) type Answer = Result<Value, Refusal>;

/// The memory of one sandbox.
pub(crate) struct State {
    pub(crate) livemode: bool,
    pub(crate) base_url: String,
    /// How many webhook endpoints are set: the `pending_webhooks` of a new event.
    pub(crate) endpoints: usize,
    pub(crate) ids: Ids,
    pub(crate) idempotency: Idempotency,
    pub(crate) journal: Journal,
    /// What each payment method's card does when it is charged, by the payment method's key.
    pub(crate) cards: HashMap<String, Card>,
    /// Test ids that were seeded for a customer, and the key of the latest such copy.
    pub(crate) seeded: HashMap<String, String>,
    /// The card behind each charge that succeeded, by the charge's id: its payment method may go.
    pub(crate) charged: HashMap<String, Card>,
    pub(crate) invoice_of_intent: HashMap<String, String>,
    pub(crate) payment_of_invoice: HashMap<String, String>,
    pub(crate) session_of_setup: HashMap<String, String>,
    /// Where the customer returns to after authentication, by intent.
    pub(crate) return_urls: HashMap<String, String>,
    /// How many refunds from now on are pending at first.
    pub(crate) refunds_to_pend: u32,
    /// What follows by itself, once the answer to the request has been made.
    pub(crate) sequels: Vec<Sequel>,
    /// Events that nobody has handed to the deliverer yet.
    pub(crate) outbox: Vec<String>,
    pub(crate) invoices_numbered: u32,
    objects: HashMap<String, Value>,
    /// Keys by kind of object, oldest first.
    order: HashMap<String, Vec<String>>,
}

impl State {
    pub(crate) fn new(livemode: bool, base_url: String, seed: u64) -> State {
        State {
            livemode,
            base_url,
            endpoints: 0,
            ids: Ids::seeded(seed),
            idempotency: Idempotency::default(),
            journal: Journal::default(),
            cards: HashMap::new(),
            seeded: HashMap::new(),
            charged: HashMap::new(),
            invoice_of_intent: HashMap::new(),
            payment_of_invoice: HashMap::new(),
            session_of_setup: HashMap::new(),
            return_urls: HashMap::new(),
            refunds_to_pend: 0,
            sequels: Vec::new(),
            outbox: Vec::new(),
            invoices_numbered: 0,
            objects: HashMap::new(),
            order: HashMap::new(),
        }
    }

    /// Keeps a new object under its own id and gives it back.
    pub(crate) fn insert(&mut self, object: Value) -> Value {
        let key = text(&object, "id").to_owned();
        self.insert_as(key, object)
    }

    /// Keeps a new object under a key that is not its id.
    pub(crate) fn insert_as(&mut self, key: String, object: Value) -> Value {
        let keys = self
            .order
            .entry(text(&object, "object").to_owned())
            .or_default();
        keys.push(key.clone());
        self.objects.insert(key, object.clone());
        object
    }

    /// The object with this key, of whatever kind. Null where there is none, so that a reader of
    /// one of its fields finds nothing rather than a second thing to check.
    pub(crate) fn object(&self, key: &str) -> &Value {
        self.objects.get(key).unwrap_or(&Value::Null)
    }

    /// # Errors
    ///
    /// `resource_missing`, where there is no such object of this kind or it has been deleted.
    pub(crate) fn need(&self, kind: &str, id: &str, param: &str) -> Answer {
        match self.objects.get(id) {
            Some(found) if text(found, "object") == kind && !truth(found, "deleted") => {
                Ok(found.clone())
            }
            _ => Err(Refusal::missing(kind, id, param)),
        }
    }

    /// Overwrites the given fields of an object and gives back the whole.
    pub(crate) fn edit(&mut self, key: &str, changes: Value) -> Value {
        let Some(object) = self.objects.get_mut(key) else {
            return Value::Null;
        };
        if let (Value::Object(object), Value::Object(changes)) = (&mut *object, changes) {
            object.extend(changes);
        }
        object.clone()
    }

    /// Applies Stripe's rule for metadata: an empty value removes its name, an empty map all.
    pub(crate) fn edit_metadata(&mut self, key: &str, params: &Params) {
        let Some(change) = params.get("metadata") else {
            return;
        };
        let mut kept = self.object(key)["metadata"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        match change {
            Value::Object(change) => kept.extend(change.clone()),
            _ => kept.clear(),
        }
        kept.retain(|_, value| value.as_str() != Some(""));
        self.edit(key, json!({ "metadata": kept }));
    }

    /// Replaces an object by another, as deletion does.
    pub(crate) fn replace(&mut self, key: &str, object: Value) {
        self.objects.insert(key.to_owned(), object);
    }

    /// All objects of a kind, newest first.
    pub(crate) fn all(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Value> {
        let keys = self.order.get(kind).map(Vec::as_slice).unwrap_or_default();
        keys.iter().rev().filter_map(|key| self.objects.get(key))
    }

    /// Everything, by kind and newest first, for a person or a test to look at.
    pub(crate) fn dump(&self) -> Value {
        let kinds = self.order.keys().map(|kind| {
            let objects: Vec<&Value> = self.all(kind).collect();
            (kind.clone(), json!(objects))
        });
        Value::Object(kinds.collect())
    }

    /// Adds the fields that every new object has, after those of its own.
    pub(crate) fn stamped(&self, call: &Call, object: Value) -> Value {
        let mut object = object;
        object["created"] = json!(call.now);
        object["livemode"] = json!(self.livemode);
        object
    }
}

/// A text field; empty where it is absent, null or no text.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or("")
}

/// An integer field; amounts are in the currency's smallest unit. Zero where it is absent.
pub(crate) fn integer(object: &Value, field: &str) -> i64 {
    object[field].as_i64().unwrap_or(0)
}

pub(crate) fn truth(object: &Value, field: &str) -> bool {
    object[field].as_bool().unwrap_or(false)
}

/// The object with these fields added as null: Stripe sends most fields even when they are empty.
pub(crate) fn with_nulls(mut object: Value, fields: &[&str]) -> Value {
    for field in fields {
        if object.get(*field).is_none() {
            object[*field] = Value::Null;
        }
    }
    object
}

/// The metadata to store on a new object.
pub(crate) fn metadata(params: &Params) -> Value {
    let given = params.get("metadata").and_then(Value::as_object);
    let mut kept: Map<String, Value> = given.cloned().unwrap_or_default();
    kept.retain(|_, value| value.as_str() != Some(""));
    Value::Object(kept)
}
