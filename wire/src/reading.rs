//! A request on its way through its reader: what was found so far, and who wants to see the text.

use std::borrow::Cow;

use ledger::{Term, Unit};

use crate::asked::{Asked, Detail, Document, Image, Rounds, Unreadable};
use crate::json::{Json, Object};
use crate::media;
use crate::sound;

/// What providers call the terms under which everything is served that asks for nothing else.
const STANDARD: &[&str] = &[
    "auto",
    "default",
    "standard",
    "standard_only",
    "on_demand",
    "unspecified",
    "global",
    "not_available",
];

/// No provider's word for a term is longer.
const TERM_BYTES_MAX: usize = 64;

/// The term's value as it is kept: in lower case, and not at all where it is the standard.
pub(crate) fn term_value(value: &str) -> Option<String> {
    let value = value.to_ascii_lowercase();
    let is_special = !STANDARD.contains(&value.as_str()) && !value.is_empty();
    (is_special && value.len() <= TERM_BYTES_MAX).then_some(value)
}

/// The body as an object without repeated names.
pub(crate) fn body(text: &str) -> Result<(Json<'_>, Object<'_>), Unreadable> {
    let body = Json::parse(text)
        .filter(|body| body.is_object())
        .ok_or(Unreadable::NoObject)?;
    let members = body.object();
    match members.repeated() {
        Some(name) => Err(Unreadable::Repeated(name.to_owned())),
        None => Ok((body, members)),
    }
}

pub(crate) struct Reading<'s> {
    pub(crate) asked: Asked,
    sink: &'s mut dyn FnMut(&str),
}

impl<'s> Reading<'s> {
    pub(crate) fn new(units: &[Unit], sink: &'s mut dyn FnMut(&str)) -> Self {
        Self {
            asked: Asked::new(units),
            sink,
        }
    }

    /// Text that the model reads.
    pub(crate) fn text(&mut self, text: &str) {
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let input = &mut self.asked.input;
        input.text_bytes = input.text_bytes.saturating_add(bytes);
        (self.sink)(text);
    }

    /// A string that the model reads; a value of another kind as the JSON that it is.
    pub(crate) fn value(&mut self, value: Json<'_>) {
        match value.text() {
            Some(text) => self.text(&text),
            None => self.text(value.raw()),
        }
    }

    /// Something with a few tokens of its own around it.
    pub(crate) fn piece(&mut self) {
        let input = &mut self.asked.input;
        input.pieces = input.pieces.saturating_add(1);
    }

    /// An image that isn't in the request, or whose size decides nothing.
    pub(crate) fn image(&mut self) {
        self.sized_image(Image::default());
    }

    /// An image by its URL, which can be a `data:` URL that has it.
    pub(crate) fn image_url(&mut self, url: Option<&str>, detail: Detail) {
        let data = url.and_then(|url| url.strip_prefix("data:")?.split_once(','));
        let pixels = data.and_then(|(_, data)| media::pixels(data));
        self.sized_image(Image { pixels, detail });
    }

    /// An image in base64.
    pub(crate) fn image_data(&mut self, data: Option<Cow<'_, str>>) {
        self.sized_image(Image {
            pixels: data.and_then(|data| media::pixels(&data)),
            detail: Detail::Auto,
        });
    }

    pub(crate) fn sized_image(&mut self, image: Image) {
        self.asked.input.images.push(image);
        self.asked.may_use(Unit::InputImage, None);
    }

    /// Sound, by its bytes and how long it says it is.
    pub(crate) fn audio(&mut self, bytes: u64, millis: Option<u64>) {
        let input = &mut self.asked.input;
        input.audio_ms = match (input.audio_bytes, input.audio_ms, millis) {
            (0, _, millis) => millis,
            (_, Some(before), Some(millis)) => Some(before.saturating_add(millis)),
            _ => None,
        };
        input.audio_bytes = input.audio_bytes.saturating_add(bytes);
        self.asked.may_use(Unit::InputAudio, None);
    }

    /// The same in base64.
    pub(crate) fn audio_in_base64(&mut self, text: Option<Cow<'_, str>>) {
        let millis = text.as_deref().and_then(from_base64);
        let millis = millis.as_deref().and_then(sound::millis);
        self.audio(base64_bytes(text), millis);
    }

    /// A document in base64, or a `data:` URL of it.
    pub(crate) fn document(&mut self, data: Option<Cow<'_, str>>) {
        let pages = data.as_deref().and_then(media::pdf_pages);
        let bytes = base64_bytes(data);
        self.file(Document { bytes, pages });
    }

    pub(crate) fn file(&mut self, document: Document) {
        self.asked.input.documents.push(document);
        self.asked.may_use(Unit::InputImage, None);
    }

    /// A tool that the provider executes, by itself and as often as it likes.
    pub(crate) fn rounds(&mut self, rounds: Rounds) {
        self.asked.input.rounds.add(rounds);
    }

    /// There is more to read than the request shows.
    pub(crate) fn open(&mut self) {
        self.asked.input.is_open = true;
    }

    pub(crate) fn term(&mut self, term: Term, value: Option<Json<'_>>) {
        let value = value.and_then(Json::text);
        if let Some(value) = value.and_then(|value| term_value(&value)) {
            self.asked.terms.insert(term, value);
        }
    }
}

/// A member that has to be a number of things.
pub(crate) fn count_of(
    members: &Object<'_>,
    name: &'static str,
) -> Result<Option<u64>, Unreadable> {
    match members.get(name) {
        None => Ok(None),
        Some(value) => value.count().map(Some).ok_or(Unreadable::Invalid(name)),
    }
}

/// The bytes that base64 text stands for, roughly; a `data:` URL's head makes no difference.
pub(crate) fn base64_bytes(text: Option<Cow<'_, str>>) -> u64 {
    let length = text.map_or(0, |text| text.len());
    let bytes = length.div_ceil(4).saturating_mul(3);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What base64 text stands for, in either alphabet, behind the head of a `data:` URL; `None` if it is none.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = match text.split_once(',') {
        Some((head, data)) if head.starts_with("data:") => data,
        _ => text,
    };
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter.wrapping_sub(b'A'),
            b'a'..=b'z' => letter.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => letter.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held.wrapping_shl(6) | u32::from(value);
        bits = bits.wrapping_add(6);
        if let Some(left) = bits.checked_sub(8) {
            bytes.push(u8::try_from(held.wrapping_shr(left) & 0xFF).ok()?);
            bits = left;
        }
    }
    Some(bytes)
}
