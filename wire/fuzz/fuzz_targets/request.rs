//! Requests to every API: never a panic, and a limit that was set is the limit that is read.
//! `cargo +nightly fuzz run request`

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Change, Dialect, Endpoint};

const PATHS: &[&str] = &[
    "v1/chat/completions",
    "v1/responses",
    "v1/embeddings",
    "v1/images/edits",
    "v1/audio/speech",
    "v1/audio/transcriptions",
    "v1/messages",
    "v1beta/models/m:generateContent",
    "v1beta/models/m:batchEmbedContents",
    "v2/chat",
];

fuzz_target!(|bytes: &[u8]| {
    for path in PATHS {
        let Some(endpoint) = Endpoint::find(Dialect::OPENAI, path) else {
            continue;
        };
        let form = "multipart/form-data; boundary=b";
        let _ = wire::ask(&endpoint, form, bytes, &mut |_| {});
        let asked = wire::ask(&endpoint, "application/json", bytes, &mut |_| {});
        let (Ok(before), Ok(body)) = (asked, str::from_utf8(bytes)) else {
            continue;
        };
        let change = Change {
            output_limit: Some(5),
            usage_in_stream: true,
            model: None,
        };
        let changed = wire::change(&endpoint, body, change).map(String::into_bytes);
        let after =
            changed.and_then(|body| wire::ask(&endpoint, "application/json", &body, &mut |_| {}));
        let limit = after.map(|asked| asked.output_limit);
        assert!(
            limit.is_ok_and(|limit| limit.is_none() || limit <= Some(5)),
            "{before:?}"
        );
    }
});
