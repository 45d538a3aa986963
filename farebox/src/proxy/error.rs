//! Why a call has no answer of its provider's, as values: who is at fault, the code that a client branches on, and
//! the message. One code has one cause. It is Cloudflare's code if Cloudflare has one (contract: section 5), and
//! otherwise Farebox's own, 8101 and up.

use http::StatusCode;

use crate::proxy::identity::Identity;
use crate::store::StoreError;
use crate::store::committer::CommitError;

/// The codes of the data plane. `docs/reference/errors.md` has the table with what to do.
pub mod codes {
    /// There is no such gateway.
    pub const NO_GATEWAY: i64 = 2001;
    /// The provider's answer can't be told in the client's format.
    pub const UNTOLD: i64 = 2002;
    /// As many calls were made as the gateway takes in its interval.
    pub const RATE_LIMITED: i64 = 2003;
    /// The provider gave no answer.
    pub const NO_ANSWER: i64 = 2005;
    /// There is no such provider.
    pub const NO_PROVIDER: i64 = 2008;
    /// The gateway wants a token with the permission to run.
    pub const UNAUTHORIZED: i64 = 2009;
    /// The request is not what its API takes.
    pub const BAD_FORMAT: i64 = 2019;
    /// Less credit is available than the call needs at least.
    pub const NO_CREDIT: i64 = 2021;
    /// As much credit as the call needs is held by running calls: it can be repeated.
    pub const CREDIT_HELD: i64 = 8112;
    /// A spend rule of the gateway's leaves less than the call needs at least.
    pub const SPEND_LIMIT: i64 = 2041;
    /// There is no key under that alias.
    pub const NO_STORED_KEY: i64 = 2040;
    /// The model has no price.
    pub const NO_PRICE: i64 = 8101;
    /// Neither the request nor the gateway has a key for the provider, and the operator's may not be used.
    pub const OWN_KEY_ONLY: i64 = 8102;
    /// The operator has no key for the provider.
    pub const NOT_SOLD: i64 = 8103;
    /// The path is not a metered endpoint, so prepaid credit can't pay for it.
    pub const NOT_METERED: i64 = 8104;
    /// The account's own spending limit would be passed.
    pub const ACCOUNT_LIMIT: i64 = 8105;
    /// New spending is frozen while a payment is disputed.
    pub const FROZEN: i64 = 8106;
    /// The provider took longer than the request's time limit.
    pub const TIMED_OUT: i64 = 8107;
    /// The body is larger than the gateway takes.
    pub const TOO_LARGE: i64 = 8108;
    /// A header of the gateway's own can't be read.
    pub const BAD_HEADER: i64 = 8109;
    /// The provider's address is one that calls must not go to.
    pub const ADDRESS: i64 = 8110;
    /// The client asks for a WebSocket on a path that is served over HTTP alone.
    pub const UPGRADE: i64 = 8115;
    /// The operator has no account at the provider with which nothing is kept there.
    pub const NO_ZDR: i64 = 8120;
    /// There is no such path: the client's base URL is wrong, or its method.
    pub const NO_ROUTE: i64 = 7003;
    /// The body's `Content-Encoding` is one that the gateway can't decode.
    pub const ENCODING: i64 = 8130;
    /// The answer is there, and the database failed for so long that nobody knows yet whether it was charged.
    pub const UNSETTLED: i64 = 8111;
    /// Something went wrong here.
    pub const INTERNAL: i64 = 8100;
}

/// A refusal or a failure, as a client of the data plane sees it.
#[derive(Clone, Debug)]
pub struct ProxyError {
    /// 4xx is the client's to mend, 5xx is ours or the provider's.
    pub status: StatusCode,
    /// One for each cause.
    pub code: i64,
    /// What happened, and what to do.
    pub message: String,
    /// After how many seconds it makes sense to ask again.
    pub retry_after: Option<u64>,
    /// No wait mends it: the SDKs are not to repeat the call.
    pub for_good: bool,
    /// The call's ids, provider and model; `None` before there is a call.
    pub identity: Option<Box<Identity>>,
    /// For the log alone.
    pub internal: Option<String>,
}

impl ProxyError {
    /// An error with its code and message.
    pub fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            for_good: false,
            identity: None,
            internal: None,
        }
    }

    /// A client's mistake.
    pub fn bad_request(code: i64, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The same with `Retry-After`.
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same, which no wait mends.
    pub fn for_good(self) -> Self {
        Self {
            for_good: true,
            ..self
        }
    }

    /// The same of this call.
    pub fn of(self, identity: Identity) -> Self {
        Self {
            identity: Some(Box::new(identity)),
            ..self
        }
    }

    /// Something went wrong here; the client learns nothing but that.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let message = "The gateway failed. Send the operator the answer's cf-ray header, which finds the cause \
             in the log.";
        Self {
            internal: Some(cause.to_string()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, codes::INTERNAL, message)
        }
    }

    /// The call was answered, and the store failed for too long to say whether it is charged.
    pub fn unsettled(cause: impl std::fmt::Display) -> Self {
        let message = "The provider answered, but the gateway's database failed and the charge could not be \
             confirmed. It is settled as soon as the database is back: an answer that you did not receive is given \
             back. Check your balance before you send the request again";
        Self {
            internal: Some(cause.to_string()),
            // The prompt would be paid for twice.
            for_good: true,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, codes::UNSETTLED, message)
        }
    }

    /// The provider gave no answer that could be passed on.
    pub fn no_answer(cause: impl std::fmt::Display) -> Self {
        let message =
            "Failed to get response from provider. Nothing was charged; send the call again.";
        Self {
            internal: Some(cause.to_string()),
            ..Self::new(StatusCode::BAD_GATEWAY, codes::NO_ANSWER, message)
        }
    }
}

impl From<StoreError> for ProxyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(_) | StoreError::Closed => {
                let message =
                    "The gateway can't reach its database. Send the call again in a second.";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self {
                    internal: Some(error.to_string()),
                    ..Self::new(status, codes::INTERNAL, message).after(1)
                }
            }
            other => Self::internal(other),
        }
    }
}

impl From<CommitError> for ProxyError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(cause) => {
                let message =
                    "The gateway can't reach its database. Send the call again in a second.";
                Self {
                    internal: Some(cause.to_string()),
                    ..Self::new(StatusCode::SERVICE_UNAVAILABLE, codes::INTERNAL, message).after(1)
                }
            }
            refused => Self::internal(refused),
        }
    }
}
