//! Whole events, for whoever has to read all of one.

use crate::sse::{Decoder, Piece};

/// An event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its type; `message` where the stream doesn't say.
    pub name: String,
    /// Its data, the lines joined by line feeds. Bytes that are no UTF-8 are replaced.
    pub data: String,
}

/// A stream of events, each kept until it is whole, up to a size.
#[derive(Debug)]
pub struct Events {
    decoder: Decoder,
    data: Vec<u8>,
    data_bytes_max: usize,
    is_too_large: bool,
    dropped: u64,
}

impl Events {
    /// Events with more data than that are left out.
    pub fn new(data_bytes_max: usize) -> Self {
        Self {
            decoder: Decoder::default(),
            data: Vec::new(),
            data_bytes_max,
            is_too_large: false,
            dropped: 0,
        }
    }

    /// How many events were left out because of their size.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The decoder, which knows the last id and the retry time.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Takes the next bytes, and gives the events that end in them.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let (data, dropped) = (&mut self.data, &mut self.dropped);
        let (is_too_large, max) = (&mut self.is_too_large, self.data_bytes_max);
        self.decoder.feed(bytes, &mut |piece| match piece {
            Piece::Data(more) if data.len().saturating_add(more.len()) > max => {
                *is_too_large = true;
            }
            Piece::Data(more) => data.extend(more),
            Piece::End { name } => {
                let data = std::mem::take(data);
                if std::mem::take(is_too_large) {
                    *dropped = dropped.saturating_add(1);
                } else {
                    events.push(event(name, &data));
                }
            }
        });
        events
    }
}

fn event(name: &str, data: &[u8]) -> Event {
    let name = if name.is_empty() { "message" } else { name };
    Event {
        name: name.to_owned(),
        data: String::from_utf8_lossy(data).into_owned(),
    }
}
