//! `audio/transcriptions` and `audio/translations`.

use ledger::{Basis, Unit, Usage};

use crate::dialect::Dialect;
use crate::form::Field;
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::usage;
use crate::reading::Reading;
use crate::sound;
use crate::tally::Tally;

/// Charged by the duration or by tokens, whichever the model's prices have.
pub(crate) const UNITS: &[Unit] = &[];

pub(crate) const STREAM_SHAPE: Shape = Shape {
    whole: &["usage", "error", "type", "model"],
    inside: &[],
    text: &["delta"],
    written: &[],
};

pub(crate) const BODY_SHAPE: Shape = Shape {
    whole: &["usage", "duration", "error", "model"],
    inside: &[],
    text: &["text"],
    written: &[],
};

pub(crate) fn ask_form(reading: &mut Reading<'_>, fields: &[Field<'_>], dialect: Dialect) {
    let mut format = "json";
    for field in fields {
        let bytes = u64::try_from(field.value.len()).unwrap_or(u64::MAX);
        match (field.name.as_str(), field.text()) {
            _ if field.is_file => reading.audio(bytes, sound::millis(field.value)),
            ("response_format", Some(text)) => format = text,
            ("prompt", Some(text)) => {
                reading.piece();
                reading.text(text);
            }
            ("url" | "file_url" | "file_id", _) => reading.open(),
            _ => {}
        }
    }
    common(reading, format, dialect);
}

/// With the address of the sound in place of the sound.
pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>, dialect: Dialect) {
    if let Some(prompt) = body.get("prompt") {
        reading.value(prompt);
    }
    reading.open();
    let format = body.get("response_format").and_then(Json::text);
    common(reading, format.as_deref().unwrap_or("json"), dialect);
}

fn common(reading: &mut Reading<'_>, format: &str, dialect: Dialect) {
    reading.asked.usage_in_stream = true;
    reading.asked.reports_duration = match format {
        "verbose_json" | "diarized_json" => true,
        "json" => dialect.duration_in_json,
        // Text and subtitles say nothing but what was said.
        _ => false,
    };
    for unit in [
        Unit::Input,
        Unit::InputAudio,
        Unit::Output,
        Unit::InputAudioMs,
    ] {
        reading.asked.may_use(unit, None);
    }
}

/// Reads an event, or a whole answer.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.model(members.get("model"));
    tally.error(members.get("error"));
    let is_done = |kind: Json<'_>| kind.is("transcript.text.done");
    tally.has_ended |= members.get("type").is_some_and(is_done);
    let Some(reported) = members.get("usage") else {
        if let Some(duration) = members.get("duration") {
            by_duration(tally, duration);
        }
        return;
    };
    match reported.get("seconds") {
        Some(seconds) => by_duration(tally, seconds),
        // Mistral has prompts and completions here.
        None if reported.get("prompt_tokens").is_some() => {
            tally.report(usage::completion(reported, tally.dialect));
        }
        None => tally.report(usage::input_output(reported, Unit::Output)),
    }
}

/// A duration is a number, or has been a string at times.
fn by_duration(tally: &mut Tally, duration: Json<'_>) {
    let quoted = duration.text();
    let unquoted = quoted.as_deref().and_then(Json::parse).unwrap_or(duration);
    if let Some(millis) = unquoted.thousandths() {
        let millis = millis.max(tally.dialect.audio_ms_min);
        let used = Usage::new(Basis::Reported).with(&[(Unit::InputAudioMs, millis)]);
        tally.report(Some(used));
    }
}
