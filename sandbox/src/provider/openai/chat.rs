//! Chat completions.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{
    Ask, Choice, Tool, ToolKind, answers, at_least_one, needed, needed_list, text_of, turns, weigh,
};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::{Content, event};
use crate::provider::error::Refusal;
use crate::provider::turn::{Call, Finish, Turn};

use super::flavour::Flavour;
use super::service_tier;

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let model = match &request.route.model {
        Some(deployment) => deployment,
        None => needed(body, "model")?,
    };
    let messages = needed_list(body, "messages")?;
    let stream = body["stream"] == true;
    if !stream && !body["stream_options"].is_null() {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::invalid("stream_options", message));
    }
    let tools = body["tools"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let weight = messages.iter().map(weigh_message).sum::<u64>()
        + tools
            .iter()
            .map(|tool| Tool::weigh(&tool["function"]))
            .sum::<u64>();
    let last = messages.last().filter(|message| message["role"] == "user");
    Ok(Ask {
        model: model.to_owned(),
        input: weight,
        last: last
            .map(|message| text_of(&message["content"]))
            .unwrap_or_default(),
        turns: turns(messages, "assistant"),
        limit: limit(body)?,
        answers: answers("n", &body["n"])?,
        tools: tools
            .iter()
            .filter_map(|tool| function(&tool["function"]))
            .collect(),
        choice: choice(&body["tool_choice"]),
        schema: schema(&body["response_format"]),
        stream,
        shows_thoughts: false,
    })
}

fn weigh_message(message: &Value) -> u64 {
    let calls = message["tool_calls"].as_array();
    weigh(&message["content"]) + calls.into_iter().flatten().map(weigh).sum::<u64>()
}

fn limit(body: &Value) -> Result<Option<u64>, Refusal> {
    let old = at_least_one("max_tokens", &body["max_tokens"])?;
    let new = at_least_one("max_completion_tokens", &body["max_completion_tokens"])?;
    if old.is_some() && new.is_some() {
        let message = "Set either 'max_tokens' or 'max_completion_tokens', not both.";
        return Err(Refusal::invalid("max_tokens", message));
    }
    Ok(old.or(new))
}

/// A function that the client offers. Tools of the provider's own are not called.
pub(crate) fn function(definition: &Value) -> Option<Tool> {
    Some(Tool {
        name: definition["name"].as_str()?.to_owned(),
        parameters: definition["parameters"].clone(),
        kind: ToolKind::Function,
    })
}

fn choice(choice: &Value) -> Choice {
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (Some("none"), _) => Choice::Never,
        (Some("required"), _) => Choice::Any,
        (_, Some(name)) => Choice::This(name.to_owned()),
        _ => Choice::Auto,
    }
}

fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str()? {
        "json_object" => Some(json!({ "type": "object" })),
        "json_schema" => Some(format["json_schema"]["schema"].clone()),
        _ => None,
    }
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let turn = Turn::of(ask, behaviour);
    let flavour = Flavour::of(request.path);
    let chat = Chat {
        request,
        ask,
        behaviour,
        turn: &turn,
        flavour,
        usage: behaviour.report(flavour.usage(&turn.tokens)),
    };
    let content = match ask.stream {
        true => chat.stream(),
        false => Content::json(&chat.whole()),
    };
    content.using(turn.tokens.usage())
}

struct Chat<'a> {
    request: &'a Request<'a>,
    ask: &'a Ask,
    behaviour: &'a Behaviour,
    turn: &'a Turn,
    flavour: Flavour,
    usage: Option<Value>,
}

