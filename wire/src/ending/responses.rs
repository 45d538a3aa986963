//! OpenAI's responses: the item that is under way is closed as `incomplete`, then `response.incomplete` with the whole response
//! ("Streaming events", OpenAI's API reference).
//!
//! Codex takes a stream that ends without `response.completed` for a broken one and asks again, five times, unless it is told by
//! `response.failed` that the quota is used up (openai/codex, codex-rs/codex-api/src/sse/responses.rs: `insufficient_quota`).

use std::collections::BTreeMap;

use crate::ending::{Last, named, number};
use crate::json::write::{Members, array, quoted};
use crate::json::{Json, Object};

/// What a client is told that may not ask again.
const QUOTA: &str = "The credit of this account ran out during the answer: top up to go on.";

#[derive(Default)]
pub(super) struct State {
    /// The response as it was last told, in JSON.
    response: Option<String>,
    items: BTreeMap<u64, Item>,
    sequence: u64,
}

/// An item of the output.
#[derive(Default)]
struct Item {
    /// As it was last told, in JSON.
    raw: String,
    is_done: bool,
    /// Its text so far, by the content's index.
    text: BTreeMap<u64, String>,
    /// The arguments of a call so far.
    arguments: String,
}

impl State {
    pub(super) fn read(&mut self, event: Json<'_>) {
        let members = event.object();
        let count = |name: &str| members.get(name).and_then(Json::count);
        self.sequence = self
            .sequence
            .max(count("sequence_number").unwrap_or_default());
        if let Some(response) = members.get("response") {
            self.response = Some(response.raw().to_owned());
        }
        let kind = members.get("type").and_then(Json::text);
        let Some(item) = count("output_index").map(|index| self.items.entry(index).or_default())
        else {
            return;
        };
        let delta = || {
            members
                .get("delta")
                .and_then(Json::text)
                .unwrap_or_default()
        };
        match kind.as_deref() {
            Some("response.output_item.added") => item.told(&members, false),
            Some("response.output_item.done") => item.told(&members, true),
            Some("response.output_text.delta" | "response.refusal.delta") => {
                let content = count("content_index").unwrap_or_default();
                item.text.entry(content).or_default().push_str(&delta());
            }
            Some(
                "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta",
            ) => {
                item.arguments.push_str(&delta());
            }
            _ => {}
        }
    }

    pub(super) fn end(mut self, last: &Last) -> Option<String> {
        let response = self.response.take()?;
        let mut out = String::new();
        let mut output = Vec::new();
        for (index, item) in std::mem::take(&mut self.items) {
            if item.raw.is_empty() {
                continue;
            }
            let whole = item.whole();
            if !item.is_done {
                let done = self.event("response.output_item.done");
                let done = done
                    .json("output_index", &number(index))
                    .json("item", &whole);
                named(&mut out, "response.output_item.done", &done.object());
            }
            output.push(whole);
        }
        let (status, name) = match last.is_final {
            true => ("failed", "response.failed"),
            false => ("incomplete", "response.incomplete"),
        };
        let response = ended(Json::parse(&response)?, status, output, last);
        let event = self.event(name).json("response", &response);
        named(&mut out, name, &event.object());
        Some(out)
    }

    fn event(&mut self, name: &str) -> Members {
        self.sequence = self.sequence.saturating_add(1);
        let sequence = number(self.sequence);
        Members::default()
            .text("type", name)
            .json("sequence_number", &sequence)
    }
}

impl Item {
    fn told(&mut self, event: &Object<'_>, is_done: bool) {
        if let Some(item) = event.get("item") {
            item.raw().clone_into(&mut self.raw);
        }
        self.is_done |= is_done;
        if self.is_done {
            self.text.clear();
            self.arguments.clear();
        }
    }

    /// The item with what has come of it.
    fn whole(&self) -> String {
        let Some(item) = Json::parse(&self.raw).filter(|_| !self.is_done) else {
            return self.raw.clone();
        };
        let mut whole = Members::default();
        for (name, value) in item.object().members() {
            whole = match name {
                "status" => whole.json(name, "\"incomplete\""),
                "content" if !self.text.is_empty() => whole.json(name, &self.content()),
                "arguments" | "input" => whole.json(name, &quoted(&self.arguments)),
                _ => whole.json(name, value.raw()),
            };
        }
        whole.object()
    }

    fn content(&self) -> String {
        array(self.text.values().map(|text| {
            let part = Members::default()
                .text("type", "output_text")
                .json("annotations", "[]")
                .text("text", text);
            part.object()
        }))
    }
}

/// The response as it stands at its end.
fn ended(response: Json<'_>, status: &str, output: Vec<String>, last: &Last) -> String {
    let error = Members::default()
        .text("code", "insufficient_quota")
        .text("message", QUOTA)
        .object();
    let (error, details) = match last.is_final {
        true => (error.as_str(), "null"),
        false => ("null", r#"{"reason":"max_output_tokens"}"#),
    };
    let new = ["status", "error", "incomplete_details", "output", "usage"];
    let mut members = Members::default();
    for (name, value) in response.object().members() {
        if !new.contains(&name) {
            members = members.json(name, value.raw());
        }
    }
    let total = last.input_tokens.saturating_add(last.output_tokens);
    let usage = Members::default()
        .json("input_tokens", &number(last.input_tokens))
        .json("input_tokens_details", r#"{"cached_tokens":0}"#)
        .json("output_tokens", &number(last.output_tokens))
        .json("output_tokens_details", r#"{"reasoning_tokens":0}"#)
        .json("total_tokens", &number(total));
    members
        .text("status", status)
        .json("error", error)
        .json("incomplete_details", details)
        .json("output", &array(output))
        .json("usage", &usage.object())
        .object()
}
