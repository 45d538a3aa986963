//! The decoder of server-sent events against its specification (WHATWG HTML, section 9.2).

use proptest::prelude::*;
use wire::sse::{Decoder, Events};

/// The events of a stream, as `name|data`; line feeds in the data are written `/`.
fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut events = Events::new(1000);
    let found = pieces.into_iter().flat_map(|piece| events.feed(piece));
    let told = found.map(|event| format!("{}|{}", event.name, event.data.replace('\n', "/")));
    told.collect()
}

#[track_caller]
fn check(stream: &str, expected: &[&str]) {
    assert_eq!(decoded([stream.as_bytes()]), expected, "{stream:?}");
    let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    assert_eq!(decoded(bytes), expected, "{stream:?}, byte by byte");
}

#[test]
fn events_are_told_apart() {
    check("data: a\n\ndata: b\n\n", &["message|a", "message|b"]);
    check("event: x\ndata: a\n\ndata: b\n\n", &["x|a", "message|b"]);
    check("data: a\nevent: x\n\n", &["x|a"]);
    // The examples of the specification.
    check(
        "data: YHOO\ndata: +2\ndata: 10\n\n",
        &["message|YHOO/+2/10"],
    );
    check(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[
            "message|first event",
            "message|second event",
            "message| third event",
        ],
    );
    check("data\n\ndata\ndata\n\ndata:", &["message|", "message|/"]);
    check(
        "data:test\n\ndata: test\n\n",
        &["message|test", "message|test"],
    );
}

#[test]
fn lines_end_in_three_ways() {
    for end in ["\n", "\r", "\r\n"] {
        check(
            &"data: a|data: b||data: c||".replace('|', end),
            &["message|a/b", "message|c"],
        );
    }
    check(
        "data: a\r\n\r\ndata: b\r\r\ndata: c\n\r",
        &["message|a", "message|b", "message|c"],
    );
    // Two line feeds are two ends of lines, and so are a line feed and a carriage return.
    check("data: a\n\n\n\rdata: b\n\r", &["message|a", "message|b"]);
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    check("\u{feff}data: a\n\n", &["message|a"]);
    check("\u{feff}\u{feff}data: a\n\n", &[]);
    check(
        "data: \u{feff}\n\n\u{feff}data: a\n\n",
        &["message|\u{feff}"],
    );
}

#[test]
fn what_means_nothing_is_skipped() {
    check(": comment\n:\n\n", &[]);
    check("event: x\n\ndata: a\n\n", &["message|a"]);
    check("Data: a\nwhatever: b\n data: c\ndata : d\n\n", &[]);
    check("data: a: b: c\n\n", &["message|a: b: c"]);
    // Without its end an event is none.
    check("data: a\n\ndata: b\n", &["message|a"]);
    check("data: a\n\ndata: b", &["message|a"]);
}

#[test]
fn ids_and_retry_times_are_kept() {
    let mut decoder = Decoder::default();
    decoder.feed(
        b"id: 7\nretry: 250\ndata: x\n\nid: \0\nretry: 2s\nretry:\n",
        &mut |_| {},
    );
    assert_eq!(
        (decoder.last_id(), decoder.retry_millis()),
        ("7", Some(250))
    );
    decoder.feed(b"id\n", &mut |_| {});
    assert_eq!(decoder.last_id(), "");
    decoder.feed(b"retry: 99999999999999999999\n", &mut |_| {});
    assert_eq!(decoder.retry_millis(), None);
}

#[test]
fn an_event_that_is_too_large_is_left_out() {
    let mut events = Events::new(5);
    let told = events.feed(b"data: 12345\n\ndata: 123456\n\ndata: 123\ndata: 45\n\ndata: 1\n\n");
    let data: Vec<&str> = told.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data, ["12345", "1"]);
    assert_eq!(events.dropped(), 2);
    let mut events = Events::new(5);
    (0..1000).for_each(|_| assert!(events.feed(b"data: 1234567890\n").is_empty()));
    assert_eq!(events.feed(b"\n").len(), 0);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    assert_eq!(
        decoded([b"data: a\xff\xc3\n\n".as_slice()]),
        ["message|a\u{fffd}\u{fffd}"]
    );
}

/// The specification in so many words: line by line over a stream that is all there.
fn model(stream: &str) -> Vec<String> {
    let text = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut name, mut data, mut events) = (String::new(), String::new(), Vec::new());
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    for line in whole.split_terminator('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                let name = if name.is_empty() { "message" } else { &name };
                events.push(format!("{name}|{}", data.replace('\n', "/")));
            }
            (name, data) = (String::new(), String::new());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data += &format!("{value}\n"),
            _ => {}
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5000) })]

    #[test]
    fn as_the_specification_says(
        words in prop::collection::vec(prop::sample::select(vec![
            "data", "event", "id", "retry", ":", " ", "\n", "\r", "\r\n", "\n\n", "\u{feff}", "x", "é", "data: y\n",
        ]), 0..40),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let stream = words.concat();
        let bytes = stream.as_bytes();
        let mut ends: Vec<usize> = ends.iter().map(|end| end.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decoded(pieces), model(&stream), "{:?}", stream);
    }
}
