//! A provider's stream of server-sent events as messages, and what of it a later response needs.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use wire::sse;

/// The largest event that is passed on, in bytes: pictures in base64 are the largest that there are.
const EVENT_MAX: usize = 64 * 1024 * 1024;

/// A stream on its way.
#[derive(Debug)]
pub struct Events {
    decoder: sse::Events,
    /// The items that have ended, for a last event that doesn't repeat them.
    items: Vec<Value>,
    items_bytes: usize,
    items_bytes_max: usize,
    ended: Option<Ended>,
}

/// How a response has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It can be continued.
    Whole {
        /// The response's id.
        id: String,
        /// What the model wrote.
        output: Vec<Value>,
    },
    /// With an error.
    Failed,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Item {
    item: Value,
}

#[derive(Deserialize)]
struct Last {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    id: String,
    #[serde(default)]
    output: Vec<Value>,
}

impl Events {
    /// Of what the model writes `items_bytes_max` bytes are kept.
    pub fn new(items_bytes_max: usize) -> Self {
        Self {
            decoder: sse::Events::new(EVENT_MAX),
            items: Vec::new(),
            items_bytes: 0,
            items_bytes_max,
            ended: None,
        }
    }

    /// The messages for the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let events = self.decoder.feed(bytes);
        let events = events
            .into_iter()
            .filter_map(|event| self.message(event.data));
        events.collect()
    }

    /// The messages for an answer that is no stream: a response.
    pub fn whole(&mut self, body: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(body);
        let data =
            format!(r#"{{"type":"response.completed","sequence_number":0,"response":{text}}}"#);
        self.message(data).into_iter().collect()
    }

    /// How the response has ended, if it has.
    pub fn ended(self) -> Option<Ended> {
        self.ended
    }

    /// `None` for what is none of the API's events: `[DONE]`, comments of gateways.
    fn message(&mut self, data: String) -> Option<String> {
        let Kind { kind } = serde_json::from_str(&data).ok()?;
        match kind?.as_ref() {
            "response.output_item.done" => self.keep(&data),
            "response.completed" | "response.incomplete" => self.ended = self.whole_of(&data),
            "response.failed" | "error" => self.ended = Some(Ended::Failed),
            _ => {}
        }
        Some(data)
    }

    fn keep(&mut self, data: &str) {
        self.items_bytes = self.items_bytes.saturating_add(data.len());
        let is_small = self.items_bytes <= self.items_bytes_max;
        match serde_json::from_str(data).ok().filter(|_| is_small) {
            Some(Item { item }) => self.items.push(item),
            // Without one of them the others are no conversation.
            None => self.items.clear(),
        }
    }

    fn whole_of(&mut self, data: &str) -> Option<Ended> {
        let Last { response } = serde_json::from_str(data).ok()?;
        let output = match response.output.is_empty() {
            true => std::mem::take(&mut self.items),
            false => response.output,
        };
        Some(Ended::Whole {
            id: response.id,
            output,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_become_messages_byte_for_byte_in_any_pieces() {
        let stream = concat!(
            "event: response.created\ndata: {\"type\":\"response.created\",  \"x\":1}\n\n",
            ": a comment\n\n",
            "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[{\"a\":1}]}}\r\n\r\n",
            "data: [DONE]\n\n",
        );
        for size in [1, 7, stream.len()] {
            let mut events = Events::new(1000);
            let pieces = stream.as_bytes().chunks(size);
            let messages: Vec<_> = pieces.flat_map(|piece| events.feed(piece)).collect();
            assert_eq!(
                messages,
                [
                    "{\"type\":\"response.created\",  \"x\":1}",
                    "{\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[{\"a\":1}]}}",
                ]
            );
            let output = vec![json!({"a": 1})];
            assert_eq!(
                events.ended(),
                Some(Ended::Whole {
                    id: "r".to_owned(),
                    output
                })
            );
        }
    }

    #[test]
    fn a_last_event_without_items_has_those_that_ended_before() {
        let item = |text: &str| {
            let event = json!({"type": "response.output_item.done", "item": {"text": text}});
            format!("data: {event}\n\n")
        };
        let last = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\"}}\n\n";
        for (max, expected) in [
            (1000, vec![json!({"text": "one"}), json!({"text": "two"})]),
            (70, vec![]),
        ] {
            let mut events = Events::new(max);
            for text in [&item("one"), &item("two"), last] {
                events.feed(text.as_bytes());
            }
            let Some(Ended::Whole { output, .. }) = events.ended() else {
                panic!("not ended");
            };
            assert_eq!(output, expected);
        }
    }

    #[test]
    fn an_end_is_told_from_a_cut() {
        for (stream, expected) in [
            ("data: {\"type\":\"response.created\"}\n\n", None),
            ("data: {\"type\":\"error\"}\n\n", Some(Ended::Failed)),
            (
                "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\"}}\n\n",
                Some(Ended::Failed),
            ),
        ] {
            let mut events = Events::new(1000);
            events.feed(stream.as_bytes());
            assert_eq!(events.ended(), expected, "{stream}");
        }
    }
}
