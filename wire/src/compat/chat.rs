//! A chat completion request, read into a conversation.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::asked::Unreadable;
use crate::compat::Untranslatable;
use crate::json::{Json, Object};
use crate::reading::{self, count_of};

/// A request for an answer to a conversation.
pub(super) struct Chat<'a> {
    pub(super) system: Vec<Block<'a>>,
    /// Turns of alternating roles.
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    pub(super) one_call_at_a_time: bool,
    pub(super) output_limit: Option<u64>,
    pub(super) choices: u64,
    pub(super) stop: Vec<Cow<'a, str>>,
    pub(super) format: Format<'a>,
    pub(super) stream: bool,
    pub(super) usage_in_stream: bool,
    /// All members, for what is passed on as it is.
    pub(super) members: Object<'a>,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Role {
    User,
    Assistant,
}

pub(super) struct Turn<'a> {
    pub(super) role: Role,
    pub(super) blocks: Vec<Block<'a>>,
}

pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        /// Anthropic's mark for its cache, which may stand on any part.
        cache: Option<Json<'a>>,
    },
    Media(Media<'a>),
    Call(Call<'a>),
    Result {
        id: Cow<'a, str>,
        /// The function's name, by the call that it answers.
        name: Cow<'a, str>,
        content: Vec<Block<'a>>,
    },
}

/// An image, a document or sound.
pub(super) enum Media<'a> {
    /// In the request, in base64.
    Data { mime: String, data: Cow<'a, str> },
    /// Somewhere else.
    Address(Cow<'a, str>),
}

pub(super) struct Call<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    /// A JSON object.
    pub(super) arguments: Cow<'a, str>,
    /// Gemini's proof of what it thought before it called.
    pub(super) signature: Option<Json<'a>>,
}

pub(super) struct Tool<'a> {
    pub(super) name: Json<'a>,
    pub(super) description: Option<Json<'a>>,
    pub(super) parameters: Option<Json<'a>>,
    pub(super) cache: Option<Json<'a>>,
}

pub(super) enum ToolChoice<'a> {
    Auto,
    Never,
    Any,
    This(Cow<'a, str>),
}

pub(super) enum Format<'a> {
    Text,
    Json,
    Schema(Json<'a>),
}

pub(super) fn unknown<T>(what: impl Into<String>) -> Result<T, Untranslatable> {
    Err(Untranslatable::Unknown(what.into()))
}

pub(super) fn read(body: &str) -> Result<Chat<'_>, Untranslatable> {
    let (_, members) = reading::body(body)?;
    let limits = crate::openai::chat::LIMITS;
    let limits = limits.iter().filter_map(|name| members.get(name)?.count());
    let options = members.get("stream_options");
    let usage = options.and_then(|options| options.get("include_usage")?.flag());
    let mut chat = Chat {
        system: Vec::new(),
        turns: Vec::new(),
        tools: tools(&members)?,
        tool_choice: tool_choice(&members)?,
        one_call_at_a_time: flag(&members, "parallel_tool_calls") == Some(false),
        output_limit: limits.max(),
        choices: count_of(&members, "n")?.unwrap_or(1).max(1),
        stop: stop(&members),
        format: format(&members)?,
        stream: flag(&members, "stream") == Some(true),
        usage_in_stream: usage == Some(true),
        members: members.clone(),
    };
    let mut names = BTreeMap::new();
    let messages = members.get("messages").map(Json::items);
    for message in messages.unwrap_or_default() {
        read_message(&mut chat, &mut names, &message.object())?;
    }
    Ok(chat)
}

fn flag(members: &Object<'_>, name: &str) -> Option<bool> {
    members.get(name).and_then(Json::flag)
}

/// Adds a message to the turn that it belongs to. Messages of one role that follow each other are one
/// turn, and so are the results of several tools.
fn read_message<'a>(
    chat: &mut Chat<'a>,
    names: &mut BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    message: &Object<'a>,
) -> Result<(), Untranslatable> {
    let role = message.get("role").and_then(Json::text);
    let content = parts(message.get("content"))?;
    let (role, blocks) = match role.as_deref() {
        Some("system" | "developer") => {
            chat.system.extend(content);
            return Ok(());
        }
        Some("user") => (Role::User, content),
        Some("assistant") => (Role::Assistant, assistant(names, message, content)?),
        Some("tool") => (Role::User, vec![result(names, message, content)]),
        Some(other) => return unknown(format!("a message of the role {other}")),
        None => return Err(Unreadable::Invalid("messages").into()),
    };
    match chat.turns.last_mut().filter(|turn| turn.role == role) {
        Some(turn) => turn.blocks.extend(blocks),
        None if blocks.is_empty() => {}
        None => chat.turns.push(Turn { role, blocks }),
    }
    Ok(())
}

fn assistant<'a>(
    names: &mut BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    message: &Object<'a>,
    mut blocks: Vec<Block<'a>>,
) -> Result<Vec<Block<'a>>, Untranslatable> {
    let refusal = message.get("refusal").and_then(Json::text);
    blocks.extend(refusal.and_then(|text| text_block(text, None)));
    for call in message
        .get("tool_calls")
        .map(Json::items)
        .unwrap_or_default()
    {
        let call = read_call(&call.object())?;
        names.insert(call.id.clone(), call.name.clone());
        blocks.push(Block::Call(call));
    }
    Ok(blocks)
}

