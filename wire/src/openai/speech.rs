//! `audio/speech`.
//!
//! Sound comes back, and nothing in it says what it cost. Models that are charged by the character are
//! charged for those of the request. The others count tokens, and tell them only where the sound comes
//! in events.

use ledger::{Basis, Unit, Usage};

use crate::asked::Asked;
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::usage;
use crate::reading::Reading;
use crate::tally::Tally;

pub(crate) const UNITS: &[Unit] = &[];

pub(crate) const SHAPE: Shape = Shape {
    whole: &["usage", "error", "type"],
    inside: &[],
    text: &[],
    written: &[],
};

/// How the names of models begin that count tokens.
const BY_TOKEN: &str = "gpt-";

/// OpenAI's speech has 1,250 tokens in a minute ($0.015 for it at $12 for a million), in which one speaks
/// some 900 characters. Rounded up.
const TOKENS_PER_CHARACTER: u64 = 2;
/// Speech can be slowed down to a quarter.
const SLOWEST: u64 = 4;

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) {
    let mut characters = 0;
    for name in ["input", "instructions"] {
        let Some(text) = body.get(name).and_then(Json::text) else {
            continue;
        };
        reading.piece();
        reading.text(&text);
        if name == "input" {
            characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        }
    }
    let asked = &mut reading.asked;
    asked.usage_in_stream = true;
    let is_by_token = |model: &String| model.starts_with(BY_TOKEN);
    if asked.model.as_ref().is_some_and(is_by_token) {
        let factor = if body.get("speed").is_some() {
            SLOWEST
        } else {
            1
        };
        let tokens = characters
            .saturating_mul(TOKENS_PER_CHARACTER)
            .saturating_mul(factor);
        asked.may_use(Unit::Input, None);
        asked.may_use(Unit::OutputAudio, Some(tokens));
    } else {
        asked.may_use(Unit::InputCharacters, Some(characters));
    }
}

/// Reads an event.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.error(members.get("error"));
    let is_done = |kind: Json<'_>| kind.is("speech.audio.done");
    tally.has_ended |= members.get("type").is_some_and(is_done);
    if let Some(reported) = members.get("usage") {
        tally.report(usage::input_output(reported, Unit::OutputAudio));
    }
}

/// What sound that has come in full used, where it is charged by the character.
pub(crate) fn spoken(asked: &Asked) -> Option<Usage> {
    let characters = asked.may_use.get(&Unit::InputCharacters).copied()??;
    Some(Usage::new(Basis::Reported).with(&[(Unit::InputCharacters, characters)]))
}
