//! Chat completions: a chunk with `finish_reason` for each answer that has none, the usage if it was asked for, `[DONE]`.

use std::collections::BTreeMap;

use crate::ending::{Last, data, number};
use crate::json::Json;
use crate::json::write::Members;

/// Members of every chunk, which are the same in all of them.
const SAME: &[&str] = &["id", "created", "model", "system_fingerprint", "provider"];

#[derive(Default)]
pub(super) struct State {
    /// As the chunks have them, in JSON.
    head: BTreeMap<&'static str, String>,
    /// Whether an answer has finished, by its index.
    answers: BTreeMap<u64, bool>,
}

impl State {
    pub(super) fn read(&mut self, chunk: Json<'_>) {
        let members = chunk.object();
        for name in SAME {
            if let Some(value) = members.get(name) {
                self.head
                    .entry(name)
                    .or_insert_with(|| value.raw().to_owned());
            }
        }
        for choice in members.get("choices").map(Json::items).unwrap_or_default() {
            let index = choice.get("index").and_then(Json::count);
            let is_over = choice.get("finish_reason").is_some();
            *self.answers.entry(index.unwrap_or_default()).or_default() |= is_over;
        }
    }

    pub(super) fn end(mut self, last: &Last) -> String {
        let mut out = String::new();
        if self.answers.is_empty() {
            self.answers.insert(0, false);
        }
        for (index, _) in self.answers.iter().filter(|(_, is_over)| !**is_over) {
            let choice = Members::default()
                .json("index", &number(*index))
                .json("delta", "{}")
                .json("finish_reason", "\"length\"");
            let choices = format!("[{}]", choice.object());
            data(&mut out, &self.chunk().json("choices", &choices).object());
        }
        if last.tells_usage {
            let total = last.input_tokens.saturating_add(last.output_tokens);
            let usage = Members::default()
                .json("prompt_tokens", &number(last.input_tokens))
                .json("completion_tokens", &number(last.output_tokens))
                .json("total_tokens", &number(total));
            let chunk = self.chunk().json("choices", "[]");
            data(&mut out, &chunk.json("usage", &usage.object()).object());
        }
        data(&mut out, "[DONE]");
        out
    }

    fn chunk(&self) -> Members {
        let chunk = Members::default().json("object", "\"chat.completion.chunk\"");
        let head = self.head.iter();
        head.fold(chunk, |chunk, (name, value)| chunk.json(name, value))
    }
}
