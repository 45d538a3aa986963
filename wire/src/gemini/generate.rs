//! What an answer of `generateContent` or `streamGenerateContent` used.
//!
//! Each chunk of a stream carries the usage so far; the last one counts.

use ledger::{Term, Unit};

use crate::gemini::usage;
use crate::json::Json;
use crate::json::skim::Shape;
use crate::tally::Tally;

pub(crate) const SHAPE: Shape = Shape {
    whole: &[
        "usageMetadata",
        "modelVersion",
        "finishReason",
        "index",
        "error",
        "webSearchQueries",
        "blockReason",
    ],
    inside: &[
        "candidates",
        "content",
        "parts",
        "groundingMetadata",
        "promptFeedback",
        "functionCall",
        "executableCode",
        "response",
    ],
    text: &["text", "code"],
    written: &["args"],
};

/// Reads a chunk, or a whole answer.
pub(crate) fn read(tally: &mut Tally, document: Json<'_>) {
    let members = document.object();
    tally.model(members.get("modelVersion"));
    tally.error(members.get("error"));
    let blocked = members
        .get("promptFeedback")
        .and_then(|feedback| feedback.get("blockReason"));
    tally.has_ended |= blocked.is_some();
    for candidate in members
        .get("candidates")
        .map(Json::items)
        .unwrap_or_default()
    {
        tally.has_ended |= candidate.get("finishReason").is_some();
        if let Some(queries) = candidate.at(&["groundingMetadata", "webSearchQueries"]) {
            searched(tally, &queries.items());
        }
    }
    if let Some(reported) = members.get("usageMetadata") {
        tally.term(Term::ServiceTier, reported.get("serviceTier"));
        let mut used = usage::metadata(reported);
        if let Some(used) = &mut used {
            used.add(Unit::WebSearch, tally.searches);
        }
        tally.report(used);
    }
}

/// "Gemini 3: billed for each search query. Gemini 2.5 and older: billed per prompt" ("Grounding with
/// Google Search", Google's docs). Empty queries are not charged.
fn searched(tally: &mut Tally, queries: &[Json<'_>]) {
    let made = queries.iter().filter(|query| !query.is("")).count();
    let made = u64::try_from(made).unwrap_or(u64::MAX);
    let old = ["gemini-1", "gemini-2"];
    let model = tally.model_name().unwrap_or_default();
    let by_prompt = old.iter().any(|start| model.starts_with(start));
    let charged = if by_prompt { made.min(1) } else { made };
    // A stream repeats the queries as they grow.
    tally.searches = tally.searches.max(charged);
}
