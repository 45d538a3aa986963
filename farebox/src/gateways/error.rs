//! Why a gateway's management did not do what it was asked.

use crate::store::StoreError;

/// Why a use case ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// There is no such thing in this account; what it is called.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// It was there once, and is not kept; why, for the caller.
    #[error("{0}")]
    NotKept(String),
    /// Something is wrong with the request that only who has the data can know.
    #[error("{message}")]
    Invalid {
        /// Where, from `body`, `query` or `params` inwards.
        at: &'static [&'static str],
        /// What, and what to do.
        message: String,
    },
    /// Somebody else keeps changing it at the same time.
    #[error("it is being changed by somebody else")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mistake of ours.
    #[error("{0}")]
    Internal(String),
}
