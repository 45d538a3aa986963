//! The body of an answer before it is sent: its events, and what a behaviour does to them.

use bytes::Bytes;
use serde_json::Value;

use super::behaviour::Behaviour;
use super::journal::Usage;

/// A body and what it is.
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) framing: Framing,
    pub(crate) events: Vec<Bytes>,
    /// What comes after the last word, and so never in an answer without end.
    pub(crate) closing: Vec<Bytes>,
    /// What a generated answer uses.
    pub(crate) usage: Option<Usage>,
}

/// How events are put one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// There is one.
    Whole,
    /// Server-sent events.
    Sse,
    /// The elements of one JSON array.
    Array,
}

pub(crate) const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// The length of a piece where a whole answer has to be cut into some.
const PIECE: usize = 64;

impl Content {
    pub(crate) fn json(body: &Value) -> Content {
        Content::bytes(JSON, body.to_string())
    }

    pub(crate) fn bytes(kind: &'static str, body: impl Into<Bytes>) -> Content {
        Content {
            kind,
            framing: Framing::Whole,
            events: vec![body.into()],
            closing: Vec::new(),
            usage: None,
        }
    }

    pub(crate) fn sse(events: Vec<Bytes>, closing: Vec<Bytes>) -> Content {
        Content {
            kind: EVENT_STREAM,
            framing: Framing::Sse,
            events,
            closing,
            usage: None,
        }
    }

    /// The elements of a JSON array, sent one by one.
    pub(crate) fn array(elements: &[Value]) -> Content {
        let begin = |index| if index == 0 { "[" } else { ",\r\n" };
        let element = |(index, value)| Bytes::from(format!("{}{value}", begin(index)));
        Content {
            kind: JSON,
            framing: Framing::Array,
            events: elements.iter().enumerate().map(element).collect(),
            closing: vec![Bytes::from_static(b"]")],
            usage: None,
        }
    }

    pub(crate) fn using(self, usage: Usage) -> Content {
        let usage = Some(usage);
        Content { usage, ..self }
    }

    /// What is sent, piece by piece, and the piece that comes again and again after that.
    pub(crate) fn pieces(
        self,
        behaviour: &Behaviour,
        error: impl FnOnce() -> Value,
    ) -> (Vec<Bytes>, Option<Bytes>) {
        let framing = self.framing;
        let is_endless = behaviour.endless && behaviour.error_after.is_none();
        let repeated = self.events.last().filter(|_| is_endless).cloned();
        let mut pieces = self.events;
        if let Some(after) = behaviour.error_after {
            pieces.truncate(after);
            pieces.push(framing.error(&error(), pieces.is_empty()));
        } else if repeated.is_none() {
            pieces.extend(self.closing);
        }
        if let Some(after) = behaviour.malformed_after {
            pieces.insert(after.min(pieces.len()), framing.malformed());
        }
        if framing == Framing::Sse {
            pieces.iter_mut().for_each(|piece| dress(piece, behaviour));
        }
        if !behaviour.trailing.is_empty() {
            pieces.push(Bytes::from(behaviour.trailing.clone()));
        }
        let size = piece_size(behaviour, framing);
        if size > 0 {
            pieces = recut(&pieces, size);
        }
        (pieces, repeated)
    }
}

impl Framing {
    fn error(self, error: &Value, is_first: bool) -> Bytes {
        Bytes::from(match self {
            Framing::Whole => error.to_string(),
            Framing::Sse if error["type"] == "error" => format!("event: error\ndata: {error}\n\n"),
            Framing::Sse => format!("data: {error}\n\n"),
            Framing::Array if is_first => format!("[{error}]"),
            Framing::Array => format!(",\r\n{error}]"),
        })
    }

    fn malformed(self) -> Bytes {
        Bytes::from_static(match self {
            Framing::Sse => b"data: {\"broken\": \n\n",
            Framing::Whole | Framing::Array => b"{\"broken\": ",
        })
    }
}

/// A server-sent event with what may stand around it.
fn dress(piece: &mut Bytes, behaviour: &Behaviour) {
    if !behaviour.comments && !behaviour.crlf {
        return;
    }
    let comment = if behaviour.comments {
        ": still here\n\n"
    } else {
        ""
    };
    let mut text = format!("{comment}{}", String::from_utf8_lossy(piece));
    if behaviour.crlf {
        // JSON has no line ends of its own, so every one of them is the stream's.
        text = text.replace('\n', "\r\n");
    }
    *piece = Bytes::from(text);
}

fn piece_size(behaviour: &Behaviour, framing: Framing) -> usize {
    let needs_pieces = behaviour.between_ms > 0
        || behaviour.disconnect_after.is_some()
        || behaviour.stall_after.is_some();
    match (behaviour.piece_bytes, framing) {
        (0, Framing::Whole) if needs_pieces => PIECE,
        (size, _) => size,
    }
}

fn recut(pieces: &[Bytes], size: usize) -> Vec<Bytes> {
    let all = Bytes::from(pieces.concat());
    let starts = (0..all.len()).step_by(size);
    starts
        .map(|start| all.slice(start..all.len().min(start + size)))
        .collect()
}

/// `data: …` as a server-sent event.
pub(crate) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// The same, with the name that the data has as its `type`.
pub(crate) fn named_event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
