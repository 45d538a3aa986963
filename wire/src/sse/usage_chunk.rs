//! The chunk with the usage, hidden from a client that never asked for it.
//!
//! OpenAI reports the usage of a stream on request only, in one more chunk with no choices at the end
//! (`stream_options.include_usage`). Whoever asks for it in a client's place must not let the client see
//! it: there are programs that take the first choice of every chunk. The other chunks of such a stream have
//! `"usage":null` (OpenAI's API reference, "stream_options"), which goes as well.

use crate::dialect::Dialect;
use crate::json::Json;
use crate::sse::{Events, null_usage};

/// No usage is longer. An event that is goes through as it comes.
const HELD_BYTES_MAX: usize = 16 * 1024;

/// A stream of chat chunks of which every byte is passed on, but those of the usage chunk and of what the others say
/// of a usage that is not there.
#[derive(Debug)]
pub struct HideUsageChunk {
    decoder: Events,
    /// The bytes of the event that has begun.
    held: Vec<u8>,
    /// The event is too long to be the one, and what has come of it has been passed on.
    passes: bool,
    /// A line feed belongs to the carriage return that ended the hidden event.
    after_return: bool,
    /// A request for the usage moves `timings` from the last chunk with choices to the usage's.
    moves_timings: bool,
    /// The last chunk with choices, until the next event shows whether its timings are there.
    last: Vec<u8>,
}

impl Default for HideUsageChunk {
    fn default() -> Self {
        Self {
            decoder: Events::new(HELD_BYTES_MAX),
            held: Vec::new(),
            passes: false,
            after_return: false,
            moves_timings: false,
            last: Vec::new(),
        }
    }
}

impl HideUsageChunk {
    /// For a stream of that dialect.
    pub fn of(dialect: Dialect) -> Self {
        Self {
            moves_timings: dialect.moves_timings,
            ..Self::default()
        }
    }

    /// Takes the next bytes, and gives those to pass on. What it holds back is at most one event, and the last
    /// chunk before the usage.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(bytes.len());
        // An event ends with a line, so that only the ends of lines have to be looked at.
        for line in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            if std::mem::take(&mut self.after_return) && line == b"\n" {
                self.decoder.feed(line);
                continue;
            }
            self.held.extend(line);
            let ended = self.decoder.feed(line);
            let is_usage = ended.iter().any(|event| is_usage_chunk(&event.data));
            let is_over = !ended.is_empty() || self.is_between_events();
            let is_last = self.moves_timings
                && !self.passes
                && ended.iter().any(|event| is_last_chunk(&event.data));
            if is_usage && !self.passes {
                let timings = ended.iter().find_map(|event| timings(&event.data));
                passed.append(&mut with_timings(std::mem::take(&mut self.last), timings));
                self.held.clear();
                self.after_return = line.ends_with(b"\r");
            } else if is_last {
                passed.append(&mut std::mem::replace(
                    &mut self.last,
                    std::mem::take(&mut self.held),
                ));
            } else if is_over || self.passes || self.held.len() > HELD_BYTES_MAX {
                passed.append(&mut self.last);
                let changed = match ended.as_slice() {
                    [event] if !self.passes => null_usage::without(&self.held, &event.data),
                    _ => None,
                };
                match changed {
                    Some(mut changed) => {
                        passed.append(&mut changed);
                        self.held.clear();
                    }
                    None => passed.append(&mut self.held),
                }
                self.passes = !is_over;
            }
        }
        passed
    }

    /// What is left when the stream has ended: an event without an end.
    pub fn finish(mut self) -> Vec<u8> {
        self.last.append(&mut self.held);
        self.last
    }

    fn is_between_events(&self) -> bool {
        self.decoder.decoder().is_between_events()
    }
}

/// Whether a chunk ends an answer and has no timings of its own.
fn is_last_chunk(data: &str) -> bool {
    let Some(chunk) = Json::parse(data).map(Json::object) else {
        return false;
    };
    let choices = chunk.get("choices").map(Json::items).unwrap_or_default();
    let has_ended = choices
        .iter()
        .any(|choice| choice.get("finish_reason").is_some());
    has_ended && chunk.get("timings").is_none()
}

fn timings(data: &str) -> Option<String> {
    let timings = Json::parse(data)?.get("timings")?;
    Some(timings.raw().to_owned())
}

/// The chunk as it is without a request for the usage.
fn with_timings(mut chunk: Vec<u8>, timings: Option<String>) -> Vec<u8> {
    let end = chunk.iter().rposition(|byte| *byte == b'}');
    if let (Some(end), Some(timings)) = (end, timings) {
        let member = format!(",\"timings\":{timings}");
        chunk.splice(end..end, member.into_bytes());
    }
    chunk
}

fn is_usage_chunk(data: &str) -> bool {
    let Some(chunk) = Json::parse(data).map(Json::object) else {
        return false;
    };
    let no_choices = |choices: Json<'_>| choices.is_array() && choices.items().is_empty();
    chunk.get("choices").is_some_and(no_choices) && chunk.get("usage").is_some_and(Json::is_object)
}
