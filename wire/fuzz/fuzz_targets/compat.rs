//! Translations: never a panic, what comes out can be read, and a stream is the same in any pieces.
//! `cargo +nightly fuzz run compat`

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Dialect, Endpoint};
use wire::compat::{Stream, Target, answer, request};

fn streamed(target: Target, pieces: [&[u8]; 2]) -> Vec<u8> {
    let mut stream = Stream::new(target, true, 1);
    let mut told: Vec<u8> = pieces.iter().flat_map(|piece| stream.feed(piece)).collect();
    told.extend(stream.finish(true));
    told
}

fuzz_target!(|input: (usize, Vec<u8>)| {
    let (cut, bytes) = input;
    let (first, second) = bytes.split_at(cut.checked_rem(bytes.len()).unwrap_or_default());
    for (target, dialect) in [
        (Target::Anthropic, Dialect::ANTHROPIC),
        (Target::Gemini, Dialect::GEMINI),
    ] {
        assert_eq!(
            streamed(target, [&bytes, b""]),
            streamed(target, [first, second])
        );
        let Ok(text) = str::from_utf8(&bytes) else {
            continue;
        };
        let _ = answer(target, text, 1);
        if let Ok(sent) = request(target, text, "m", 5) {
            let endpoint = Endpoint::find(dialect, &sent.path);
            let json = "application/json";
            let body = sent.body.as_bytes();
            let asked = endpoint.map(|endpoint| wire::ask(&endpoint, json, body, &mut |_| {}));
            assert!(asked.is_some_and(|asked| asked.is_ok()), "{}", sent.body);
        }
    }
});
