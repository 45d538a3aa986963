//! Server-sent events, decoded as they come (WHATWG HTML, section 9.2, "Server-sent events").
//!
//! The decoder only observes: whoever forwards the stream forwards its bytes, and never what was made of
//! them here. It takes the bytes in any pieces, keeps of them only the field that it is in, and hands on
//! the data of an event as it comes, so that an event of any size costs no memory.

mod events;
mod null_usage;
mod usage_chunk;

pub use events::{Event, Events};
pub use usage_chunk::HideUsageChunk;

/// A name or an id that is longer is no longer one.
const SHORT_BYTES_MAX: usize = 256;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A part of an event.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Some bytes of its data. The line feeds between the lines of its data come as pieces as well.
    Data(&'a [u8]),
    /// Its end; `name` is empty where it has none, which means `message`.
    End {
        /// The event's type.
        name: &'a str,
    },
}

/// A stream of events on its way.
#[derive(Debug)]
pub struct Decoder {
    line: Line,
    /// The name of the field that is being read.
    field: Vec<u8>,
    /// The value of the field, where it is a short one.
    value: Vec<u8>,
    name: String,
    last_id: String,
    retry_millis: Option<u64>,
    /// Whether the event has had a line of data.
    has_data: bool,
    /// A line feed belongs to the carriage return before it.
    after_return: bool,
    is_first_line: bool,
}

/// Where in a line the decoder is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Line {
    /// At its start, or in the name of a field.
    Field,
    /// Behind the colon, where one space is none of the value's.
    Colon,
    /// In the value.
    Value,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            line: Line::Field,
            field: Vec::new(),
            value: Vec::new(),
            name: String::new(),
            last_id: String::new(),
            retry_millis: None,
            has_data: false,
            after_return: false,
            is_first_line: true,
        }
    }
}

impl Decoder {
    /// The id of the last event that had one.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// After how many milliseconds the server would like to be asked again.
    pub const fn retry_millis(&self) -> Option<u64> {
        self.retry_millis
    }

    /// Whether nothing of an event has come since the last one.
    pub(crate) fn is_between_events(&self) -> bool {
        let is_new_line = self.line == Line::Field && self.field.is_empty();
        is_new_line && !self.has_data && self.name.is_empty()
    }

    /// Takes the next bytes, and hands on the pieces of events that are in them.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Piece<'_>)) {
        while let Some((first, rest)) = bytes.split_first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = rest;
                continue;
            }
            if matches!(first, b'\r' | b'\n') {
                self.after_return = *first == b'\r';
                self.end_line(sink);
                bytes = rest;
                continue;
            }
            bytes = match self.line {
                Line::Field => self.take_field(*first, rest, sink),
                Line::Colon => self.take_after_colon(*first, bytes, rest),
                Line::Value => self.take_value(bytes, sink),
            };
        }
    }

    fn take_field<'a>(
        &mut self,
        first: u8,
        rest: &'a [u8],
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> &'a [u8] {
        if first == b':' {
            self.line = Line::Colon;
            self.begin_data(sink);
        } else if self.field.len() < SHORT_BYTES_MAX {
            self.field.push(first);
        }
        if self.is_first_line && self.field == BYTE_ORDER_MARK {
            self.field.clear();
            self.is_first_line = false;
        }
        rest
    }

    fn take_after_colon<'a>(&mut self, first: u8, all: &'a [u8], rest: &'a [u8]) -> &'a [u8] {
        self.line = Line::Value;
        if first == b' ' { rest } else { all }
    }

    /// Takes the value up to the end of the line, or of what has come.
    fn take_value<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (value, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.field == b"data" {
            sink(Piece::Data(value));
        } else {
            let room = SHORT_BYTES_MAX.saturating_sub(self.value.len());
            self.value.extend(value.iter().take(room));
        }
        rest
    }

    /// The lines of an event's data are one text with line feeds between them.
    fn begin_data(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        if self.field == b"data" && std::mem::replace(&mut self.has_data, true) {
            sink(Piece::Data(b"\n"));
        }
    }

    fn end_line(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        self.is_first_line = false;
        let had_colon = self.line != Line::Field;
        if self.field.is_empty() && !had_colon {
            self.end_event(sink);
        } else {
            // A name alone is a field with nothing in it.
            if !had_colon {
                self.begin_data(sink);
            }
            self.end_field();
        }
        self.line = Line::Field;
        self.field.clear();
        self.value.clear();
    }

    fn end_event(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        if std::mem::take(&mut self.has_data) {
            sink(Piece::End { name: &self.name });
        }
        self.name.clear();
    }

    fn end_field(&mut self) {
        let value = String::from_utf8_lossy(&self.value);
        match self.field.as_slice() {
            b"event" => self.name = value.into_owned(),
            b"id" if !value.contains('\0') => self.last_id = value.into_owned(),
            b"retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry_millis = value.parse().ok();
            }
            // Comments have an empty name; other names mean nothing.
            _ => {}
        }
    }
}
