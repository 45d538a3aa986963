//! Gemini's answers. A chunk of a stream is made like a whole one, so that both are read the same way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::compat::answer::{Answer, CallPiece, Choice, Finish, Head, Tokens};
use crate::json::{Json, Object};

/// A whole answer.
pub(super) fn read(answer: Json<'_>) -> Option<Answer<'_>> {
    let mut chunks = Chunks::default();
    let choices = chunks.read(&answer.object());
    (!choices.is_empty()).then_some(Answer {
        head: chunks.head,
        choices,
        usage: chunks.tokens,
    })
}

/// What has to be remembered from one chunk to the next.
#[derive(Default)]
pub(super) struct Chunks {
    pub(super) head: Head,
    pub(super) tokens: Option<Tokens>,
    /// How many calls each of the answers has made.
    calls: BTreeMap<u64, u64>,
}

impl Chunks {
    /// The next pieces of the answers.
    pub(super) fn read<'a>(&mut self, chunk: &Object<'a>) -> Vec<Choice<'a>> {
        let text = |name: &str| chunk.get(name).and_then(Json::text);
        if let Some(id) = text("responseId") {
            self.head.id = format!("chatcmpl-{id}");
        }
        if let Some(model) = text("modelVersion") {
            self.head.model = model.into_owned();
        }
        let usage = chunk
            .get("usageMetadata")
            .map(|usage| tokens(&usage.object()));
        self.tokens = usage.or(self.tokens);
        let candidates = chunk.get("candidates").map(Json::items).unwrap_or_default();
        let pieces = (0..).zip(&candidates);
        let mut choices: Vec<Choice<'a>> = pieces
            .map(|(place, candidate)| self.candidate(place, &candidate.object()))
            .collect();
        let feedback = chunk.get("promptFeedback");
        if feedback.is_some_and(|feedback| feedback.get("blockReason").is_some()) {
            choices.push(Choice {
                finish: Some(Finish::ContentFilter),
                ..Choice::default()
            });
        }
        choices
    }

    fn candidate<'a>(&mut self, place: u64, candidate: &Object<'a>) -> Choice<'a> {
        let index = candidate.get("index").and_then(Json::count);
        let mut choice = Choice {
            index: index.unwrap_or(place),
            ..Choice::default()
        };
        let parts = candidate
            .get("content")
            .and_then(|content| content.get("parts"));
        for part in parts.map(Json::items).unwrap_or_default() {
            self.part(&mut choice, &part.object());
        }
        let has_called = self.calls.contains_key(&choice.index);
        choice.finish = candidate
            .get("finishReason")
            .and_then(|reason| finish(reason, has_called));
        choice
    }

    fn part<'a>(&mut self, choice: &mut Choice<'a>, part: &Object<'a>) {
        let is_thought = part.get("thought").and_then(Json::flag) == Some(true);
        if let Some(text) = part.get("text").and_then(Json::text) {
            let so_far = if is_thought {
                &mut choice.reasoning
            } else {
                &mut choice.text
            };
            match so_far {
                Some(so_far) => so_far.to_mut().push_str(&text),
                None => *so_far = Some(text),
            }
        }
        if let Some(function) = part.get("functionCall") {
            let signature = part.get("thoughtSignature");
            let piece = self.call(choice.index, &function.object(), signature);
            choice.calls.push(piece);
        }
        let blob = part.get("inlineData").map(Json::object).unwrap_or_default();
        let text = |name: &str| blob.get(name).and_then(Json::text);
        if let (Some(mime), Some(data)) = (text("mimeType"), text("data")) {
            choice.images.push(format!("data:{mime};base64,{data}"));
        }
    }

    /// Gemini gives few of its calls an id, and OpenAI's clients need one.
    fn call<'a>(
        &mut self,
        choice: u64,
        function: &Object<'a>,
        signature: Option<Json<'a>>,
    ) -> CallPiece<'a> {
        let calls = self.calls.entry(choice).or_default();
        let index = *calls;
        *calls = calls.saturating_add(1);
        let text = |name: &str| function.get(name).and_then(Json::text);
        let answer = self.head.id.trim_start_matches("chatcmpl-");
        let made = || Cow::Owned(format!("call_{answer}_{choice}_{index}"));
        CallPiece {
            index,
            begins: Some((
                text("id").unwrap_or_else(made),
                text("name").unwrap_or_default(),
            )),
            arguments: function.get("args").map_or("{}", Json::raw).into(),
            signature: signature.map(Json::raw),
        }
    }
}

fn finish(reason: Json<'_>, has_called: bool) -> Option<Finish> {
    Some(match reason.text()?.as_ref() {
        "MAX_TOKENS" => Finish::Length,
        "STOP" if has_called => Finish::ToolCalls,
        "STOP" | "OTHER" | "FINISH_REASON_UNSPECIFIED" | "MALFORMED_FUNCTION_CALL" => Finish::Stop,
        // Safety, recitation, and whatever else is held back.
        _ => Finish::ContentFilter,
    })
}

fn tokens(usage: &Object<'_>) -> Tokens {
    let count = |name: &str| usage.get(name).and_then(Json::count).unwrap_or_default();
    let thoughts = count("thoughtsTokenCount");
    Tokens {
        prompt: count("promptTokenCount").saturating_add(count("toolUsePromptTokenCount")),
        completion: count("candidatesTokenCount").saturating_add(thoughts),
        cached: count("cachedContentTokenCount"),
        cache_write: 0,
        reasoning: thoughts,
    }
}
