//! A conversation as a request to Anthropic's `messages`.

use crate::compat::Untranslatable;
use crate::compat::chat::{Block, Chat, Format, Media, Role, ToolChoice, unknown};
use crate::json::Json;
use crate::json::write::{Members, array, quoted};

pub(super) fn write(
    chat: &Chat<'_>,
    model: &str,
    output_limit: u64,
) -> Result<String, Untranslatable> {
    if chat.choices > 1 {
        return unknown("more than one answer (n)");
    }
    let limit = chat.output_limit.unwrap_or(output_limit);
    let mut request = Members::default()
        .text("model", model)
        .json("max_tokens", &limit.to_string());
    if !chat.system.is_empty() {
        request = request.json("system", &blocks(&chat.system)?);
    }
    let mut turns = Vec::new();
    for turn in &chat.turns {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let content = blocks(&turn.blocks)?;
        let turn = Members::default()
            .text("role", role)
            .json("content", &content);
        turns.push(turn.object());
    }
    request = request.json("messages", &array(turns));
    if !chat.tools.is_empty() {
        request = request.json("tools", &tools(chat));
    }
    request = request.maybe("tool_choice", tool_choice(chat));
    if !chat.stop.is_empty() {
        let stop = chat.stop.iter().map(|stop| quoted(stop));
        request = request.json("stop_sequences", &array(stop));
    }
    // For just any JSON there is nothing to say; Anthropic's own endpoint leaves that wish out as well.
    if let Format::Schema(schema) = chat.format {
        let format = Members::default()
            .text("type", "json_schema")
            .json("schema", schema.raw());
        let config = Members::default().json("format", &format.object());
        request = request.json("output_config", &config.object());
    }
    Ok(passed_on(request, chat).object())
}

/// What both formats have, and what Anthropic's own OpenAI endpoint takes from beyond.
fn passed_on(mut request: Members, chat: &Chat<'_>) -> Members {
    if chat.stream {
        request = request.json("stream", "true");
    }
    let temperature = chat.members.get("temperature");
    // Anthropic's goes up to 1, OpenAI's up to 2.
    let is_too_hot = |json: Json<'_>| json.count().is_some_and(|count| count > 1);
    let temperature = temperature.map(|json| if is_too_hot(json) { "1" } else { json.raw() });
    request = request.maybe("temperature", temperature);
    for name in ["top_p", "top_k", "thinking", "cache_control"] {
        request = request.maybe(name, chat.members.get(name).map(Json::raw));
    }
    match chat.members.get("user") {
        Some(user) => {
            let metadata = Members::default().json("user_id", user.raw());
            request.json("metadata", &metadata.object())
        }
        None => request,
    }
}

fn blocks(blocks: &[Block<'_>]) -> Result<String, Untranslatable> {
    let mut written = Vec::new();
    for block in blocks {
        written.push(self::block(block)?.object());
    }
    Ok(array(written))
}

fn block(block: &Block<'_>) -> Result<Members, Untranslatable> {
    Ok(match block {
        Block::Text { text, cache } => Members::default()
            .text("type", "text")
            .text("text", text)
            .maybe("cache_control", cache.map(Json::raw)),
        Block::Media(media) => self::media(media)?,
        Block::Call(call) => Members::default()
            .text("type", "tool_use")
            .text("id", &call.id)
            .text("name", &call.name)
            .json("input", &call.arguments),
        Block::Result { id, content, .. } => Members::default()
            .text("type", "tool_result")
            .text("tool_use_id", id)
            .json("content", &blocks(content)?),
    })
}

fn media(media: &Media<'_>) -> Result<Members, Untranslatable> {
    let (kind, source) = match media {
        Media::Address(url) => {
            let source = Members::default().text("type", "url").text("url", url);
            (
                if is_document(url) {
                    "document"
                } else {
                    "image"
                },
                source,
            )
        }
        Media::Data { mime, data } => {
            let kind = match mime.as_str() {
                "application/pdf" => "document",
                mime if mime.starts_with("image/") => "image",
                mime => return unknown(format!("a model that reads {mime}")),
            };
            let source = Members::default()
                .text("type", "base64")
                .text("media_type", mime)
                .text("data", data);
            (kind, source)
        }
    };
    let block = Members::default().text("type", kind);
    Ok(block.json("source", &source.object()))
}

fn is_document(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.to_ascii_lowercase().ends_with(".pdf")
}

fn tools(chat: &Chat<'_>) -> String {
    array(chat.tools.iter().map(|tool| {
        let none = "{\"type\":\"object\",\"properties\":{}}";
        Members::default()
            .json("name", tool.name.raw())
            .maybe("description", tool.description.map(Json::raw))
            .json("input_schema", tool.parameters.map_or(none, Json::raw))
            .maybe("cache_control", tool.cache.map(Json::raw))
            .object()
    }))
}

fn tool_choice(chat: &Chat<'_>) -> Option<String> {
    // A choice without tools is refused, and without a wish there is none to write.
    if chat.tools.is_empty() || (chat.tool_choice.is_none() && !chat.one_call_at_a_time) {
        return None;
    }
    let choice = Members::default();
    let choice = match &chat.tool_choice {
        None | Some(ToolChoice::Auto) => choice.text("type", "auto"),
        Some(ToolChoice::Never) => return Some(choice.text("type", "none").object()),
        Some(ToolChoice::Any) => choice.text("type", "any"),
        Some(ToolChoice::This(name)) => choice.text("type", "tool").text("name", name),
    };
    let one = chat.one_call_at_a_time.then_some("true");
    Some(choice.maybe("disable_parallel_tool_use", one).object())
}
