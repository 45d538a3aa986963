//! Generating content, whole or streamed.

use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{
    Ask, Choice, Tool, ToolKind, answers, at_least_one, needed_list, text_of, turns, weigh,
};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::{Content, event};
use crate::provider::error::Refusal;
use crate::provider::route::Api;
use crate::provider::turn::{Call, Finish, SIGNATURE, Tokens, Turn};

use super::field;

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let contents = needed_list(body, "contents")?;
    let config = field(body, "generationConfig");
    let tools: Vec<&Value> = declarations(body).collect();
    let input = weigh(field(body, "systemInstruction"))
        + contents.iter().map(weigh).sum::<u64>()
        + tools.iter().map(|tool| Tool::weigh(tool)).sum::<u64>();
    // A content without a role is the user's.
    let last = contents.last().filter(|content| content["role"] != "model");
    Ok(Ask {
        model: request.route.model.clone().unwrap_or_default(),
        input,
        last: last
            .map(|content| text_of(&content["parts"]))
            .unwrap_or_default(),
        turns: turns(contents, "model"),
        limit: at_least_one("maxOutputTokens", field(config, "maxOutputTokens"))?,
        answers: answers("candidateCount", field(config, "candidateCount"))?,
        tools: tools.into_iter().filter_map(tool).collect(),
        choice: choice(field(field(body, "toolConfig"), "functionCallingConfig")),
        schema: schema(config),
        stream: request.route.api == Api::StreamGenerate,
        shows_thoughts: field(field(config, "thinkingConfig"), "includeThoughts") == true,
    })
}

/// Counting tokens takes the contents, or a whole request around them.
pub(crate) fn ask_count(request: &Request<'_>) -> Result<Ask, Refusal> {
    let inner = Some(field(&request.body, "generateContentRequest"))
        .filter(|inner| !inner.is_null())
        .cloned();
    ask(&Request {
        body: inner.unwrap_or_else(|| request.body.clone()),
        ..*request
    })
}

fn declarations(body: &Value) -> impl Iterator<Item = &Value> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools
        .filter_map(|tool| field(tool, "functionDeclarations").as_array())
        .flatten()
}

fn tool(declaration: &Value) -> Option<Tool> {
    let schemas = ["parameters", "parametersJsonSchema"].map(|name| field(declaration, name));
    let schema = schemas.into_iter().find(|schema| !schema.is_null());
    Some(Tool {
        name: declaration["name"].as_str()?.to_owned(),
        parameters: schema.cloned().unwrap_or_default(),
        kind: ToolKind::Function,
    })
}

fn choice(config: &Value) -> Choice {
    let allowed = field(config, "allowedFunctionNames")[0].as_str();
    match (config["mode"].as_str(), allowed) {
        (Some("NONE"), _) => Choice::Never,
        (Some("ANY"), Some(name)) => Choice::This(name.to_owned()),
        (Some("ANY"), None) => Choice::Any,
        _ => Choice::Auto,
    }
}

fn schema(config: &Value) -> Option<Value> {
    if field(config, "responseMimeType") != "application/json" {
        return None;
    }
    let schemas = ["responseJsonSchema", "responseSchema"].map(|name| field(config, name));
    let schema = schemas.into_iter().find(|schema| !schema.is_null());
    Some(
        schema
            .cloned()
            .unwrap_or_else(|| json!({ "type": "object" })),
    )
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let turn = Turn::of(ask, behaviour);
    let generation = Generation {
        request,
        ask,
        behaviour,
        turn: &turn,
    };
    let content = match ask.stream {
        true => generation.stream(),
        false => Content::json(&generation.whole()),
    };
    content.using(turn.tokens.usage())
}

struct Generation<'a> {
    request: &'a Request<'a>,
    ask: &'a Ask,
    behaviour: &'a Behaviour,
    turn: &'a Turn,
}

