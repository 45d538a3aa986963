//! The decoder of server-sent events: the same events in any pieces, and what is hidden is a whole event.
//! `cargo +nightly fuzz run events`

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::sse::{Events, HideUsageChunk};

fuzz_target!(|input: (Vec<u8>, usize)| {
    let (bytes, cut) = input;
    let (first, second) = bytes.split_at(cut.checked_rem(bytes.len()).unwrap_or_default());
    let mut at_once = Events::new(1 << 20);
    let mut in_parts = Events::new(1 << 20);
    let mut parts = in_parts.feed(first);
    parts.extend(in_parts.feed(second));
    assert_eq!(at_once.feed(&bytes), parts);

    let mut hide = HideUsageChunk::default();
    let mut passed = hide.feed(first);
    passed.extend(hide.feed(second));
    passed.extend(hide.finish());
    assert!(passed.len() <= bytes.len());
});
