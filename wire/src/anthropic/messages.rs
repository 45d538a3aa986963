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
    let block = members
        .get("content_block")
        .and_then(|block| block.get("type"));
    if block.is_some_and(|kind| kind.is("server_tool_use")) {
        tally.server_calls = tally.server_calls.saturating_add(1);
    }
    // A stream's first event has the message inside, a whole answer is the message.
    let message = members.get("message").map(Json::object);
    let message = message.as_ref().unwrap_or(&members);
    tally.model(message.get("model"));
    let delta = members.get("delta").map(Json::object).unwrap_or_default();
    let stop = delta.get("stop_reason").or(message.get("stop_reason"));
    tally.has_ended |= stop.is_some();
    // "Refused requests" without output are not billed since 2026-06-02 (Anthropic's release notes).
    tally.is_refusal |= stop.is_some_and(|reason| reason.is("refusal"));
    if let Some(reported) = message.get("usage") {
        tally.cost(Some(reported));
        let begins = members.get("message").is_some();
        merge(&mut tally.members, reported, begins);
        report(tally);
    }
}

/// What is null or missing in a later event, or nothing, is as it was in an earlier one: the figures only grow. What the
/// beginning of a stream says of its output is none of it.
fn merge(known: &mut BTreeMap<String, String>, reported: Json<'_>, begins: bool) {
    for (name, value) in reported.object().members() {
        let is_kept = value.count() == Some(0) && known.contains_key(name);
        let is_early = begins && name.starts_with("output_tokens");
        if !value.is_null() && !is_kept && !is_early {
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
    let iterations: Vec<Object<'_>> = iterations.into_iter().map(Json::object).collect();
    let has_switched = iterations.iter().any(|one| is(one, "fallback_message"));
    let beside = iterations
        .iter()
        .filter_map(|iteration| beside(tally, iteration, has_switched));
    tally.also = beside.collect();
    if has_switched {
        // Each model's turns are there one by one, so that nothing is left for the sums.
        let searches = used.get(Unit::WebSearch);
        used = Usage::new(Basis::Reported).with(&[(Unit::WebSearch, searches)]);
    }
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

fn is(iteration: &Object<'_>, kind: &str) -> bool {
    iteration.get("type").is_some_and(|own| own.is(kind))
}

/// The usage as a whole is that of the model's own turns. Compacting the context is counted beside it,
/// and so is an advisor, which is another model ("Compaction", "Advisor tool", Anthropic's docs). Each has
/// read a context of its own, whose length decides what it costs.
///
/// Once a fallback model has answered, the turns of each model are charged by themselves (`BetaFallbackMessageIterationUsage`
/// of Anthropic's SDK 1.14). One that declined before it wrote anything is not billed.
fn beside(tally: &Tally, iteration: &Object<'_>, has_switched: bool) -> Option<Also> {
    let kind = iteration.get("type")?.text()?;
    let count = |name: &str| {
        iteration
            .get(name)
            .and_then(Json::count)
            .unwrap_or_default()
    };
    let named = || Some(iteration.get("model")?.text()?.into_owned());
    let model = match kind.as_ref() {
        "compaction" => tally.model_name().map(ToOwned::to_owned),
        "advisor_message" => Some(named()?),
        "fallback_message" => named(),
        "message" if has_switched && count("output_tokens") > 0 => named(),
        _ => return None,
    };
    let mut usage = Usage::new(Basis::Reported);
    usage.add(Unit::Input, count("input_tokens"));
    usage.add(Unit::CacheRead, count("cache_read_input_tokens"));
    let writes = count("cache_creation_input_tokens");
    cache_writes(&mut usage, writes, iteration.get("cache_creation"));
    usage.add(Unit::Output, count("output_tokens"));
    Some(Also { model, usage })
}
