//! What an answer of `messages` used.
//!
//! Cached tokens, read or written, are counted beside `input_tokens`. A stream begins with what was read
//! and ends with what was written; each figure is cumulative, and a later one replaces an earlier one.

use std::collections::BTreeMap;

use ledger::{Basis, Term, Unit, Usage};

use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::tally::Tally;
use crate::used::{Also, split};

pub(crate) const SHAPE: Shape = Shape {
    whole: &["usage", "model", "error", "type", "stop_reason"],
    inside: &["message", "delta", "content", "content_block"],
    text: &["text", "thinking", "partial_json"],
    written: &["input"],
};

/// Reads an event, or a whole message.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.error(members.get("error"));
    let kind = members.get("type").and_then(Json::text);
    tally.has_ended |= kind.as_deref() == Some("message_stop");
    // A stream's first event has the message inside, a whole answer is the message.
    let message = members.get("message").map(Json::object);
    let message = message.as_ref().unwrap_or(&members);
    tally.model(message.get("model"));
    let delta = members.get("delta").map(Json::object).unwrap_or_default();
    let stop = delta.get("stop_reason").or(message.get("stop_reason"));
    tally.has_ended |= stop.is_some();
    if let Some(reported) = message.get("usage") {
        merge(&mut tally.members, reported);
        report(tally);
    }
}

/// What is null or missing in a later event is as it was in an earlier one.
fn merge(known: &mut BTreeMap<String, String>, reported: Json<'_>) {
    for (name, value) in reported.object().members() {
        if !value.is_null() {
            known.insert(name.to_owned(), value.raw().to_owned());
        }
    }
}

fn report(tally: &mut Tally) {
    let known = std::mem::take(&mut tally.members);
    let get = |name: &str| known.get(name).and_then(|text| Json::parse(text));
    let told = |name: &str| get(name).and_then(Json::count);
    let count = |name: &str| told(name).unwrap_or_default();
    let mut used = Usage::new(Basis::Reported);
    used.add(Unit::Input, count("input_tokens"));
    used.add(Unit::CacheRead, count("cache_read_input_tokens"));
    cache_writes(
        &mut used,
        count("cache_creation_input_tokens"),
        get("cache_creation"),
    );
    let details = get("output_tokens_details");
    let thinking = details.and_then(|details| details.get("thinking_tokens")?.count());
    let parts = [(Unit::Reasoning, thinking.unwrap_or_default())];
    split(&mut used, count("output_tokens"), Unit::Output, &parts);
    let tools = get("server_tool_use");
    let searches = tools.and_then(|tools| tools.get("web_search_requests")?.count());
    used.add(Unit::WebSearch, searches.unwrap_or_default());
    let iterations = get("iterations").map(Json::items).unwrap_or_default();
    let beside = iterations
        .iter()
        .filter_map(|iteration| beside(tally, &iteration.object()));
    tally.also = beside.collect();
    tally.term(Term::ServiceTier, get("service_tier"));
    tally.term(Term::Speed, get("speed"));
    tally.term(Term::Geo, get("inference_geo"));
    let is_sane = told("input_tokens").or(told("output_tokens")).is_some();
    tally.report(is_sane.then_some(used));
    tally.members = known;
}

/// By how long they are kept. Where the answer doesn't say, it is the default of five minutes.
fn cache_writes(used: &mut Usage, all: u64, by_life: Option<Json<'_>>) {
    let by_life = by_life.map(Json::object).unwrap_or_default();
    let of = |name| by_life.get(name).and_then(Json::count).unwrap_or_default();
    let hour = of("ephemeral_1h_input_tokens");
    let minutes = of("ephemeral_5m_input_tokens");
    let all = all.max(hour.saturating_add(minutes));
    split(used, all, Unit::CacheWrite5m, &[(Unit::CacheWrite1h, hour)]);
}

/// The usage as a whole is that of the model's own turns. Compacting the context is counted beside it,
/// and so is an advisor, which is another model ("Compaction", "Advisor tool", Anthropic's docs). Each has
/// read a context of its own, whose length decides what it costs.
fn beside(tally: &Tally, iteration: &Object<'_>) -> Option<Also> {
    let kind = iteration.get("type")?.text()?;
    let model = match kind.as_ref() {
        "compaction" => tally.model_name().map(ToOwned::to_owned),
        "advisor_message" => iteration.get("model")?.text().map(|name| name.into_owned()),
        _ => return None,
    };
    let count = |name: &str| {
        iteration
            .get(name)
            .and_then(Json::count)
            .unwrap_or_default()
    };
    let mut usage = Usage::new(Basis::Reported);
    usage.add(Unit::Input, count("input_tokens"));
    usage.add(Unit::CacheRead, count("cache_read_input_tokens"));
    let writes = count("cache_creation_input_tokens");
    cache_writes(&mut usage, writes, iteration.get("cache_creation"));
    usage.add(Unit::Output, count("output_tokens"));
    Some(Also { model, usage })
}
