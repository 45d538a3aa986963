//! What a request for text asks, in words that every API shares.

use serde_json::Value;

use super::error::Refusal;

/// A request, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) model: String,
    /// Tokens of the whole input, tools included.
    pub(crate) input: u64,
    /// What the last message says, where a user wrote it.
    pub(crate) last: String,
    /// The most tokens that the answer may have.
    pub(crate) limit: Option<u64>,
    /// How often the model has had its say in this conversation.
    pub(crate) turns: u64,
    /// How many answers are asked for.
    pub(crate) answers: u64,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    /// The JSON schema that the answer must fit; an empty one for any object.
    pub(crate) schema: Option<Value>,
    pub(crate) stream: bool,
    /// Thoughts are to be shown.
    pub(crate) shows_thoughts: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments.
    pub(crate) parameters: Value,
    pub(crate) kind: ToolKind,
}

/// How a tool is called.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum ToolKind {
    /// With a JSON object.
    #[default]
    Function,
    /// With free-form text: a custom tool of OpenAI's.
    Custom,
    /// With a command: OpenAI's local shell.
    LocalShell,
}

/// Whether a tool must be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Choice {
    #[default]
    Auto,
    Never,
    Any,
    This(String),
}

/// Tokens of a part that is not text: an image, a file, a sound.
const MEDIUM: u64 = 10;

/// Words between white space: one token each.
pub(crate) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// Tokens of a message's content, in the shape of any of the APIs.
pub(crate) fn weigh(content: &Value) -> u64 {
    match content {
        Value::String(text) => words(text),
        Value::Array(parts) => parts.iter().map(weigh).sum(),
        Value::Object(part) => {
            let inner = ["text", "content", "parts", "refusal", "thinking", "summary"];
            let inner = inner.iter().find_map(|name| part.get(*name));
            inner.map_or_else(|| weigh_part(content), weigh)
        }
        _ => 0,
    }
}

/// A call of a tool counts its name and its arguments, the result of one its words, and whatever
/// else is not text a fixed number.
fn weigh_part(part: &Value) -> u64 {
    let call = part
        .get("function")
        .or_else(|| part.get("functionCall"))
        .or_else(|| part.get("function_call"))
        .unwrap_or(part);
    let arguments = ["arguments", "args", "input"]
        .iter()
        .find_map(|name| call.get(*name));
    let result = part
        .get("functionResponse")
        .or_else(|| part.get("function_response"))
        .and_then(|result| result.get("response"));
    let result = result.or_else(|| part.get("output"));
    match (result, arguments) {
        (Some(result), _) => weigh_data(result),
        (None, Some(arguments)) => 1 + weigh_data(arguments),
        (None, None) => MEDIUM,
    }
}

fn weigh_data(data: &Value) -> u64 {
    match data {
        Value::String(text) => words(text),
        other => words(&other.to_string()),
    }
}

impl Tool {
    /// Tokens of a tool's definition: its name and the words of its description.
    pub(crate) fn weigh(definition: &Value) -> u64 {
        1 + weigh(&definition["description"])
    }
}

/// How many messages are the model's.
pub(crate) fn turns(messages: &[Value], model: &str) -> u64 {
    let of_model = messages.iter().filter(|message| message["role"] == model);
    of_model.count() as u64
}

/// All text of a message's content, a line for each part.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        Value::Object(part) => part.get("text").map(text_of).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A whole number that is at least one, where it is given.
pub(crate) fn at_least_one(name: &str, value: &Value) -> Result<Option<u64>, Refusal> {
    match value.as_u64() {
        _ if value.is_null() => Ok(None),
        Some(number) if number >= 1 => Ok(Some(number)),
        _ => {
            let message = format!("{name}: expected an integer above 0, got {value}.");
            Err(Refusal::invalid(name, message))
        }
    }
}

/// The most answers to one request.
const ANSWERS_MAX: u64 = 128;

/// How many answers are asked for.
pub(crate) fn answers(name: &str, value: &Value) -> Result<u64, Refusal> {
    let answers = at_least_one(name, value)?.unwrap_or(1);
    if answers > ANSWERS_MAX {
        let message = format!("{name}: expected at most {ANSWERS_MAX}, got {answers}.");
        return Err(Refusal::invalid(name, message));
    }
    Ok(answers)
}

/// A text that must be there.
pub(crate) fn needed<'a>(body: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    body[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::invalid(name, format!("Missing required parameter: '{name}'.")))
}

/// A list that must be there and hold something.
pub(crate) fn needed_list<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], Refusal> {
    let list = body[name].as_array().filter(|list| !list.is_empty());
    list.map(Vec::as_slice).ok_or_else(|| {
        Refusal::invalid(
            name,
            format!("'{name}' must be an array that is not empty."),
        )
    })
}
