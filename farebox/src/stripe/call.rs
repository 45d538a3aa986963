//! One request to Stripe, as data: what is sent is decided here and can be tested without
//! sending it.

use reqwest::Method;

use super::StripeError;

/// A request before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// The query of a GET and the form of a POST, in order.
    pub(super) pairs: Vec<(String, String)>,
    /// On every POST. Stripe keeps the result of a key for at least 24 hours.
    pub(super) idempotency_key: Option<String>,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            pairs: Vec::new(),
            idempotency_key: None,
        }
    }

    pub(super) fn post(path: impl Into<String>, idempotency_key: &str) -> Self {
        let idempotency_key = Some(idempotency_key.to_owned());
        Self {
            method: Method::POST,
            path: path.into(),
            pairs: Vec::new(),
            idempotency_key,
        }
    }

    pub(super) fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.pairs.push((name.into(), value.to_string()));
        self
    }

    pub(super) fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn metadata(self, entries: &[(&str, &str)]) -> Self {
        entries.iter().fold(self, |call, (key, value)| {
            call.with(format!("metadata[{key}]"), value)
        })
    }

    pub(super) fn expand(self, fields: &[&str]) -> Self {
        fields
            .iter()
            .fold(self, |call, field| call.with("expand[]", field))
    }
}

/// `id`, if it can stand in a path.
///
/// Ids reach this client from the API's callers. One like `../refunds` would address another
/// object with our key, so anything that no Stripe id has is answered as Stripe would answer for
/// an id that does not exist.
pub(super) fn segment(id: &str) -> Result<&str, StripeError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if id.is_empty() || id.len() > 255 || !id.chars().all(allowed) {
        return Err(StripeError::NotFound {
            message: "no object has such an id".to_owned(),
        });
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        let long = "a".repeat(256);
        for id in [
            "",
            ".",
            "..",
            "in_1/pay",
            "in_1?x",
            "in_1%2Fpay",
            "in 1",
            "in_é",
            "a#b",
            &long,
        ] {
            assert!(
                matches!(segment(id), Err(StripeError::NotFound { .. })),
                "{id:?}"
            );
        }
        assert_eq!(
            segment("in_1MtHbELkdIwHu7ix").unwrap(),
            "in_1MtHbELkdIwHu7ix"
        );
        assert_eq!(segment("in_seed_0001").unwrap(), "in_seed_0001");
    }

    #[test]
    fn pairs_keep_their_order_and_absent_ones_are_left_out() {
        let call = Call::post("/v1/x", "k")
            .with("amount", 1050)
            .with_some("a", Some("b"))
            .with_some("gone", None::<&str>)
            .metadata(&[("topup_id", "t 1")])
            .expand(&["payments"]);
        let pairs: Vec<_> = call.pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            pairs,
            [
                "amount=1050",
                "a=b",
                "metadata[topup_id]=t 1",
                "expand[]=payments"
            ]
        );
    }
}
