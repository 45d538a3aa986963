//! Images, speech, transcriptions, and an answer that is compressed.

use std::io::Write;

use serde_json::{Value, json};

use super::{Bill, Body, CHAT, bill, cut, failed, said, sse, talk, told, wav, whole};

/// Frames of 24 ms and 192 bytes: MPEG 2 layer III, 64 kbit a second.
fn mp3(millis: usize) -> Vec<u8> {
    let mut frame = vec![0xFF, 0xF3, 0x84, 0xC0];
    frame.resize(192, 0);
    frame.repeat(millis / 24)
}

/// A picture that is to be changed.
pub fn edit(stream: bool) -> Body {
    let mut fields: Vec<_> = [
        ("model", "gpt-image-2"),
        ("prompt", "A cat."),
        ("size", "1024x1024"),
        ("quality", "low"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    if stream {
        fields.push(("stream", "true".to_owned()));
    }
    Body::Form(fields, vec![0; 100])
}

/// What a transcription is said to have used.
pub fn tokens() -> Value {
    json!({"type": "tokens", "input_tokens": 310, "output_tokens": 20, "total_tokens": 330,
        "input_token_details": {"text_tokens": 10, "audio_tokens": 300}})
}

pub fn images() -> Vec<Bill> {
    const PATH: &str = "openai/v1/images/generations";
    let ask = |more: Value| {
        let mut body = json!({"model": "gpt-image-2", "prompt": "A cat.", "size": "1024x1024", "quality": "high"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let usage = json!({"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010});
    let made = json!({"created": 1, "data": [{"b64_json": "aaaa"}], "size": "1024x1024", "quality": "high", "usage": usage});
    let done = json!({"type": "image_generation.completed", "b64_json": "aaaa", "usage": usage});
    let partial = json!({"type": "image_generation.partial_image", "b64_json": "aaaa"});
    let edited = json!({"created": 1, "data": [{"b64_json": "aaaa"}], "usage": {"input_tokens": 1010,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 1000}, "output_tokens": 1000, "total_tokens": 2010}});
    vec![
        bill("images", PATH, ask(json!({})), whole(made), "0.03005"),
        bill(
            "images, streamed",
            PATH,
            ask(json!({"stream": true})),
            sse(&[partial.clone(), done]),
            "0.03005",
        ),
        // 4,160 tokens of a picture of high quality, at $30, and 6 of the prompt at $5.
        bill(
            "images, cut",
            PATH,
            ask(json!({"stream": true})),
            cut(sse(&[partial])),
            "0.12483",
        ),
        bill("images, failed", PATH, ask(json!({})), failed(), "0"),
        Bill {
            what: "image edits",
            path: "openai/v1/images/edits",
            body: edit(false),
            said: whole(edited),
            dollars: "0.03805",
        },
    ]
}

pub fn speech() -> Vec<Bill> {
    const PATH: &str = "openai/v1/audio/speech";
    let ask = |more: Value| {
        let mut body =
            json!({"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "abcdefghi".repeat(100)});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let usage = json!({"input_tokens": 225, "output_tokens": 1250, "total_tokens": 1475});
    let delta = json!({"type": "speech.audio.delta", "audio": "aaaa"});
    let done = json!({"type": "speech.audio.done", "usage": usage});
    let pcm = vec![0; 48_000 * 30];
    vec![
        // 304 tokens of text at $0.60; a minute of sound is 1,250 at $12.
        bill(
            "speech as mp3",
            PATH,
            ask(json!({})),
            said("audio/mpeg", mp3(60_000)),
            "0.0151824",
        ),
        bill(
            "speech, cut in the middle",
            PATH,
            ask(json!({})),
            cut(said("audio/mpeg", mp3(30_000))),
            "0",
        ),
        bill(
            "speech as pcm",
            PATH,
            ask(json!({"response_format": "pcm"})),
            said("audio/pcm", pcm),
            "0.0076824",
        ),
        bill(
            "speech as opus, by its characters",
            PATH,
            ask(json!({"response_format": "opus"})),
            said("audio/ogg", b"OggS".to_vec()),
            "0.0151824",
        ),
        bill(
            "speech in events",
            PATH,
            ask(json!({"stream_format": "sse"})),
            sse(&[delta.clone(), done]),
            "0.015135",
        ),
        bill(
            "speech in events, cut",
            PATH,
            ask(json!({"stream_format": "sse"})),
            cut(sse(&[delta])),
            "0.0151824",
        ),
        bill("speech, failed", PATH, ask(json!({})), failed(), "0"),
        bill(
            "speech by the character",
            PATH,
            ask(json!({"model": "tts-1"})),
            said("audio/mpeg", mp3(60_000)),
            "0.0135",
        ),
    ]
}

pub fn transcription() -> Vec<Bill> {
    const PATH: &str = "openai/v1/audio/transcriptions";
    const GROQ: &str = "groq/audio/transcriptions";
    let form = |what, path, model: &str, format: &str, file: Vec<u8>, said, dollars| Bill {
        what,
        path,
        body: Body::recording(model, format, file),
        said,
        dollars,
    };
    let seconds = whole(json!({"text": "one", "usage": {"type": "duration", "seconds": 30}}));
    let verbose = whole(json!({"text": "one", "duration": 30.0, "language": "english"}));
    let text = said("text/plain; charset=utf-8", "one two three");
    let counted = whole(json!({"text": "one", "usage": tokens()}));
    vec![
        form(
            "whisper",
            PATH,
            "whisper-1",
            "json",
            wav(30),
            seconds.clone(),
            "0.003",
        ),
        form(
            "whisper, verbose",
            PATH,
            "whisper-1",
            "verbose_json",
            wav(30),
            verbose.clone(),
            "0.003",
        ),
        form(
            "whisper as text",
            PATH,
            "whisper-1",
            "text",
            wav(30),
            text.clone(),
            "0.003",
        ),
        form(
            "whisper as subtitles of an mp3",
            PATH,
            "whisper-1",
            "srt",
            mp3(30_000),
            text.clone(),
            "0.003",
        ),
        form(
            "whisper's translation",
            "openai/v1/audio/translations",
            "whisper-1",
            "vtt",
            wav(30),
            text.clone(),
            "0.003",
        ),
        form(
            "whisper, failed",
            PATH,
            "whisper-1",
            "json",
            wav(30),
            failed(),
            "0",
        ),
        form(
            "gpt-transcribe",
            PATH,
            "gpt-transcribe",
            "json",
            wav(30),
            seconds,
            "0.00225",
        ),
        form(
            "Groq's whisper, verbose",
            GROQ,
            "whisper-large-v3",
            "verbose_json",
            wav(30),
            verbose,
            "0.000925",
        ),
        form(
            "Groq's whisper says no duration",
            GROQ,
            "whisper-large-v3",
            "json",
            wav(30),
            whole(json!({"text": "one", "x_groq": {"id": "r"}})),
            "0.000925",
        ),
        // Ten seconds are charged at least.
        form(
            "Groq's whisper, short",
            GROQ,
            "whisper-large-v3",
            "text",
            wav(2),
            text.clone(),
            "0.000308334",
        ),
        form(
            "voxtral",
            "mistral/v1/audio/transcriptions",
            "voxtral-mini-latest",
            "json",
            wav(30),
            whole(
                json!({"model": "voxtral-mini-2602", "text": "one", "usage": {"prompt_tokens": 0,
                "completion_tokens": 0, "total_tokens": 0, "prompt_audio_seconds": 30}}),
            ),
            "0.0015",
        ),
        // 10 at $2.50, 300 at $6, 20 at $10 for a million.
        form(
            "transcription by tokens",
            PATH,
            "gpt-4o-transcribe",
            "json",
            wav(30),
            counted,
            "0.002025",
        ),
        // 300 tokens of sound at $6; 5 of the text at $10.
        form(
            "transcription by tokens as text",
            PATH,
            "gpt-4o-transcribe",
            "text",
            wav(30),
            text,
            "0.00185",
        ),
    ]
}

pub fn compressed() -> Vec<Bill> {
    let answer = told(
        "gpt-4o",
        json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}),
    );
    let answer = answer.to_string().into_bytes();
    let coded = |what, coding, bytes| {
        let mut unasked = said("application/json", bytes);
        unasked.headers.push(("content-encoding", coding));
        bill(what, CHAT, talk(json!({})), unasked, "0.00035")
    };
    let (gzip, zlib) = (gzip(&answer), zlib(&answer));
    let mut cut_off = said("application/json", &gzip[..gzip.len() / 2]);
    cut_off.headers.push(("content-encoding", "gzip"));
    vec![
        coded("chat, gzip unasked", "gzip", gzip),
        coded("chat, deflate unasked", "deflate", zlib),
        coded("chat, brotli unasked", "br", brotli(&answer)),
        coded("chat, zstd unasked", "zstd", zstd(&answer)),
        bill(
            "chat, gzip and cut",
            CHAT,
            talk(json!({})),
            cut(cut_off),
            "0",
        ),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(bytes).unwrap();
    zlib.finish().unwrap()
}

/// One raw block with its frame's head of a four-byte length (RFC 8878, section 3.1.1).
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0xA0];
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&((length << 3) | 1).to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    frame
}

/// One block that is not compressed, and an empty last one (RFC 7932, section 9).
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap() - 1;
    // A window of 16 bits (one bit 0); not the last block, four nibbles, the length, not compressed.
    let bits = (length << 4) | (1 << 20);
    let mut stream = bits.to_le_bytes()[..3].to_vec();
    stream.extend_from_slice(bytes);
    stream.push(0b11);
    stream
}
