//! What a call cost and what is left: in headers where the answer comes after its settlement, and otherwise at
//! the end of its stream, for a client that asks.
//!
//! A stream begins before its cost is known. HTTP has trailers for that, which many clients can't read and no
//! server may send unasked (RFC 9110, section 6.5.1: `TE: trailers`). Server-sent events have comments, which
//! every reader skips; they are for a client that says so.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue};
use ledger::Amount;
use tokio::sync::oneshot;
use wire::Api;

use crate::proxy::Prepared;
use crate::proxy::call::Call;
use crate::proxy::settle::Settled;

pub const COST: HeaderName = HeaderName::from_static("cf-aig-cost");
const BALANCE: HeaderName = HeaderName::from_static("cf-aig-balance");

/// How many bytes tell whether a stream ends with a blank line.
const END: usize = 3;

/// What is told at the end of a stream.
pub struct Tail {
    comments: bool,
    trailers: Option<oneshot::Sender<HeaderMap>>,
    /// The last bytes that have been passed on.
    end: Vec<u8>,
}

impl Tail {
    /// What the client of a stream wants to be told, with the headers that go before; and the trailers, once they
    /// are known.
    pub fn new(
        prepared: &Prepared,
        headers: &mut HeaderMap,
    ) -> (Self, Option<oneshot::Receiver<HeaderMap>>) {
        let is_paid = prepared.credit.is_some();
        // The provider's trailers, if it has any, are not passed on.
        headers.remove(TRAILER);
        let (sender, trailers) = match is_paid && takes_trailers(&prepared.call) {
            true => Some(oneshot::channel()).unzip(),
            false => (None, None),
        };
        if trailers.is_some() {
            headers.insert(
                TRAILER,
                HeaderValue::from_static("cf-aig-cost, cf-aig-balance"),
            );
            // Only a body of a length that is not known has trailers.
            headers.remove(CONTENT_LENGTH);
        }
        let wants = prepared.call.wishes.stream_cost && takes_comments(prepared);
        let comments = is_paid && wants && is_event_stream(headers);
        if comments {
            headers.remove(CONTENT_LENGTH);
        }
        let tail = Self {
            comments,
            trailers: sender,
            end: Vec::new(),
        };
        (tail, trailers)
    }

    /// These bytes have been passed on.
    pub fn saw(&mut self, piece: &[u8]) {
        if self.comments {
            self.end
                .extend(piece.iter().skip(piece.len().saturating_sub(END)));
            self.end.drain(..self.end.len().saturating_sub(END));
        }
    }

    /// The comment that ends the stream. Where an event has no end there is none, which would give it one.
    pub fn comment(&self, settled: &Settled) -> Option<Bytes> {
        let is_between_events = ["\n\n", "\r\r", "\n\r\n"]
            .iter()
            .any(|end| self.end.ends_with(end.as_bytes()));
        if !self.comments || !is_between_events {
            return None;
        }
        let mut text = String::new();
        for (name, value) in &told(settled) {
            let value = value.to_str().unwrap_or_default();
            text.push_str(&format!(": {name}={value}\n"));
        }
        text.push('\n');
        Some(Bytes::from(text))
    }

    /// Sends the trailers.
    pub fn trail(self, settled: &Settled) {
        if let Some(trailers) = self.trailers {
            // A client that has left reads none.
            let _ = trailers.send(told(settled));
        }
    }
}

/// What is told of a call that was paid for in advance.
pub fn told(settled: &Settled) -> HeaderMap {
    let amounts = [(COST, Some(settled.charged)), (BALANCE, settled.available)];
    let mut headers = HeaderMap::new();
    for (name, amount) in amounts {
        let text = amount.map(dollars);
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

fn takes_trailers(call: &Call) -> bool {
    let values = call.headers.get_all(TE).into_iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case("trailers"))
}

/// Whether the client's SDK skips comments, as the specification of server-sent events has it. google-genai 3.6.1
/// raises on every line of Gemini's streams that is no `data:`.
fn takes_comments(prepared: &Prepared) -> bool {
    let api = prepared.route.as_ref().map(|route| route.endpoint.api);
    prepared.call.translation.is_some() || api != Some(Api::Generate)
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// An amount in the currency's main unit, to the nano.
pub fn dollars(amount: Amount) -> String {
    let (sign, nanos) = match amount.is_negative() {
        true => ("-", amount.nanos().unsigned_abs()),
        false => ("", amount.nanos().unsigned_abs()),
    };
    let text = format!(
        "{sign}{}.{:09}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_the_main_unit() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_500_000_000, "1.5"),
            (20_000_000_000, "20"),
            (-50_000_000, "-0.05"),
        ] {
            assert_eq!(dollars(Amount::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_comment_stands_behind_a_whole_event_alone() {
        let settled = Settled {
            charged: Amount::from_nanos(120),
            available: Some(Amount::from_nanos(2_000_000_000)),
        };
        for (pieces, is_told) in [
            (&["data: x\n\n"][..], true),
            (&["data: x\r\n", "\r\n"], true),
            (&["data: x\r\n\r", "\n"], true),
            (&["data: x\r\r"], true),
            (&["data: x\n"], false),
            (&["data: x\r\n"], false),
            (&["data: x\n\n", "data"], false),
            (&[], false),
        ] {
            let mut tail = Tail {
                comments: true,
                trailers: None,
                end: Vec::new(),
            };
            for piece in pieces {
                tail.saw(piece.as_bytes());
            }
            let comment = tail.comment(&settled);
            let text = ": cf-aig-cost=0.00000012\n: cf-aig-balance=2\n\n";
            assert_eq!(comment, is_told.then(|| Bytes::from(text)), "{pieces:?}");
        }
    }
}
