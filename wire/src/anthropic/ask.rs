//! What a request to `messages` asks for.

use ledger::{Term, Unit};

use crate::asked::Rounds;
use crate::json::{Json, Object};
use crate::reading::Reading;

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
    if body
        .get("mcp_servers")
        .is_some_and(|servers| !servers.items().is_empty())
    {
        reading.rounds(server_loop(None));
    }
    compaction(reading, body);
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

/// Rounds of server tools in one request: after ten of them the answer stops with `pause_turn` (Anthropic's docs,
/// "Server tools").
const ROUNDS_MAX: u64 = 10;

/// What one search, or one page that is fetched, brings at most. Anthropic's docs ("Web fetch tool") have 125,000
/// tokens for a PDF of 500 kB as their largest example.
const ROUND_TOKENS_MAX: u64 = 128_000;

const fn server_loop(tokens: Option<u64>) -> Rounds {
    Rounds {
        most: ROUNDS_MAX,
        tokens,
        can_be_lowered: false,
    }
}

/// Editing the context (Anthropic's docs, "Context editing", "Compaction"): what is cleared is input that isn't
/// read. Only a compaction reads: everything once more, to sum it up.
fn compaction(reading: &mut Reading<'_>, body: &Object<'_>) {
    let edits = body.get("context_management");
    let edits = edits.and_then(|management| management.get("edits"));
    let only_clears = |edit: &Json<'_>| {
        let kind = edit.get("type").and_then(Json::text);
        kind.is_some_and(|kind| kind.starts_with("clear_"))
    };
    let mut edits = edits.map(Json::items).unwrap_or_default().into_iter();
    if body.get("compaction").is_some() || edits.any(|edit| !only_clears(&edit)) {
        reading.asked.input.rereads = 1;
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
            reading.image_data(source.get("data").and_then(Json::text));
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
        (Some("base64"), Some(data), _) => reading.document(data.text()),
        (Some("text"), Some(data), _) => reading.value(data),
        (Some("content"), _, Some(inside)) => content(reading, inside),
        _ => reading.open(),
    }
}

/// What a tool may add that Anthropic executes; `None` for the client's own tools: `custom`, `bash`, `computer`,
/// `text_editor`, `memory` (Anthropic's docs, "Tool use overview").
fn rounds_of(kind: &str, tool: &Object<'_>, max_uses: Option<u64>) -> Option<Rounds> {
    let most = max_uses.unwrap_or(ROUNDS_MAX);
    let can_be_lowered = has_max_uses(kind);
    let of = |tokens| Rounds {
        most: if can_be_lowered { most } else { ROUNDS_MAX },
        tokens,
        can_be_lowered,
    };
    let fetched = || tool.get("max_content_tokens").and_then(Json::count);
    Some(match kind {
        _ if kind.starts_with("web_search") => of(Some(ROUND_TOKENS_MAX)),
        _ if kind.starts_with("web_fetch") => of(fetched().or(Some(ROUND_TOKENS_MAX))),
        // It finds definitions that are in the request already.
        _ if kind.starts_with("tool_search") => of(Some(0)),
        _ if kind.starts_with("code_execution") => of(None),
        _ if kind.starts_with("mcp_toolset") => of(None),
        _ if kind.starts_with("advisor") => of(None),
        _ => return None,
    })
}

/// Whether the tool has `max_uses`, so that [`crate::Change::rounds`] can lower it.
pub(crate) fn has_max_uses(kind: &str) -> bool {
    kind.starts_with("web_search") || kind.starts_with("web_fetch")
}

/// A tool's definition. What Anthropic runs itself brings things to read that the request doesn't show.
fn tool(reading: &mut Reading<'_>, tool: Json<'_>) {
    reading.piece();
    reading.text(tool.raw());
    let members = tool.object();
    let kind = members.get("type").and_then(Json::text).unwrap_or_default();
    let most = members.get("max_uses").and_then(Json::count);
    if let Some(rounds) = rounds_of(&kind, &members, most) {
        reading.rounds(rounds);
    }
    if kind.starts_with("web_search") {
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
