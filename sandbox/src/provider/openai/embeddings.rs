//! Embeddings.

use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{Ask, at_least_one, needed, text_of, weigh};
use crate::provider::behaviour::Behaviour;
use crate::provider::content::Content;
use crate::provider::embedding;
use crate::provider::error::Refusal;
use crate::provider::turn::Turn;

/// Of the vectors, where the request doesn't say.
const DIMENSIONS: u64 = 1536;

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let model = request
        .route
        .model
        .as_deref()
        .map_or_else(|| needed(body, "model"), Ok)?;
    let inputs = inputs(&body["input"]);
    if inputs.is_empty() {
        return Err(Refusal::invalid(
            "input",
            "'input' must be a text or a list that is not empty.",
        ));
    }
    at_least_one("dimensions", &body["dimensions"])?;
    Ok(Ask {
        model: model.to_owned(),
        input: inputs.iter().map(|input| tokens(input)).sum(),
        last: inputs
            .last()
            .map(|input| text_of(input))
            .unwrap_or_default(),
        ..Ask::default()
    })
}

/// One text, several, one list of tokens, or several.
fn inputs(input: &Value) -> Vec<&Value> {
    match input {
        Value::Array(list) if list.first().is_some_and(Value::is_number) => vec![input],
        Value::Array(list) => list.iter().collect(),
        Value::String(_) => vec![input],
        _ => Vec::new(),
    }
}

fn tokens(input: &Value) -> u64 {
    match input {
        Value::Array(tokens) => tokens.len() as u64,
        text => weigh(text),
    }
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let body = &request.body;
    let dimensions = body["dimensions"].as_u64().unwrap_or(DIMENSIONS);
    let dimensions = usize::try_from(dimensions.min(1 << 16)).unwrap_or(0);
    let vector = match body["encoding_format"].as_str() {
        Some("base64") => embedding::encoded,
        _ => embedding::numbers,
    };
    let embedding = |(index, input): (usize, &Value)| {
        let text = input
            .as_str()
            .map_or_else(|| input.to_string(), str::to_owned);
        json!({ "object": "embedding", "index": index, "embedding": vector(&text, dimensions) })
    };
    let data: Vec<Value> = inputs(&body["input"])
        .into_iter()
        .enumerate()
        .map(embedding)
        .collect();
    let mut answer = json!({ "object": "list", "data": data, "model": ask.model });
    let input = Turn::of(ask, behaviour).tokens.input;
    let usage = json!({ "prompt_tokens": input, "total_tokens": input });
    if let Some(usage) = behaviour.report(usage) {
        answer["usage"] = usage;
    }
    Content::json(&answer)
}
