//! Messages.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{
    Ask, Choice, Tool, ToolKind, at_least_one, needed, needed_list, text_of, turns, weigh,
};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::{Content, named_event};
use crate::provider::error::Refusal;
use crate::provider::turn::{Finish, SIGNATURE, Tokens, Turn};

use super::search;

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let ask = ask_without_limit(body)?;
    let limit = at_least_one("max_tokens", &body["max_tokens"])?;
    let missing = || Refusal::invalid("max_tokens", "max_tokens: Field required");
    Ok(Ask {
        limit: Some(limit.ok_or_else(missing)?),
        ..ask
    })
}

/// What counting tokens needs too.
pub(crate) fn ask_without_limit(body: &Value) -> Result<Ask, Refusal> {
    let model = needed(body, "model")?;
    let messages = needed_list(body, "messages")?;
    let tools = body["tools"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let input = weigh(&body["system"])
        + messages
            .iter()
            .map(|message| weigh(&message["content"]))
            .sum::<u64>()
        + tools.iter().map(Tool::weigh).sum::<u64>();
    let last = messages.last().filter(|message| message["role"] == "user");
    Ok(Ask {
        model: model.to_owned(),
        input,
        last: last
            .map(|message| text_of(&message["content"]))
            .unwrap_or_default(),
        turns: turns(messages, "assistant"),
        answers: 1,
        tools: tools.iter().filter_map(tool).collect(),
        choice: choice(&body["tool_choice"]),
        schema: schema(body),
        stream: body["stream"] == true,
        shows_thoughts: matches!(
            body["thinking"]["type"].as_str(),
            Some("enabled" | "adaptive")
        ),
        ..Ask::default()
    })
}

/// A tool of the client's. Those that the server runs have no schema.
fn tool(definition: &Value) -> Option<Tool> {
    Some(Tool {
        name: definition["name"].as_str()?.to_owned(),
        parameters: definition.get("input_schema")?.clone(),
        kind: ToolKind::Function,
    })
}

fn choice(choice: &Value) -> Choice {
    match (choice["type"].as_str(), choice["name"].as_str()) {
        (Some("none"), _) => Choice::Never,
        (Some("any"), _) => Choice::Any,
        (Some("tool"), Some(name)) => Choice::This(name.to_owned()),
        _ => Choice::Auto,
    }
}

fn schema(body: &Value) -> Option<Value> {
    let formats = [&body["output_config"]["format"], &body["output_format"]];
    let format = formats
        .iter()
        .find(|format| format["type"] == "json_schema")?;
    Some(format["schema"].clone())
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let turn = Turn::of(ask, behaviour);
    let message = Message {
        request,
        ask,
        behaviour,
        turn: &turn,
    };
    let content = match ask.stream {
        true => message.stream(),
        false => Content::json(&message.whole()),
    };
    content.using(turn.tokens.usage())
}

pub(super) struct Message<'a> {
    pub(super) request: &'a Request<'a>,
    ask: &'a Ask,
    behaviour: &'a Behaviour,
    pub(super) turn: &'a Turn,
}

/// A block of the answer, and the deltas that it is streamed in.
pub(super) struct Block {
    pub(super) whole: Value,
    pub(super) empty: Value,
    pub(super) deltas: Vec<Value>,
}

