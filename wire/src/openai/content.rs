//! Messages, the parts that they are made of, and tools, as chat completions and responses have them.

use ledger::Unit;

use crate::json::Json;
use crate::reading::{Reading, base64_bytes};

/// A message, or another item of a conversation.
pub(crate) fn item(reading: &mut Reading<'_>, item: Json<'_>) {
    reading.piece();
    for (name, value) in item.object().members() {
        match name {
            "content" | "output" | "summary" => content(reading, value),
            // What an earlier answer said aloud is kept by the provider.
            "audio" => reading.open(),
            "role" | "type" | "id" | "status" => {}
            _ if value.is_null() => {}
            _ => reading.value(value),
        }
    }
    if item
        .get("type")
        .is_some_and(|kind| kind.is("item_reference"))
    {
        reading.open();
    }
}

/// A text, or an array of parts.
pub(crate) fn content(reading: &mut Reading<'_>, content: Json<'_>) {
    if content.is_null() {
        return;
    }
    if !content.is_array() {
        return reading.value(content);
    }
    for value in content.items() {
        reading.piece();
        part(reading, value);
    }
}

fn part(reading: &mut Reading<'_>, part: Json<'_>) {
    let members = part.object();
    let kind = members.get("type").and_then(Json::text);
    match kind.as_deref() {
        Some("text" | "input_text" | "output_text" | "summary_text" | "reasoning_text") => {
            if let Some(text) = members.get("text") {
                reading.value(text);
            }
        }
        Some("image_url" | "input_image") => reading.image(),
        Some("input_audio") => {
            // Mistral has the data itself where OpenAI has an object with it.
            let sound = members.get("input_audio").unwrap_or(part);
            let data = sound.get("data").unwrap_or(sound);
            reading.audio_in_base64(data.text());
        }
        Some("file" | "input_file") => file(reading, members.get("file").unwrap_or(part)),
        _ => reading.value(part),
    }
}

/// A document in the request, or the name of one that is somewhere else.
fn file(reading: &mut Reading<'_>, file: Json<'_>) {
    match file.get("file_data").and_then(Json::text) {
        Some(data) => reading.file(base64_bytes(Some(data))),
        None => reading.open(),
    }
}

/// A tool's definition. Those that the provider runs bring things to read that the request doesn't show.
pub(crate) fn tool(reading: &mut Reading<'_>, tool: Json<'_>) {
    reading.piece();
    reading.text(tool.raw());
    let kind = tool.get("type").and_then(Json::text).unwrap_or_default();
    let kind = kind.as_ref();
    let runs_here = [
        "function",
        "custom",
        "local_shell",
        "apply_patch",
        "namespace",
        "",
    ];
    if !runs_here.contains(&kind) {
        reading.open();
    }
    for (start, unit) in PROVIDER_TOOLS {
        if kind.starts_with(start) {
            reading.asked.may_use(*unit, None);
        }
    }
    if kind == "code_interpreter" {
        container(reading, tool);
    }
    if kind == "image_generation" {
        let model = tool.get("model").and_then(Json::text);
        let model = model.unwrap_or("gpt-image-1".into());
        reading.asked.also.push(model.into_owned());
    }
}

/// Containers are charged by their memory: one of 4 GB costs four times one of 1 GB, and so on ("Built-in tools", OpenAI's
/// pricing). A response has one container, unless the request lets an earlier one run out meanwhile.
fn container(reading: &mut Reading<'_>, tool: Json<'_>) {
    let limit = tool.at(&["container", "memory_limit"]).and_then(Json::text);
    let limit = limit.as_deref().unwrap_or("1g").to_ascii_lowercase();
    let size = limit.trim_end_matches('g').parse().unwrap_or(1_u64);
    reading
        .asked
        .may_use(Unit::CodeExecution, Some(size.max(1)));
}

/// What tools that the provider runs are charged by, by the beginning of their type.
const PROVIDER_TOOLS: &[(&str, Unit)] = &[
    ("web_search", Unit::WebSearch),
    ("x_search", Unit::SocialSearch),
    ("file_search", Unit::FileSearch),
    ("collections_search", Unit::FileSearch),
    ("code_interpreter", Unit::CodeExecution),
    ("code_execution", Unit::CodeExecution),
];
