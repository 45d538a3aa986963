//! Anthropic's messages: open content blocks are closed, then `message_delta` with `max_tokens`, then `message_stop`
//! ("Streaming messages", Anthropic's docs).

use std::collections::BTreeSet;

use crate::ending::{Last, named, number};
use crate::json::Json;
use crate::json::write::Members;

#[derive(Default)]
pub(super) struct State {
    has_started: bool,
    /// Content blocks that are open, by their index.
    open: BTreeSet<u64>,
    /// A reason to stop was told.
    has_stopped: bool,
    is_over: bool,
}

impl State {
    pub(super) fn read(&mut self, event: Json<'_>) {
        let members = event.object();
        let index = || {
            members
                .get("index")
                .and_then(Json::count)
                .unwrap_or_default()
        };
        let kind = members.get("type").and_then(Json::text);
        match kind.as_deref() {
            Some("message_start") => self.has_started = true,
            Some("content_block_start") => drop(self.open.insert(index())),
            Some("content_block_stop") => drop(self.open.remove(&index())),
            Some("message_delta") => self.has_stopped = true,
            Some("message_stop") => self.is_over = true,
            _ => {}
        }
    }

    pub(super) fn end(self, last: &Last) -> Option<String> {
        let mut out = String::new();
        for index in &self.open {
            let stop = Members::default()
                .json("type", "\"content_block_stop\"")
                .json("index", &number(*index));
            named(&mut out, "content_block_stop", &stop.object());
        }
        if !self.has_stopped {
            let usage = Members::default().json("output_tokens", &number(last.output_tokens));
            let delta = Members::default()
                .json("stop_reason", "\"max_tokens\"")
                .json("stop_sequence", "null");
            let message = Members::default()
                .json("type", "\"message_delta\"")
                .json("delta", &delta.object())
                .json("usage", &usage.object());
            named(&mut out, "message_delta", &message.object());
        }
        if !self.is_over {
            named(&mut out, "message_stop", r#"{"type":"message_stop"}"#);
        }
        self.has_started.then_some(out)
    }
}
