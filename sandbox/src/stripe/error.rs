//! What a refused request is answered with, in the form of Stripe's `api_errors`.

use serde_json::{Map, Value, json};

/// A refusal in Stripe's form.
///
/// `status` is the HTTP status; `error` is the object under `error` in the body, with `type`,
/// `message` and, where they apply, `code`, `decline_code`, `param` and `payment_intent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP status of the answer.
    pub status: u16,
    /// The object under `error` in the answer's body.
    pub error: Map<String, Value>,
    /// False where the parameters alone were at fault, so that the operation never began. Stripe
    /// stores nothing under the idempotency key of such a request.
    pub(crate) executed: bool,
}

impl Refusal {
    fn new(status: u16, kind: &str, message: impl Into<String>) -> Refusal {
        let mut error = Map::new();
        error.insert("type".into(), json!(kind));
        error.insert("message".into(), json!(message.into()));
        Refusal {
            status,
            error,
            executed: true,
        }
    }

    /// 400: the request makes no sense in the state that things are in.
    pub(crate) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_request_error", message)
    }

    /// 400: the parameters are wrong whatever the state. Not stored under an idempotency key.
    pub(crate) fn unfit(code: &str, param: &str, message: impl Into<String>) -> Refusal {
        Refusal::malformed(param, message).code(code)
    }

    /// The same, where Stripe has no code for it.
    pub(crate) fn malformed(param: &str, message: impl Into<String>) -> Refusal {
        let mut refusal = Refusal::invalid(message).param(param);
        refusal.executed = false;
        refusal
    }

    /// 402: the card was refused.
    pub(crate) fn card(code: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(402, "card_error", message).code(code)
    }

    /// An object that does not exist: 404 where the path names it, 400 where a parameter does.
    pub(crate) fn missing(kind: &str, id: &str, param: &str) -> Refusal {
        let noun = match kind {
            "balance_transaction" => "balance transaction",
            "payment_method" => "PaymentMethod",
            "setup_intent" => "setupintent",
            other => other,
        };
        let mut refusal = Refusal::invalid(format!("No such {noun}: '{id}'"))
            .code("resource_missing")
            .param(param);
        if param == "id" {
            refusal.status = 404;
        }
        refusal
    }

    /// 401, with nothing of the key but its last letters.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Refusal {
        let mut refusal = Refusal::new(401, "invalid_request_error", message);
        refusal.executed = false;
        refusal
    }

    /// Errors about the idempotency key itself; never stored under it.
    pub(crate) fn idempotency(status: u16, message: String) -> Refusal {
        let mut refusal = Refusal::new(status, "idempotency_error", message);
        refusal.executed = false;
        refusal
    }

    /// An answer that a fault asked for.
    pub(crate) fn fault(status: u16) -> Refusal {
        match status {
            429 => Refusal::new(
                429,
                "invalid_request_error",
                "Too many requests in a period of time.",
            )
            .code("rate_limit"),
            _ => Refusal::new(
                status,
                "api_error",
                "Sorry! There was an error while talking to one of our backends.",
            ),
        }
    }

    pub(crate) fn code(mut self, code: &str) -> Refusal {
        let url = format!(
            "https://stripe.com/docs/error-codes/{}",
            code.replace('_', "-")
        );
        self.error.insert("code".into(), json!(code));
        self.error.insert("doc_url".into(), json!(url));
        self
    }

    pub(crate) fn param(self, param: &str) -> Refusal {
        self.with("param", json!(param))
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Refusal {
        self.error.insert(field.into(), value);
        self
    }

    /// The whole body of the answer.
    pub(crate) fn body(&self) -> Value {
        json!({ "error": self.error })
    }
}
