//! The items of a response that are no message: thoughts, searches and calls of tools, whole and streamed.

use bytes::Bytes;
use serde_json::{Value, json};

use super::responses::Answer;
use crate::provider::ask::ToolKind;
use crate::provider::content::named_event;
use crate::provider::turn::{Call, SIGNATURE};

/// The events of a stream, numbered.
#[derive(Default)]
pub(super) struct Events {
    events: Vec<Bytes>,
}

impl Events {
    pub(super) fn push(&mut self, kind: &str, mut event: Value) {
        event["type"] = json!(format!("response.{kind}"));
        event["sequence_number"] = json!(self.events.len());
        self.events.push(named_event(&event));
    }

    pub(super) fn count(&self) -> usize {
        self.events.len()
    }

    pub(super) fn split_at(mut self, at: usize) -> (Vec<Bytes>, Vec<Bytes>) {
        let closing = self.events.split_off(at);
        (self.events, closing)
    }

    /// An item that is added and done at once, with what a search tells of itself in between.
    pub(super) fn push_hidden(&mut self, index: usize, item: &Value) {
        let item_event = json!({ "output_index": index, "item": item });
        self.push("output_item.added", item_event.clone());
        if item["type"] == "web_search_call" {
            for state in ["in_progress", "searching", "completed"] {
                let place = json!({ "output_index": index, "item_id": item["id"] });
                self.push(&format!("web_search_call.{state}"), place);
            }
        }
        self.push("output_item.done", item_event);
    }
}

/// What was thought and searched for, of which nothing is shown but that it was.
pub(super) fn hidden_items(answer: &Answer<'_>) -> Vec<Value> {
    let request = answer.request;
    let mut items = Vec::new();
    if answer.turn.tokens.reasoning > 0 {
        let mut thought = json!({ "type": "reasoning", "id": request.id("rs_"), "summary": [] });
        let mut included = request.body["include"].as_array().into_iter().flatten();
        if included.any(|name| name == "reasoning.encrypted_content") {
            thought["encrypted_content"] = json!(SIGNATURE);
        }
        items.push(thought);
    }
    for number in 0..answer.turn.tokens.searches {
        items.push(json!({
            "type": "web_search_call", "id": request.id(&format!("ws_{number}_")),
            "status": "completed",
            "action": { "type": "search", "query": format!("query {number}") },
        }));
    }
    items
}

impl Answer<'_> {
    pub(super) fn call(&self, index: usize, call: &Call, status: &str) -> Value {
        let input = match status {
            "in_progress" => String::new(),
            _ => call.input(),
        };
        let (kind, prefix) = match call.kind {
            ToolKind::Function => ("function_call", "fc"),
            ToolKind::Custom => ("custom_tool_call", "ctc"),
            ToolKind::LocalShell => ("local_shell_call", "lsh"),
        };
        let mut item = json!({
            "type": kind, "id": self.request.id(&format!("{prefix}_{index}_")),
            "call_id": self.request.id(&format!("call_{index}_")), "status": status,
        });
        match call.kind {
            ToolKind::Function => item["arguments"] = json!(input),
            ToolKind::Custom => item["input"] = json!(input),
            ToolKind::LocalShell => {
                item["action"] = call.arguments.clone();
                item["action"]["type"] = json!("exec");
            }
        }
        if call.kind != ToolKind::LocalShell {
            item["name"] = json!(call.name);
        }
        item
    }

    pub(super) fn stream_call(
        &self,
        events: &mut Events,
        index: usize,
        number: usize,
        call: &Call,
    ) {
        let begun = self.call(number, call, "in_progress");
        events.push(
            "output_item.added",
            json!({ "output_index": index, "item": begun }),
        );
        let names = match call.kind {
            ToolKind::Function => Some(("function_call_arguments", "arguments")),
            ToolKind::Custom => Some(("custom_tool_call_input", "input")),
            ToolKind::LocalShell => None,
        };
        if let Some((event, whole)) = names {
            let input = call.input();
            let place = |name: &str, text: &str| json!({ "item_id": begun["id"], "output_index": index, name: text });
            for piece in input.split_inclusive(' ') {
                events.push(&format!("{event}.delta"), place("delta", piece));
            }
            events.push(&format!("{event}.done"), place(whole, &input));
        }
        let item = self.call(number, call, "completed");
        events.push(
            "output_item.done",
            json!({ "output_index": index, "item": item }),
        );
    }
}
