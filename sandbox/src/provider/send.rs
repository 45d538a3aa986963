//! Sending a body at the pace, and to the end, that a behaviour asks for.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;

use super::behaviour::Behaviour;
use super::gzip::Gzip;
use super::journal::End;
use super::underway::Underway;
use crate::faults::FaultId;

/// A body on its way.
pub(crate) struct Sending {
    pub(crate) underway: Underway,
    pub(crate) fault: Option<FaultId>,
    pub(crate) pieces: std::vec::IntoIter<Bytes>,
    pub(crate) repeated: Option<Bytes>,
    pub(crate) between: Duration,
    pub(crate) disconnect_after: Option<usize>,
    pub(crate) reset: bool,
    pub(crate) stall_after: Option<usize>,
    pub(crate) gzip: Option<Gzip>,
}

impl Sending {
    pub(crate) fn new(
        underway: Underway,
        fault: Option<FaultId>,
        behaviour: &Behaviour,
        (pieces, repeated): (Vec<Bytes>, Option<Bytes>),
        gzip: Option<Gzip>,
    ) -> Sending {
        Sending {
            underway,
            fault,
            pieces: pieces.into_iter(),
            repeated,
            between: Duration::from_millis(behaviour.between_ms),
            disconnect_after: behaviour.disconnect_after,
            reset: behaviour.reset,
            stall_after: behaviour.stall_after,
            gzip,
        }
    }

    pub(crate) fn body(self) -> Body {
        Body::from_stream(futures_util::stream::unfold(Some(self), |sending| async {
            sending?.next().await
        }))
    }

    /// The next piece, and what is left after it. Nothing is left after an error.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Option<Sending>)> {
        if self.stall_after == Some(self.underway.sent) {
            self.stall_after = None;
            wait(&self.underway, self.fault).await;
        }
        if self.disconnect_after == Some(self.underway.sent) {
            return Some(self.broken().await);
        }
        if self.underway.sent > 0 && !self.between.is_zero() {
            let pause = tokio::time::sleep(self.between);
            let stop = self.underway.shared.stop.clone();
            stop.run_until_cancelled(pause).await;
        }
        if self.underway.shared.stop.is_cancelled() && self.repeated.is_some() {
            return Some(self.broken().await);
        }
        let Some(piece) = self.pieces.next().or_else(|| self.repeated.clone()) else {
            return self.ended();
        };
        self.underway.sent += 1;
        let piece = match &mut self.gzip {
            Some(gzip) => Bytes::from(gzip.piece(&piece)),
            None => piece,
        };
        self.underway.gave(piece.len());
        Some((Ok(piece), Some(self)))
    }

    fn ended(mut self) -> Option<(io::Result<Bytes>, Option<Sending>)> {
        if let Some(mut gzip) = self.gzip.take() {
            return Some((Ok(Bytes::from(gzip.end())), Some(self)));
        }
        self.underway.ended(End::Finished);
        None
    }

    async fn broken(mut self) -> (io::Result<Bytes>, Option<Sending>) {
        // The server writes what it has only when there is nothing more to be had at once.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.underway.cut(self.reset);
        (Err(io::ErrorKind::ConnectionAborted.into()), None)
    }
}

/// Waits at a fault until it is released, or without one for ever. Ends when the server does, and
/// is dropped when the client leaves.
pub(crate) async fn wait(underway: &Underway, fault: Option<FaultId>) {
    let _waiting = underway.waiting();
    let shared = &underway.shared;
    let released = async {
        match fault {
            Some(fault) => shared.faults.hang(fault).await,
            None => std::future::pending().await,
        }
    };
    shared.stop.run_until_cancelled(released).await;
}
