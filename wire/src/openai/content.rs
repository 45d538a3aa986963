//! Messages, the parts that they are made of, and tools, as chat completions and responses have them.

use ledger::Unit;

use crate::asked::{Detail, Rounds};
use crate::json::{Json, Object};
use crate::reading::Reading;

/// A message, or another item of a conversation.
pub(crate) fn item(reading: &mut Reading<'_>, item: Json<'_>) {
    reading.piece();
    let members = item.object();
    let kind = members.get("type").and_then(Json::text);
    let is_image_call = kind.as_deref() == Some("image_generation_call");
    for (name, value) in members.members() {
        match name {
            "content" | "output" | "summary" => content(reading, value),
            // The image that the tool `image_generation` has made.
            "result" if is_image_call => reading.image_data(value.text()),
            // What an earlier answer said aloud is kept by the provider.
            "audio" => reading.open(),
            "role" | "type" | "id" | "status" => {}
            _ if value.is_null() => {}
            _ => reading.value(value),
        }
    }
    if kind.as_deref() == Some("item_reference") {
        reading.open();
    }
}

/// A text, or an array of parts.
pub(crate) fn content(reading: &mut Reading<'_>, content: Json<'_>) {
    if content.is_null() {
        return;
    }
    if content.is_object() {
        return part(reading, content);
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
        Some("image_url" | "input_image" | "computer_screenshot") => image(reading, &members),
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

/// An image by its URL: in an object of its own in a chat, beside its `detail` in a response.
fn image(reading: &mut Reading<'_>, part: &Object<'_>) {
    let image = part.get("image_url");
    let inside = image.map(Json::object).unwrap_or_default();
    let detail = inside.get("detail").or(part.get("detail"));
    let detail = match detail.and_then(Json::text).as_deref() {
        Some("low") => Detail::Low,
        Some("high") => Detail::High,
        Some("original") => Detail::Original,
        _ => Detail::Auto,
    };
    let url = inside.get("url").or(image).and_then(Json::text);
    reading.image_url(url.as_deref(), detail);
}

/// A document in the request, or the name of one that is somewhere else.
fn file(reading: &mut Reading<'_>, file: Json<'_>) {
    match file.get("file_data").and_then(Json::text) {
        Some(data) => reading.document(Some(data)),
        None => reading.open(),
    }
}

/// Rounds of the provider's own tools, if the request doesn't limit them. OpenAI and xAI name no limit.
pub(crate) const ROUNDS_MAX: u64 = 25;

/// What one search brings at most: "Web search is limited to a context window size of 128000" (OpenAI's docs, "Web
/// search", limitations).
pub(crate) const SEARCH_TOKENS_MAX: u64 = 128_000;

/// A chunk of a file at most, and how many a search brings if the request doesn't say (OpenAI's docs, "Retrieval",
/// `max_chunk_size_tokens`, and "File search", `max_num_results`).
const CHUNK_TOKENS_MAX: u64 = 4096;
const CHUNKS_DEFAULT: u64 = 20;

/// An image that was made is looked at like any other.
const MADE_IMAGE_TOKENS_MAX: u64 = 8192;

/// What a tool may add that the provider executes; `None` for those that the client executes: functions, custom
/// tools, the computer, a local shell, `apply_patch`, and a tool search with its execution at the client (OpenAI's
/// docs, "Using tools").
fn rounds_of(kind: &str, tool: &Object<'_>) -> Option<Rounds> {
    let of = |tokens| Rounds {
        most: ROUNDS_MAX,
        tokens,
        can_be_lowered: kind != "mcp",
    };
    let is_local = || {
        tool.get("environment")
            .and_then(|at| at.get("type"))
            .is_some_and(|at| at.is("local"))
    };
    let chunks = || tool.get("max_num_results").and_then(Json::count);
    Some(match kind {
        "function" | "custom" | "local_shell" | "apply_patch" | "namespace" | "" => return None,
        _ if kind.starts_with("computer") => return None,
        "tool_search" if tool.get("execution").is_some_and(|at| at.is("client")) => return None,
        "shell" if is_local() => return None,
        "tool_search" => of(Some(0)),
        "image_generation" => of(Some(MADE_IMAGE_TOKENS_MAX)),
        "file_search" | "collections_search" => {
            let chunks = chunks().unwrap_or(CHUNKS_DEFAULT);
            of(Some(chunks.saturating_mul(CHUNK_TOKENS_MAX)))
        }
        _ if kind.starts_with("web_search") || kind == "x_search" => of(Some(SEARCH_TOKENS_MAX)),
        _ => of(None),
    })
}

/// A tool's definition. Those that the provider executes add to what is read.
pub(crate) fn tool(reading: &mut Reading<'_>, tool: Json<'_>) {
    reading.piece();
    reading.text(tool.raw());
    let kind = tool.get("type").and_then(Json::text).unwrap_or_default();
    let kind = kind.as_ref();
    if let Some(rounds) = rounds_of(kind, &tool.object()) {
        reading.rounds(rounds);
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
