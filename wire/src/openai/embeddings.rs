//! `embeddings`.

use ledger::Unit;

use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::usage;
use crate::reading::Reading;
use crate::tally::Tally;

pub(crate) const UNITS: &[Unit] = &[Unit::Input];

pub(crate) const SHAPE: Shape = Shape {
    whole: &["usage", "model", "error"],
    inside: &[],
    text: &[],
    written: &[],
};

/// A text, texts, tokens, or texts as tokens.
pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) {
    let Some(input) = body.get("input") else {
        return;
    };
    if !input.is_array() {
        reading.piece();
        return reading.value(input);
    }
    for item in input.items() {
        if item.count().is_some() {
            token(reading);
        } else if item.is_array() {
            reading.piece();
            item.items().iter().for_each(|_| token(reading));
        } else {
            reading.piece();
            reading.value(item);
        }
    }
}

fn token(reading: &mut Reading<'_>) {
    let input = &mut reading.asked.input;
    input.tokens = input.tokens.saturating_add(1);
}

pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.model(members.get("model"));
    tally.error(members.get("error"));
    if let Some(reported) = members.get("usage") {
        tally.report(usage::completion(reported, tally.dialect));
    }
}
