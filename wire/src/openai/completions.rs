//! The older `completions`: text that is continued.

use ledger::Unit;

use crate::asked::Unreadable;
use crate::dialect::{Dialect, StreamUsage};
use crate::json::{Json, Object};
use crate::openai::embeddings;
use crate::reading::{Reading, count_of};

pub(crate) const UNITS: &[Unit] = super::chat::UNITS;

pub(crate) const LIMITS: &[&str] = &["max_tokens"];

pub(crate) fn ask(
    reading: &mut Reading<'_>,
    body: &Object<'_>,
    dialect: Dialect,
) -> Result<(), Unreadable> {
    let include_usage = body
        .get("stream_options")
        .and_then(|options| options.get("include_usage")?.flag());
    let asked = &mut reading.asked;
    asked.usage_in_stream =
        dialect.stream_usage == StreamUsage::Always || include_usage == Some(true);
    asked.output_limit = body.get("max_tokens").and_then(Json::count);
    // The best of several is one that is shown; all of them are written ("best_of", OpenAI's API reference).
    let shown = count_of(body, "n")?.unwrap_or(1);
    let written = count_of(body, "best_of")?.unwrap_or(1);
    let prompts = embeddings::texts(reading, body.get("prompt"));
    reading.asked.choices = shown.max(written).max(1).saturating_mul(prompts.max(1));
    if let Some(suffix) = body.get("suffix") {
        reading.piece();
        reading.value(suffix);
    }
    Ok(())
}
