//! Chat completions translated to other formats and back. A case is a file, or two:
//!
//! ```text
//! tests/compat/<target>/<case>.chat.json     a request of OpenAI's; it becomes <case>.sent.json
//! tests/compat/<target>/<case>.answer.json   an answer of the target's; it becomes <case>.told.json
//! tests/compat/<target>/<case>.answer.sse    the same in events; it becomes <case>.told.sse
//! ```
//!
//! What they become is written with `UPDATE_EXPECT=1 cargo test -p wire compat`, to be read.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wire::Asked;
use wire::compat::{Stream, Target, Untranslatable, alike, answer, request};

const CREATED: u64 = 1_763_900_000;
const MODELS: [(Target, &str, &str, &str); 2] = [
    (
        Target::Anthropic,
        "anthropic",
        "anthropic",
        "claude-sonnet-4-5",
    ),
    (
        Target::Gemini,
        "gemini",
        "google-ai-studio",
        "gemini-2.5-flash",
    ),
];

/// Every file of the target with that ending, and what it should become.
fn files(folder: &str, ending: &str, becomes: &str) -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat");
    let mut found = Vec::new();
    for file in fs::read_dir(root.join(folder)).unwrap() {
        let path = file.unwrap().path();
        if let Some(stem) = path.to_str().unwrap().strip_suffix(ending) {
            found.push((path.clone(), PathBuf::from(format!("{stem}{becomes}"))));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} of {folder}");
    found
}

#[track_caller]
fn same(path: &Path, told: &str, failures: &mut Vec<String>) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, told).unwrap();
    } else if fs::read_to_string(path).unwrap_or_default() != told {
        failures.push(format!("{}\n{told}", path.display()));
    }
}

fn pretty(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    format!("{value:#}\n")
}

fn asked(provider: &str, path: &str, body: &str) -> Asked {
    let endpoint = crate::dialects::endpoint(provider, path).unwrap();
    wire::ask(&endpoint, "application/json", body.as_bytes(), &mut |_| {}).unwrap()
}

#[test]
fn requests_are_translated() {
    let mut failures = Vec::new();
    for (target, folder, provider, model) in MODELS {
        for (file, becomes) in files(folder, ".chat.json", ".sent.json") {
            let chat = fs::read_to_string(&file).unwrap();
            let sent = request(target, &chat, model, 4096).unwrap();
            agree(&chat, provider, &sent);
            same(&becomes, &pretty(&sent.body), &mut failures);
        }
    }
    assert!(
        failures.is_empty(),
        "not as expected\n{}",
        failures.join("\n")
    );
}

/// What was asked for is asked for after the translation as well.
fn agree(chat: &str, provider: &str, sent: &wire::compat::Translated) {
    let before = asked("openai", "v1/chat/completions", chat);
    let after = asked(provider, &sent.path, &sent.body);
    assert_eq!(after.stream, before.stream);
    assert_eq!(after.choices, before.choices);
    let limit = before
        .output_limit
        .or((provider == "anthropic").then_some(4096));
    assert_eq!(after.output_limit, limit);
    // What Gemini fetches itself could be anything.
    let images_agree = after.input.images.len() == before.input.images.len();
    assert!(images_agree || after.input.is_open);
    assert_eq!(after.input.audio_bytes, before.input.audio_bytes);
}

#[test]
fn answers_are_translated() {
    let mut failures = Vec::new();
    for (target, folder, ..) in MODELS {
        for (file, becomes) in files(folder, ".answer.json", ".told.json") {
            let body = fs::read_to_string(&file).unwrap();
            let told = answer(target, &body, CREATED).unwrap();
            same(&becomes, &pretty(&told), &mut failures);
        }
    }
    assert!(
        failures.is_empty(),
        "not as expected\n{}",
        failures.join("\n")
    );
}

fn streamed<'a>(
    target: Target,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    is_whole: bool,
) -> String {
    let mut stream = Stream::new(target, true, CREATED);
    let mut told = Vec::new();
    for piece in pieces {
        told.extend(stream.feed(piece));
    }
    told.extend(stream.finish(is_whole));
    String::from_utf8(told).unwrap()
}

fn streams() -> Vec<(Target, Vec<u8>, PathBuf)> {
    let of = |(target, folder, ..): (Target, &'static str, &str, &str)| {
        let files = files(folder, ".answer.sse", ".told.sse").into_iter();
        files.map(move |(file, becomes)| (target, fs::read(file).unwrap(), becomes))
    };
    MODELS.into_iter().flat_map(of).collect()
}

