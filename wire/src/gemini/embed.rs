//! `embedContent` and `batchEmbedContents`.

use ledger::Unit;

use crate::gemini::{ask, usage};
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::reading::Reading;
use crate::tally::Tally;

pub(crate) const UNITS: &[Unit] = &[Unit::Input];

pub(crate) const SHAPE: Shape = Shape {
    whole: &["usageMetadata", "error"],
    inside: &[],
    text: &[],
    written: &[],
};

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) {
    ask::contents(reading, body.get("content"));
    for request in body.get("requests").map(Json::items).unwrap_or_default() {
        ask::contents(reading, request.get("content"));
    }
}

pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    tally.error(document.get("error"));
    if let Some(reported) = document.get("usageMetadata") {
        tally.report(usage::metadata(reported));
    }
}
