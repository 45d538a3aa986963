//! `responses`.

use ledger::{Basis, Kind, Term, Unit, Usage};

use crate::asked::Unreadable;
use crate::json::skim::Shape;
use crate::json::{Json, Object};
use crate::openai::{content, usage};
use crate::reading::{Reading, count_of};
use crate::tally::Tally;
use crate::used::Also;

pub(crate) const UNITS: &[Unit] = super::chat::UNITS;

const WHOLE: &[&str] = &[
    "usage",
    "tool_usage",
    "model",
    "service_tier",
    "error",
    "status",
    "type",
    "code",
    "message",
    "container_id",
];
const INSIDE: &[&str] = &["response", "output", "item", "action", "tools"];

/// A stream repeats each text when it is complete, so that only the pieces of it are counted.
pub(crate) const STREAM_SHAPE: Shape = Shape {
    whole: WHOLE,
    inside: INSIDE,
    text: &["delta"],
    written: &[],
};

pub(crate) const BODY_SHAPE: Shape = Shape {
    whole: WHOLE,
    inside: &["output", "action", "tools", "content", "summary"],
    text: &["text", "refusal", "arguments", "input", "code"],
    written: &[],
};

pub(crate) const LIMITS: &[&str] = &["max_output_tokens"];

/// "The minimum value is 16" (OpenAI's API reference, `max_output_tokens`).
const LIMIT_MIN: u64 = 16;

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) -> Result<(), Unreadable> {
    let asked = &mut reading.asked;
    asked.usage_in_stream = true;
    asked.output_limit = body.get("max_output_tokens").and_then(Json::count);
    asked.output_limit_min = LIMIT_MIN;
    asked.is_deferred = body.get("background").and_then(Json::flag) == Some(true);
    reading.term(Term::ServiceTier, body.get("service_tier"));
    for name in ["instructions", "text"] {
        if let Some(value) = body.get(name) {
            reading.piece();
            reading.value(value);
        }
    }
    match body.get("input") {
        Some(input) if input.is_array() => {
            for item in input.items() {
                content::item(reading, item);
            }
        }
        Some(input) => {
            reading.piece();
            reading.value(input);
        }
        None => {}
    }
    for tool in body.get("tools").map(Json::items).unwrap_or_default() {
        content::tool(reading, tool);
    }
    limit_rounds(reading, count_of(body, MAX_TOOL_CALLS)?);
    // What OpenAI has stored is read again, and charged again.
    let stored = ["previous_response_id", "conversation", "prompt"];
    if stored.iter().any(|name| body.get(name).is_some()) {
        reading.open();
    }
    if body.get("context_management").is_some() {
        // A compaction reads everything once more, to sum it up.
        reading.asked.input.rereads = 1;
    }
    Ok(())
}

/// `responses/compact`: what is read is written anew, shorter. There is no limit to lower.
pub(crate) fn ask_compact(reading: &mut Reading<'_>, body: &Object<'_>) -> Result<(), Unreadable> {
    ask(reading, body)?;
    reading.asked.output_limit = None;
    reading.asked.output_limit_min = u64::MAX;
    Ok(())
}

/// The limit of calls of all of OpenAI's own tools together.
pub(crate) const MAX_TOOL_CALLS: &str = "max_tool_calls";

fn limit_rounds(reading: &mut Reading<'_>, limit: Option<u64>) {
    let rounds = &mut reading.asked.input.rounds;
    let most = limit.unwrap_or(content::ROUNDS_MAX);
    rounds.most = rounds.most.min(most);
    if rounds.can_be_lowered {
        for (unit, quantity) in &mut reading.asked.may_use {
            if unit.kind() == Kind::Call && *unit != Unit::Request {
                *quantity = Some(quantity.unwrap_or(most).min(most));
            }
        }
    }
}

/// Reads an event, or a whole response.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    let kind = members.get("type").and_then(Json::text);
    match (kind.as_deref(), members.get("response")) {
        (_, Some(response)) => state(tally, &response.object()),
        (Some("error"), None) => tally.error(members.get("error").or(Some(document))),
        (Some("response.output_item.done"), None) => done_item(tally, members.get("item")),
        (Some(_), None) => {}
        (None, None) => state(tally, &members),
    }
}

