//! Anthropic's answers, whole and in events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::compat::answer::{Answer, CallPiece, Choice, Finish, Head, Tokens};
use crate::json::{Json, Object};

/// A whole message.
pub(super) fn read(message: Json<'_>) -> Option<Answer<'_>> {
    let members = message.object();
    let mut choice = Choice::default();
    let mut text = String::new();
    let mut reasoning = String::new();
    for block in members.get("content")?.items() {
        let block = block.object();
        let member = |name: &str| block.get(name).and_then(Json::text).unwrap_or_default();
        match member("type").as_ref() {
            "text" => text.push_str(&member("text")),
            "thinking" => reasoning.push_str(&member("thinking")),
            "tool_use" => choice.calls.push(CallPiece {
                index: u64::try_from(choice.calls.len()).unwrap_or(u64::MAX),
                begins: Some((member("id"), member("name"))),
                arguments: block.get("input").map_or("{}", Json::raw).into(),
                signature: None,
            }),
            _ => {}
        }
    }
    choice.text = (!text.is_empty()).then_some(text.into());
    choice.reasoning = (!reasoning.is_empty()).then_some(reasoning.into());
    choice.finish = members.get("stop_reason").and_then(finish);
    Some(Answer {
        head: head(&members),
        choices: vec![choice],
        usage: members.get("usage").map(|usage| tokens(&usage.object())),
    })
}

fn head(message: &Object<'_>) -> Head {
    let text = |name: &str| message.get(name).and_then(Json::text).unwrap_or_default();
    Head {
        id: format!("chatcmpl-{}", text("id")),
        model: text("model").into_owned(),
    }
}

fn finish(reason: Json<'_>) -> Option<Finish> {
    Some(match reason.text()?.as_ref() {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        _ => Finish::Stop,
    })
}

fn tokens(usage: &Object<'_>) -> Tokens {
    let count = |name: &str| usage.get(name).and_then(Json::count).unwrap_or_default();
    let cached = count("cache_read_input_tokens");
    let cache_write = count("cache_creation_input_tokens");
    let details = usage.get("output_tokens_details");
    let thinking = details.and_then(|details| details.get("thinking_tokens")?.count());
    Tokens {
        prompt: count("input_tokens")
            .saturating_add(cached)
            .saturating_add(cache_write),
        completion: count("output_tokens"),
        cached,
        cache_write,
        reasoning: thinking.unwrap_or_default(),
    }
}

/// What has to be remembered from one event to the next.
#[derive(Default)]
pub(super) struct Events {
    pub(super) head: Head,
    /// Which of the calls a block is.
    calls: BTreeMap<u64, u64>,
    /// The block of a call that has no arguments yet.
    bare: Option<u64>,
    /// Usage so far, a later figure in the place of an earlier one.
    usage: BTreeMap<String, String>,
}

impl Events {
    /// The next piece of the answer, if the event has one.
    pub(super) fn read<'a>(&mut self, event: &Object<'a>) -> Option<Choice<'a>> {
        let kind = event.get("type").and_then(Json::text)?;
        match kind.as_ref() {
            "message_start" => {
                let message = event.get("message")?.object();
                self.head = head(&message);
                self.remember(message.get("usage"));
                Some(Choice {
                    text: Some(Cow::Borrowed("")),
                    ..Choice::default()
                })
            }
            "content_block_start" => self.begin_block(event),
            "content_block_delta" => self.delta(event),
            "content_block_stop" => self.end_block(event),
            "message_delta" => {
                self.remember(event.get("usage"));
                let reason = event.get("delta")?.get("stop_reason")?;
                Some(Choice {
                    finish: finish(reason),
                    ..Choice::default()
                })
            }
            _ => None,
        }
    }

    pub(super) fn tokens(&self) -> Tokens {
        let written: Vec<String> = self
            .usage
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let usage = format!("{{{}}}", written.join(","));
        Json::parse(&usage).map_or(Tokens::default(), |usage| tokens(&usage.object()))
    }

    fn remember(&mut self, usage: Option<Json<'_>>) {
        let members = usage.map(Json::object).unwrap_or_default();
        for (name, value) in members.members().filter(|(_, value)| !value.is_null()) {
            self.usage.insert(name.to_owned(), value.raw().to_owned());
        }
    }

    fn begin_block<'a>(&mut self, event: &Object<'a>) -> Option<Choice<'a>> {
        let block = event.get("content_block")?.object();
        if !block.get("type")?.is("tool_use") {
            return None;
        }
        let index = u64::try_from(self.calls.len()).unwrap_or(u64::MAX);
        let place = event.get("index")?.count()?;
        self.calls.insert(place, index);
        self.bare = Some(place);
        let piece = CallPiece {
            index,
            begins: Some((block.get("id")?.text()?, block.get("name")?.text()?)),
            arguments: Cow::Borrowed(""),
            signature: None,
        };
        Some(Choice {
            calls: vec![piece],
            ..Choice::default()
        })
    }

    /// A call without arguments has no pieces of any. To clients of chat completions it has an empty object: an empty text
    /// is no JSON.
    fn end_block<'a>(&mut self, event: &Object<'a>) -> Option<Choice<'a>> {
        let place = event.get("index")?.count()?;
        self.bare.take_if(|bare| *bare == place)?;
        let piece = CallPiece {
            index: *self.calls.get(&place)?,
            begins: None,
            arguments: Cow::Borrowed("{}"),
            signature: None,
        };
        Some(Choice {
            calls: vec![piece],
            ..Choice::default()
        })
    }

    fn delta<'a>(&mut self, event: &Object<'a>) -> Option<Choice<'a>> {
        let delta = event.get("delta")?.object();
        let text = |name: &str| delta.get(name).and_then(Json::text);
        let mut choice = Choice::default();
        match delta.get("type")?.text()?.as_ref() {
            "text_delta" => choice.text = text("text"),
            "thinking_delta" => choice.reasoning = text("thinking"),
            "input_json_delta" => {
                let arguments = text("partial_json")?;
                if !arguments.is_empty() {
                    self.bare = None;
                }
                choice.calls.push(CallPiece {
                    index: *self.calls.get(&event.get("index")?.count()?)?,
                    begins: None,
                    arguments,
                    signature: None,
                });
            }
            _ => return None,
        }
        Some(choice)
    }
}