impl Message<'_> {
    fn whole(&self) -> Value {
        let blocks = self.blocks().into_iter().map(|block| block.whole);
        let stop = json!(finish(self.turn.finish));
        self.message(blocks.collect(), stop, self.turn.tokens.output)
    }

    fn message(&self, content: Value, stop_reason: Value, output: u64) -> Value {
        let mut message = json!({
            "id": self.request.id("msg_"), "type": "message", "role": "assistant",
            "model": self.ask.model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": null,
        });
        if let Some(usage) = self.behaviour.report(usage(&self.turn.tokens, output)) {
            message["usage"] = usage;
        }
        message
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        blocks.extend(self.thinking());
        blocks.extend(search::blocks(self));
        if !self.turn.pieces.is_empty() {
            blocks.push(self.text());
        }
        for (index, call) in self.turn.calls.iter().enumerate() {
            let id = self.request.id(&format!("toolu_{index}_"));
            let empty = json!({ "type": "tool_use", "id": id, "name": call.name, "input": {} });
            let mut whole = empty.clone();
            whole["input"] = call.arguments.clone();
            let arguments = call.arguments.to_string();
            let pieces = std::iter::once("").chain(arguments.split_inclusive(' '));
            let delta = |piece| json!({ "type": "input_json_delta", "partial_json": piece });
            blocks.push(Block {
                whole,
                empty,
                deltas: pieces.map(delta).collect(),
            });
        }
        blocks
    }

    fn thinking(&self) -> Option<Block> {
        let thoughts: Vec<String> = self.turn.thoughts(self.ask).collect();
        let delta = |thought| json!({ "type": "thinking_delta", "thinking": thought });
        let mut deltas: Vec<Value> = thoughts.iter().map(delta).collect();
        deltas.push(json!({ "type": "signature_delta", "signature": SIGNATURE }));
        let thinking = thoughts.concat();
        (!thoughts.is_empty()).then(|| Block {
            whole: json!({ "type": "thinking", "thinking": thinking, "signature": SIGNATURE }),
            empty: json!({ "type": "thinking", "thinking": "", "signature": "" }),
            deltas,
        })
    }

    fn text(&self) -> Block {
        let deltas = self.turn.deltas(self.behaviour);
        Block {
            whole: json!({ "type": "text", "text": self.turn.text() }),
            empty: json!({ "type": "text", "text": "" }),
            deltas: deltas
                .map(|delta| json!({ "type": "text_delta", "text": delta }))
                .collect(),
        }
    }

    fn stream(&self) -> Content {
        // The output that is told at the start is only what has been made by then.
        let begun = self.turn.tokens.output.min(1);
        let message = self.message(json!([]), Value::Null, begun);
        let mut events = vec![json!({ "type": "message_start", "message": message })];
        let blocks = self.blocks();
        let mut closing = Vec::new();
        let last = blocks.len().saturating_sub(1);
        for (index, block) in blocks.into_iter().enumerate() {
            let start = json!({
                "type": "content_block_start", "index": index, "content_block": block.empty,
            });
            events.push(start);
            if index == 0 {
                events.push(json!({ "type": "ping" }));
            }
            events.extend(block.deltas.into_iter().map(
                |delta| json!({ "type": "content_block_delta", "index": index, "delta": delta }),
            ));
            let stop = json!({ "type": "content_block_stop", "index": index });
            if index == last {
                closing.push(stop)
            } else {
                events.push(stop)
            }
        }
        closing.push(self.message_delta());
        closing.push(json!({ "type": "message_stop" }));
        Content::sse(encoded(&events), encoded(&closing))
    }

    /// The usage here is all of the message's, not what came since the start.
    fn message_delta(&self) -> Value {
        let mut delta = json!({
            "type": "message_delta",
            "delta": { "stop_reason": finish(self.turn.finish), "stop_sequence": null },
        });
        let mut all = usage(&self.turn.tokens, self.turn.tokens.output);
        if let Some(all) = all.as_object_mut() {
            all.remove("cache_creation");
            all.remove("service_tier");
        }
        if let Some(usage) = self.behaviour.report(all) {
            delta["usage"] = usage;
        }
        delta
    }
}

fn encoded(events: &[Value]) -> Vec<Bytes> {
    events.iter().map(named_event).collect()
}

fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tool => "tool_use",
    }
}

/// Input that was read from a cache or written to one stands beside the rest, not inside it.
fn usage(tokens: &Tokens, output: u64) -> Value {
    let mut usage = json!({
        "input_tokens": tokens.fresh(),
        "cache_creation_input_tokens": tokens.written(),
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.written_5m,
            "ephemeral_1h_input_tokens": tokens.written_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
    });
    if tokens.reasoning > 0 {
        let thinking = tokens.reasoning.min(output);
        usage["output_tokens_details"] = json!({ "thinking_tokens": thinking });
    }
    if tokens.searches > 0 {
        usage["server_tool_use"] = json!({
            "web_search_requests": tokens.searches, "web_fetch_requests": 0,
        });
    }
    usage
}
