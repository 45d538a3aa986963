//! Cohere's own API, versions 1 and 2. Its copy of OpenAI's is read as that.
//!
//! What is charged are the `billed_units`, which leave out the tokens around messages that `tokens` has.

use ledger::{Basis, Unit, Usage};

use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::reading::Reading;
use crate::tally::Tally;
use crate::used::split;

pub(crate) const CHAT_UNITS: &[Unit] = &[Unit::Input, Unit::CacheRead, Unit::Output];
pub(crate) const META_UNITS: &[Unit] = &[Unit::Input, Unit::InputImage, Unit::RerankSearch];

pub(crate) const LIMITS: &[&str] = &["max_tokens"];

pub(crate) const SHAPE: Shape = Shape {
    whole: &["usage", "meta", "error", "type", "finish_reason"],
    inside: &["delta", "message", "content", "tool_calls", "function"],
    text: &["text", "thinking", "arguments", "tool_plan"],
    written: &[],
};

pub(crate) fn ask_chat(reading: &mut Reading<'_>, body: &Object<'_>) {
    reading.asked.usage_in_stream = true;
    reading.asked.output_limit = body.get("max_tokens").and_then(Json::count);
    for name in ["messages", "tools", "documents", "response_format"] {
        let Some(value) = body.get(name) else {
            continue;
        };
        let several = if value.is_array() {
            value.items()
        } else {
            vec![value]
        };
        for item in several {
            reading.piece();
            message(reading, item);
        }
    }
}

fn message(reading: &mut Reading<'_>, message: Json<'_>) {
    let content = message.get("content").filter(|content| content.is_array());
    let parts = content.map(Json::items).unwrap_or_default();
    let is_image = |part: &&Json<'_>| part.get("type").is_some_and(|kind| kind.is("image_url"));
    let images = parts.iter().filter(is_image).count();
    if images == 0 {
        return reading.value(message);
    }
    (0..images).for_each(|_| reading.image());
    for part in parts.iter().filter(|part| !is_image(part)) {
        reading.value(*part);
    }
}

/// What is to be embedded, or put in order.
pub(crate) fn ask_meta(reading: &mut Reading<'_>, body: &Object<'_>) {
    for name in ["texts", "inputs", "documents", "query"] {
        if let Some(value) = body.get(name) {
            let several = if value.is_array() {
                value.items()
            } else {
                vec![value]
            };
            for item in several {
                reading.piece();
                reading.value(item);
            }
        }
    }
    for _ in body.get("images").map(Json::items).unwrap_or_default() {
        reading.image();
    }
}

/// Reads an event, or a whole answer.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.error(members.get("error"));
    let delta = members.get("delta").map(Json::object).unwrap_or_default();
    tally.error(delta.get("error"));
    let is_end = |kind: Json<'_>| kind.is("message-end");
    tally.has_ended |= members.get("type").is_some_and(is_end);
    let of_chat = delta.get("usage").or(members.get("usage"));
    if let Some(reported) = of_chat.or(members.get("meta")) {
        tally.report(usage(&reported.object()));
    }
}

fn usage(members: &Object<'_>) -> Option<Usage> {
    let billed = members
        .get("billed_units")
        .or(members.get("tokens"))?
        .object();
    let count = |name: &str| billed.get(name).and_then(Json::count).unwrap_or_default();
    let mut used = Usage::new(Basis::Reported);
    let cached = members.get("cached_tokens").and_then(Json::count);
    let parts = [(Unit::CacheRead, cached.unwrap_or_default())];
    split(&mut used, count("input_tokens"), Unit::Input, &parts);
    used.add(Unit::InputImage, count("image_tokens"));
    used.add(Unit::Output, count("output_tokens"));
    used.add(Unit::RerankSearch, count("search_units"));
    Some(used)
}
