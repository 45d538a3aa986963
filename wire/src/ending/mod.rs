//! The end of a stream that its gateway cuts, in the form of its API: as if the model had come to its output limit.
//!
//! A client that reads a stream without an end takes it for a broken connection, and asks again. So a stream that is
//! not paid for any further ends as its API ends one at `max_tokens`: with the usage, and the marks that its SDKs wait for.

mod chat;
mod generate;
mod messages;
mod responses;

use crate::endpoint::Api;
use crate::json::Json;
use crate::sse::Events;

/// Of one event. What is larger is passed on and not looked at.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the end of a cut stream says.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Last {
    /// Tokens that were read.
    pub input_tokens: u64,
    /// Tokens that were written.
    pub output_tokens: u64,
    /// Whether a chat's usage is told.
    pub tells_usage: bool,
    /// Whether asking again is to be ruled out: a Responses stream ends with the error `insufficient_quota` then.
    pub is_final: bool,
}

/// A stream, watched for how it would have to end now.
pub struct Ending {
    events: Events,
    state: State,
    has_begun: bool,
}

enum State {
    Chat(chat::State),
    Messages(messages::State),
    Responses(Box<responses::State>),
    Generate(generate::State),
}

impl Ending {
    /// For a stream of server-sent events of that API. `None` if no answer of it is cut.
    pub fn new(api: Api) -> Option<Self> {
        let state = match api {
            Api::Chat => State::Chat(chat::State::default()),
            Api::Messages => State::Messages(messages::State::default()),
            Api::Responses => State::Responses(Box::default()),
            Api::Generate => State::Generate(generate::State::default()),
            _ => return None,
        };
        Some(Self {
            events: Events::new(EVENT_BYTES_MAX),
            state,
            has_begun: false,
        })
    }

    /// Takes the next bytes that the client receives.
    pub fn feed(&mut self, bytes: &[u8]) {
        for event in self.events.feed(bytes) {
            let Some(event) = Json::parse(&event.data) else {
                continue;
            };
            self.has_begun = true;
            match &mut self.state {
                State::Chat(state) => state.read(event),
                State::Messages(state) => state.read(event),
                State::Responses(state) => state.read(event),
                State::Generate(state) => state.read(event),
            }
        }
    }

    /// Takes bytes up to the end of the event that is under way, and returns how many these are. `None` if it doesn't end
    /// in them, and all are taken.
    pub fn feed_to_boundary(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.is_between_events() {
            return Some(0);
        }
        let mut taken = 0_usize;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.feed(line);
            taken = taken.saturating_add(line.len());
            if self.is_between_events() {
                return Some(taken);
            }
        }
        None
    }

    /// Whether nothing of an event has come since the last one.
    pub fn is_between_events(&self) -> bool {
        self.events.decoder().is_between_events()
    }

    /// The events that end it. `None` if it has not begun, or has an event under way.
    pub fn end(self, last: &Last) -> Option<String> {
        if !self.has_begun || !self.is_between_events() {
            return None;
        }
        match self.state {
            State::Chat(state) => Some(state.end(last)),
            State::Messages(state) => state.end(last),
            State::Responses(state) => state.end(last),
            State::Generate(state) => Some(state.end(last)),
        }
    }
}

/// An event without a name.
fn data(out: &mut String, data: &str) {
    out.push_str("data: ");
    out.push_str(data);
    out.push_str("\n\n");
}

/// An event with the name that its data has as `type`.
fn named(out: &mut String, name: &str, text: &str) {
    out.push_str("event: ");
    out.push_str(name);
    out.push('\n');
    data(out, text);
}

fn number(number: u64) -> String {
    number.to_string()
}
