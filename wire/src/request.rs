//! A request, read and changed.

use std::collections::BTreeSet;

use crate::asked::{Asked, Unreadable};
use crate::endpoint::{Api, Endpoint};
use crate::json::edit::{Edits, present};
use crate::json::write::Members;
use crate::json::{Json, Object};
use crate::openai::{
    self, chat, completions, embeddings, images, moderations, responses, speech, transcription,
};
use crate::reading::{self, Reading};
use crate::{anthropic, cohere, form, further, gemini};

/// What a request asks for. `text` is handed every piece of text that the model is to read, for whoever
/// wants to count its tokens; what it is handed adds up to [`crate::Input::text_bytes`].
///
/// # Errors
/// Where the body is not what its API takes, so far that nobody could say what it may cost.
pub fn ask(
    endpoint: &Endpoint,
    content_type: &str,
    body: &[u8],
    text: &mut dyn FnMut(&str),
) -> Result<Asked, Unreadable> {
    let mut reading = Reading::new(units(endpoint.api), text);
    reading.asked.model.clone_from(&endpoint.model);
    reading.asked.stream = endpoint.stream.unwrap_or_default();
    if is_form(content_type) {
        let fields = form::fields(content_type, body).ok_or(Unreadable::NoForm)?;
        ask_form(&mut reading, endpoint, &fields)?;
    } else {
        let body = str::from_utf8(body).map_err(|_| Unreadable::NoObject)?;
        let (whole, members) = reading::body(body)?;
        ask_json(&mut reading, endpoint, whole, &members)?;
    }
    Ok(reading.asked)
}

fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The units that a call of the API always may use.
const fn units(api: Api) -> &'static [ledger::Unit] {
    match api {
        Api::Chat => chat::UNITS,
        Api::Completions => completions::UNITS,
        Api::Responses | Api::Compact => responses::UNITS,
        Api::Embeddings => embeddings::UNITS,
        Api::Images => images::UNITS,
        Api::Speech => speech::UNITS,
        Api::Transcription => transcription::UNITS,
        Api::Moderations | Api::CountTokens => moderations::UNITS,
        Api::Messages => anthropic::ask::UNITS,
        Api::Generate => gemini::ask::UNITS,
        Api::Embed => gemini::embed::UNITS,
        Api::CohereChat => cohere::CHAT_UNITS,
        Api::CohereMeta => cohere::META_UNITS,
    }
}

fn ask_json(
    reading: &mut Reading<'_>,
    endpoint: &Endpoint,
    whole: Json<'_>,
    body: &Object<'_>,
) -> Result<(), Unreadable> {
    if endpoint.model.is_none() {
        let model = body.get("model").and_then(Json::text);
        reading.asked.model = model.map(|name| name.into_owned());
    }
    let stream = || body.get("stream").and_then(Json::flag).unwrap_or_default();
    let in_events = || {
        body.get("stream_format")
            .is_some_and(|format| format.is("sse"))
    };
    reading.asked.stream = endpoint.stream.unwrap_or_else(|| stream() || in_events());
    match endpoint.api {
        Api::Chat => chat::ask(reading, body, endpoint.dialect)?,
        Api::Completions => completions::ask(reading, body, endpoint.dialect)?,
        Api::Responses => responses::ask(reading, body)?,
        Api::Compact => responses::ask_compact(reading, body)?,
        Api::Embeddings => embeddings::ask(reading, body),
        Api::Images => images::ask(reading, body)?,
        Api::Speech => speech::ask(reading, body),
        Api::Transcription => transcription::ask(reading, body, endpoint.dialect),
        Api::Moderations => moderations::ask(reading, body),
        Api::CountTokens => {}
        Api::Messages => anthropic::ask::ask(reading, whole, body),
        Api::Generate => gemini::ask::ask(reading, body)?,
        Api::Embed => gemini::embed::ask(reading, body),
        Api::CohereChat => cohere::ask_chat(reading, body),
        Api::CohereMeta => cohere::ask_meta(reading, body),
    }
    further::ask(&mut reading.asked, body, endpoint)
}

