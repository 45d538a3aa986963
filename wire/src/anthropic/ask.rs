//! What a request to `messages` asks for.

use ledger::{Term, Unit};

use crate::json::{Json, Object};
use crate::reading::{Reading, base64_bytes};

pub(crate) const UNITS: &[Unit] = &[Unit::Input, Unit::CacheRead, Unit::Output, Unit::Reasoning];

pub(crate) const LIMITS: &[&str] = &["max_tokens"];

pub(crate) fn ask(reading: &mut Reading<'_>, whole: Json<'_>, body: &Object<'_>) {
    let asked = &mut reading.asked;
    asked.usage_in_stream = true;
    asked.output_limit = body.get("max_tokens").and_then(Json::count);
    // The budget for thinking has to be below the limit.
    let budget = body
        .get("thinking")
        .and_then(|thinking| thinking.get("budget_tokens")?.count());
    asked.output_limit_min = budget.map_or(1, |budget| budget.saturating_add(1));
    caching(reading, whole.raw());
    reading.term(Term::ServiceTier, body.get("service_tier"));
    reading.term(Term::Speed, body.get("speed"));
    reading.term(Term::Geo, body.get("inference_geo"));
    if let Some(system) = body.get("system") {
        content(reading, system);
    }
    for message in body.get("messages").map(Json::items).unwrap_or_default() {
        reading.piece();
        if let Some(inside) = message.get("content") {
            content(reading, inside);
        }
    }
    for definition in body.get("tools").map(Json::items).unwrap_or_default() {
        tool(reading, definition);
    }
    if let Some(format) = body.get("output_config") {
        reading.text(format.raw());
    }
    let kept = [
        "container",
        "mcp_servers",
        "context_management",
        "compaction",
    ];
    if kept.iter().any(|name| body.get(name).is_some()) {
        reading.open();
    }
    if let Some(others) = body.get("fallbacks") {
        fallbacks(reading, others);
    }
}

/// Models that answer if the asked one declines, or the word `default`, which leaves them to Anthropic. Each may have an
/// output limit of its own, which nothing lowers.
fn fallbacks(reading: &mut Reading<'_>, others: Json<'_>) {
    let asked = &mut reading.asked;
    asked.may_switch = true;
    for other in others.items() {
        let name = other.get("model").unwrap_or(other).text();
        asked.instead.extend(name.map(|name| name.into_owned()));
        if let Some(limit) = other.get("max_tokens").and_then(Json::count) {
            asked.output_limit = asked.output_limit.max(Some(limit));
            asked.output_limit_min = asked.output_limit_min.max(limit);
        }
    }
}

/// Marks for the cache can stand almost anywhere, so the text of the body is searched for them. A mark
/// inside of a string has its quotes escaped, and looks different.
fn caching(reading: &mut Reading<'_>, body: &str) {
    if body.contains("\"cache_control\"") {
        reading.asked.may_use(Unit::CacheWrite5m, None);
        if body.contains("\"1h\"") {
            reading.asked.may_use(Unit::CacheWrite1h, None);
        }
    }
}

/// A text, or an array of blocks.
fn content(reading: &mut Reading<'_>, content: Json<'_>) {
    if !content.is_array() {
        return reading.value(content);
    }
    for value in content.items() {
        reading.piece();
        block(reading, value);
    }
}

fn block(reading: &mut Reading<'_>, block: Json<'_>) {
    let members = block.object();
    let kind = members.get("type").and_then(Json::text);
    match (kind.as_deref(), members.get("source")) {
        (Some("text"), _) => {
            if let Some(text) = members.get("text") {
                reading.value(text);
            }
        }
        (Some("image"), Some(source)) => {
            reading.image();
            // Its size doesn't change by much what it costs.
            if source.get("data").is_none() && source.get("url").is_none() {
                reading.open();
            }
        }
        (Some("document"), Some(source)) => document(reading, source),
        (Some("tool_result"), _) => {
            if let Some(inside) = members.get("content") {
                content(reading, inside);
            }
        }
        _ => reading.value(block),
    }
}

fn document(reading: &mut Reading<'_>, source: Json<'_>) {
    let kind = source.get("type").and_then(Json::text);
    match (kind.as_deref(), source.get("data"), source.get("content")) {
        (Some("base64"), Some(data), _) => reading.file(base64_bytes(data.text())),
        (Some("text"), Some(data), _) => reading.value(data),
        (Some("content"), _, Some(inside)) => content(reading, inside),
        _ => reading.open(),
    }
}

/// A tool's definition. What Anthropic runs itself brings things to read that the request doesn't show.
fn tool(reading: &mut Reading<'_>, tool: Json<'_>) {
    reading.piece();
    reading.text(tool.raw());
    let members = tool.object();
    let kind = members.get("type").and_then(Json::text).unwrap_or_default();
    let runs_there = [
        "web_search",
        "web_fetch",
        "code_execution",
        "mcp_toolset",
        "advisor",
    ];
    if runs_there.iter().any(|start| kind.starts_with(start)) {
        reading.open();
    }
    if kind.starts_with("web_search") {
        let most = members.get("max_uses").and_then(Json::count);
        reading.asked.may_use(Unit::WebSearch, most);
    }
    if kind.starts_with("advisor") {
        let model = members.get("model").and_then(Json::text);
        reading
            .asked
            .also
            .extend(model.map(|name| name.into_owned()));
    }
}