#[test]
fn streams_are_translated() {
    let mut failures = Vec::new();
    for (target, body, becomes) in streams() {
        let told = streamed(target, [body.as_slice()], true);
        for line in told
            .lines()
            .filter(|line| !line.is_empty() && *line != "data: [DONE]")
        {
            let data = line.strip_prefix("data: ").unwrap();
            serde_json::from_str::<serde_json::Value>(data).unwrap();
        }
        assert_eq!(
            streamed(target, body.chunks(1), true),
            told,
            "{}",
            becomes.display()
        );
        same(&becomes, &told, &mut failures);
    }
    assert!(
        failures.is_empty(),
        "not as expected\n{}",
        failures.join("\n")
    );
}

#[test]
fn a_cut_stream_has_no_end() {
    for (target, body, becomes) in streams() {
        let told = streamed(target, [body.as_slice()], false);
        assert!(!told.contains("[DONE]"), "{}", becomes.display());
    }
}

#[test]
fn usage_comes_to_those_who_asked_for_it() {
    for (target, body, _) in streams() {
        let mut stream = Stream::new(target, false, CREATED);
        let mut told = stream.feed(&body);
        told.extend(stream.finish(true));
        assert!(!String::from_utf8(told).unwrap().contains("\"choices\":[]"));
    }
}

#[test]
fn what_cannot_be_translated_is_refused() {
    let refused = |target, body: &str| request(target, body, "m", 10).unwrap_err().to_string();
    let both = |body: &str| MODELS.map(|(target, ..)| refused(target, body));
    let n = r#"{"n":2,"messages":[]}"#;
    assert_eq!(
        refused(Target::Anthropic, n),
        "more than one answer (n) can't be had from this provider"
    );
    assert!(request(Target::Gemini, n, "m", 10).is_ok());
    for (body, expected) in [
        (
            r#"{"messages":[{"role":"function","content":"x"}]}"#,
            "a message of the role function",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"video"}]}]}"#,
            "a part of the type video",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#,
            "a file that is stored somewhere else",
        ),
        (
            r#"{"messages":[],"tools":[{"type":"web_search"}]}"#,
            "a tool of the type \"web_search\"",
        ),
        (
            r#"{"messages":[{}]}"#,
            "messages has a value of the wrong kind",
        ),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{"}}]}]}"#,
            "tool_calls has a value of the wrong kind",
        ),
        ("[]", "the body is no JSON object"),
        (
            r#"{"max_tokens":1,"max_tokens":9}"#,
            "max_tokens is there twice",
        ),
    ] {
        for told in both(body) {
            assert!(told.starts_with(expected), "{told}");
        }
    }
    let sound = r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}]}]}"#;
    assert!(refused(Target::Anthropic, sound).starts_with("a model that reads audio/mp3"));
    let result = r#"{"messages":[{"role":"tool","tool_call_id":"1","content":"x"}]}"#;
    assert!(refused(Target::Gemini, result).starts_with("the result of a call that is not"));
}

#[test]
fn a_model_leads_nowhere_else() {
    for model in [
        "", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "ä", "a:b",
    ] {
        for (target, ..) in MODELS {
            let refused = request(target, r#"{"messages":[]}"#, model, 10);
            assert!(
                matches!(refused, Err(Untranslatable::Unreadable(_))),
                "{model}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn streams_in_any_pieces(which in any::<prop::sample::Index>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10)) {
        static STREAMS: std::sync::OnceLock<Vec<(Target, Vec<u8>, PathBuf)>> = std::sync::OnceLock::new();
        let (target, body, becomes) = which.get(STREAMS.get_or_init(streams));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        prop_assert_eq!(streamed(*target, pieces, true), streamed(*target, [body.as_slice()], true), "{}", becomes.display());
    }
}

#[test]
fn who_speaks_an_older_state_of_the_format_is_spoken_to_in_it() {
    let asked =
        r#"{"max_completion_tokens": 9, "stream_options": {"include_usage": true}, "n": 1.0}"#;
    let both = r#"{"max_tokens": 5, "max_completion_tokens": 9}"#;
    for (provider, body, expected) in [
        ("openai", asked, asked),
        ("custom-mine", asked, asked),
        ("mistral", asked, r#"{"max_tokens":9,"n":1.0}"#),
        ("mistral", both, r#"{"max_tokens":5}"#),
        ("mistral", r#"{ "n": 1 }"#, r#"{ "n": 1 }"#),
        (
            "deepseek",
            asked,
            r#"{"max_tokens":9,"stream_options":{"include_usage": true},"n":1.0}"#,
        ),
    ] {
        let endpoint = crate::dialects::endpoint(provider, "chat/completions").unwrap();
        assert_eq!(
            alike(&endpoint, body).as_deref(),
            Ok(expected),
            "{provider}"
        );
    }
}
