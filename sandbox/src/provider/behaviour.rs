//! What a test may ask of an answer: its length, its usage, its pace, its faults.
//!
//! One type serves every way to ask: a fault, the default of the server, the name of a model and a
//! line in the prompt.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a request is answered. The default is at once, in full and truthfully.
///
/// *Events* are what a streamed answer is made of, counted from 0. An answer that is not streamed
/// has one, unless `piece_bytes` cuts it up.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The text of the answer, instead of the sentence that counts the prompt's words.
    pub text: Option<String>,
    /// How many words the answer has, before any limit cuts it.
    pub words: Option<u32>,
    /// The first word of the answer is this many bytes long.
    pub giant_bytes: usize,
    /// The answer's last event comes again and again for as long as the client reads.
    pub endless: bool,
    /// The client's tools that the answer calls, instead of those that the prompt names. A tool
    /// that the request does not offer is not called. Calls come after `text`, if both are given.
    pub calls: Option<Vec<ScriptedCall>>,
    /// A task in turns: a conversation in which the model has had its say `n` times is answered by
    /// step `n`, counted from 0, and a longer one by the last step.
    pub steps: Vec<Behaviour>,

    /// Input tokens to report, instead of those counted.
    pub input_tokens: Option<u64>,
    /// Output tokens to report, instead of those counted.
    pub output_tokens: Option<u64>,
    /// Input tokens that were read from a cache: part of the input, whatever the API's own way to
    /// report them.
    pub cached_tokens: u64,
    /// Input tokens that were written to a cache: for five minutes, where the API tells times.
    pub cache_write_tokens: u64,
    /// Input tokens that were written to a cache for an hour.
    pub cache_write_1h_tokens: u64,
    /// Output tokens that were thought and not said. They count towards the limit.
    pub reasoning_tokens: u64,
    /// Input tokens that were audio.
    pub audio_tokens: u64,
    /// Web searches that the provider made for the answer.
    pub web_searches: u64,
    /// Whether the usage is told, and truly.
    pub usage: Reported,

    /// Milliseconds before the first byte.
    pub first_byte_ms: u64,
    /// Milliseconds between two events.
    pub between_ms: u64,
    /// Words in an event of a streamed answer; 0 is 1.
    pub words_per_event: usize,
    /// Cuts the body into pieces of this many bytes, wherever that falls. The pieces are then what
    /// counts as events.
    pub piece_bytes: usize,

    /// Whether the body is sent with `Content-Encoding: gzip`.
    pub gzip: Gzip,
    /// Lines of a stream end with a carriage return too.
    pub crlf: bool,
    /// Every event of a stream comes after a comment.
    pub comments: bool,
    /// Sent after everything else.
    pub trailing: String,

    /// Answer with this status and an error in the API's own form.
    pub status: Option<u16>,
    /// Header `Retry-After` of the error, in seconds.
    pub retry_after: Option<u64>,
    /// The whole body of the error, instead of the API's own form. A text is sent as it is.
    pub error_body: Option<Value>,
    /// Close the connection without a byte.
    pub close: bool,
    /// Wait before the first byte until released, or for as long as the client waits.
    pub hang: bool,
    /// Break the connection after so many events.
    pub disconnect_after: Option<usize>,
    /// A connection that is broken or closed ends by a reset.
    pub reset: bool,
    /// Send nothing more after so many events, until released, or for as long as the client waits.
    pub stall_after: Option<usize>,
    /// Put an event that is not one after so many events, and go on.
    pub malformed_after: Option<usize>,
    /// End the stream with an error in the API's own form after so many events.
    pub error_after: Option<usize>,
}

/// A call of one of the client's tools.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool's name.
    pub name: String,
    /// Its arguments. A tool with free-form input takes a text.
    pub arguments: Value,
}

/// What an answer tells of its usage.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// The truth.
    #[default]
    Exact,
    /// Nothing.
    Missing,
    /// This, wherever the usage would stand.
    Instead(Value),
}

/// Whether a body is compressed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gzip {
    /// It is not.
    #[default]
    Never,
    /// Where the client accepts it.
    Accepted,
    /// Whatever the client accepts.
    Always,
}

/// What begins the wishes in a prompt: `[sandbox words=20 between_ms=50]`.
const MARK: &str = "[sandbox ";

impl Behaviour {
    /// Lays the wishes of a prompt over this.
    ///
    /// # Errors
    ///
    /// A text that says which wish makes no sense.
    pub(crate) fn with_wishes_of(self, prompt: &str) -> Result<Behaviour, String> {
        let Some(wishes) = wishes(prompt) else {
            return Ok(self);
        };
        let mut all = match serde_json::to_value(self) {
            Ok(Value::Object(all)) => all,
            _ => Map::new(),
        };
        for wish in wishes.split_whitespace() {
            let (name, value) = wish.split_once('=').unwrap_or((wish, "true"));
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            all.insert(name.to_owned(), value);
        }
        let wished = serde_json::from_value(Value::Object(all));
        wished.map_err(|error| format!("The sandbox does not understand '{wishes}': {error}"))
    }

    /// The behaviour that a model's name asks for; `None` for a `sandbox-` that there isn't. Any
    /// other model behaves as `usual`.
    pub(crate) fn of_model(model: &str, usual: &Behaviour) -> Option<Behaviour> {
        let Some((_, name)) = model.split_once("sandbox-") else {
            return Some(usual.clone());
        };
        named(name)
    }