impl Generation<'_> {
    fn stream(&self) -> Content {
        let (mut steps, end) = (self.steps(), self.end());
        if self.request.asks("alt", "sse") {
            return Content::sse(steps.iter().map(event).collect(), vec![event(&end)]);
        }
        steps.push(end);
        Content::array(&steps)
    }

    fn whole(&self) -> Value {
        let thoughts: String = self.turn.thoughts(self.ask).collect();
        let mut parts = Vec::from_iter((!thoughts.is_empty()).then(|| thought(&thoughts)));
        if !self.turn.pieces.is_empty() {
            parts.push(json!({ "text": self.turn.text() }));
        }
        parts.extend(self.calls());
        self.response(&parts, Some(self.turn.finish), self.turn.tokens.said())
    }

    /// Calls come whole, streamed or not. The first one after a thought has its signature, which
    /// the client has to send back.
    fn calls(&self) -> Vec<Value> {
        let part =
            |call: &Call| json!({ "functionCall": { "name": call.name, "args": call.arguments } });
        let mut parts: Vec<Value> = self.turn.calls.iter().map(part).collect();
        if let Some(first) = parts.first_mut().filter(|_| self.turn.tokens.reasoning > 0) {
            first["thoughtSignature"] = json!(SIGNATURE);
        }
        parts
    }

    /// What comes before the end. Each tells the usage so far.
    fn steps(&self) -> Vec<Value> {
        let mut steps = Vec::new();
        for piece in self.turn.thoughts(self.ask) {
            steps.push(self.response(&[thought(&piece)], None, 0));
        }
        let mut said = 0;
        for delta in self.turn.deltas(self.behaviour) {
            said += delta.split_whitespace().count() as u64 * self.ask.answers;
            steps.push(self.response(&[json!({ "text": delta })], None, said));
        }
        steps
    }

    fn end(&self) -> Value {
        let mut parts = self.calls();
        if parts.is_empty() {
            parts.push(json!({ "text": "" }));
        }
        self.response(&parts, Some(self.turn.finish), self.turn.tokens.said())
    }

    fn response(&self, parts: &[Value], end: Option<Finish>, said: u64) -> Value {
        let candidate = |index: u64| {
            let mut candidate = json!({
                "content": { "parts": parts, "role": "model" }, "index": index,
            });
            if let Some(end) = end {
                candidate["finishReason"] = json!(finish(end));
                self.add_searches(&mut candidate);
            }
            candidate
        };
        let mut response = json!({
            "candidates": (0..self.ask.answers).map(candidate).collect::<Vec<_>>(),
            "modelVersion": self.ask.model, "responseId": self.request.id("sandbox-"),
        });
        if let Some(usage) = self.behaviour.report(usage(&self.turn.tokens, said)) {
            response["usageMetadata"] = usage;
        }
        response
    }

    fn add_searches(&self, candidate: &mut Value) {
        let searches = 1..=self.turn.tokens.searches;
        if !searches.is_empty() {
            let queries: Vec<String> = searches.map(|number| format!("query {number}")).collect();
            candidate["groundingMetadata"] = json!({ "webSearchQueries": queries });
        }
    }
}

fn thought(text: &str) -> Value {
    json!({ "text": text, "thought": true })
}

fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Tool => "STOP",
        Finish::Length => "MAX_TOKENS",
    }
}

/// Cached tokens are inside the prompt's; thoughts stand beside what was said.
fn usage(tokens: &Tokens, said: u64) -> Value {
    let modality = |name, count| json!({ "modality": name, "tokenCount": count });
    let mut details = vec![modality("TEXT", tokens.input - tokens.audio)];
    if tokens.audio > 0 {
        details.push(modality("AUDIO", tokens.audio));
    }
    let mut usage = json!({
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": said,
        "totalTokenCount": tokens.input + said + tokens.reasoning,
        "promptTokensDetails": details,
    });
    if tokens.reasoning > 0 {
        usage["thoughtsTokenCount"] = json!(tokens.reasoning);
    }
    if tokens.cached > 0 {
        usage["cachedContentTokenCount"] = json!(tokens.cached);
        usage["cacheTokensDetails"] = json!([modality("TEXT", tokens.cached)]);
    }
    usage
}
