//! The answer to a request for text, before any API's form: derived from the request alone, so
//! that a test can foretell it and its usage.

use serde_json::{Map, Value, json};

use super::ask::{Ask, Choice, Tool, ToolKind, words};
use super::behaviour::{Behaviour, ScriptedCall};
use super::journal::Usage;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// Thoughts of one answer. One token each.
    thoughts: u64,
    /// The text, in the pieces in which it is streamed: one token each, and put together the text.
    pub(crate) pieces: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Finish,
    pub(crate) tokens: Tokens,
}

/// A call of one of the client's tools.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Value,
    pub(crate) kind: ToolKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Finish {
    Stop,
    /// The limit was reached.
    Length,
    Tool,
}

/// Tokens of all answers together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tokens {
    /// All input: cached, written to a cache, audio and plain.
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) written_5m: u64,
    pub(crate) written_1h: u64,
    pub(crate) audio: u64,
    /// All output: said and thought.
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
    pub(crate) searches: u64,
}

impl Tokens {
    pub(crate) fn written(&self) -> u64 {
        self.written_5m + self.written_1h
    }

    /// Input that was neither read from a cache nor written to one.
    pub(crate) fn fresh(&self) -> u64 {
        self.input
            .saturating_sub(self.cached)
            .saturating_sub(self.written())
    }

    /// What the journal keeps of them.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            input: self.input,
            cached: self.cached,
            cache_write: self.written_5m,
            cache_write_1h: self.written_1h,
            audio: self.audio,
            output: self.output,
            reasoning: self.reasoning,
            web_searches: self.searches,
        }
    }

    /// Output that was said.
    pub(crate) fn said(&self) -> u64 {
        self.output.saturating_sub(self.reasoning)
    }
}

impl Turn {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    /// The thoughts in the pieces in which they are streamed, if the client wants to see them.
    pub(crate) fn thoughts(&self, ask: &Ask) -> impl Iterator<Item = String> {
        let shown = if ask.shows_thoughts { self.thoughts } else { 0 };
        (1..=shown).map(|number| format!("{}{number}", if number == 1 { "" } else { " " }))
    }

    /// The text as it is streamed, so many pieces to an event.
    pub(crate) fn deltas(&self, behaviour: &Behaviour) -> impl Iterator<Item = String> + '_ {
        let size = behaviour.words_per_event.max(1);
        self.pieces.chunks(size).map(<[String]>::concat)
    }

    /// Answers a request.
    pub(crate) fn of(ask: &Ask, behaviour: &Behaviour) -> Turn {
        let limit = ask.limit.unwrap_or(u64::MAX);
        let reasoning = behaviour.reasoning_tokens.min(limit);
        let room = limit - reasoning;
        let calls = calls(ask, behaviour);
        let spoken = before_calls(behaviour);
        let cost = spoken.len() as u64 + calls.iter().map(Call::tokens).sum::<u64>();
        let (pieces, calls, said, finish) = if !calls.is_empty() && cost <= room {
            (spoken, calls, cost, Finish::Tool)
        } else {
            let (pieces, finish) = cut(answer(ask, behaviour), room);
            let said = pieces.len() as u64;
            (pieces, Vec::new(), said, finish)
        };
        Turn {
            thoughts: reasoning,
            pieces,
            calls,
            finish,
            tokens: tokens(ask, behaviour, reasoning, said),
        }
    }
}

impl Call {
    fn tokens(&self) -> u64 {
        1 + words(&self.input())
    }

    /// The arguments as they are written: JSON, or the text of a free-form tool.
    pub(crate) fn input(&self) -> String {
        match (&self.arguments, self.kind) {
            (Value::String(text), ToolKind::Custom) => text.clone(),
            (arguments, _) => arguments.to_string(),
        }
    }
}

/// What is said before the calls of a script.
fn before_calls(behaviour: &Behaviour) -> Vec<String> {
    let text = behaviour
        .text
        .as_ref()
        .filter(|_| behaviour.calls.is_some());
    text.map(|text| pieces(text)).unwrap_or_default()
}