fn read_call<'a>(call: &Object<'a>) -> Result<Call<'a>, Untranslatable> {
    let function = call.get("function").map(Json::object).unwrap_or_default();
    let text = |json: Option<Json<'a>>| json.and_then(Json::text);
    let invalid = || Untranslatable::Unreadable(Unreadable::Invalid("tool_calls"));
    let arguments = text(function.get("arguments")).unwrap_or_default();
    let arguments = match arguments.trim() {
        "" => Cow::Borrowed("{}"),
        _ => arguments,
    };
    let is_object = Json::parse(&arguments).is_some_and(Json::is_object);
    let google = call
        .get("extra_content")
        .and_then(|extra| extra.get("google"));
    Ok(Call {
        id: text(call.get("id")).ok_or_else(invalid)?,
        name: text(function.get("name")).ok_or_else(invalid)?,
        arguments: is_object.then_some(arguments).ok_or_else(invalid)?,
        signature: google.and_then(|google| google.get("thought_signature")),
    })
}

fn result<'a>(
    names: &BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    message: &Object<'a>,
    content: Vec<Block<'a>>,
) -> Block<'a> {
    let id = message.get("tool_call_id").and_then(Json::text);
    let id = id.unwrap_or_default();
    let name = names.get(&id).cloned().unwrap_or_default();
    Block::Result { id, name, content }
}

/// A text, or an array of parts. Neither format takes an empty text.
fn parts(content: Option<Json<'_>>) -> Result<Vec<Block<'_>>, Untranslatable> {
    let Some(content) = content else {
        return Ok(Vec::new());
    };
    if let Some(text) = content.text() {
        return Ok(text_block(text, None).into_iter().collect());
    }
    let mut blocks = Vec::new();
    for part in content.items() {
        blocks.extend(read_part(&part.object())?);
    }
    Ok(blocks)
}

fn text_block<'a>(text: Cow<'a, str>, cache: Option<Json<'a>>) -> Option<Block<'a>> {
    (!text.is_empty()).then_some(Block::Text { text, cache })
}

fn read_part<'a>(part: &Object<'a>) -> Result<Option<Block<'a>>, Untranslatable> {
    let inside = |name: &str, member: &str| part.get(name)?.get(member)?.text();
    let kind = part.get("type").and_then(Json::text);
    let media = match kind.as_deref() {
        Some("text" | "refusal") => {
            let text = part.get("text").or(part.get("refusal"));
            let text = text.and_then(Json::text).unwrap_or_default();
            return Ok(text_block(text, part.get("cache_control")));
        }
        Some("image_url") => inside("image_url", "url").map(address),
        Some("file") => inside("file", "file_data").map(address),
        Some("input_audio") => {
            let format = inside("input_audio", "format");
            inside("input_audio", "data").map(|data| Media::Data {
                mime: format!("audio/{}", format.unwrap_or("wav".into())),
                data,
            })
        }
        Some(other) => return unknown(format!("a part of the type {other}")),
        None => return Err(Unreadable::Invalid("content").into()),
    };
    match media {
        Some(media) => Ok(Some(Block::Media(media))),
        None => unknown("a file that is stored somewhere else"),
    }
}

/// An address of the web, or `data:image/png;base64,…`.
fn address(address: Cow<'_, str>) -> Media<'_> {
    let parsed = address.strip_prefix("data:").and_then(|rest| {
        let (head, data) = rest.split_once(',')?;
        let mime = head.strip_suffix(";base64")?;
        Some((mime.to_owned(), data.to_owned()))
    });
    match parsed {
        Some((mime, data)) => Media::Data {
            mime,
            data: data.into(),
        },
        None => Media::Address(address),
    }
}

fn tools<'a>(members: &Object<'a>) -> Result<Vec<Tool<'a>>, Untranslatable> {
    let mut tools = Vec::new();
    for tool in members.get("tools").map(Json::items).unwrap_or_default() {
        let Some(function) = tool.get("function").map(Json::object) else {
            let kind = tool.get("type").map_or("?", Json::raw);
            return unknown(format!("a tool of the type {kind}"));
        };
        let name = function.get("name");
        tools.push(Tool {
            name: name.ok_or(Unreadable::Invalid("tools"))?,
            description: function.get("description"),
            parameters: function.get("parameters"),
            cache: tool.get("cache_control"),
        });
    }
    Ok(tools)
}

fn tool_choice<'a>(members: &Object<'a>) -> Result<Option<ToolChoice<'a>>, Untranslatable> {
    let Some(choice) = members.get("tool_choice") else {
        return Ok(None);
    };
    let named = || choice.get("function")?.get("name")?.text();
    let choice = match choice.text().as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::Never,
        Some("required") => ToolChoice::Any,
        Some(_) => return Err(Unreadable::Invalid("tool_choice").into()),
        None => match named() {
            Some(name) => ToolChoice::This(name),
            None => return unknown("this tool_choice"),
        },
    };
    Ok(Some(choice))
}

/// One sequence, or several.
fn stop<'a>(members: &Object<'a>) -> Vec<Cow<'a, str>> {
    let Some(stop) = members.get("stop") else {
        return Vec::new();
    };
    match stop.text() {
        Some(one) => vec![one],
        None => stop.items().into_iter().filter_map(Json::text).collect(),
    }
}

fn format<'a>(members: &Object<'a>) -> Result<Format<'a>, Untranslatable> {
    let Some(format) = members.get("response_format") else {
        return Ok(Format::Text);
    };
    let kind = format.get("type").and_then(Json::text);
    let schema = format
        .get("json_schema")
        .and_then(|json| json.get("schema"));
    match (kind.as_deref(), schema) {
        (Some("text"), _) => Ok(Format::Text),
        (Some("json_object"), _) => Ok(Format::Json),
        (Some("json_schema"), Some(schema)) => Ok(Format::Schema(schema)),
        _ => Err(Unreadable::Invalid("response_format").into()),
    }
}
