//! A conversation as a request to Gemini's `generateContent`.

use crate::compat::Untranslatable;
use crate::compat::chat::{Block, Call, Chat, Format, Media, Role, ToolChoice, unknown};
use crate::json::Json;
use crate::json::write::{Members, array, quoted};

pub(super) fn write(chat: &Chat<'_>, model: &str) -> Result<String, Untranslatable> {
    let mut request = Members::default();
    if !chat.system.is_empty() {
        let system = Members::default().json("parts", &parts(&chat.system)?);
        request = request.json("systemInstruction", &system.object());
    }
    let mut turns = Vec::new();
    for turn in &chat.turns {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "model",
        };
        let content = Members::default().text("role", role);
        turns.push(content.json("parts", &parts(&turn.blocks)?).object());
    }
    request = request.json("contents", &array(turns));
    if !chat.tools.is_empty() {
        let group = Members::default().json("functionDeclarations", &functions(chat));
        request = request.json("tools", &array([group.object()]));
        request = request.maybe("toolConfig", tool_config(chat));
    }
    let config = generation(chat, model);
    if !config.is_empty() {
        request = request.json("generationConfig", &config.object());
    }
    Ok(request.object())
}

fn parts(blocks: &[Block<'_>]) -> Result<String, Untranslatable> {
    let mut written = Vec::new();
    for block in blocks {
        written.push(part(block)?.object());
    }
    Ok(array(written))
}

fn part(block: &Block<'_>) -> Result<Members, Untranslatable> {
    Ok(match block {
        Block::Text { text, .. } => Members::default().text("text", text),
        Block::Media(Media::Data { mime, data }) => {
            let blob = Members::default().text("mimeType", mime).text("data", data);
            Members::default().json("inlineData", &blob.object())
        }
        Block::Media(Media::Address(url)) => {
            let file = Members::default()
                .text("mimeType", mime_of(url))
                .text("fileUri", url);
            Members::default().json("fileData", &file.object())
        }
        Block::Call(call) => self::call(call),
        Block::Result { name, content, .. } => {
            if name.is_empty() {
                return unknown("the result of a call that is not in the messages");
            }
            let response = Members::default()
                .text("name", name)
                .json("response", &response(content)?);
            Members::default().json("functionResponse", &response.object())
        }
    })
}

fn call(call: &Call<'_>) -> Members {
    let function = Members::default()
        .text("name", &call.name)
        .json("args", &call.arguments);
    Members::default()
        .json("functionCall", &function.object())
        .maybe("thoughtSignature", call.signature.map(Json::raw))
}

/// What a function gave back has to be an object.
fn response(content: &[Block<'_>]) -> Result<String, Untranslatable> {
    let mut texts = Vec::new();
    for block in content {
        match block {
            Block::Text { text, .. } => texts.push(text.as_ref()),
            _ => return unknown("a tool that gives back more than text"),
        }
    }
    let text = texts.join("\n");
    Ok(match Json::parse(&text).filter(|json| json.is_object()) {
        Some(object) => object.raw().to_owned(),
        None => Members::default().text("result", &text).object(),
    })
}

/// By the ending, since Google wants to know before it looks.
fn mime_of(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('.').next().unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        _ => "image/jpeg",
    }
}

fn functions(chat: &Chat<'_>) -> String {
    array(chat.tools.iter().map(|tool| {
        Members::default()
            .json("name", tool.name.raw())
            .maybe("description", tool.description.map(Json::raw))
            .maybe("parametersJsonSchema", tool.parameters.map(Json::raw))
            .object()
    }))
}

fn tool_config(chat: &Chat<'_>) -> Option<String> {
    let config = Members::default();
    let config = match chat.tool_choice.as_ref()? {
        ToolChoice::Auto => config.text("mode", "AUTO"),
        ToolChoice::Never => config.text("mode", "NONE"),
        ToolChoice::Any => config.text("mode", "ANY"),
        ToolChoice::This(name) => config
            .text("mode", "ANY")
            .json("allowedFunctionNames", &array([quoted(name)])),
    };
    let config = Members::default().json("functionCallingConfig", &config.object());
    Some(config.object())
}

/// Members that are the same under another name.
const RENAMED: &[(&str, &str)] = &[
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
];

fn generation(chat: &Chat<'_>, model: &str) -> Members {
    let mut config = Members::default();
    let limit = chat.output_limit.map(|limit| limit.to_string());
    config = config.maybe("maxOutputTokens", limit);
    if chat.choices > 1 {
        config = config.json("candidateCount", &chat.choices.to_string());
    }
    for (name, renamed) in RENAMED {
        config = config.maybe(renamed, chat.members.get(name).map(Json::raw));
    }
    if !chat.stop.is_empty() {
        let stop = chat.stop.iter().map(|stop| quoted(stop));
        config = config.json("stopSequences", &array(stop));
    }
    let json = "application/json";
    config = match chat.format {
        Format::Text => config,
        Format::Json => config.text("responseMimeType", json),
        Format::Schema(schema) => config
            .text("responseMimeType", json)
            .json("responseJsonSchema", schema.raw()),
    };
    let modalities = chat.members.get("modalities").map(Json::items);
    let is_image = |modality: &Json<'_>| modality.is("image");
    if modalities.is_some_and(|modalities| modalities.iter().any(is_image)) {
        config = config.json("responseModalities", "[\"TEXT\",\"IMAGE\"]");
    }
    config.maybe("thinkingConfig", thinking(chat, model))
}

/// How much to think, as Google's own OpenAI endpoint understands it ("OpenAI compatibility", Google's
/// docs): by a budget in the models up to 2.5, and by a level since.
fn thinking(chat: &Chat<'_>, model: &str) -> Option<String> {
    let effort = chat.members.get("reasoning_effort")?.text()?;
    let config = Members::default();
    if model.starts_with("gemini-2.5") {
        let budget = match effort.as_ref() {
            "none" => "0",
            "minimal" | "low" => "1024",
            "medium" => "8192",
            "high" | "xhigh" | "max" => "24576",
            _ => return None,
        };
        return Some(config.json("thinkingBudget", budget).object());
    }
    let level = match effort.as_ref() {
        "minimal" | "low" => "low",
        "medium" => "medium",
        "high" | "xhigh" | "max" => "high",
        _ => return None,
    };
    let knows_levels = model.starts_with("gemini-3");
    knows_levels.then(|| config.text("thinkingLevel", level).object())
}