impl Chat<'_> {
    fn whole(&self) -> Value {
        let choice = |index| {
            json!({
                "index": index, "message": self.message(), "logprobs": null,
                "finish_reason": finish(self.turn.finish),
            })
        };
        let mut body = json!({
            "id": self.request.id("chatcmpl-"), "object": "chat.completion",
            "created": self.request.now, "model": self.ask.model,
            "choices": (0..self.ask.answers).map(choice).collect::<Vec<_>>(),
            "service_tier": service_tier(&self.request.body), "system_fingerprint": "fp_sandbox",
        });
        if let Some(usage) = &self.usage {
            body["usage"] = usage.clone();
        }
        body
    }

    fn message(&self) -> Value {
        let mut message = json!({
            "role": "assistant", "content": self.turn.text(), "refusal": null, "annotations": [],
        });
        if !self.turn.calls.is_empty() {
            let calls = self.turn.calls.iter().enumerate();
            if self.turn.pieces.is_empty() {
                message["content"] = Value::Null;
            }
            message["tool_calls"] = calls.map(|(index, call)| self.call(index, call)).collect();
        }
        message
    }

    fn call(&self, index: usize, call: &Call) -> Value {
        json!({
            "id": self.request.id(&format!("call_{index}_")), "type": "function",
            "function": { "name": call.name, "arguments": call.arguments.to_string() },
        })
    }

    fn stream(&self) -> Content {
        let mut events = self.filters();
        let begin = json!({ "role": "assistant", "content": "", "refusal": null });
        events.extend(self.each_choice(&begin));
        for delta in self.turn.deltas(self.behaviour) {
            events.extend(self.each_choice(&json!({ "content": delta })));
        }
        for (index, call) in self.turn.calls.iter().enumerate() {
            for delta in self.call_deltas(index, call) {
                events.extend(self.each_choice(&delta));
            }
        }
        let reason = json!(finish(self.turn.finish));
        let ends = (0..self.ask.answers).map(|index| self.chunk(index, &json!({}), &reason));
        let mut closing: Vec<Bytes> = ends.map(|chunk| event(&chunk)).collect();
        if let Some(usage) = self.usage.as_ref().filter(|_| self.tells_usage()) {
            let mut chunk = self.chunk(0, &json!({}), &Value::Null);
            chunk["choices"] = json!([]);
            chunk["usage"] = usage.clone();
            closing.push(event(&chunk));
        }
        closing.push(Bytes::from_static(b"data: [DONE]\n\n"));
        Content::sse(events, closing)
    }

    /// Azure tells first what its filters make of the prompt, in a chunk that is hardly one.
    fn filters(&self) -> Vec<Bytes> {
        let filters = json!({
            "id": "", "object": "", "created": 0, "model": "", "choices": [],
            "prompt_filter_results": [{ "prompt_index": 0, "content_filter_results": {} }],
        });
        let is_azure = self.flavour == Flavour::Azure;
        Vec::from_iter(is_azure.then(|| event(&filters)))
    }

    fn tells_usage(&self) -> bool {
        self.request.body["stream_options"]["include_usage"] == true
    }

    fn each_choice(&self, delta: &Value) -> Vec<Bytes> {
        let chunks = (0..self.ask.answers).map(|index| self.chunk(index, delta, &Value::Null));
        chunks.map(|chunk| event(&chunk)).collect()
    }

    fn chunk(&self, index: u64, delta: &Value, finish_reason: &Value) -> Value {
        let mut chunk = json!({
            "id": self.request.id("chatcmpl-"), "object": "chat.completion.chunk",
            "created": self.request.now, "model": self.ask.model,
            "service_tier": service_tier(&self.request.body), "system_fingerprint": "fp_sandbox",
            "choices": [{
                "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
            }],
        });
        if self.tells_usage() {
            chunk["usage"] = Value::Null;
        }
        let is_last = !finish_reason.is_null();
        self.flavour.dress(&mut chunk, is_last, self.usage.as_ref());
        chunk
    }

    /// A call comes with its name and no arguments first, and then its arguments word by word.
    fn call_deltas(&self, index: usize, call: &Call) -> Vec<Value> {
        let mut first = self.call(index, call);
        first["index"] = json!(index);
        first["function"]["arguments"] = json!("");
        let arguments = call.arguments.to_string();
        let pieces = arguments
            .split_inclusive(' ')
            .map(|piece| json!({ "index": index, "function": { "arguments": piece } }));
        let all = std::iter::once(first).chain(pieces);
        all.map(|call| json!({ "tool_calls": [call] })).collect()
    }
}

fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Tool => "tool_calls",
    }
}
