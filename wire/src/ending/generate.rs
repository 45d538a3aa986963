//! Gemini's `streamGenerateContent?alt=sse`: a last chunk with the finish reason `MAX_TOKENS` and the usage.

use std::collections::BTreeMap;

use crate::ending::{Last, data, number};
use crate::json::Json;
use crate::json::write::Members;

const SAME: &[&str] = &["modelVersion", "responseId"];

#[derive(Default)]
pub(super) struct State {
    head: BTreeMap<&'static str, String>,
}

impl State {
    pub(super) fn read(&mut self, chunk: Json<'_>) {
        let members = chunk.object();
        for name in SAME {
            if let Some(value) = members.get(name) {
                self.head.insert(name, value.raw().to_owned());
            }
        }
    }

    pub(super) fn end(self, last: &Last) -> String {
        let candidate = Members::default()
            .json("content", r#"{"parts":[{"text":""}],"role":"model"}"#)
            .json("finishReason", "\"MAX_TOKENS\"")
            .json("index", "0");
        let total = last.input_tokens.saturating_add(last.output_tokens);
        let usage = Members::default()
            .json("promptTokenCount", &number(last.input_tokens))
            .json("candidatesTokenCount", &number(last.output_tokens))
            .json("totalTokenCount", &number(total));
        let chunk = Members::default()
            .json("candidates", &format!("[{}]", candidate.object()))
            .json("usageMetadata", &usage.object());
        let head = self.head.iter();
        let chunk = head.fold(chunk, |chunk, (name, value)| chunk.json(name, value));
        let mut out = String::new();
        data(&mut out, &chunk.object());
        out
    }
}
