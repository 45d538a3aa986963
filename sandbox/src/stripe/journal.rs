//! The journal of requests, for tests to look into. It must not hold a secret.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// One request as it arrived, and what it was answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    /// `req_…`, as in the answer's header.
    pub id: String,
    /// HTTP method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// The query, untangled as a form is.
    pub query: Map<String, Value>,
    /// The form in the body. Card numbers, security codes and client secrets are left out.
    pub form: Map<String, Value>,
    /// Header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Header `Stripe-Version`.
    pub version: Option<String>,
    /// HTTP status; absent while the request is under way, and where it got no answer.
    pub status: Option<u16>,
    /// The answer came from the idempotency key, and nothing was done.
    pub replayed: bool,
}

#[derive(Default)]
pub(crate) struct Journal(Vec<Recorded>);

impl Journal {
    pub(crate) fn begin(&mut self, mut entry: Recorded) {
        redact(&mut entry.query);
        redact(&mut entry.form);
        self.0.push(entry);
    }

    pub(crate) fn end(&mut self, id: &str, status: u16, replayed: bool) {
        if let Some(entry) = self.0.iter_mut().rev().find(|entry| entry.id == id) {
            entry.status = Some(status);
            entry.replayed = replayed;
        }
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.0.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

fn redact(form: &mut Map<String, Value>) {
    for (name, value) in form {
        match (name.as_str(), value) {
            ("client_secret" | "key" | "number" | "cvc", value) => *value = json!("[omitted]"),
            (_, Value::Object(nested)) => redact(nested),
            _ => {}
        }
    }
}
