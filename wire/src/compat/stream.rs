//! An answer in events, event by event.

use std::collections::BTreeSet;

use crate::compat::answer::{Head, chunk, usage_chunk};
use crate::compat::{Target, error_body, from_anthropic, from_gemini};
use crate::json::{Json, Object};
use crate::sse::Events;

/// Of one event of the provider's. A picture is the largest.
const EVENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A provider's stream on its way to a client of chat completions.
pub struct Stream {
    events: Events,
    source: Source,
    usage_in_stream: bool,
    created_secs: u64,
    /// Answers that have begun, by their number.
    begun: BTreeSet<u64>,
    has_finished: bool,
    has_failed: bool,
}

enum Source {
    Anthropic(from_anthropic::Events),
    Gemini(from_gemini::Chunks),
}

impl Stream {
    /// `created_secs` is the time that is put into each chunk, in seconds since the Unix epoch.
    pub fn new(target: Target, usage_in_stream: bool, created_secs: u64) -> Self {
        Self {
            events: Events::new(EVENT_BYTES_MAX),
            source: match target {
                Target::Anthropic => Source::Anthropic(from_anthropic::Events::default()),
                Target::Gemini => Source::Gemini(from_gemini::Chunks::default()),
            },
            usage_in_stream,
            created_secs,
            begun: BTreeSet::new(),
            has_finished: false,
            has_failed: false,
        }
    }

    /// Takes the next bytes of the provider's stream, and gives those for the client.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = String::new();
        for event in self.events.feed(bytes) {
            // The client is not helped by what nobody can read.
            if let Some(members) = Json::parse(&event.data).map(Json::object) {
                self.translate(&members, &mut out);
            }
        }
        out.into_bytes()
    }

    /// What follows when the stream has ended: the usage and the mark of the end, unless it was cut.
    /// `is_whole` says whether it came to its end as HTTP knows it.
    pub fn finish(self, is_whole: bool) -> Vec<u8> {
        let mut out = String::new();
        if !is_whole || !(self.has_finished || self.has_failed) {
            return Vec::new();
        }
        let tokens = match &self.source {
            Source::Anthropic(events) => Some(events.tokens()),
            Source::Gemini(chunks) => chunks.tokens,
        };
        if let Some(tokens) = tokens.filter(|_| self.usage_in_stream && !self.has_failed) {
            event(
                &mut out,
                &usage_chunk(self.head(), self.created_secs, &tokens),
            );
        }
        event(&mut out, "[DONE]");
        out.into_bytes()
    }

    fn head(&self) -> &Head {
        match &self.source {
            Source::Anthropic(events) => &events.head,
            Source::Gemini(chunks) => &chunks.head,
        }
    }

    fn translate(&mut self, members: &Object<'_>, out: &mut String) {
        if let Some(error) = members.get("error") {
            self.has_failed = true;
            return event(out, &error_body(error));
        }
        let pieces = match &mut self.source {
            Source::Anthropic(events) => events.read(members).into_iter().collect(),
            Source::Gemini(chunks) => chunks.read(members),
        };
        for piece in pieces {
            self.has_finished |= piece.finish.is_some();
            let is_first = self.begun.insert(piece.index);
            event(
                out,
                &chunk(self.head(), self.created_secs, &piece, is_first),
            );
        }
    }
}

fn event(out: &mut String, data: &str) {
    out.push_str("data: ");
    out.push_str(data);
    out.push_str("\n\n");
}