/// A response as it stands at this moment.
fn state(tally: &mut Tally, response: &Object<'_>) {
    tally.model(response.get("model"));
    tally.error(response.get("error"));
    tally.term(Term::ServiceTier, response.get("service_tier"));
    let status = response.get("status").and_then(Json::text);
    let ends = ["completed", "incomplete", "failed", "cancelled"];
    tally.has_ended |= status.is_some_and(|status| ends.contains(&status.as_ref()));
    let reported = response.get("usage");
    tally.cost(reported);
    let Some(mut used) = reported.and_then(|usage| usage::input_output(usage, Unit::Output)) else {
        return;
    };
    let mut calls = Usage::new(Basis::Reported);
    tally.containers.clear();
    for item in response.get("output").map(Json::items).unwrap_or_default() {
        count_call(tally, &mut calls, item);
    }
    let told = response.get("tool_usage").map(Json::object);
    let told = told.unwrap_or_default();
    let searches = told
        .get("web_search")
        .and_then(|search| search.get("num_requests")?.count());
    for (unit, quantity) in calls.iter() {
        // The provider's own count leaves out what it gives away; xAI's is in the usage already.
        let quantity = match unit {
            Unit::WebSearch => searches.unwrap_or(quantity),
            _ => quantity,
        };
        used.add(unit, quantity.saturating_sub(used.get(unit)));
    }
    tally.also = image_model(response, &told).into_iter().collect();
    tally.report(Some(used));
}

/// Items that say that OpenAI has run a tool.
const SERVER_CALLS: &[&str] = &[
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
];

/// A call that was over before the stream was cut.
fn done_item(tally: &mut Tally, item: Option<Json<'_>>) {
    let Some(item) = item else {
        return;
    };
    let kind = item.get("type").and_then(Json::text);
    if kind.is_some_and(|kind| SERVER_CALLS.contains(&kind.as_ref())) {
        tally.server_calls = tally.server_calls.saturating_add(1);
    }
    let mut calls = tally.usage.take().unwrap_or(Usage::new(Basis::Reported));
    count_call(tally, &mut calls, item);
    tally.usage = Some(calls).filter(|calls| !calls.is_empty());
}

fn count_call(tally: &mut Tally, calls: &mut Usage, item: Json<'_>) {
    let members = item.object();
    let kind = members.get("type").and_then(Json::text);
    let action = members
        .get("action")
        .and_then(|action| action.get("type")?.text());
    match kind.as_deref() {
        // Opening a page or looking for something in it costs nothing.
        Some("web_search_call") if action.as_deref().unwrap_or("search") == "search" => {
            calls.add(Unit::WebSearch, 1);
        }
        Some("file_search_call") => calls.add(Unit::FileSearch, 1),
        // By the container, however often code runs in it ("Built-in tools", OpenAI's pricing); by the call elsewhere.
        Some("code_interpreter_call") => {
            let container = members.get("container_id").and_then(Json::text);
            if container.is_none_or(|id| tally.containers.insert(id.into_owned())) {
                calls.add(Unit::CodeExecution, tally.container_size);
            }
        }
        _ => {}
    }
}

/// Images that the response had made are another model's work.
fn image_model(response: &Object<'_>, told: &Object<'_>) -> Option<Also> {
    let usage = usage::input_output(told.get("image_gen")?, Unit::OutputImage)?;
    let tools = response.get("tools").map(Json::items).unwrap_or_default();
    let is_image = |tool: &Json<'_>| {
        tool.get("type")
            .is_some_and(|kind| kind.is("image_generation"))
    };
    let tool = tools.into_iter().find(is_image);
    let model = tool.and_then(|tool| tool.get("model")?.text());
    (!usage.is_empty()).then_some(Also {
        model: model.map(|name| name.into_owned()),
        usage,
    })
}
