//! `chat/completions`.

use ledger::{Basis, Term, Unit, Usage};

use crate::asked::{Rounds, Unreadable};
use crate::dialect::{Dialect, Searches, StreamUsage};
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::{content, usage};
use crate::reading::{Reading, count_of};
use crate::tally::Tally;
use crate::used::Also;

pub(crate) const UNITS: &[Unit] = &[
    Unit::Input,
    Unit::CacheRead,
    Unit::CacheWrite5m,
    Unit::Output,
    Unit::Reasoning,
];

pub(crate) const SHAPE: Shape = Shape {
    whole: &[
        "usage",
        "x_groq",
        "usage_breakdown",
        "model",
        "service_tier",
        "error",
        "finish_reason",
        "index",
    ],
    inside: &[
        "choices",
        "delta",
        "message",
        "content",
        "thinking",
        "tool_calls",
        "function",
        "function_call",
        "audio",
    ],
    text: &[
        "content",
        "text",
        "thinking",
        "refusal",
        "reasoning_content",
        "reasoning",
        "arguments",
        "transcript",
    ],
    written: &[],
};

/// The names of an output limit. The first one alone is understood by the newer models of OpenAI.
pub(crate) const LIMITS: &[&str] = &["max_completion_tokens", "max_tokens"];

pub(crate) fn ask(
    reading: &mut Reading<'_>,
    body: &Object<'_>,
    dialect: Dialect,
) -> Result<(), Unreadable> {
    let include_usage = body
        .get("stream_options")
        .and_then(|options| options.get("include_usage")?.flag());
    let asked = &mut reading.asked;
    asked.usage_in_stream =
        dialect.stream_usage == StreamUsage::Always || include_usage == Some(true);
    let limits = LIMITS.iter().filter_map(|name| body.get(name)?.count());
    // Where both are there, providers differ in which one counts.
    asked.output_limit = limits.max();
    asked.choices = count_of(body, "n")?.unwrap_or(1).max(1);
    reading.term(Term::ServiceTier, body.get("service_tier"));
    for message in body.get("messages").map(Json::items).unwrap_or_default() {
        content::item(reading, message);
    }
    tools(reading, body);
    extras(reading, body, dialect);
    Ok(())
}

fn tools(reading: &mut Reading<'_>, body: &Object<'_>) {
    for name in ["tools", "functions"] {
        for tool in body.get(name).map(Json::items).unwrap_or_default() {
            content::tool(reading, tool);
        }
    }
    if let Some(format) = body.get("response_format") {
        reading.text(format.raw());
    }
}

fn extras(reading: &mut Reading<'_>, body: &Object<'_>, dialect: Dialect) {
    let modalities = body.get("modalities").map(Json::items).unwrap_or_default();
    for (name, unit) in [("audio", Unit::OutputAudio), ("image", Unit::OutputImage)] {
        if modalities.iter().any(|modality| modality.is(name)) {
            reading.asked.may_use(unit, None);
        }
    }
    searches(reading, body, dialect);
    // OpenRouter: other models to fall back to, and things to do before.
    for other in body.get("models").map(Json::items).unwrap_or_default() {
        let other = other.text().map(|name| name.into_owned());
        reading.asked.instead.extend(other);
        reading.asked.may_switch = true;
    }
    if body.get("search_parameters").is_some() {
        reading.rounds(ONE_SEARCH);
    }
    let plugins = body.get("plugins").map(Json::items).unwrap_or_default();
    for plugin in plugins {
        match plugin.get("id").is_some_and(|id| id.is("web")) {
            true => reading.rounds(ONE_SEARCH),
            false => reading.open(),
        }
    }
    if body.get("documents").is_some() {
        reading.open();
    }
}

/// A search before the answer, which isn't repeated.
const ONE_SEARCH: Rounds = Rounds {
    most: 1,
    tokens: Some(content::SEARCH_TOKENS_MAX),
    can_be_lowered: false,
};

fn searches(reading: &mut Reading<'_>, body: &Object<'_>, dialect: Dialect) {
    let options = body.get("web_search_options");
    reading.term(
        Term::SearchType,
        options.and_then(|options| options.get("search_type")),
    );
    let model = reading.asked.model.as_deref().unwrap_or_default();
    let is_asked = options.is_some() || model.contains("-search-");
    match dialect.searches {
        Searches::OnceIfAsked if is_asked => {
            reading.asked.may_use(Unit::WebSearch, Some(1));
            reading.rounds(ONE_SEARCH);
        }
        Searches::Always => reading.open(),
        _ if options.is_some() => reading.rounds(ONE_SEARCH),
        Searches::Never | Searches::OnceIfAsked => {}
    }
}

/// Reads a chunk, or a whole answer.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.model(members.get("model"));
    tally.error(members.get("error"));
    tally.term(Term::ServiceTier, members.get("service_tier"));
    let choices = members.get("choices").map(Json::items).unwrap_or_default();
    for (place, choice) in choices.iter().map(|choice| choice.object()).enumerate() {
        if choice.get("finish_reason").is_some() {
            tally.finish(choice.get("index"), place);
        }
    }
    let has_prompt = |usage: &Json<'_>| usage.get("prompt_tokens").is_some();
    let groq = members.get("x_groq").and_then(|groq| groq.get("usage"));
    let Some(found) = members.get("usage").or(groq.filter(has_prompt)) else {
        return;
    };
    tally.cost(Some(found));
    tally.term(Term::ServiceTier, found.get("service_tier"));
    let mut used = usage::completion(found, tally.dialect);
    if let Some(used) = used.as_mut().filter(|_| tally.searches_once) {
        used.add(Unit::WebSearch, 1);
    }
    tally.report(used);
    breakdown(tally, &members);
}

/// Groq's compound systems are several models; the usage is their sum, and each has its own price.
fn breakdown(tally: &mut Tally, members: &Object<'_>) {
    let models = members
        .get("usage_breakdown")
        .and_then(|breakdown| breakdown.get("models"));
    let Some(models) = models.map(Json::items).filter(|models| !models.is_empty()) else {
        return;
    };
    let dialect = tally.dialect;
    let also = models.into_iter().filter_map(|entry| {
        Some(Also {
            model: entry.get("model")?.text().map(|name| name.into_owned()),
            usage: usage::completion(entry.get("usage")?, dialect)?,
        })
    });
    tally.also = also.collect();
    tally.report(Some(Usage::new(Basis::Reported)));
}