    /// The behaviour in this turn of a task: itself, unless it has steps.
    pub(crate) fn at_turn(mut self, turn: u64) -> Behaviour {
        let turn = usize::try_from(turn).unwrap_or(usize::MAX);
        let last = self.steps.len().saturating_sub(1);
        match self.steps.is_empty() {
            true => self,
            false => self.steps.swap_remove(turn.min(last)),
        }
    }

    /// What stands where the usage would: the truth, nothing, or something else.
    pub(crate) fn report(&self, truth: Value) -> Option<Value> {
        match &self.usage {
            Reported::Exact => Some(truth),
            Reported::Missing => None,
            Reported::Instead(other) => Some(other.clone()),
        }
    }
}

/// What stands between the mark and the bracket that closes it; a value may have brackets of its
/// own.
fn wishes(prompt: &str) -> Option<&str> {
    let (_, rest) = prompt.split_once(MARK)?;
    let mut open = 1;
    for (at, letter) in rest.char_indices() {
        match letter {
            '[' => open += 1,
            ']' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(&rest[..at]);
        }
    }
    None
}

/// What may follow `sandbox-` in a model's name. Any error from 400 to 599 may, besides those here.
pub const MODELS: &[&str] = &[
    "echo",
    "long",
    "slow",
    "endless",
    "cached",
    "cache-write",
    "reasoning",
    "search",
    "no-usage",
    "wrong-usage",
    "error-401",
    "error-429",
    "error-500",
    "error-503",
    "error-529",
    "error-midstream",
    "close",
    "hang",
    "cut",
    "stall",
    "malformed",
    "giant",
    "trailing",
    "gzip",
    "bytes",
    "comments",
];

fn named(name: &str) -> Option<Behaviour> {
    let mut it = Behaviour::default();
    match name {
        "echo" => {}
        "long" => it.words = Some(1000),
        "slow" => (it.first_byte_ms, it.between_ms) = (300, 100),
        "endless" => (it.endless, it.between_ms) = (true, 20),
        "cached" => it.cached_tokens = 2,
        "cache-write" => (it.cache_write_tokens, it.cache_write_1h_tokens) = (2, 1),
        "reasoning" => it.reasoning_tokens = 32,
        "search" => it.web_searches = 2,
        "no-usage" => it.usage = Reported::Missing,
        "wrong-usage" => {
            (it.input_tokens, it.output_tokens) = (Some(1_000_000_000), Some(1_000_000_000));
        }
        "error-midstream" => it.error_after = Some(3),
        "close" => it.close = true,
        "hang" => it.hang = true,
        "cut" => it.disconnect_after = Some(3),
        "stall" => it.stall_after = Some(3),
        "malformed" => it.malformed_after = Some(3),
        "giant" => it.giant_bytes = 1 << 20,
        "trailing" => it.trailing = "\n\nbytes after the end\n".to_owned(),
        "gzip" => it.gzip = Gzip::Accepted,
        "bytes" => it.piece_bytes = 1,
        "comments" => (it.comments, it.crlf) = (true, true),
        _ => it.status = Some(error_named(name)?),
    }
    if it.status == Some(429) {
        it.retry_after = Some(1);
    }
    Some(it)
}

fn error_named(name: &str) -> Option<u16> {
    let status = name.strip_prefix("error-")?.parse().ok()?;
    (400..600).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_laid_over_what_is_there() {
        let base = Behaviour {
            between_ms: 7,
            ..Behaviour::default()
        };
        let prompt =
            "Hello\n[sandbox words=3 endless usage={\"instead\":{\"a\":[1]}} text=hi] see [1]";
        let wished = base.with_wishes_of(prompt).unwrap();
        assert_eq!(
            (wished.words, wished.endless, wished.between_ms),
            (Some(3), true, 7)
        );
        assert_eq!(wished.text.as_deref(), Some("hi"));
        assert_eq!(
            wished.usage,
            Reported::Instead(serde_json::json!({ "a": [1] }))
        );
        let refused = Behaviour::default().with_wishes_of("[sandbox wordz=3]");
        assert!(refused.unwrap_err().contains("wordz"));
    }

    #[test]
    fn each_turn_of_a_task_has_its_step_and_the_last_one_stays() {
        let text = |text: &str| Behaviour {
            text: Some(text.to_owned()),
            ..Behaviour::default()
        };
        let task = Behaviour {
            steps: vec![text("first"), text("second")],
            ..Behaviour::default()
        };
        let said = [0, 1, 2, u64::MAX].map(|turn| task.clone().at_turn(turn).text.unwrap());
        assert_eq!(said, ["first", "second", "second", "second"]);
        assert_eq!(text("as it is").at_turn(3), text("as it is"));
    }

    #[test]
    fn models_of_the_sandbox_are_known() {
        for name in MODELS {
            let model = format!("gpt-4o.sandbox-{name}");
            assert!(
                Behaviour::of_model(&model, &Behaviour::default()).is_some(),
                "{name}"
            );
        }
        let usual = Behaviour {
            words: Some(2),
            ..Behaviour::default()
        };
        assert_eq!(Behaviour::of_model("gpt-4o", &usual), Some(usual.clone()));
        for unknown in ["sandbox-", "sandbox-nothing", "sandbox-error-9000"] {
            assert_eq!(Behaviour::of_model(unknown, &usual), None, "{unknown}");
        }
    }
}
