//! Idempotency keys, by Stripe's rules (docs.stripe.com/api/idempotent_requests).
//!
//! The status and body of the first request that was executed under a key are kept, whatever they
//! are, and given to every later one with the same parameters. Nothing is kept of a request that
//! was not executed, because its parameters were wrong or another was under way.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::error::Refusal;

/// What makes two requests the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fingerprint {
    pub(crate) path: String,
    pub(crate) form: Map<String, Value>,
}

/// A stored answer.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// The request that was executed.
    pub(crate) request_id: String,
}

struct Entry {
    fingerprint: Fingerprint,
    /// Absent while the first request is under way.
    stored: Option<Stored>,
}

#[derive(Default)]
pub(crate) struct Idempotency(HashMap<String, Entry>);

impl Idempotency {
    /// Reserves a key, or gives back what is stored under it.
    ///
    /// # Errors
    ///
    /// 400 where the key was used for another request, 409 `idempotency_key_in_use` where the
    /// first request is still under way.
    pub(crate) fn begin(
        &mut self,
        key: &str,
        fingerprint: Fingerprint,
    ) -> Result<Option<Stored>, Refusal> {
        if key.len() > 255 {
            let message = "Idempotency keys can be at most 255 characters long.".to_owned();
            return Err(Refusal::idempotency(400, message));
        }
        match self.0.get(key) {
            None => {
                self.0.insert(
                    key.to_owned(),
                    Entry {
                        fingerprint,
                        stored: None,
                    },
                );
                Ok(None)
            }
            Some(entry) if entry.fingerprint != fingerprint => Err(Refusal::idempotency(
                400,
                mismatch(key, &entry.fingerprint, &fingerprint),
            )),
            Some(Entry {
                stored: Some(stored),
                ..
            }) => Ok(Some(stored.clone())),
            Some(_) => {
                let message = format!(
                    "There is currently another in-progress request using this Idempotent Key \
                     (that probably means you submitted twice, and the other request is still \
                     going through): {key}. Please try again later."
                );
                Err(Refusal::idempotency(409, message).code("idempotency_key_in_use"))
            }
        }
    }

    /// Keeps the answer of the request that reserved the key.
    pub(crate) fn store(&mut self, key: &str, stored: Stored) {
        if let Some(entry) = self.0.get_mut(key) {
            entry.stored = Some(stored);
        }
    }

    /// Gives a reserved key up again. Nothing if an answer is stored under it.
    pub(crate) fn forget(&mut self, key: &str) {
        if self.0.get(key).is_some_and(|entry| entry.stored.is_none()) {
            self.0.remove(key);
        }
    }
}

fn mismatch(key: &str, first: &Fingerprint, second: &Fingerprint) -> String {
    let other =
        format!("Try using a key other than '{key}' if you meant to execute a different request.");
    if first.path == second.path {
        return format!(
            "Keys for idempotent requests can only be used with the same parameters they were \
             first used with. {other}"
        );
    }
    format!(
        "Keys for idempotent requests can only be used for the same endpoint they were first used \
         for ('{}' vs '{}'). {other}",
        second.path, first.path
    )
}
