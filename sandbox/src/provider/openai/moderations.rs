//! Moderations: a text with the word "flag" is flagged, as violence.

use serde_json::{Map, Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{Ask, text_of, weigh};
use crate::provider::content::Content;
use crate::provider::error::Refusal;

const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

pub(crate) fn ask(request: &Request<'_>) -> Result<Ask, Refusal> {
    let input = &request.body["input"];
    if !input.is_string() && !input.is_array() {
        return Err(Refusal::invalid(
            "input",
            "Missing required parameter: 'input'.",
        ));
    }
    let model = request.body["model"].as_str();
    Ok(Ask {
        model: model.unwrap_or("omni-moderation-latest").to_owned(),
        input: weigh(input),
        last: text_of(input),
        ..Ask::default()
    })
}

pub(crate) fn content(request: &Request<'_>, ask: &Ask) -> Content {
    let input = &request.body["input"];
    let texts: Vec<String> = match input.as_array() {
        // Parts of one input, or inputs of their own.
        Some(list) if list.iter().all(Value::is_string) => list.iter().map(text_of).collect(),
        _ => vec![text_of(input)],
    };
    let results: Vec<Value> = texts.iter().map(|text| result(text)).collect();
    Content::json(&json!({
        "id": request.id("modr-"), "model": ask.model, "results": results,
    }))
}

fn result(text: &str) -> Value {
    let is_flagged = text.contains("flag");
    let hit = |category: &str| is_flagged && category == "violence";
    let each = |value: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        let pairs = CATEGORIES
            .iter()
            .map(|name| ((*name).to_owned(), value(name)));
        pairs.collect()
    };
    json!({
        "flagged": is_flagged,
        "categories": each(&|name| json!(hit(name))),
        "category_scores": each(&|name| if hit(name) { json!(0.9) } else { json!(0.001) }),
        "category_applied_input_types": each(&|_| json!(["text"])),
    })
}
