//! What can go wrong with a call to Stripe, and what a caller may conclude from it.
//!
//! The two questions that matter are answered by methods: may it work later, and may the work
//! have been done although we saw no success. Texts hold no secret: Stripe's message is left out
//! where it quotes the key.

use std::time::Duration;

use serde::Deserialize;

use super::open::{Reference, reference};

/// Why a call to Stripe failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// The card was declined, or its owner must act (402).
    #[error("the payment was refused: {code}{}", decline(.decline_code))]
    Card {
        /// Stripe's error code, such as `card_declined`; `unknown` where Stripe gave none.
        code: String,
        /// The issuer's reason, such as `insufficient_funds`.
        decline_code: Option<String>,
        /// Stripe's text, which may be shown to the card's owner.
        message: String,
        /// The payment intent that failed.
        payment_intent: Option<String>,
    },
    /// Stripe refused the request as it was made or as things stand (400 and the like).
    #[error("stripe refused the request ({status}{}): {message}", named(.code, .param))]
    Invalid {
        /// The HTTP status; 0 where the request could not even be sent.
        status: u16,
        /// Stripe's error code.
        code: Option<String>,
        /// The parameter at fault.
        param: Option<String>,
        /// Stripe's text, for us and not for a customer.
        message: String,
    },
    /// The object does not exist in this account and mode (404).
    #[error("stripe has no such object: {message}")]
    NotFound {
        /// Stripe's text.
        message: String,
    },
    /// The key is wrong, revoked or expired (401). Stripe's text quotes it and is left out.
    #[error("stripe refused the key")]
    Authentication,
    /// The restricted key lacks a permission (403).
    #[error("the stripe key may not do this")]
    Permission,
    /// The idempotency key is at work in another request, or was used with other content.
    #[error("{}", conflict(*.in_use))]
    Idempotency {
        /// True: the first request under this key still runs (409). False: the key was used
        /// before with other parameters, which is a mistake of ours.
        in_use: bool,
    },
    /// Too many requests, or a lock on the object (429).
    #[error("stripe asks to slow down")]
    RateLimited {
        /// How long Stripe asks to wait.
        retry_after: Option<Duration>,
    },
    /// No usable answer: no connection, a broken one, or a failure of Stripe's (5xx).
    #[error("stripe is unavailable: {detail}")]
    Unavailable {
        /// The HTTP status, where there was one.
        status: Option<u16>,
        /// Whether an attempt reached Stripe, so that the work may have been done.
        may_have_run: bool,
        /// What happened.
        detail: String,
    },
    /// No answer in time. The work may have been done.
    #[error("stripe did not answer in time")]
    TimedOut,
    /// Stripe answered success with something that cannot be read.
    #[error("stripe's answer cannot be read: {detail}")]
    Decode {
        /// What was wrong and where.
        detail: String,
    },
}

fn decline(code: &Option<String>) -> String {
    code.as_ref()
        .map(|code| format!(" ({code})"))
        .unwrap_or_default()
}

fn named(code: &Option<String>, param: &Option<String>) -> String {
    [code, param]
        .into_iter()
        .flatten()
        .map(|part| format!(", {part}"))
        .collect()
}

fn conflict(in_use: bool) -> &'static str {
    if in_use {
        "another request with the same idempotency key is still running"
    } else {
        "the idempotency key was used before with other parameters"
    }
}

impl StripeError {
    /// Whether the same call may succeed later, with the same idempotency key.
    ///
    /// Stripe replays a stored 500 for a key's lifetime of at least 24 hours, so for a POST
    /// "later" can mean reading the object instead.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Idempotency { in_use: true }
                | Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::TimedOut
        )
    }

    /// Whether the work may have been done although no success was seen.
    ///
    /// True means: repeat with the same key or read the object before concluding anything.
    pub fn outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::Idempotency { in_use: true }
                | Self::Unavailable {
                    may_have_run: true,
                    ..
                }
                | Self::TimedOut
                | Self::Decode { .. }
        )
    }

    /// Whether the card's owner must authenticate the payment (3-D Secure) before it can succeed.
    pub fn requires_authentication(&self) -> bool {
        let (Self::Card { code, .. }
        | Self::Invalid {
            code: Some(code), ..
        }) = self
        else {
            return false;
        };
        matches!(
            code.as_str(),
            "invoice_payment_intent_requires_action" | "authentication_required"
        ) || matches!(self, Self::Card { decline_code: Some(why), .. } if why == "authentication_required")
    }

    /// The error of the last attempt, seen together with an earlier one that may have done the
    /// work: "slow down" or "no connection" after a timeout does not mean that nothing happened.
    pub(super) fn after_uncertainty(self) -> Self {
        match self {
            Self::RateLimited { .. } => unknown(Some(429), &self),
            Self::Authentication => unknown(Some(401), &self),
            Self::Permission => unknown(Some(403), &self),
            Self::Unavailable { status, detail, .. } => Self::Unavailable {
                status,
                may_have_run: true,
                detail,
            },
            other => other,
        }
    }
}

