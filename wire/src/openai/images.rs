//! `images/generations`, `images/edits` and `images/variations`.
//!
//! The newer models are charged by tokens and say how many. The older ones are charged by the image, by
//! its size and quality, and say nothing.

use ledger::{Basis, Term, Unit, Usage};

use crate::asked::Unreadable;
use crate::form::Field;
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::usage;
use crate::reading::{Reading, count_of, term_value};
use crate::tally::Tally;
use crate::used::Also;

pub(crate) const UNITS: &[Unit] = &[
    Unit::Input,
    Unit::InputImage,
    Unit::CacheRead,
    Unit::Output,
    Unit::OutputImage,
];

pub(crate) const SHAPE: Shape = Shape {
    whole: &[
        "usage",
        "svg_usage",
        "model",
        "error",
        "type",
        "size",
        "quality",
    ],
    inside: &["data"],
    text: &[],
    written: &[],
};

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) -> Result<(), Unreadable> {
    let images = count_of(body, "n")?.unwrap_or(1).max(1);
    reading.term(Term::Size, body.get("size"));
    reading.term(Term::Quality, body.get("quality"));
    sized(reading, images);
    if let Some(prompt) = body.get("prompt") {
        reading.piece();
        reading.value(prompt);
    }
    for name in ["image", "images", "mask"] {
        let Some(value) = body.get(name) else {
            continue;
        };
        let several = if value.is_array() {
            value.items()
        } else {
            vec![value]
        };
        several.iter().for_each(|_| reading.image());
    }
    if let Some(author) = body.get("svg").and_then(|svg| svg.get("model")?.text()) {
        reading.asked.also.push(author.into_owned());
    }
    Ok(())
}

/// The same as a form, which is how files come.
pub(crate) fn ask_form(reading: &mut Reading<'_>, fields: &[Field<'_>]) -> Result<(), Unreadable> {
    let mut images = 1;
    for field in fields {
        match (field.name.as_str(), field.text()) {
            _ if field.is_file => reading.image(),
            ("prompt", Some(text)) => {
                reading.piece();
                reading.text(text);
            }
            ("n", Some(text)) => {
                images = text.parse().map_err(|_| Unreadable::Invalid("n"))?;
            }
            ("size", Some(text)) => term(reading, Term::Size, text),
            ("quality", Some(text)) => term(reading, Term::Quality, text),
            _ => {}
        }
    }
    sized(reading, images.max(1));
    Ok(())
}

fn term(reading: &mut Reading<'_>, term: Term, text: &str) {
    if let Some(value) = term_value(text) {
        reading.asked.terms.insert(term, value);
    }
}

fn sized(reading: &mut Reading<'_>, images: u64) {
    reading.asked.choices = images;
    reading.asked.usage_in_stream = true;
    reading.asked.may_use(Unit::Image, Some(images));
    let likely = tokens_likely(reading.asked.terms.get(&Term::Quality));
    reading
        .asked
        .likely(Unit::OutputImage, images.saturating_mul(likely));
}

/// Tokens of a square image ("Image generation", OpenAI's docs, on gpt-image-1). Without a quality it is the model that
/// chooses.
fn tokens_likely(quality: Option<&String>) -> u64 {
    match quality.map(String::as_str) {
        Some("low") => 272,
        Some("high") => 4160,
        _ => 1056,
    }
}

/// Reads an event, or a whole answer.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    let kind = members.get("type").and_then(Json::text);
    let is_last = kind
        .as_deref()
        .is_some_and(|kind| kind.ends_with(".completed"));
    tally.model(members.get("model"));
    tally.error(members.get("error"));
    let made = members
        .get("data")
        .map(Json::items)
        .unwrap_or_default()
        .len();
    let made = u64::try_from(made).unwrap_or(u64::MAX);
    tally.images = tally
        .images
        .saturating_add(made)
        .saturating_add(u64::from(is_last));
    if is_last {
        tally.finish(None, usize::try_from(tally.images).unwrap_or(usize::MAX));
    }
    match members.get("usage") {
        Some(reported) => by_token(tally, reported),
        None if tally.images > 0 => by_piece(tally, &members),
        None => {}
    }
    tally.also.extend(svg_author(&members));
}

fn by_token(tally: &mut Tally, reported: Json<'_>) {
    let Some(reported) = usage::input_output(reported, Unit::OutputImage) else {
        return;
    };
    let mut used = tally.usage.take().unwrap_or(Usage::new(Basis::Reported));
    // A stream of several images reports each with its own usage.
    for (unit, quantity) in reported.iter() {
        used.add(unit, quantity);
    }
    tally.report(Some(used));
    // Size and quality are in the number of tokens already.
    tally.forget_terms(&[Term::Size, Term::Quality]);
}

/// A drawing is written by a model of its own.
fn svg_author(members: &Object<'_>) -> Option<Also> {
    let author = members.get("svg_usage")?;
    let model = author.get("model").and_then(Json::text);
    Some(Also {
        model: model.map(|name| name.into_owned()),
        usage: usage::input_output(author, Unit::Output)?,
    })
}

fn by_piece(tally: &mut Tally, members: &Object<'_>) {
    tally.term(Term::Size, members.get("size"));
    tally.term(Term::Quality, members.get("quality"));
    tally.usage = Some(Usage::new(Basis::Reported).with(&[(Unit::Image, tally.images)]));
}
