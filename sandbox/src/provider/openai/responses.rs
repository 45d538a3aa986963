//! Responses.

use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{Ask, Choice, Tool, ToolKind, at_least_one, needed, text_of, weigh};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::Content;
use crate::provider::error::Refusal;
use crate::provider::turn::{Finish, Tokens, Turn};

use super::chat::function;
use super::responses_items::{Events, hidden_items};
use super::service_tier;

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let model = needed(body, "model")?;
    let input = &body["input"];
    if !input.is_string() && !input.is_array() {
        return Err(Refusal::invalid(
            "input",
            "Missing required parameter: 'input'.",
        ));
    }
    let tools = body["tools"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let last = match input.as_array().map(|items| items.last()) {
        None => text_of(input),
        Some(Some(item)) if item["role"] == "user" => text_of(&item["content"]),
        Some(_) => String::new(),
    };
    Ok(Ask {
        model: model.to_owned(),
        input: weigh(&body["instructions"])
            + weigh(input)
            + tools.iter().map(Tool::weigh).sum::<u64>(),
        last,
        turns: input.as_array().map_or(0, |items| turns(items)),
        limit: at_least_one("max_output_tokens", &body["max_output_tokens"])?,
        answers: 1,
        tools: tools.iter().filter_map(tool).collect(),
        choice: choice(&body["tool_choice"]),
        schema: schema(&body["text"]["format"]),
        stream: body["stream"] == true,
        shows_thoughts: false,
    })
}

/// A tool that the client runs. Those that the provider runs are not called.
fn tool(definition: &Value) -> Option<Tool> {
    match definition["type"].as_str()? {
        "function" => function(definition),
        "custom" => Some(Tool {
            kind: ToolKind::Custom,
            ..function(definition)?
        }),
        "local_shell" => Some(Tool {
            name: "local_shell".to_owned(),
            parameters: Value::Null,
            kind: ToolKind::LocalShell,
        }),
        _ => None,
    }
}

/// How often the model has had its say: its items that follow on one another are one turn.
fn turns(items: &[Value]) -> u64 {
    let is_models = |item: &Value| {
        let kind = item["type"].as_str().unwrap_or("message");
        kind.ends_with("_call") || kind == "reasoning" || item["role"] == "assistant"
    };
    let runs = items.chunk_by(|one, next| is_models(one) == is_models(next));
    let of_model = runs.filter(|run| run.first().is_some_and(is_models));
    of_model.count() as u64
}

fn choice(choice: &Value) -> Choice {
    match (choice.as_str(), choice["name"].as_str()) {
        (Some("none"), _) => Choice::Never,
        (Some("required"), _) => Choice::Any,
        (_, Some(name)) => Choice::This(name.to_owned()),
        _ => Choice::Auto,
    }
}

fn schema(format: &Value) -> Option<Value> {
    match format["type"].as_str()? {
        "json_object" => Some(json!({ "type": "object" })),
        "json_schema" => Some(format["schema"].clone()),
        _ => None,
    }
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let turn = Turn::of(ask, behaviour);
    let answer = Answer {
        request,
        ask,
        behaviour,
        turn: &turn,
    };
    let content = match ask.stream {
        true => answer.stream(),
        false => Content::json(&answer.ended()),
    };
    content.using(turn.tokens.usage())
}

pub(super) struct Answer<'a> {
    pub(super) request: &'a Request<'a>,
    ask: &'a Ask,
    behaviour: &'a Behaviour,
    pub(super) turn: &'a Turn,
}

