//! An answer on its way to the client.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::{mpsc, oneshot};

/// A provider's answer.
#[derive(Debug)]
pub struct Answer {
    /// As the provider gave it.
    pub status: StatusCode,
    /// The provider's, and the gateway's own.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// What is told behind the body, once it is known; for a client that takes trailers.
    pub trailers: Option<oneshot::Receiver<HeaderMap>>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// All of it: the call is settled.
    Whole(Bytes),
    /// Piece by piece; the last one comes after the settlement.
    Pieces(mpsc::Receiver<Result<Bytes, Broken>>),
}

/// The provider's answer broke off, and so must ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer broke off")]
pub struct Broken;
