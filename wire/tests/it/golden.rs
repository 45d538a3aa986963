//! Recorded requests and answers. Adding a case is adding two files:
//!
//! ```text
//! tests/golden/<api>/<case>.request.http     POST openai/v1/chat/completions, headers, an empty line, the body
//! tests/golden/<api>/<case>.response.http    headers, an empty line, the body
//! ```
//!
//! and then writing what is expected with `UPDATE_EXPECT=1 cargo test -p wire golden`, and reading it.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::{Unit, Usage};
use serde_json::{Map, Value, json};
use wire::{Asked, Endpoint, Input, Observer, Report, Used};

/// A recorded exchange.
pub(crate) struct Case {
    /// Its folder and its name.
    pub(crate) name: String,
    path: PathBuf,
    pub(crate) endpoint: Endpoint,
    pub(crate) request: Message,
    pub(crate) response: Message,
}

/// What a file holds: its headers' content type and its body.
pub(crate) struct Message {
    first: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Case {
    pub(crate) fn asked(&self) -> Asked {
        let (kind, body) = (&self.request.content_type, &self.request.body);
        let mut bytes = 0;
        let mut count = |text: &str| bytes += text.len();
        let asked = wire::ask(&self.endpoint, kind, body, &mut count).unwrap();
        let told = usize::try_from(asked.input.text_bytes).unwrap();
        assert_eq!(bytes, told, "{}: not all text was handed on", self.name);
        asked
    }

    /// What was used, by an answer that came in these pieces.
    pub(crate) fn used<'a>(
        &self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        is_whole: bool,
    ) -> Used {
        let mut observer =
            Observer::new(&self.endpoint, &self.asked(), &self.response.content_type);
        for piece in pieces {
            observer.feed(piece);
        }
        observer.finish(is_whole)
    }

    pub(crate) fn used_at_once(&self) -> Used {
        self.used([self.response.body.as_slice()], true)
    }
}