fn tokens(ask: &Ask, behaviour: &Behaviour, reasoning: u64, said: u64) -> Tokens {
    let input = behaviour.input_tokens.unwrap_or(ask.input);
    // A part of the input can't be more than the input: what was asked for first comes first.
    let cached = behaviour.cached_tokens.min(input);
    let written_5m = behaviour.cache_write_tokens.min(input - cached);
    let written_1h = behaviour
        .cache_write_1h_tokens
        .min(input - cached - written_5m);
    Tokens {
        input,
        cached,
        written_5m,
        written_1h,
        audio: behaviour.audio_tokens.min(input),
        output: behaviour
            .output_tokens
            .unwrap_or(ask.answers * (reasoning + said)),
        reasoning: ask.answers * reasoning,
        searches: behaviour.web_searches,
    }
}

/// The pieces of the whole answer: a sentence about the prompt, and numbers where more is wanted.
fn answer(ask: &Ask, behaviour: &Behaviour) -> Vec<String> {
    let sentence = match (&behaviour.text, &ask.schema) {
        (Some(text), _) => text.clone(),
        (None, Some(schema)) => example(schema, 0).to_string(),
        (None, None) => format!("The prompt has {} words.", ask.input),
    };
    let mut pieces = pieces(&sentence);
    if let Some(wanted) = behaviour.words {
        let wanted = wanted as usize;
        pieces.truncate(wanted);
        let more = pieces.len() + 1..=wanted;
        pieces.extend(more.map(|number| format!(" {number}")));
    }
    if behaviour.giant_bytes > 0 {
        let rest = pieces.len().min(1);
        pieces.splice(..rest, [String::from("x").repeat(behaviour.giant_bytes)]);
    }
    pieces
}

/// A text cut before each word, so that the pieces put together are the text.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut after_word = false;
    for letter in text.chars() {
        match pieces.last_mut() {
            Some(piece) if !(after_word && letter.is_whitespace()) => piece.push(letter),
            _ => pieces.push(letter.to_string()),
        }
        after_word = !letter.is_whitespace();
    }
    // White space at the end is no word of its own.
    if let Some(end) = pieces.pop_if(|piece| piece.trim().is_empty())
        && let Some(last) = pieces.last_mut()
    {
        last.push_str(&end);
    }
    pieces
}

fn cut(mut pieces: Vec<String>, room: u64) -> (Vec<String>, Finish) {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if pieces.len() <= room {
        return (pieces, Finish::Stop);
    }
    pieces.truncate(room);
    (pieces, Finish::Length)
}

/// The tools that are called: those of the script, or else those that the prompt names.
fn calls(ask: &Ask, behaviour: &Behaviour) -> Vec<Call> {
    let Some(scripted) = &behaviour.calls else {
        return calls_by_prompt(ask);
    };
    let offered = |call: &ScriptedCall| {
        let tool = ask.tools.iter().find(|tool| tool.name == call.name)?;
        Some(Call {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            kind: tool.kind,
        })
    };
    scripted.iter().filter_map(offered).collect()
}

/// Those that the last message names, or the first where it only says "tool", or the one that the
/// request insists on.
fn calls_by_prompt(ask: &Ask) -> Vec<Call> {
    let named = |tool: &&Tool| ask.last.contains(&tool.name);
    let first = |is_meant: &dyn Fn(&&Tool) -> bool| ask.tools.iter().find(|tool| is_meant(tool));
    let mut meant: Vec<&Tool> = match &ask.choice {
        Choice::Never => Vec::new(),
        Choice::This(name) => first(&|tool| tool.name == *name).into_iter().collect(),
        Choice::Auto | Choice::Any => ask.tools.iter().filter(named).collect(),
    };
    let any = ask.choice == Choice::Any;
    if meant.is_empty() && (any || ask.choice == Choice::Auto && ask.last.contains("tool")) {
        meant.extend(ask.tools.first());
    }
    let call = |tool: &Tool| Call {
        name: tool.name.clone(),
        arguments: example_of(tool),
        kind: tool.kind,
    };
    meant.into_iter().map(call).collect()
}

/// Arguments that fit a tool.
fn example_of(tool: &Tool) -> Value {
    match tool.kind {
        ToolKind::Function => example(&tool.parameters, 0),
        ToolKind::Custom => json!("text"),
        ToolKind::LocalShell => json!({ "command": ["true"] }),
    }
}

/// Stands for what only the provider can read: the signature of a thought, what it encrypts.
pub(crate) const SIGNATURE: &str = "c2FuZGJveA==";

/// How deep a schema is followed; one that contains itself has no end.
const DEPTH: u32 = 16;

