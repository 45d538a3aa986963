//! `audio/speech`.
//!
//! Sound comes back, and nothing in it says what it cost. Models that are charged by the character are
//! charged for those of the request. The others count tokens, and report them only if the sound comes
//! in events; otherwise the tokens are estimated from how long the sound is.

use ledger::{Basis, Unit, Usage};

use crate::asked::Asked;
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::usage;
use crate::reading::Reading;
use crate::sound;
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
/// some 900 characters.
const TOKENS_PER_MINUTE: u64 = 1250;
const CHARACTERS_PER_MINUTE: u64 = 900;
/// The same rounded up, for a bound.
const TOKENS_PER_CHARACTER_MAX: u64 = 2;
/// Speech can be slowed down to a quarter.
const SLOWEST: u64 = 4;

/// Of a body of sound, enough to find its rate behind a tag.
const HEAD_BYTES_MAX: usize = 4096;

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
    asked.input.characters = characters;
    let is_by_token = |model: &String| model.starts_with(BY_TOKEN);
    if asked.model.as_ref().is_some_and(is_by_token) {
        let factor = if body.get("speed").is_some() {
            SLOWEST
        } else {
            1
        };
        let tokens = characters
            .saturating_mul(TOKENS_PER_CHARACTER_MAX)
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
    let kind = members.get("type");
    tally.has_ended |= kind.is_some_and(is_done);
    tally.has_sound |= kind.is_some_and(|kind| kind.is("speech.audio.delta"));
    if let Some(reported) = members.get("usage") {
        tally.report(usage::input_output(reported, Unit::OutputAudio));
    }
}

/// A body of sound on its way.
pub(crate) struct Spoken {
    content_type: String,
    characters: u64,
    /// The most tokens that it may have; `None` if it is charged by the character.
    tokens_max: Option<u64>,
    head: Vec<u8>,
    bytes: u64,
}

impl Spoken {
    pub(crate) fn new(asked: &Asked, content_type: &str) -> Self {
        Self {
            content_type: content_type.trim().to_ascii_lowercase(),
            characters: asked.input.characters,
            tokens_max: asked.may_use.get(&Unit::OutputAudio).copied().flatten(),
            head: Vec::new(),
            bytes: 0,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES_MAX.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(room));
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
    }

    /// What the sound used that has come. Characters are known exactly, tokens by an estimate.
    pub(crate) fn used(&self, is_whole: bool) -> Option<Usage> {
        match self.tokens_max {
            Some(most) => {
                let tokens = self.tokens().clamp(1, most.max(1));
                Some(Usage::new(Basis::Estimated).with(&[(Unit::OutputAudio, tokens)]))
            }
            None if is_whole => {
                Some(Usage::new(Basis::Reported).with(&[(Unit::InputCharacters, self.characters)]))
            }
            None => None,
        }
    }

    /// By the length of the sound, or by that of the text if the format doesn't tell.
    fn tokens(&self) -> u64 {
        let rate = sound::bytes_per_second(&self.content_type, &self.head);
        let (quantity, per_minute) = match rate {
            Some(rate) => (self.bytes, rate.saturating_mul(60)),
            None => (self.characters, CHARACTERS_PER_MINUTE),
        };
        quantity
            .saturating_mul(TOKENS_PER_MINUTE)
            .div_ceil(per_minute.max(1))
    }
}