fn unknown(status: Option<u16>, last: &StripeError) -> StripeError {
    let detail = format!("an earlier attempt ended without an answer, then {last}");
    StripeError::Unavailable {
        status,
        may_have_run: true,
        detail,
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ApiError,
}

/// Stripe's `api_errors`, the fields that decide something.
#[derive(Deserialize)]
struct ApiError {
    #[serde(default, rename = "type")]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
    message: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Reference,
}

/// The error that an answer without success stands for. `retry_after` is its header, read.
pub(super) fn from_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> StripeError {
    match (status, serde_json::from_slice::<ErrorBody>(body)) {
        (429, _) => StripeError::RateLimited { retry_after },
        (500.., _) => StripeError::Unavailable {
            status: Some(status),
            may_have_run: true,
            detail: format!("it answered {status}"),
        },
        (_, Ok(body)) => from_error(status, body.error),
        // Not Stripe's words: something between us and Stripe, or a wrong base URL. A 404 of
        // that kind must not be taken for "no such invoice".
        (_, Err(_)) => StripeError::Invalid {
            status,
            code: None,
            param: None,
            message: "the answer holds no error object; is the base URL right?".to_owned(),
        },
    }
}

fn from_error(status: u16, error: ApiError) -> StripeError {
    let message = error.message.unwrap_or_default();
    let in_use = error.code.as_deref() == Some("idempotency_key_in_use");
    if in_use || error.kind == "idempotency_error" {
        return StripeError::Idempotency { in_use };
    }
    match status {
        401 => StripeError::Authentication,
        403 => StripeError::Permission,
        404 => StripeError::NotFound { message },
        _ if status == 402 || error.kind == "card_error" => StripeError::Card {
            code: error.code.unwrap_or_else(|| "unknown".to_owned()),
            decline_code: error.decline_code,
            message,
            payment_intent: error.payment_intent.id,
        },
        _ => StripeError::Invalid {
            status,
            code: error.code,
            param: error.param,
            message,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, error: Value) -> StripeError {
        from_answer(
            status,
            json!({ "error": error }).to_string().as_bytes(),
            None,
        )
    }

    #[test]
    fn a_decline_keeps_the_reason_and_the_payment() {
        let error = answer(
            402,
            json!({
                "type": "card_error", "code": "card_declined",
                "decline_code": "insufficient_funds", "message": "Your card has insufficient funds.",
                "charge": "ch_1", "doc_url": "https://stripe.com/docs/error-codes/card-declined",
                "payment_intent": {"id": "pi_1", "object": "payment_intent", "client_secret": "pi_1_secret_hush"},
            }),
        );
        assert!(!format!("{error:?}").contains("hush"));
        assert_eq!(
            error.to_string(),
            "the payment was refused: card_declined (insufficient_funds)"
        );
        assert!(!error.is_transient() && !error.outcome_unknown());
        assert!(!error.requires_authentication());
        let StripeError::Card { payment_intent, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(payment_intent.as_deref(), Some("pi_1"));
    }

    #[test]
    fn authentication_of_a_payment_is_told_from_a_decline() {
        for (kind, status, code) in [
            ("card_error", 402, "invoice_payment_intent_requires_action"),
            (
                "invalid_request_error",
                400,
                "invoice_payment_intent_requires_action",
            ),
            ("card_error", 402, "authentication_required"),
        ] {
            assert!(answer(status, json!({"type": kind, "code": code})).requires_authentication());
        }
        let by_issuer = json!({"type": "card_error", "code": "card_declined", "decline_code": "authentication_required"});
        assert!(answer(402, by_issuer).requires_authentication());
    }

    #[test]
    fn each_status_has_its_name() {
        let plain = || json!({"type": "invalid_request_error", "message": "m"});
        assert_eq!(answer(401, plain()), StripeError::Authentication);
        assert_eq!(answer(403, plain()), StripeError::Permission);
        assert_eq!(
            answer(404, plain()),
            StripeError::NotFound {
                message: "m".to_owned()
            }
        );
        let in_use = json!({"type": "invalid_request_error", "code": "idempotency_key_in_use"});
        assert_eq!(
            answer(409, in_use),
            StripeError::Idempotency { in_use: true }
        );
        let reused =
            json!({"type": "idempotency_error", "message": "Keys for idempotent requests…"});
        assert_eq!(
            answer(400, reused),
            StripeError::Idempotency { in_use: false }
        );
        let invalid = json!({"type": "invalid_request_error", "code": "parameter_missing", "param": "customer", "message": "Missing."});
        assert_eq!(
            answer(400, invalid).to_string(),
            "stripe refused the request (400, parameter_missing, customer): Missing."
        );
    }

    #[test]
    fn a_key_that_stripe_quotes_is_not_repeated() {
        let quoted = json!({"type": "invalid_request_error", "message": "Invalid API Key provided: sk_live_hush"});
        let error = answer(401, quoted);
        assert!(!format!("{error} {error:?}").contains("hush"));
    }

    #[test]
    fn a_strangers_404_does_not_mean_that_the_object_is_missing() {
        let error = from_answer(404, b"<html>Not Found</html>", None);
        assert!(
            matches!(error, StripeError::Invalid { status: 404, .. }),
            "{error:?}"
        );
    }

    #[test]
    fn a_failure_of_stripes_leaves_the_outcome_open() {
        for status in [500, 502, 503, 504] {
            let error = from_answer(status, b"", None);
            assert!(error.is_transient() && error.outcome_unknown(), "{error:?}");
        }
        let slow = from_answer(429, b"{}", Some(Duration::from_secs(3)));
        assert!(slow.is_transient() && !slow.outcome_unknown());
        assert!(StripeError::TimedOut.is_transient() && StripeError::TimedOut.outcome_unknown());
    }

    #[test]
    fn an_uncertain_attempt_makes_a_later_refusal_uncertain() {
        let unreached = StripeError::Unavailable {
            status: None,
            may_have_run: false,
            detail: "x".to_owned(),
        };
        assert!(!unreached.outcome_unknown());
        for last in [
            unreached,
            StripeError::RateLimited { retry_after: None },
            StripeError::Permission,
        ] {
            assert!(
                last.clone().after_uncertainty().outcome_unknown(),
                "{last:?}"
            );
        }
        // A verdict on the request itself stays one: Stripe judged it under the same key.
        let verdict = StripeError::NotFound {
            message: String::new(),
        };
        assert!(!verdict.after_uncertainty().outcome_unknown());
    }
}