/// A value that fits a JSON schema, as far as its commonest keywords go.
fn example(schema: &Value, depth: u32) -> Value {
    let first = |list: &Value| list.get(0).cloned();
    if let Some(value) = first(&schema["enum"]).or_else(|| schema.get("const").cloned()) {
        return value;
    }
    if let Some(other) = first(&schema["anyOf"]).or_else(|| first(&schema["oneOf"])) {
        return example(&other, depth + 1);
    }
    let kind = schema["type"]
        .as_str()
        .or_else(|| schema["type"][0].as_str());
    // Gemini writes the types in capitals.
    match kind.unwrap_or("object").to_lowercase().as_str() {
        "string" => json!("text"),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "null" => Value::Null,
        "array" if depth < DEPTH => json!([example(&schema["items"], depth + 1)]),
        "array" => json!([]),
        _ => example_object(schema, depth),
    }
}

fn example_object(schema: &Value, depth: u32) -> Value {
    let mut object = Map::new();
    if let Some(properties) = schema["properties"].as_object().filter(|_| depth < DEPTH) {
        for (name, property) in properties {
            object.insert(name.clone(), example(property, depth + 1));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_words_and_put_together_the_text() {
        for (text, count) in [("", 0), ("one", 1), (" two  words\n", 2), ("a b", 2)] {
            assert_eq!(pieces(text).concat(), text);
            assert_eq!(pieces(text).len(), count, "{text:?}");
        }
    }

    #[test]
    fn thoughts_and_words_share_the_limit() {
        let ask = Ask {
            input: 9,
            limit: Some(4),
            answers: 2,
            ..Ask::default()
        };
        let behaviour = Behaviour {
            reasoning_tokens: 3,
            ..Behaviour::default()
        };
        let turn = Turn::of(&ask, &behaviour);
        assert_eq!((turn.text().as_str(), turn.finish), ("The", Finish::Length));
        assert_eq!((turn.tokens.output, turn.tokens.reasoning), (8, 6));
        let all = Behaviour {
            reasoning_tokens: 9,
            ..Behaviour::default()
        };
        let silent = Turn::of(&ask, &all);
        assert!(silent.pieces.is_empty() && silent.thoughts(&ask).next().is_none());
        let shown = Ask {
            shows_thoughts: true,
            ..ask
        };
        assert_eq!(silent.thoughts(&shown).collect::<String>(), "1 2 3 4");
    }

    #[test]
    fn a_script_calls_what_is_offered_and_counts_what_it_says() {
        let tool = |name: &str, kind| Tool {
            name: name.to_owned(),
            parameters: Value::Null,
            kind,
        };
        let call = |name: &str, arguments| ScriptedCall {
            name: name.to_owned(),
            arguments,
        };
        let ask = Ask {
            last: "the tool write, please".to_owned(),
            answers: 1,
            tools: vec![
                tool("write", ToolKind::Function),
                tool("patch", ToolKind::Custom),
            ],
            ..Ask::default()
        };
        let behaviour = Behaviour {
            text: Some("Let me see.".to_owned()),
            calls: Some(vec![
                call("patch", json!("two words")),
                call("unheard", json!({})),
                call("write", json!({ "a": "b c" })),
            ]),
            ..Behaviour::default()
        };
        let turn = Turn::of(&ask, &behaviour);
        let calls: Vec<String> = turn.calls.iter().map(Call::input).collect();
        assert_eq!(calls, ["two words", r#"{"a":"b c"}"#]);
        assert_eq!(
            (turn.text().as_str(), turn.finish),
            ("Let me see.", Finish::Tool)
        );
        assert_eq!(turn.tokens.output, 3 + (1 + 2) + (1 + 2));
        let ends = Behaviour {
            calls: Some(Vec::new()),
            ..behaviour
        };
        assert_eq!(Turn::of(&ask, &ends).finish, Finish::Stop);
    }

    #[test]
    fn parts_of_the_input_are_never_more_than_it() {
        let behaviour = Behaviour {
            cached_tokens: 3,
            cache_write_tokens: 3,
            cache_write_1h_tokens: 3,
            ..Behaviour::default()
        };
        let ask = Ask {
            input: 5,
            ..Ask::default()
        };
        let tokens = Turn::of(&ask, &behaviour).tokens;
        assert_eq!(
            (tokens.cached, tokens.written_5m, tokens.written_1h),
            (3, 2, 0)
        );
        assert_eq!(tokens.fresh(), 0);
    }
}
