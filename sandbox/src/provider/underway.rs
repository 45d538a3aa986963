//! A request from its arrival to its end, whichever end that is.

use std::sync::Arc;

use tokio::sync::watch;

use super::journal::{Counts, End, Entry, Usage};
use super::server::Shared;
use crate::reset::Reset;

/// A request that is under way. Dropped before its end, it was the client that left: the server
/// drops what nobody reads any more.
pub(crate) struct Underway {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: u64,
    end: Option<End>,
    reset: Option<Reset>,
    /// Events of the answer that were sent.
    pub(crate) sent: usize,
}

impl Underway {
    pub(crate) fn begin(shared: Arc<Shared>, entry: Entry, reset: Option<Reset>) -> Underway {
        // The journal first, always: whoever waits for the count looks into it next.
        let id = shared.journal().begin(entry);
        shared.counts.send_modify(|counts| {
            counts.requests += 1;
            counts.open += 1;
        });
        Underway {
            shared,
            id,
            end: None,
            reset,
            sent: 0,
        }
    }

    pub(crate) fn answered(&self, status: u16) {
        let mut journal = self.shared.journal();
        journal.change(self.id, |entry| entry.status = Some(status));
    }

    /// Keeps what the answer uses.
    pub(crate) fn counted(&self, usage: Option<Usage>) {
        let mut journal = self.shared.journal();
        journal.change(self.id, |entry| entry.usage = usage);
    }

    pub(crate) fn ended(&mut self, end: End) {
        self.end = Some(end);
    }

    /// Breaks the connection, by a reset where that is wanted.
    pub(crate) fn cut(&mut self, by_reset: bool) {
        self.end = Some(End::Cut);
        if let Some(reset) = self.reset.as_ref().filter(|_| by_reset) {
            reset.at_the_end();
        }
    }

    /// Counts bytes of its answer that the connection has taken.
    pub(crate) fn gave(&self, bytes: usize) {
        self.shared
            .counts
            .send_modify(|counts| counts.bytes += bytes as u64);
    }

    /// Counts the request as one that waits, until what is given back is dropped.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.shared.counts.send_modify(|counts| counts.waiting += 1);
        Waiting(&self.shared.counts)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let end = self.end.unwrap_or(End::Cancelled);
        self.shared.journal().change(self.id, |entry| {
            entry.end = Some(end);
            entry.events = self.sent;
        });
        self.shared.counts.send_modify(|counts| {
            counts.open -= 1;
            match end {
                End::Finished => counts.finished += 1,
                End::Cancelled => counts.cancelled += 1,
                End::Cut => counts.cut += 1,
            }
        });
    }
}

pub(crate) struct Waiting<'a>(&'a watch::Sender<Counts>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.waiting -= 1);
    }
}
