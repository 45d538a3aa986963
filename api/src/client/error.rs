//! What can go wrong with a call, by who can do something about it.

use std::fmt;

use crate::ApiMessage;

/// Why a call failed. The variants with a [`Failure`] follow the official SDKs' exception classes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400: the request is wrong.
    #[error("bad request: {0}")]
    BadRequest(Failure),
    /// 401: the credentials are missing or wrong.
    #[error("authentication failed: {0}")]
    Authentication(Failure),
    /// 403: the credentials don't allow it.
    #[error("permission denied: {0}")]
    PermissionDenied(Failure),
    /// 404: there is no such thing.
    #[error("not found: {0}")]
    NotFound(Failure),
    /// 409: it contradicts what is there.
    #[error("conflict: {0}")]
    Conflict(Failure),
    /// 422: it is well-formed and still can't be done.
    #[error("unprocessable: {0}")]
    UnprocessableEntity(Failure),
    /// 429: too many requests.
    #[error("rate limited: {0}")]
    RateLimited(Failure),
    /// 500 and above: the server failed.
    #[error("server error: {0}")]
    InternalServer(Failure),
    /// Any other status that is no success, a redirect among them, and a 200 whose envelope says
    /// `success: false`.
    #[error("the call failed: {0}")]
    Status(Failure),
    /// The server can't be reached, or the connection broke.
    #[error("connection failed")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time, or a top-up that is still pending at the end of the wait.
    #[error("timed out")]
    Timeout,
    /// An answer that this client can't read: no JSON, a missing field, or an unknown value of an
    /// enum such as `status`.
    #[error("the answer can't be read: {detail}")]
    Decode {
        /// What was wrong, and where.
        detail: String,
        /// The answer's `cf-ray`.
        request_id: Option<String>,
    },
    /// The client was configured or called with something it can't use; nothing was sent.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// The error for an answer that is no success.
    pub(super) fn from_failure(failure: Failure) -> Self {
        match failure.status {
            400 => Self::BadRequest(failure),
            401 => Self::Authentication(failure),
            403 => Self::PermissionDenied(failure),
            404 => Self::NotFound(failure),
            409 => Self::Conflict(failure),
            422 => Self::UnprocessableEntity(failure),
            429 => Self::RateLimited(failure),
            500.. => Self::InternalServer(failure),
            _ => Self::Status(failure),
        }
    }

    /// The error for an exchange that gave no whole answer. The URL is left out: it says nothing
    /// that the caller doesn't know.
    pub(super) fn from_transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        match error {
            error if error.is_timeout() => Self::Timeout,
            error if error.is_builder() => Self::Invalid(error.to_string()),
            error => Self::Connection(Box::new(error)),
        }
    }

    /// What the server said, where it answered with a failure.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::BadRequest(failure)
            | Self::Authentication(failure)
            | Self::PermissionDenied(failure)
            | Self::NotFound(failure)
            | Self::Conflict(failure)
            | Self::UnprocessableEntity(failure)
            | Self::RateLimited(failure)
            | Self::InternalServer(failure)
            | Self::Status(failure) => Some(failure),
            Self::Connection(_) | Self::Timeout | Self::Decode { .. } | Self::Invalid(_) => None,
        }
    }
}

/// What a server said when it refused or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// The envelope's `errors`; empty where the body was none (a proxy's page, or nothing).
    pub errors: Vec<ApiMessage>,
    /// The answer's `cf-ray`, to be quoted to whoever runs the server.
    pub request_id: Option<String>,
}

/// `HTTP 400, code 7001: Input Validation Error at body.amount (request 8c1f…)`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { ',' } else { ';' };
            write!(f, "{separator} code {}: {}", error.code, error.message)?;
            if let Some(path) = &error.path {
                write!(f, " at {}", path.join("."))?;
            }
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}
