//! A stream on its way from the provider to the client, piece by piece: passed on one behind, watched, and ended here if there
//! is no credit for more of it.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use ledger::Usage;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::ending::{Ending, Last};

use crate::proxy::answer::Broken;
use crate::proxy::extend::Extension;
use crate::proxy::outbound::next_piece;
use crate::proxy::settle::Settled;
use crate::proxy::tail::Tail;
use crate::proxy::translate::Passing;
use crate::proxy::watched::Watched;
use crate::proxy::{Prepared, agents};

/// How long the event may take that is under way when a stream is ended.
const TO_BOUNDARY: Duration = Duration::from_secs(5);

/// How an answer has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it has come.
    Whole,
    /// What has come was passed on, or was written for somebody who has left.
    Cut,
    /// There is no credit for more of it: it is ended here, in the form of its API.
    Unpaid,
    /// Of what has come nothing reaches the client, who is there and waits for all of it: it costs nothing.
    Lost,
}

/// Moves a stream's pieces from the provider to the client, one behind.
pub struct Pump {
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    /// The last piece that has come: it may be the last of all.
    held_back: Option<Bytes>,
    passing: Passing,
    /// How the stream would have to end now, if it may have to.
    ending: Option<Ending>,
    deadline: Instant,
    drain: Duration,
    is_gone: bool,
    tail: Tail,
}

impl Pump {
    /// `ends` is when the call's time is over, and how long it is read on without its client.
    pub fn new(
        pieces: mpsc::Sender<Result<Bytes, Broken>>,
        passing: Passing,
        ending: Option<Ending>,
        (deadline, drain): (Instant, Duration),
        tail: Tail,
    ) -> Self {
        Self {
            pieces,
            held_back: None,
            passing,
            ending,
            deadline,
            drain,
            is_gone: false,
            tail,
        }
    }

    /// The last piece that has come is not passed on: it may have been cut on its way.
    pub fn forget_last(&mut self) {
        self.held_back = None;
    }

    /// Passes the stream on. Returns how it has ended.
    pub async fn run(
        &mut self,
        mut incoming: Incoming,
        watched: &mut Watched,
        mut extension: Option<&mut Extension<'_>>,
    ) -> End {
        loop {
            let waits = match (extension.as_deref_mut(), watched.so_far()) {
                (Some(extension), Some(so_far)) => {
                    extension.observe(&so_far);
                    extension.is_spent()
                }
                _ => false,
            };
            if waits
                && extension
                    .as_deref()
                    .is_some_and(|extension| extension.is_refused())
            {
                return self.stop(incoming, watched).await;
            }
            let next = tokio::select! {
                () = changed(extension.as_deref_mut()), if extension.is_some() => continue,
                next = tokio::time::timeout_at(self.deadline, next_piece(&mut incoming)), if !waits => next,
                // A provider that is silent must not hide that nobody listens any more.
                () = self.pieces.closed(), if !self.is_gone => {
                    self.leave();
                    continue;
                }
            };
            match next {
                // One that is never silent must not put off the end of the time.
                Ok(Ok(Some(_))) if Instant::now() >= self.deadline => return End::Cut,
                Ok(Ok(Some(piece))) => {
                    watched.feed(&piece);
                    let from = Instant::now();
                    self.pass(piece).await;
                    if let Some(extension) = extension.as_deref_mut() {
                        extension.not_silent(from.elapsed());
                    }
                }
                Ok(Ok(None)) => return End::Whole,
                Ok(Err(_)) | Err(_) => return End::Cut,
            }
        }
    }

    /// Stops at the end of the event that is under way, which has a moment for it.
    async fn stop(&mut self, mut incoming: Incoming, watched: &mut Watched) -> End {
        let deadline = self.deadline.min(Instant::now() + TO_BOUNDARY);
        while self
            .ending
            .as_ref()
            .is_some_and(|ending| !ending.is_between_events())
        {
            let next = tokio::time::timeout_at(deadline, next_piece(&mut incoming)).await;
            let Ok(Ok(Some(piece))) = next else {
                return End::Cut;
            };
            let mut ending = self.ending.take();
            let taken = ending
                .as_mut()
                .and_then(|ending| ending.feed_to_boundary(&piece));
            let piece = piece.slice(..taken.unwrap_or(piece.len()));
            watched.feed(&piece);
            self.pass(piece).await;
            self.ending = ending;
        }
        End::Unpaid
    }

    async fn pass(&mut self, piece: Bytes) {
        if let Some(ending) = &mut self.ending {
            ending.feed(&piece);
        }
        let piece = self.passing.feed(piece);
        if piece.is_empty() {
            return;
        }
        if let Some(before) = self.held_back.replace(piece) {
            self.send(before).await;
        }
    }

    async fn send(&mut self, piece: Bytes) {
        if self.is_gone {
            return;
        }
        self.tail.saw(&piece);
        // A client that reads too slowly for the whole call's time is one that is gone.
        let sent = tokio::time::timeout_at(self.deadline, self.pieces.send(Ok(piece))).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.leave();
        }
    }

    /// The client has left: the rest is read for the count alone, and not for long.
    pub fn leave(&mut self) {
        self.is_gone = true;
        self.deadline = self.deadline.min(Instant::now() + self.drain);
    }

    /// Ends a stream that is not paid for any further. Returns whether it could be ended.
    pub async fn end_unpaid(&mut self, prepared: &Prepared, used: Option<&Usage>) -> bool {
        let asked = prepared.route.as_ref().map(|route| &route.asked);
        let last = Last {
            input_tokens: used.map_or(0, Usage::input_tokens),
            output_tokens: used.map_or(0, Usage::output_tokens),
            tells_usage: asked.is_some_and(|asked| asked.usage_in_stream),
            is_final: agents::repeats_what_is_incomplete(&prepared.call),
        };
        let ending = self.ending.take().and_then(|ending| ending.end(&last));
        let Some(ending) = ending else {
            return false;
        };
        self.pass(Bytes::from(ending)).await;
        true
    }

    /// After the settlement: the last of it, and what it cost.
    pub async fn finish(mut self, is_whole: bool, settled: &Settled) {
        if let Some(last) = self.held_back.take() {
            self.send(last).await;
        }
        let passing = std::mem::replace(&mut self.passing, Passing::AsItIs);
        let rest = passing.finish(is_whole);
        if !rest.is_empty() {
            self.send(rest).await;
        }
        if !is_whole {
            return self.break_off().await;
        }
        if let Some(comment) = self.tail.comment(settled) {
            self.send(comment).await;
        }
        self.tail.trail(settled);
    }

    /// Lets the client see that this is not the end that its answer should have had.
    pub async fn break_off(self) {
        if !self.is_gone {
            let _ = self.pieces.send(Err(Broken)).await;
        }
    }
}

/// Comes when an extension has something to look at.
async fn changed(extension: Option<&mut Extension<'_>>) {
    if let Some(extension) = extension {
        extension.changed().await;
    }
}
