//! `moderations`, which cost nothing.

use ledger::Unit;

use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::content;
use crate::reading::Reading;

pub(crate) const UNITS: &[Unit] = &[];

/// For everything whose answer has nothing to be counted.
pub(crate) const SHAPE: Shape = Shape {
    whole: &["model", "error"],
    inside: &[],
    text: &[],
    written: &[],
};

/// What OpenAI takes if the request names no model (its API reference, "Create moderation").
const MODEL: &str = "omni-moderation-latest";

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) {
    reading.asked.model.get_or_insert_with(|| MODEL.to_owned());
    if let Some(input) = body.get("input") {
        content::content(reading, input);
    }
}

pub(crate) fn read(tally: &mut crate::tally::Tally, document: Json<'_>) {
    tally.model(document.get("model"));
    tally.error(document.get("error"));
}
