//! Answers that were cut, and bytes that are no answer at all.

use ledger::{Basis, Unit, Usage};
use proptest::prelude::*;
use wire::{Asked, Endpoint, Observer, Report};

use crate::golden::cases;

/// Whatever a cut answer has said for good, the whole answer says as well.
#[test]
fn a_cut_answer_never_says_more_than_the_whole() {
    for case in cases() {
        let whole = case.used_at_once();
        let body = &case.response.body;
        let step = body.len().div_ceil(400).max(1);
        for end in (0..body.len()).step_by(step) {
            let cut = case.used([&body[..end]], false);
            if let Report::Final(_) = cut.report {
                assert_eq!(cut.report, whole.report, "{} cut at {end}", case.name);
            }
            assert!(
                cut.text_bytes <= whole.text_bytes,
                "{} cut at {end}",
                case.name
            );
            let guess = Usage::new(Basis::Estimated).with(&[(Unit::Input, 7)]);
            let settled = cut.settled(&guess, 3);
            assert!(
                settled.input_tokens() > 0
                    || case.endpoint.api.is_free()
                    || settled.basis == Basis::Reported,
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn a_cut_stream_is_estimated_from_what_came() {
    let cases = cases();
    let find = |name: &str| cases.iter().find(|case| case.name == name).unwrap();
    let guess = Usage::new(Basis::Estimated).with(&[(Unit::Input, 100)]);
    // Nothing was reported: the input by the guess, the output by its text.
    let used = find("chat/stream_breaks_off").used_at_once();
    assert_eq!(used.report, Report::Nothing);
    let settled = used.settled(&guess, 4);
    assert_eq!(settled.basis, Basis::Estimated);
    assert_eq!(
        (settled.get(Unit::Input), settled.get(Unit::Output)),
        (100, 7)
    );
    // The input was reported, and of the output only a beginning.
    let settled = find("messages/stream_breaks_off")
        .used_at_once()
        .settled(&guess, 4);
    assert_eq!(
        (settled.get(Unit::Input), settled.get(Unit::Output)),
        (25, 4)
    );
    // More was reported than the text has: thoughts that nobody sees.
    let settled = find("generate/stream_breaks_off")
        .used_at_once()
        .settled(&guess, 4);
    assert_eq!((settled.get(Unit::Input), settled.output_tokens()), (5, 35));
}

fn observer(provider: &str, path: &str, content_type: &str) -> Observer {
    let endpoint = crate::dialects::endpoint(provider, path).unwrap();
    let asked = asked(&endpoint);
    Observer::new(&endpoint, &asked, content_type)
}

fn asked(endpoint: &Endpoint) -> Asked {
    let body = b"{\"model\":\"m\",\"stream\":true,\"input\":\"x\"}";
    wire::ask(endpoint, "application/json", body, &mut |_| {}).unwrap()
}

const PATHS: &[&str] = &[
    "v1/chat/completions",
    "v1/responses",
    "v1/embeddings",
    "v1/images/generations",
    "v1/audio/speech",
    "v1/audio/transcriptions",
    "v1/messages",
    "v1beta/models/m:streamGenerateContent",
    "v1beta/models/m:embedContent",
    "v2/chat",
];

/// Bytes that look like JSON and events now and then.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "data: ",
        "\n",
        "\n\n",
        "\r",
        "event: ",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u00",
        "\"usage\":",
        "\"usageMetadata\":",
        "\"choices\":",
        "\"delta\":",
        "\"content\":",
        "\"text\":",
        "\"finish_reason\":",
        "null",
        "true",
        "1e99",
        "-1",
        "12",
        "\"x\"",
        "[DONE]",
        "é",
        "\u{0}",
        " ",
        "\"prompt_tokens\":",
        "\"response\":",
        "\"type\":",
        "\"message_stop\"",
        "\u{feff}",
    ]);
    prop::collection::vec(word, 0..200).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn no_bytes_are_too_strange(
        path in prop::sample::select(PATHS),
        kind in prop::sample::select(vec!["text/event-stream", "application/json", "audio/mpeg"]),
        bytes in prop_oneof![nearly_json(), prop::collection::vec(any::<u8>(), 0..500)],
        at in any::<prop::sample::Index>(),
    ) {
        let mut whole = observer("openai", path, kind);
        whole.feed(&bytes);
        let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
        let mut parts = observer("openai", path, kind);
        parts.feed(first);
        parts.feed(second);
        prop_assert_eq!(whole.finish(true), parts.finish(true));
    }

    #[test]
    fn no_request_is_too_strange(
        path in prop::sample::select(PATHS),
        bytes in prop_oneof![nearly_json(), prop::collection::vec(any::<u8>(), 0..500)],
    ) {
        let endpoint = crate::dialects::endpoint("openai", path).unwrap();
        let _ = wire::ask(&endpoint, "application/json", &bytes, &mut |_| {});
        let _ = wire::ask(&endpoint, "multipart/form-data; boundary=\"{\"", &bytes, &mut |_| {});
        if let Ok(body) = str::from_utf8(&bytes) {
            let change = wire::Change { output_limit: Some(5), rounds: Some(2), usage_in_stream: true, model: Some("x") };
            let _ = wire::change(&endpoint, body, change);
        }
    }
}

/// A hundred megabytes of a picture, and the usage behind it.
#[test]
fn a_giant_answer_is_read_to_its_end() {
    let mut observer = observer("openai", "v1/images/generations", "application/json");
    observer.feed(b"{\"created\":1,\"data\":[{\"b64_json\":\"");
    let picture = vec![b'A'; 1 << 20];
    (0..100).for_each(|_| observer.feed(&picture));
    observer.feed(b"\"}],\"usage\":{\"input_tokens\":5,\"output_tokens\":1000}}");
    let Report::Final(usage) = observer.finish(true).report else {
        panic!("nothing was read");
    };
    assert_eq!(
        (usage.get(Unit::Input), usage.get(Unit::OutputImage)),
        (5, 1000)
    );
}

#[test]
fn nesting_without_end_is_no_danger() {
    for path in PATHS {
        for start in [
            "[",
            "{\"choices\":",
            "{\"usage\":",
            "{\"x\":[",
            "{\"delta\":{\"content\":[",
        ] {
            let mut observer = observer("openai", path, "application/json");
            (0..100_000).for_each(|_| observer.feed(start.as_bytes()));
            assert_eq!(observer.finish(false).report, Report::Nothing);
        }
    }
}
