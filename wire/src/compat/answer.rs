//! An answer that belongs to no format, written as a chat completion or as chunks of one.

use std::borrow::Cow;

use crate::json::write::{Members, array, quoted};

/// What every chunk and every completion begins with.
#[derive(Clone, Default)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) model: String,
}

/// A whole answer.
pub(super) struct Answer<'a> {
    pub(super) head: Head,
    pub(super) choices: Vec<Choice<'a>>,
    pub(super) usage: Option<Tokens>,
}

/// One of the answers, or the next piece of one.
#[derive(Default)]
pub(super) struct Choice<'a> {
    pub(super) index: u64,
    pub(super) text: Option<Cow<'a, str>>,
    /// What the model thought, by the name that DeepSeek has given it.
    pub(super) reasoning: Option<Cow<'a, str>>,
    pub(super) calls: Vec<CallPiece<'a>>,
    /// Data URLs of images, by OpenRouter's convention.
    pub(super) images: Vec<String>,
    pub(super) finish: Option<Finish>,
}

/// A call of a function, or the next piece of one.
pub(super) struct CallPiece<'a> {
    pub(super) index: u64,
    /// The call's id and the function's name, with the first piece.
    pub(super) begins: Option<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) arguments: Cow<'a, str>,
    /// Gemini's signature as JSON, which the next request has to bring back.
    pub(super) signature: Option<&'a str>,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Finish {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

impl Finish {
    const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// Usage in OpenAI's way: cached tokens inside the prompt, reasoning inside the completion.
#[derive(Copy, Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Tokens {
    pub(super) prompt: u64,
    pub(super) completion: u64,
    pub(super) cached: u64,
    pub(super) cache_write: u64,
    pub(super) reasoning: u64,
}

impl Answer<'_> {
    pub(super) fn completion(&self, created_secs: u64) -> String {
        let choices = self.choices.iter().map(|choice| {
            let finish = choice.finish.unwrap_or(Finish::Stop);
            Members::default()
                .json("index", &choice.index.to_string())
                .json("message", &message(choice))
                .json("logprobs", "null")
                .text("finish_reason", finish.name())
                .object()
        });
        head(&self.head, "chat.completion", created_secs)
            .json("choices", &array(choices))
            .maybe("usage", self.usage.as_ref().map(Tokens::object))
            .object()
    }
}

fn message(choice: &Choice<'_>) -> String {
    let text = choice.text.as_ref().map(|text| quoted(text));
    let message = Members::default()
        .text("role", "assistant")
        .json("content", text.as_deref().unwrap_or("null"))
        .json("refusal", "null");
    let message = match &choice.reasoning {
        Some(reasoning) => message.text("reasoning_content", reasoning),
        None => message,
    };
    let calls = choice
        .calls
        .iter()
        .map(|call| call_members(Members::default(), call).object());
    let calls = (!choice.calls.is_empty()).then(|| array(calls));
    message
        .maybe("tool_calls", calls)
        .maybe("images", images(choice))
        .object()
}

fn call_members(mut members: Members, call: &CallPiece<'_>) -> Members {
    let mut function = Members::default();
    if let Some((id, name)) = &call.begins {
        members = members.text("id", id).text("type", "function");
        function = function.text("name", name);
    }
    let function = function.text("arguments", &call.arguments).object();
    members = members.json("function", &function);
    match call.signature {
        Some(signature) => {
            let google = Members::default().json("thought_signature", signature);
            let extra = Members::default().json("google", &google.object());
            members.json("extra_content", &extra.object())
        }
        None => members,
    }
}

fn images(choice: &Choice<'_>) -> Option<String> {
    let images = choice.images.iter().map(|url| {
        let url = Members::default().text("url", url);
        let image = Members::default().text("type", "image_url");
        image.json("image_url", &url.object()).object()
    });
    (!choice.images.is_empty()).then(|| array(images))
}

fn head(head: &Head, object: &str, created_secs: u64) -> Members {
    Members::default()
        .text("id", &head.id)
        .text("object", object)
        .json("created", &created_secs.to_string())
        .text("model", &head.model)
}

/// The chunk with the next piece of an answer.
pub(super) fn chunk(of: &Head, created_secs: u64, choice: &Choice<'_>, is_first: bool) -> String {
    let mut delta = Members::default();
    if is_first {
        delta = delta.text("role", "assistant");
    }
    delta = delta.maybe("content", choice.text.as_ref().map(|text| quoted(text)));
    let reasoning = choice.reasoning.as_ref().map(|text| quoted(text));
    delta = delta.maybe("reasoning_content", reasoning);
    let calls = choice.calls.iter().map(|call| {
        let members = Members::default().json("index", &call.index.to_string());
        call_members(members, call).object()
    });
    let calls = (!choice.calls.is_empty()).then(|| array(calls));
    delta = delta
        .maybe("tool_calls", calls)
        .maybe("images", images(choice));
    let finish = choice.finish.map(|finish| quoted(finish.name()));
    let choice = Members::default()
        .json("index", &choice.index.to_string())
        .json("delta", &delta.object())
        .json("logprobs", "null")
        .json("finish_reason", finish.as_deref().unwrap_or("null"));
    head(of, "chat.completion.chunk", created_secs)
        .json("choices", &array([choice.object()]))
        .object()
}

/// The chunk with the usage, for those who asked for it.
pub(super) fn usage_chunk(of: &Head, created_secs: u64, tokens: &Tokens) -> String {
    head(of, "chat.completion.chunk", created_secs)
        .json("choices", "[]")
        .json("usage", &tokens.object())
        .object()
}

impl Tokens {
    fn object(&self) -> String {
        let total = self.prompt.saturating_add(self.completion);
        let prompt = Members::default()
            .json("cached_tokens", &self.cached.to_string())
            .json("cache_write_tokens", &self.cache_write.to_string());
        let completion = Members::default().json("reasoning_tokens", &self.reasoning.to_string());
        Members::default()
            .json("prompt_tokens", &self.prompt.to_string())
            .json("completion_tokens", &self.completion.to_string())
            .json("total_tokens", &total.to_string())
            .json("prompt_tokens_details", &prompt.object())
            .json("completion_tokens_details", &completion.object())
            .object()
    }
}
