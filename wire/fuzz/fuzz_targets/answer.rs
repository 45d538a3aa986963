//! Answers of every API: never a panic, the same in any pieces, and something to settle by.
//! `cargo +nightly fuzz run answer`

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Dialect, Endpoint, Observer, Used};

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
    "v2/rerank",
];
const KINDS: &[&str] = &["text/event-stream", "application/json", "audio/mpeg"];

fn pick<'a>(list: &[&'a str], number: u8) -> &'a str {
    let place = usize::from(number).checked_rem(list.len());
    place
        .and_then(|place| list.get(place))
        .copied()
        .unwrap_or_default()
}

fn dialect(number: u8) -> Option<Dialect> {
    let place = usize::from(number).checked_rem(Dialect::ALL.len())?;
    Dialect::ALL.get(place).copied()
}

fn used(head: [u8; 3], pieces: [&[u8]; 2]) -> Option<Used> {
    let [provider, path, kind] = head;
    let endpoint = Endpoint::find(dialect(provider)?, pick(PATHS, path))?;
    let request = b"{\"model\":\"m\",\"stream\":true,\"n\":2,\"input\":\"x\"}";
    let asked = wire::ask(&endpoint, "application/json", request, &mut |_| {}).ok()?;
    let mut observer = Observer::new(&endpoint, &asked, pick(KINDS, kind));
    pieces.iter().for_each(|piece| observer.feed(piece));
    let used = observer.finish(true);
    let _ = used.settled(&asked.guess(7), 4);
    Some(used)
}

fuzz_target!(|input: ([u8; 3], usize, Vec<u8>)| {
    let (head, cut, bytes) = input;
    let (first, second) = bytes.split_at(cut.checked_rem(bytes.len()).unwrap_or_default());
    assert_eq!(used(head, [&bytes, b""]), used(head, [first, second]));
});
