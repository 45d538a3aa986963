//! What a request to `generateContent` asks for.

use ledger::{Term, Unit};

use crate::asked::{Rounds, Unreadable};
use crate::json::{Json, Object};
use crate::reading::Reading;

pub(crate) const UNITS: &[Unit] = &[Unit::Input, Unit::CacheRead, Unit::Output, Unit::Reasoning];

pub(crate) const CONFIG: [&str; 2] = ["generationConfig", "generation_config"];
pub(crate) const LIMIT: [&str; 2] = ["maxOutputTokens", "max_output_tokens"];

/// A member by either of its spellings.
pub(crate) fn either<'a>(members: &Object<'a>, names: [&'static str; 2]) -> Option<Json<'a>> {
    names.iter().find_map(|name| members.get(name))
}

/// Both spellings of one member are the same name twice.
pub(crate) fn once(members: &Object<'_>, names: [&'static str; 2]) -> Result<(), Unreadable> {
    let spellings = members.members().filter(|(own, _)| names.contains(own));
    match spellings.count() {
        0 | 1 => Ok(()),
        _ => Err(Unreadable::Repeated(names.join(" and "))),
    }
}

pub(crate) fn ask(reading: &mut Reading<'_>, body: &Object<'_>) -> Result<(), Unreadable> {
    once(body, CONFIG)?;
    reading.asked.usage_in_stream = true;
    if let Some(config) = either(body, CONFIG) {
        generation(reading, &config.object())?;
    }
    reading.term(
        Term::ServiceTier,
        either(body, ["serviceTier", "service_tier"]),
    );
    if let Some(system) = either(body, ["systemInstruction", "system_instruction"]) {
        content(reading, system);
    }
    contents(reading, body.get("contents"));
    for definition in body.get("tools").map(Json::items).unwrap_or_default() {
        tools(reading, definition);
    }
    if either(body, ["cachedContent", "cached_content"]).is_some() {
        reading.open();
    }
    Ok(())
}

fn generation(reading: &mut Reading<'_>, config: &Object<'_>) -> Result<(), Unreadable> {
    if let Some(name) = config.repeated() {
        return Err(Unreadable::Repeated(name.to_owned()));
    }
    once(config, LIMIT)?;
    reading.asked.output_limit = either(config, LIMIT).and_then(Json::count);
    if let Some(candidates) = either(config, ["candidateCount", "candidate_count"]) {
        let count = candidates.count();
        let count = count.ok_or(Unreadable::Invalid("candidateCount"))?;
        reading.asked.choices = count.max(1);
    }
    for schema in ["responseSchema", "response_schema", "responseJsonSchema"] {
        if let Some(schema) = config.get(schema) {
            reading.text(schema.raw());
        }
    }
    let modalities = either(config, ["responseModalities", "response_modalities"]);
    for modality in modalities.map(Json::items).unwrap_or_default() {
        let name = modality.text().unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            "AUDIO" => reading.asked.may_use(Unit::OutputAudio, None),
            "IMAGE" => reading.asked.may_use(Unit::OutputImage, None),
            "VIDEO" => reading.asked.may_use(Unit::OutputVideo, None),
            _ => {}
        }
    }
    Ok(())
}

/// A content, several, or a text.
pub(crate) fn contents(reading: &mut Reading<'_>, contents: Option<Json<'_>>) {
    match contents {
        Some(several) if several.is_array() => {
            for value in several.items() {
                content(reading, value);
            }
        }
        Some(one) => content(reading, one),
        None => {}
    }
}

pub(crate) fn content(reading: &mut Reading<'_>, content: Json<'_>) {
    reading.piece();
    let Some(parts) = content.get("parts") else {
        return reading.value(content);
    };
    let parts = if parts.is_array() {
        parts.items()
    } else {
        vec![parts]
    };
    for value in parts {
        reading.piece();
        part(reading, value);
    }
}

fn part(reading: &mut Reading<'_>, part: Json<'_>) {
    for (name, value) in part.object().members() {
        match name {
            _ if value.is_null() => {}
            "text" => reading.value(value),
            "inlineData" | "inline_data" => inline(reading, &value.object()),
            "fileData" | "file_data" => file(reading, &value.object()),
            _ => reading.text(value.raw()),
        }
    }
}

fn inline(reading: &mut Reading<'_>, blob: &Object<'_>) {
    let kind = either(blob, ["mimeType", "mime_type"]).and_then(Json::text);
    let data = blob.get("data").and_then(Json::text);
    match kind.as_deref().and_then(|kind| kind.split('/').next()) {
        Some("image") => reading.image_data(data),
        Some("audio") => reading.audio_in_base64(data),
        Some("video") => {
            reading.document(data);
            reading.asked.may_use(Unit::InputVideo, None);
            reading.asked.may_use(Unit::InputAudio, None);
        }
        _ => reading.document(data),
    }
}

/// A file that Google has, or fetches. An image has few tokens however large it is; a document or a video doesn't
/// say.
fn file(reading: &mut Reading<'_>, file: &Object<'_>) {
    let kind = either(file, ["mimeType", "mime_type"]).and_then(Json::text);
    match kind.is_some_and(|kind| kind.starts_with("image/")) {
        true => reading.image(),
        false => reading.open(),
    }
}

/// What a tool may add that Google executes; `None` for those that the client executes.
fn rounds_of(name: &str) -> Option<Rounds> {
    let of = |most, tokens| {
        Some(Rounds {
            most,
            tokens,
            can_be_lowered: false,
        })
    };
    match name {
        "functionDeclarations" | "function_declarations" | "computerUse" | "computer_use" => None,
        // Its results are read, and not charged as input (Gemini's docs, "Grounding with Google Search").
        "googleSearch"
        | "google_search"
        | "googleSearchRetrieval"
        | "google_search_retrieval"
        | "googleMaps"
        | "google_maps" => of(1, Some(SEARCH_TOKENS_MAX)),
        // "Up to 5 times" (Gemini's docs, "Code execution").
        "codeExecution" | "code_execution" => of(5, None),
        _ => of(1, None),
    }
}

/// What a search brings at most, as with OpenAI.
const SEARCH_TOKENS_MAX: u64 = 128_000;

/// A group of tools. What Google runs itself brings things to read that the request doesn't show.
fn tools(reading: &mut Reading<'_>, tools: Json<'_>) {
    for (name, value) in tools.object().members() {
        reading.piece();
        reading.text(value.raw());
        if let Some(rounds) = rounds_of(name) {
            reading.rounds(rounds);
        }
        match name {
            "googleSearch" | "google_search" => reading.asked.may_use(Unit::WebSearch, None),
            "googleSearchRetrieval" | "google_search_retrieval" => {
                reading.asked.may_use(Unit::WebSearch, Some(1));
            }
            _ => {}
        }
    }
}