impl Answer<'_> {
    fn response(&self, status: &str, output: Vec<Value>) -> Value {
        let body = &self.request.body;
        let or = |name: &str, default: Value| body.get(name).cloned().unwrap_or(default);
        json!({
            "id": self.request.id("resp_"), "object": "response", "created_at": self.request.now,
            "status": status, "background": false, "error": null, "incomplete_details": null,
            "instructions": body["instructions"], "max_output_tokens": body["max_output_tokens"],
            "model": self.ask.model, "output": output,
            "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
            "previous_response_id": body["previous_response_id"],
            "reasoning": or("reasoning", json!({ "effort": null, "summary": null })),
            "service_tier": service_tier(body), "store": or("store", json!(true)),
            "temperature": or("temperature", json!(1)), "top_p": or("top_p", json!(1)),
            "text": or("text", json!({ "format": { "type": "text" } })),
            "tool_choice": or("tool_choice", json!("auto")), "tools": or("tools", json!([])),
            "truncation": "disabled", "usage": null, "user": null,
            "metadata": or("metadata", json!({})),
        })
    }

    fn status(&self) -> &'static str {
        match self.turn.finish {
            Finish::Length => "incomplete",
            Finish::Stop | Finish::Tool => "completed",
        }
    }

    fn ended(&self) -> Value {
        let mut output = hidden_items(self);
        if self.says() {
            output.push(self.message(self.status(), &self.turn.text()));
        }
        let calls = self.turn.calls.iter().enumerate();
        output.extend(calls.map(|(index, call)| self.call(index, call, "completed")));
        let mut response = self.response(self.status(), output);
        if self.turn.finish == Finish::Length {
            response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        }
        match self.behaviour.report(usage(&self.turn.tokens)) {
            Some(usage) => response["usage"] = usage,
            None => response["usage"] = Value::Null,
        }
        response
    }

    fn says(&self) -> bool {
        !self.turn.pieces.is_empty()
    }

    fn message(&self, status: &str, text: &str) -> Value {
        let content = match status {
            "in_progress" => json!([]),
            _ => json!([part(text)]),
        };
        json!({
            "type": "message", "id": self.request.id("msg_"), "role": "assistant",
            "status": status, "content": content,
        })
    }

    fn stream(&self) -> Content {
        let mut events = Events::default();
        let begun = self.response("in_progress", Vec::new());
        events.push("created", json!({ "response": begun }));
        events.push("in_progress", json!({ "response": begun }));
        let hidden = hidden_items(self);
        let mut index = hidden.len();
        for (index, item) in hidden.iter().enumerate() {
            events.push_hidden(index, item);
        }
        let mut begun = events.count();
        if self.says() {
            self.stream_text(&mut events, index);
            begun = events.count();
            self.end_text(&mut events, index);
            index += 1;
        }
        for (number, call) in self.turn.calls.iter().enumerate() {
            self.stream_call(&mut events, index + number, number, call);
        }
        if !self.says() {
            begun = events.count();
        }
        events.push(self.status(), json!({ "response": self.ended() }));
        let (events, closing) = events.split_at(begun);
        Content::sse(events, closing)
    }

    fn stream_text(&self, events: &mut Events, index: usize) {
        let item = self.message("in_progress", "");
        events.push(
            "output_item.added",
            json!({ "output_index": index, "item": item }),
        );
        let place = |more| self.place(index, more);
        events.push("content_part.added", place(json!({ "part": part("") })));
        for delta in self.turn.deltas(self.behaviour) {
            events.push(
                "output_text.delta",
                place(json!({ "delta": delta, "logprobs": [] })),
            );
        }
    }

    fn end_text(&self, events: &mut Events, index: usize) {
        let text = self.turn.text();
        let place = |more| self.place(index, more);
        events.push(
            "output_text.done",
            place(json!({ "text": text, "logprobs": [] })),
        );
        events.push("content_part.done", place(json!({ "part": part(&text) })));
        let item = self.message(self.status(), &text);
        events.push(
            "output_item.done",
            json!({ "output_index": index, "item": item }),
        );
    }

    /// Where in the response a part of the text belongs.
    fn place(&self, index: usize, mut event: Value) -> Value {
        event["item_id"] = json!(self.request.id("msg_"));
        event["output_index"] = json!(index);
        event["content_index"] = json!(0);
        event
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

pub(super) fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": {
            "cached_tokens": tokens.cached, "cache_write_tokens": tokens.written(),
        },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.input + tokens.output,
    })
}