fn ask_form(
    reading: &mut Reading<'_>,
    endpoint: &Endpoint,
    fields: &[form::Field<'_>],
) -> Result<(), Unreadable> {
    for field in fields.iter().filter(|field| !field.is_file) {
        match (field.name.as_str(), field.text()) {
            ("model", Some(name)) => reading.asked.model = Some(name.to_owned()),
            ("stream", Some(flag)) => reading.asked.stream = flag.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
    match endpoint.api {
        Api::Images => images::ask_form(reading, fields),
        Api::Transcription => {
            transcription::ask_form(reading, fields, endpoint.dialect);
            Ok(())
        }
        _ => Err(Unreadable::NoObject),
    }
}

/// What to change in a request. Everything else in it stays as it is, to the byte.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Change<'a> {
    /// The most that the output limit may be. A lower one stays; one that isn't there is set.
    pub output_limit: Option<u64>,
    /// The most rounds of the provider's own tools: `max_tool_calls` of a response, `max_uses` of Anthropic's web
    /// tools. A lower number stays. Only if [`crate::Rounds::can_be_lowered`].
    pub rounds: Option<u64>,
    /// Ask for the usage in the stream. Only where [`Asked::stream`] is true and
    /// [`Asked::usage_in_stream`] is not.
    pub usage_in_stream: bool,
    /// Another name for the model; not for models that the path names.
    pub model: Option<&'a str>,
}

/// The body with the changes made. A form, and an API without the thing to change, stay as they are.
///
/// # Errors
/// As [`ask`].
pub fn change(endpoint: &Endpoint, body: &str, change: Change<'_>) -> Result<String, Unreadable> {
    let (whole, members) = reading::body(body)?;
    let mut edits = Edits::default();
    if let Some(model) = change.model {
        let quoted = serde_json::Value::from(model).to_string();
        edits.set(body, whole, "model", &quoted);
    }
    if change.usage_in_stream && matches!(endpoint.api, Api::Chat | Api::Completions) {
        match present(&members, "stream_options").filter(|options| options.is_object()) {
            Some(options) => {
                edits.set(body, options, "include_usage", "true");
                // vLLM reports it in every chunk then, if the client has asked for that and not for this.
                if options.get("continuous_usage_stats").is_some() {
                    edits.set(body, options, "continuous_usage_stats", "false");
                }
            }
            None => edits.set(body, whole, "stream_options", "{\"include_usage\":true}"),
        }
    }
    if let Some(limit) = change.output_limit {
        lower(&mut edits, endpoint, (body, whole), &members, limit);
    }
    if let Some(rounds) = change.rounds {
        lower_rounds(&mut edits, endpoint.api, (body, whole), &members, rounds);
    }
    Ok(edits.apply(body))
}

fn lower_rounds(
    edits: &mut Edits,
    api: Api,
    (body, whole): (&str, Json<'_>),
    members: &Object<'_>,
    rounds: u64,
) {
    match api {
        Api::Responses => {
            let name = responses::MAX_TOOL_CALLS;
            lower_in(edits, (body, whole), &[name], name, rounds);
        }
        Api::Messages => {
            for tool in members.get("tools").map(Json::items).unwrap_or_default() {
                let kind = tool.get("type").and_then(Json::text);
                if kind.is_some_and(|kind| anthropic::ask::has_max_uses(&kind)) {
                    lower_in(edits, (body, tool), &["max_uses"], "max_uses", rounds);
                }
            }
        }
        _ => {}
    }
}

/// The body without the members of these names.
///
/// # Errors
/// Where it is no object, or has a name twice.
pub fn without(body: &str, names: &BTreeSet<&str>) -> Result<String, Unreadable> {
    let (_, members) = reading::body(body)?;
    let kept = members.members().filter(|(own, _)| !names.contains(&**own));
    let written = kept.fold(Members::default(), |written, (name, value)| {
        written.json(name, value.raw())
    });
    Ok(written.object())
}

fn lower(
    edits: &mut Edits,
    endpoint: &Endpoint,
    (body, whole): (&str, Json<'_>),
    members: &Object<'_>,
    limit: u64,
) {
    let names: &[&str] = match endpoint.api {
        Api::Chat => openai::chat::LIMITS,
        Api::Completions => completions::LIMITS,
        Api::Responses => responses::LIMITS,
        Api::Messages => anthropic::ask::LIMITS,
        Api::CohereChat => cohere::LIMITS,
        Api::Generate => return lower_gemini(edits, (body, whole), members, limit),
        _ => return,
    };
    let inserted = match endpoint.api {
        Api::Chat => endpoint.dialect.limit_name,
        _ => names.first().copied().unwrap_or_default(),
    };
    let names = further::names(names, endpoint.dialect);
    lower_in(edits, (body, whole), &names, inserted, limit);
}

/// Lowers the limit in an object of the body, under each of its names, or sets it.
fn lower_in(
    edits: &mut Edits,
    (body, object): (&str, Json<'_>),
    names: &[&str],
    inserted: &str,
    limit: u64,
) {
    let members = object.object();
    let mut is_there = false;
    for name in names {
        let Some(old) = members.get(name) else {
            continue;
        };
        is_there = true;
        if old.count().is_none_or(|old| old > limit) {
            edits.replace(body, old, limit.to_string());
        }
    }
    if !is_there {
        edits.set(body, object, inserted, &limit.to_string());
    }
}

fn lower_gemini(
    edits: &mut Edits,
    (body, whole): (&str, Json<'_>),
    members: &Object<'_>,
    limit: u64,
) {
    let [name, other] = gemini::ask::CONFIG;
    let [limit_name, _] = gemini::ask::LIMIT;
    match gemini::ask::either(members, [name, other]) {
        Some(config) if config.is_object() => {
            lower_in(
                edits,
                (body, config),
                &gemini::ask::LIMIT,
                limit_name,
                limit,
            );
        }
        _ => {
            // A null by the other name would make the config be there twice.
            let is_null = |name: &&&str| present(members, name).is_some();
            let name = [name, other].iter().find(is_null).copied().unwrap_or(name);
            edits.set(body, whole, name, &format!("{{\"{limit_name}\":{limit}}}"));
        }
    }
}
