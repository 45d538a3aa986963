//! The chunk with the usage is hidden, and where others say that they have none; and no other byte.

use proptest::prelude::*;
use wire::sse::HideUsageChunk;

const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n";
/// The same as a client sees it.
const SHOWN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
const USAGE: &str = "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
/// Azure's first chunk, which has no choices either.
const FILTERS: &str = "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n";
const IN_LAST: &str = "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn passed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hide = HideUsageChunk::default();
    let mut passed: Vec<u8> = Vec::new();
    for piece in pieces {
        passed.extend(hide.feed(piece));
    }
    passed.extend(hide.finish());
    String::from_utf8(passed).unwrap()
}

#[test]
fn the_usage_chunk_alone_is_hidden() {
    let stream = [FILTERS, CHUNK, ": hi\n\n", IN_LAST, USAGE, DONE].concat();
    let expected = [FILTERS, SHOWN, ": hi\n\n", IN_LAST, DONE].concat();
    assert_eq!(passed([stream.as_bytes()]), expected);
    for end in ["\r\n", "\r"] {
        let stream = stream.replace('\n', end);
        assert_eq!(passed([stream.as_bytes()]), expected.replace('\n', end));
    }
}

#[test]
fn an_event_goes_on_as_soon_as_it_is_whole() {
    let mut hide = HideUsageChunk::default();
    assert_eq!(hide.feed(CHUNK.as_bytes()), SHOWN.as_bytes());
    assert_eq!(hide.feed(b": comment\n"), b": comment\n");
    assert_eq!(hide.feed(b"data: {\"cho"), b"");
    assert_eq!(hide.feed(b"ices\":[1]}\n"), b"");
    assert_eq!(hide.feed(b"\n"), b"data: {\"choices\":[1]}\n\n");
}

#[test]
fn a_usage_that_is_null_goes_and_no_other_byte() {
    for (data, expected) in [
        (r#"{"usage":null,"choices":[]}"#, r#"{"choices":[]}"#),
        (r#"{"choices":[1],"usage":null}"#, r#"{"choices":[1]}"#),
        (
            r#"{ "choices": [1] , "usage" : null , "x": 1 }"#,
            r#"{ "choices": [1]  , "x": 1 }"#,
        ),
        (
            r#"{ "usage" : null , "choices": [1] }"#,
            r#"{ "choices": [1] }"#,
        ),
        (
            r#"{"choices":[{"usage":null}],"usage":null}"#,
            r#"{"choices":[{"usage":null}]}"#,
        ),
        (
            r#"{"choices":[{"text":"\"usage\":null"}],"usage":null}"#,
            r#"{"choices":[{"text":"\"usage\":null"}]}"#,
        ),
    ] {
        for (before, after) in [
            ("data: ", "\n\n"),
            ("id: 1\ndata:", "\r\n\r\n"),
            (": c\r\rdata: ", "\r\r"),
        ] {
            let event = format!("{before}{data}{after}");
            let expected = format!("{before}{expected}{after}");
            assert_eq!(passed([event.as_bytes()]), expected);
            assert_eq!(passed(event.as_bytes().chunks(1)), expected);
        }
    }
    for same in [
        r#"{"choices":[1],"usage":{"prompt_tokens":1}}"#,
        r#"{"choices":[1],"usage":0}"#,
        r#"{"error":{"message":"x"},"usage":null}"#,
        r#"{"choices":[1],"\u0075sage":null}"#,
        r#"{"choices":[1],"usage":null"#,
        "[DONE]",
    ] {
        let event = format!("data: {same}\n\n");
        assert_eq!(passed([event.as_bytes()]), event);
    }
    // Data in several lines is read as one, and passed on as it is.
    let lines = "data: {\"choices\":[1],\ndata: \"usage\":null}\n\n";
    assert_eq!(passed([lines.as_bytes()]), lines);
}

#[test]
fn what_has_no_end_is_passed_on_all_the_same() {
    assert_eq!(
        passed([b"data: {\"choices\"".as_slice()]),
        "data: {\"choices\""
    );
    let long = format!("data: {{\"x\":\"{}\"}}\n\n", "y".repeat(100_000));
    let mut hide = HideUsageChunk::default();
    let first = hide.feed(&long.as_bytes()[..50_000]);
    assert_eq!(first.len(), 50_000, "a long event is not held back");
    assert_eq!(passed(long.as_bytes().chunks(999)), long);
    // What follows a long event is looked at again.
    let stream = [&long, USAGE, DONE].concat();
    assert_eq!(
        passed(stream.as_bytes().chunks(1000)),
        [&long, DONE].concat()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn in_any_pieces(
        events in prop::collection::vec(prop::sample::select(vec![CHUNK, SHOWN, USAGE, FILTERS, IN_LAST, DONE, ": c\n", "id: 1\n", "event: x\n"]), 0..8),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let stream = events.concat().replace('\n', end);
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cut.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let whole = passed([bytes]);
        prop_assert_eq!(&passed(pieces), &whole);
        let seen = |text: &str, what: &str| text.matches(&what.trim_end().to_owned()).count();
        for event in [FILTERS, IN_LAST, DONE] {
            prop_assert_eq!(seen(&whole, event), seen(&stream, event));
        }
        prop_assert_eq!(seen(&whole, SHOWN), seen(&stream, SHOWN) + seen(&stream, CHUNK));
        prop_assert_eq!(seen(&whole, USAGE) + seen(&whole, CHUNK), 0);
    }
}
