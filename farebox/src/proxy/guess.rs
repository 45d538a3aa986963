//! What a call is guessed to have used if its provider doesn't say: what is likely of each class that was sent, and not
//! the most that it could be.

use ledger::{Basis, Kind, Unit, Usage};
use wire::{Api, Used};

use crate::proxy::route::{BYTES_PER_TOKEN, Bound, Route};

/// Tokens of an image as a rule.
const IMAGE_TOKENS: u64 = 1_000;

/// Tokens of a second of sound: OpenAI's models have one in 100 ms, Gemini's 32 ("Audio understanding", Google's docs).
const SOUND_TOKENS: u64 = 10;
const GEMINI_SOUND_TOKENS: u64 = 32;

/// Bytes of a second of sound that doesn't say how long it is: 32 kbit.
const SOUND_BYTES: u64 = 4_000;

/// Bytes of a document that make a token: some 60,000 for a page, which is read as 2,000 ("PDF support", Anthropic's docs).
const FILE_BYTES: u64 = 30;

/// The same of a video: some 125,000 for a second, which is read as 290 ("Video understanding", Google's docs).
const VIDEO_BYTES: u64 = 430;

/// Spoken tokens for bytes of what is spoken: 20 in a second, in which one says 15 characters.
const SPOKEN_TOKENS: (u64, u64) = (4, 3);

/// The guess of a call that is bounded like this.
pub fn guess(bound: &Bound, route: &Route) -> Usage {
    let mut guess = Usage::new(Basis::Estimated);
    guess.terms.clone_from(&bound.input.terms);
    for (unit, quantity) in bound.input.iter() {
        match unit.kind() {
            // Counted below, or only if somebody says so.
            Kind::InputToken => {}
            Kind::Call if unit != Unit::Request => {}
            Kind::Piece if unit == Unit::CodeExecution => {}
            Kind::Time => guess.add(unit, sound_millis(route)),
            _ => guess.add(unit, quantity),
        }
    }
    for (unit, quantity) in &route.asked.likely {
        if bound.card.rate(*unit).is_some() && bound.card.rate(Unit::Image).is_none() {
            guess.add(*unit, *quantity);
        }
    }
    if bound.input.input_tokens() > 0 {
        read(&mut guess, bound, route);
    }
    guess
}

fn read(guess: &mut Usage, bound: &Bound, route: &Route) {
    let input = &route.asked.input;
    let text = input.text_bytes.div_ceil(BYTES_PER_TOKEN);
    let text = route.text_tokens.map_or(text, |counted| counted.likely);
    let per_token = match route.asked.may_use.contains_key(&Unit::InputVideo) {
        true => VIDEO_BYTES,
        false => FILE_BYTES,
    };
    let images = u64::try_from(input.images.len()).unwrap_or(u64::MAX);
    let images = images.saturating_mul(IMAGE_TOKENS);
    let has_image_rate = bound.card.rate(Unit::InputImage).is_some();
    let text_images = if has_image_rate { 0 } else { images };
    let file_bytes = input.documents.iter().map(|document| document.bytes);
    let file_bytes = file_bytes.fold(0, u64::saturating_add);
    let tokens = text
        .saturating_add(input.tokens)
        .saturating_add(text_images)
        .saturating_add(input.pieces.saturating_mul(4))
        .saturating_add(file_bytes.div_ceil(per_token));
    let first = route.asked.units(Kind::InputToken).next();
    let text_unit = bound.card.rate(Unit::Input).map(|_| Unit::Input);
    if let Some(unit) = text_unit.or(first) {
        guess.add(unit, tokens);
    }
    if has_image_rate && images > 0 {
        guess.add(Unit::InputImage, images);
    }
    if input.audio_bytes > 0 && bound.card.rate(Unit::InputAudio).is_some() {
        let per_second = match route.endpoint.api {
            Api::Generate => GEMINI_SOUND_TOKENS,
            _ => SOUND_TOKENS,
        };
        let tokens = sound_millis(route)
            .saturating_mul(per_second)
            .div_ceil(1000);
        guess.add(Unit::InputAudio, tokens);
    }
}

fn sound_millis(route: &Route) -> u64 {
    let input = &route.asked.input;
    let guessed = input.audio_bytes.saturating_mul(1000).div_ceil(SOUND_BYTES);
    input.audio_ms.unwrap_or(guessed)
}

/// An estimate as the model is charged: with the tokens that it spoke, if what it said came by and they didn't, and
/// without tokens if it is sold by something else.
pub fn completed(usage: Usage, bound: &Bound, route: &Route, used: &Used) -> Usage {
    if usage.basis != Basis::Estimated {
        return usage;
    }
    let mut completed = Usage::new(Basis::Estimated);
    completed.terms.clone_from(&usage.terms);
    for (unit, quantity) in usage.iter() {
        let is_written = unit.kind() == Kind::OutputToken;
        if !is_written || bound.output.is_some() {
            completed.add(unit, quantity);
        }
    }
    let speaks = route.asked.may_use.contains_key(&Unit::OutputAudio);
    let (tokens, bytes) = SPOKEN_TOKENS;
    if speaks && bound.output.is_some() && completed.get(Unit::OutputAudio) == 0 {
        let spoken = used.text_bytes.saturating_mul(tokens).div_ceil(bytes);
        completed.add(Unit::OutputAudio, spoken);
    }
    completed
}
