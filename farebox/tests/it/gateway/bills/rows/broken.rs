//! Answers of the smaller APIs that break off or fail, and streams of files that were uploaded.

use serde_json::json;

use super::media::{edit, tokens};
use super::{Bill, Body, bill, cut, failed, said, sse, wav, whole};

/// An answer that comes whole, and breaks off: the client gets an error, and nothing is charged.
fn broken() -> super::Said {
    cut(said("application/json", "{\"object\":\"list\",\"data\":["))
}

pub fn pieces() -> Vec<Bill> {
    let embed = || json!({"model": "text-embedding-3-small", "input": "Count.".repeat(200)});
    let rerank = || json!({"model": "rerank-v4.0", "query": "one", "documents": ["one", "two"]});
    let compact = || json!({"model": "gpt-5-mini", "input": "Count."});
    let count = || {
        json!({"model": "claude-opus-4-6",
        "messages": [{"role": "user", "content": "Count."}]})
    };
    const EMBEDDINGS: &str = "openai/v1/embeddings";
    const RERANK: &str = "cohere/v2/rerank";
    const COMPACT: &str = "openai/v1/responses/compact";
    const COUNT: &str = "anthropic/v1/messages/count_tokens";
    const MODERATIONS: &str = "openai/v1/moderations";
    vec![
        bill("embeddings, cut", EMBEDDINGS, embed(), broken(), "0"),
        bill("rerank, cut", RERANK, rerank(), broken(), "0"),
        bill("compact, cut", COMPACT, compact(), broken(), "0"),
        bill("count_tokens, cut", COUNT, count(), broken(), "0"),
        bill("count_tokens, failed", COUNT, count(), failed(), "0"),
        bill(
            "moderations, cut",
            MODERATIONS,
            json!({"input": "Count."}),
            broken(),
            "0",
        ),
        bill(
            "moderations, failed",
            MODERATIONS,
            json!({"input": "Count."}),
            failed(),
            "0",
        ),
    ]
}

pub fn edits() -> Vec<Bill> {
    let with = |what, stream, said, dollars| Bill {
        what,
        path: "openai/v1/images/edits",
        body: edit(stream),
        said,
        dollars,
    };
    let usage = json!({"input_tokens": 1010, "output_tokens": 1000, "total_tokens": 2010,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 1000}});
    let partial = json!({"type": "image_edit.partial_image", "b64_json": "aaaa"});
    let done = json!({"type": "image_edit.completed", "b64_json": "aaaa", "usage": usage});
    vec![
        with(
            "image edits, streamed",
            true,
            sse(&[partial.clone(), done]),
            "0.03805",
        ),
        // 272 tokens of a picture of low quality, at $30, 1,000 of the one that was sent, at $8, and 6 of the prompt at $5.
        with("image edits, cut", true, cut(sse(&[partial])), "0.01619"),
        with("image edits, broken", false, broken(), "0"),
        with("image edits, failed", false, failed(), "0"),
    ]
}

pub fn transcripts() -> Vec<Bill> {
    let streamed = |what, said, dollars| {
        let Body::Form(mut fields, file) = Body::recording("gpt-4o-transcribe", "json", wav(30))
        else {
            unreachable!("a recording is sent in a form");
        };
        fields.push(("stream", "true".to_owned()));
        Bill {
            what,
            path: "openai/v1/audio/transcriptions",
            body: Body::Form(fields, file),
            said,
            dollars,
        }
    };
    let delta = json!({"type": "transcript.text.delta", "delta": "one two three"});
    let done = json!({"type": "transcript.text.done", "text": "one two three", "usage": tokens()});
    vec![
        streamed(
            "transcription, streamed",
            sse(&[delta.clone(), done]),
            "0.002025",
        ),
        // 300 tokens of sound at $6, and 5 of the text at $10.
        streamed("transcription, cut", cut(sse(&[delta])), "0.00185"),
        streamed("transcription, failed", failed(), "0"),
        Bill {
            what: "whisper, broken",
            path: "openai/v1/audio/transcriptions",
            body: Body::recording("whisper-1", "json", wav(30)),
            said: broken(),
            dollars: "0",
        },
        Bill {
            what: "speech, streamed error",
            path: "openai/v1/audio/speech",
            body: Body::Json(
                json!({"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "abc",
                "stream_format": "sse"}),
            ),
            said: sse(&[
                json!({"type": "error", "error": {"message": "No.", "type": "server_error"}}),
            ]),
            dollars: "0",
        },
        Bill {
            what: "completions without usage",
            path: "openai/v1/completions",
            body: Body::Json(
                json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Count.".repeat(20),
                "max_tokens": 50}),
            ),
            said: whole(json!({"model": "gpt-3.5-turbo-instruct",
                "choices": [{"index": 0, "text": "one two three", "finish_reason": "stop"}]})),
            dollars: "0.000076",
        },
    ]
}