fn message(path: &Path) -> Message {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match blank {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => panic!("{}: no empty line before the body", path.display()),
    };
    let head = str::from_utf8(head).unwrap();
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    // An editor's last line feed is no part of a JSON body, but of a stream it is.
    let is_stream = kind == Some("text/event-stream");
    let body = if is_stream {
        body
    } else {
        body.strip_suffix(b"\n").unwrap_or(body)
    };
    Message {
        first: head.lines().next().unwrap_or_default().to_owned(),
        content_type: kind.unwrap_or("application/json").to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = Vec::new();
    for folder in fs::read_dir(&root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if let Some(stem) = path.to_str().unwrap().strip_suffix(".request.http") {
                found.push(case(&root, Path::new(stem)));
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn case(root: &Path, stem: &Path) -> Case {
    let with = |end: &str| PathBuf::from(format!("{}{end}", stem.display()));
    let request = message(&with(".request.http"));
    let target = request.first.strip_prefix("POST ").unwrap();
    let (provider, path) = target.split_once('/').unwrap();
    let name = stem.strip_prefix(root).unwrap().display().to_string();
    let endpoint = crate::dialects::endpoint(provider, path);
    Case {
        endpoint: endpoint.unwrap_or_else(|| panic!("{name}: {target} is no endpoint")),
        name,
        path: with(".expected.json"),
        response: message(&with(".response.http")),
        request,
    }
}

#[test]
fn recorded_exchanges() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut failures = Vec::new();
    let cases = cases();
    assert!(cases.len() > 50, "the recordings were not found");
    for case in cases {
        let told = json!({
            "api": case.endpoint.api.name(),
            "asked": asked(&case.asked()),
            "used": used(&case.used_at_once()),
        });
        let told = format!("{told:#}\n");
        let expected = fs::read_to_string(&case.path).unwrap_or_default();
        if update {
            fs::write(&case.path, told).unwrap();
        } else if told != expected {
            failures.push(format!("{}\n{told}", case.name));
        }
    }
    assert!(
        failures.is_empty(),
        "not as expected; read it, and if it is right: UPDATE_EXPECT=1\n{}",
        failures.join("\n")
    );
}

/// Members with something to say.
fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let is_dull = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(_) => false,
    };
    let members = members.into_iter().filter(|(_, value)| !is_dull(value));
    Value::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn asked(asked: &Asked) -> Value {
    let may_use: Vec<Value> = asked
        .may_use
        .iter()
        .filter(|(unit, _)| **unit != Unit::Request)
        .map(|(unit, most)| match most {
            Some(most) => json!(format!("{unit} up to {most}")),
            None => json!(unit.name()),
        })
        .collect();
    object([
        ("model", json!(asked.model)),
        ("stream", json!(asked.stream)),
        ("usage_in_stream", json!(asked.usage_in_stream)),
        ("output_limit", json!(asked.output_limit)),
        ("output_limit_min", json!(asked.output_limit_min)),
        ("choices", json!(asked.choices)),
        ("input", input(&asked.input)),
        ("may_use", json!(may_use)),
        ("terms", terms(&asked.terms)),
        ("also", json!(asked.also)),
        ("instead", json!(asked.instead)),
        ("may_switch", json!(asked.may_switch)),
        ("reports_duration", json!(asked.reports_duration)),
        ("is_deferred", json!(asked.is_deferred)),
    ])
}

/// `3 rounds of up to 128000 tokens, fixed`.
fn rounds(rounds: wire::Rounds) -> Value {
    if rounds.most == 0 {
        return Value::Null;
    }
    let tokens = rounds
        .tokens
        .map_or("a context".to_owned(), |tokens| format!("{tokens} tokens"));
    let fixed = if rounds.can_be_lowered { "" } else { ", fixed" };
    json!(format!("{} rounds of up to {tokens}{fixed}", rounds.most))
}

fn input(input: &Input) -> Value {
    let images = input.images.iter().map(|image| {
        let size = image
            .pixels
            .map(|[width, height]| format!("{width}x{height}"));
        json!(format!(
            "{} {:?}",
            size.as_deref().unwrap_or("?"),
            image.detail
        ))
    });
    let images: Vec<Value> = images.collect();
    let documents = input.documents.iter().map(|document| match document.pages {
        Some(pages) => json!(format!("{pages} pages")),
        None => json!(format!("{} bytes", document.bytes)),
    });
    let documents: Vec<Value> = documents.collect();
    object([
        ("text_bytes", json!(input.text_bytes)),
        ("tokens", json!(input.tokens)),
        ("pieces", json!(input.pieces)),
        ("images", json!(images)),
        ("audio_bytes", json!(input.audio_bytes)),
        ("audio_ms", json!(input.audio_ms)),
        ("characters", json!(input.characters)),
        ("documents", json!(documents)),
        ("is_open", json!(input.is_open)),
        ("rereads", json!(input.rereads)),
        ("rounds", rounds(input.rounds)),
    ])
}

fn terms(terms: &ledger::Terms) -> Value {
    let members = terms
        .iter()
        .map(|(term, value)| (term.name().to_owned(), json!(value)));
    Value::Object(members.collect())
}

fn used(used: &Used) -> Value {
    let (report, usage) = match &used.report {
        Report::Nothing => ("nothing", None),
        Report::Partial(usage) => ("partial", Some(usage)),
        Report::Final(usage) => ("final", Some(usage)),
    };
    let also: Vec<Value> = used
        .also
        .iter()
        .map(|also| json!({ "model": also.model, "usage": counts(&also.usage) }))
        .collect();
    object([
        ("report", json!(report)),
        ("basis", json!(usage.map(|usage| usage.basis.name()))),
        ("usage", usage.map(counts).unwrap_or_default()),
        (
            "terms",
            usage.map(|usage| terms(&usage.terms)).unwrap_or_default(),
        ),
        ("model", json!(used.model)),
        ("error", json!(used.error)),
        ("has_ended", json!(used.has_ended)),
        ("text_bytes", json!(used.text_bytes)),
        ("body_bytes", json!(used.body_bytes)),
        ("faults", json!(used.faults)),
        ("also", json!(also)),
        ("is_unbilled", json!(!used.is_billed)),
        ("cost_picos", json!(used.cost)),
    ])
}

pub(crate) fn counts(usage: &Usage) -> Value {
    let counts = usage
        .iter()
        .map(|(unit, quantity)| (unit.name().to_owned(), json!(quantity)));
    Value::Object(counts.collect::<Map<_, _>>())
}
