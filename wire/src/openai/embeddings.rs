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

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) {
    texts(reading, body.get("input"));
}

/// A text, texts, tokens, or texts as tokens. Returns how many texts there are.
pub(crate) fn texts(reading: &mut Reading<'_>, input: Option<Json<'_>>) -> u64 {
    let Some(input) = input else {
        return 0;
    };
    if !input.is_array() {
        reading.piece();
        reading.value(input);
        return 1;
    }
    let items = input.items();
    // Numbers are the tokens of one text.
    if items.iter().all(|item| item.count().is_some()) {
        items.iter().for_each(|_| token(reading));
        return 1;
    }
    for item in &items {
        if item.count().is_some() {
            token(reading);
        } else if item.is_array() {
            reading.piece();
            item.items().iter().for_each(|_| token(reading));
        } else {
            reading.piece();
            reading.value(*item);
        }
    }
    u64::try_from(items.len()).unwrap_or(u64::MAX)
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
