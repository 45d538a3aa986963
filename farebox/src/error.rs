//! What a client is told when a call is refused or fails: one type, made by small constructors.
//!
//! An error says who is at fault (its status), what the client sees (code, message, path) and what only
//! the log sees (`internal`). The codes are Cloudflare's where it has one (contract: sections 1 and 2)
//! and otherwise Farebox's own, 8001 and up; a code that has been released keeps its meaning for good.

use api::ApiMessage;
use http::StatusCode;

use crate::store::StoreError;
use crate::store::committer::CommitError;

/// The stable codes, each for one cause. `docs/reference/errors.md` has the table with what to do.
pub mod codes {
    /// Something went wrong here; the request id finds it in the log.
    pub const INTERNAL: i64 = 1000;
    /// The token is not valid (as the answer to `tokens/verify`).
    pub const INVALID_TOKEN: i64 = 1000;
    /// Too many failed attempts to authenticate.
    pub const THROTTLED: i64 = 971;
    /// A header is malformed.
    pub const INVALID_HEADERS: i64 = 6003;
    /// The `Authorization` header is malformed; stands in the chain under [`INVALID_HEADERS`].
    pub const INVALID_AUTHORIZATION: i64 = 6111;
    /// The request's content is not as the endpoint wants it; `path` says where.
    pub const VALIDATION: i64 = 7001;
    /// There is no such object in this account.
    pub const NOT_FOUND: i64 = 7002;
    /// There is no such endpoint, or the account id can't be one.
    pub const NO_ROUTE: i64 = 7003;
    /// The endpoint doesn't know this method.
    pub const METHOD: i64 = 7005;
    /// Somebody else is changing the same thing.
    pub const CONFLICT: i64 = 7006;
    /// The body is larger than the endpoint takes.
    pub const TOO_LARGE: i64 = 8011;
    /// The credentials are not valid, or lack the permission.
    pub const AUTHENTICATION: i64 = 10000;
    /// No credentials were sent.
    pub const NO_CREDENTIALS: i64 = 9106;
    /// The e-mail address and key are not valid.
    pub const UNKNOWN_KEY: i64 = 9103;
    /// The credentials are valid for another account.
    pub const WRONG_ACCOUNT: i64 = 9109;
    /// The card was declined: nothing was charged.
    pub const CARD_DECLINED: i64 = 8001;
    /// The top-up was voided: it can't be paid any more and nothing was charged.
    pub const TOPUP_VOIDED: i64 = 8002;
    /// The top-up was given up before a charge was tried.
    pub const TOPUP_ABANDONED: i64 = 8003;
    /// Money arrived that does not match the top-up; the operator has to look.
    pub const TOPUP_IN_REVIEW: i64 = 8004;
    /// The payment method is not one of this account's.
    pub const PAYMENT_METHOD: i64 = 8005;
    /// Stripe can't be reached; nothing was charged.
    pub const STRIPE_UNAVAILABLE: i64 = 8006;
    /// The idempotency key was used for another request.
    pub const IDEMPOTENCY_MISMATCH: i64 = 8007;
    /// A request with this idempotency key is still running.
    pub const IDEMPOTENCY_BUSY: i64 = 8008;
    /// A webhook's signature, mode or content is not acceptable.
    pub const WEBHOOK: i64 = 8009;
    /// Stripe refuses what Farebox asks: the operator has to look.
    pub const STRIPE_REFUSED: i64 = 8010;
    /// Less credit is available than was to be held.
    pub const INSUFFICIENT_CREDIT: i64 = 8020;
    /// The account's spending limit would be passed.
    pub const SPENDING_LIMIT: i64 = 8021;
    /// The hold's time is over.
    pub const HOLD_EXPIRED: i64 = 8022;
    /// The hold has been captured or voided.
    pub const HOLD_OVER: i64 = 8023;
    /// Less is left of the hold than was to be captured.
    pub const BEYOND_HOLD: i64 = 8024;
    /// New spending is frozen while a payment is disputed.
    pub const FROZEN: i64 = 8025;
    /// The top-up was never paid, so that nothing can be refunded.
    pub const NOT_PAID: i64 = 8030;
    /// Less is left of the payment than was to be refunded.
    pub const BEYOND_PAYMENT: i64 = 8031;
    /// The credit that a refund has to take back is not there any more.
    pub const CREDIT_SPENT: i64 = 8032;
    /// Stripe refuses a refund; the credit was given back.
    pub const REFUND_REFUSED: i64 = 8033;
    /// Another change of the account's payment methods is under way.
    pub const CARDS_BUSY: i64 = 8050;
}

/// A refusal or a failure, as the client will see it.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status: 4xx is the client's to mend, 5xx is ours or Stripe's.
    pub status: StatusCode,
    /// At least one, the first being the one to branch on.
    pub errors: Vec<ApiMessage>,
    /// After how many seconds it makes sense to ask again.
    pub retry_after: Option<u64>,
    /// Tells the SDKs not to repeat a call that their own rule would repeat (contract: section 0).
    pub never_retry: bool,
    /// For the log alone.
    pub internal: Option<String>,
}

impl ApiError {
    /// An error with one code and one message.
    pub fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![ApiMessage::new(code, message)],
            retry_after: None,
            never_retry: false,
            internal: None,
        }
    }

    /// The same with `Retry-After`.
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same, which repeating can't mend.
    pub fn for_good(mut self) -> Self {
        self.never_retry = true;
        self
    }

    /// The content of the request is wrong at `path`, which begins with `body`, `query`, `params` or
    /// `headers`.
    pub fn invalid(path: &[&str], message: impl Into<String>) -> Self {
        Self::all_invalid(vec![issue(path, message)])
    }

    /// The content of the request is wrong in several places.
    pub fn all_invalid(errors: Vec<ApiMessage>) -> Self {
        Self {
            errors,
            ..Self::new(StatusCode::BAD_REQUEST, codes::VALIDATION, "")
        }
    }

    /// There is no such thing in this account; whether another has it is never said.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            codes::NOT_FOUND,
            format!("{what} not found"),
        )
    }

    /// There is no such path.
    pub fn no_route(path: &str) -> Self {
        let message =
            format!("Could not route to {path}, perhaps your object identifier is invalid?");
        Self::new(StatusCode::NOT_FOUND, codes::NO_ROUTE, message)
    }

    /// Something went wrong here. The client learns nothing but that.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            codes::INTERNAL,
            "Internal Server Error: quote the cf-ray header to the operator, whose log has the cause",
        );
        error.internal = Some(cause.to_string());
        error
    }

    /// The store can't be used just now.
    pub fn store_unavailable(cause: impl std::fmt::Display) -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            codes::INTERNAL,
            "The database can't be reached just now: ask again in a moment",
        );
        error.internal = Some(cause.to_string());
        error.after(1)
    }
}

/// One fault in a request's content.
pub fn issue(path: &[&str], message: impl Into<String>) -> ApiMessage {
    let path = path.iter().map(|&part| part.to_owned()).collect();
    ApiMessage {
        path: Some(path),
        ..ApiMessage::new(codes::VALIDATION, message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(_) | StoreError::Closed => Self::store_unavailable(error),
            other => Self::internal(other),
        }
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(cause) => Self::store_unavailable(cause),
            // Whoever can be refused by the ledger says so in words of its own before this.
            // Rules are a gateway's, and held against its calls alone.
            refused => Self::internal(refused),
        }
    }
}
