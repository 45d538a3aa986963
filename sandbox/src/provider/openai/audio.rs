//! Sound from text, and text from sound. A second of sound is 32,000 bytes and ten tokens.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::provider::apis::Request;
use crate::provider::ask::{Ask, needed, words};
use crate::provider::base64;
use crate::provider::behaviour::Behaviour;
use crate::provider::content::{Content, named_event};
use crate::provider::error::Refusal;
use crate::provider::turn::Turn;

const BYTES_PER_SECOND: u64 = 32_000;
const TOKENS_PER_SECOND: u64 = 10;

/// Bytes of sound, and tokens of it, for a word that is spoken.
const BYTES_PER_WORD: u64 = 1_000;
const TOKENS_PER_WORD: u64 = 10;

pub(crate) fn ask_speech(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let text = needed(body, "input")?;
    if body["voice"].is_null() {
        return Err(Refusal::invalid(
            "voice",
            "Missing required parameter: 'voice'.",
        ));
    }
    Ok(Ask {
        model: needed(body, "model")?.to_owned(),
        input: words(text),
        last: text.to_owned(),
        answers: 1,
        stream: body["stream_format"] == "sse",
        ..Ask::default()
    })
}

pub(crate) fn speech(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let bytes = usize::try_from(ask.input * BYTES_PER_WORD).unwrap_or(0);
    let sound = Bytes::from(vec![0_u8; bytes]);
    if ask.stream {
        return speech_stream(ask, behaviour, &sound);
    }
    let (kind, sound) = match request.body["response_format"].as_str().unwrap_or("mp3") {
        "wav" => ("audio/wav", wav(&sound)),
        "pcm" => ("audio/pcm", sound),
        "opus" => ("audio/opus", sound),
        "aac" => ("audio/aac", sound),
        "flac" => ("audio/flac", sound),
        _ => ("audio/mpeg", sound),
    };
    Content::bytes(kind, sound)
}

fn speech_stream(ask: &Ask, behaviour: &Behaviour, sound: &Bytes) -> Content {
    let word = usize::try_from(BYTES_PER_WORD).unwrap_or(1);
    let delta = |piece: &[u8]| {
        named_event(&json!({ "type": "speech.audio.delta", "audio": base64::encode(piece) }))
    };
    let input = behaviour.input_tokens.unwrap_or(ask.input);
    let output = behaviour
        .output_tokens
        .unwrap_or(ask.input * TOKENS_PER_WORD);
    let mut done = json!({ "type": "speech.audio.done" });
    let usage = json!({
        "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
    });
    if let Some(usage) = behaviour.report(usage) {
        done["usage"] = usage;
    }
    Content::sse(
        sound.chunks(word).map(delta).collect(),
        vec![named_event(&done)],
    )
}

/// Silence with the header that tells what it is: one channel of 16 bits, 16,000 times a second.
fn wav(sound: &[u8]) -> Bytes {
    let length = u32::try_from(sound.len()).unwrap_or(0);
    let mut file = Vec::with_capacity(44 + sound.len());
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]);
    file.extend(16_000_u32.to_le_bytes());
    file.extend(32_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(sound);
    Bytes::from(file)
}

pub(crate) fn ask_transcription(request: &Request<'_>) -> Result<Ask, Refusal> {
    let body = &request.body;
    let model = request
        .route
        .model
        .as_deref()
        .map_or_else(|| needed(body, "model"), Ok)?;
    if !body["file"]["bytes"].is_u64() {
        return Err(Refusal::invalid(
            "file",
            "Missing required parameter: 'file'.",
        ));
    }
    let prompt = body["prompt"].as_str().unwrap_or_default();
    Ok(Ask {
        model: model.to_owned(),
        input: words(prompt) + seconds(body) * TOKENS_PER_SECOND,
        last: prompt.to_owned(),
        answers: 1,
        // The older model takes the parameter and does not stream.
        stream: body["stream"] == "true" && !model.starts_with("whisper"),
        ..Ask::default()
    })
}

fn seconds(body: &Value) -> u64 {
    let bytes = body["file"]["bytes"].as_u64().unwrap_or(0);
    bytes.div_ceil(BYTES_PER_SECOND)
}

pub(crate) fn transcription(request: &Request<'_>, ask: &Ask, behaviour: &Behaviour) -> Content {
    let body = &request.body;
    let sentence = format!("The sound has {} seconds.", seconds(body));
    let behaviour = Behaviour {
        text: behaviour.text.clone().or(Some(sentence)),
        ..behaviour.clone()
    };
    let turn = Turn::of(ask, &behaviour);
    let usage = behaviour.report(usage(ask, &turn, seconds(body)));
    if ask.stream {
        return transcription_stream(&turn, &behaviour, usage);
    }
    let text = turn.text();
    let seconds = seconds(body);
    let stamp = format!(
        "00:00:00.000 --> 00:{:02}:{:02}.000",
        seconds / 60,
        seconds % 60
    );
    let mut answer = json!({ "text": text });
    match body["response_format"].as_str().unwrap_or("json") {
        "text" => return Content::bytes(TEXT, format!("{text}\n")),
        "vtt" => return Content::bytes(TEXT, format!("WEBVTT\n\n{stamp}\n{text}\n")),
        "srt" => {
            let stamp = stamp.replace('.', ",");
            return Content::bytes(TEXT, format!("1\n{stamp}\n{text}\n"));
        }
        "verbose_json" => {
            answer["task"] = json!("transcribe");
            answer["language"] = json!("english");
            answer["duration"] = json!(seconds);
            answer["segments"] = json!([]);
        }
        _ => {}
    }
    if let Some(usage) = usage {
        answer["usage"] = usage;
    }
    Content::json(&answer)
}

const TEXT: &str = "text/plain; charset=utf-8";

fn transcription_stream(turn: &Turn, behaviour: &Behaviour, usage: Option<Value>) -> Content {
    let delta = |delta| named_event(&json!({ "type": "transcript.text.delta", "delta": delta }));
    let mut done = json!({ "type": "transcript.text.done", "text": turn.text() });
    if let Some(usage) = usage {
        done["usage"] = usage;
    }
    Content::sse(
        turn.deltas(behaviour).map(delta).collect(),
        vec![named_event(&done)],
    )
}

/// The older model is paid by the second, the newer ones by the token.
fn usage(ask: &Ask, turn: &Turn, seconds: u64) -> Value {
    if ask.model.starts_with("whisper") {
        return json!({ "type": "duration", "seconds": seconds });
    }
    let tokens = &turn.tokens;
    let audio = (seconds * TOKENS_PER_SECOND).min(tokens.input);
    json!({
        "type": "tokens", "input_tokens": tokens.input, "output_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "input_token_details": { "audio_tokens": audio, "text_tokens": tokens.input - audio },
    })
}
