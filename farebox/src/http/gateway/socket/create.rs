//! What a client sends: `response.create` (openai 3.57.0, `ResponseCreate`), which is the body of
//! `POST …/responses` with a few members of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::gateway::socket::frames::Refusal;
use crate::http::gateway::socket::history::{History, Items};

/// The longest `stream_id`, in characters.
const STREAM_ID_MAX: usize = 256;

/// An event of the client's.
#[derive(Debug)]
pub enum ClientEvent {
    /// A response is wanted.
    Create(Create),
    /// Codex says that it has read a response; no answer is expected.
    Processed,
}

/// A response that is wanted.
#[derive(Debug)]
pub struct Create {
    /// The lane that its events name.
    pub stream_id: Option<String>,
    /// `false` prepares a later response: nothing is generated.
    pub generate: bool,
    /// Whether the provider is to store the response; it does unless it is told otherwise.
    pub is_stored: bool,
    /// The model's name, as the client writes it.
    pub model: Option<String>,
    /// All that the model reads.
    pub items: Items,
    /// The body of the call to the provider.
    pub body: Bytes,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl ClientEvent {
    /// Reads an event. What it continues is looked for in `history`.
    ///
    /// # Errors
    /// What its client is told instead of a response.
    pub fn read(text: &str, history: &History) -> Result<Self, Refusal> {
        let fields: Fields<'_> = serde_json::from_str(text)
            .map_err(|error| Refusal::invalid(None, format!("Invalid JSON: {error}")))?;
        match string(&fields, "type")?.as_deref() {
            Some("response.create") => {}
            Some("response.processed") => return Ok(Self::Processed),
            kind => {
                let kind: String = kind.unwrap_or("none").chars().take(64).collect();
                let message = format!("type is {kind:?}. Send \"response.create\"");
                return Err(Refusal::invalid(Some("type"), message));
            }
        }
        let stream_id = string(&fields, "stream_id")?;
        let is_short = |id: &String| (1..=STREAM_ID_MAX).contains(&id.chars().count());
        if stream_id.as_ref().is_some_and(|id| !is_short(id)) {
            let message = format!("stream_id must have 1 to {STREAM_ID_MAX} characters");
            return Err(Refusal::invalid(Some("stream_id"), message));
        }
        let create = Create::read(fields, history, stream_id.clone());
        let create = create.map_err(|refusal| refusal.on(stream_id));
        create.map(Self::Create)
    }
}

impl Create {
    fn read(
        mut fields: Fields<'_>,
        history: &History,
        stream_id: Option<String>,
    ) -> Result<Self, Refusal> {
        let generate = flag(&fields, "generate")?.unwrap_or(true);
        let is_stored = flag(&fields, "store")?.unwrap_or(true);
        if flag(&fields, "background")? == Some(true) {
            let message = "background can't be used over WebSocket. Leave it out, or send the request over HTTP";
            return Err(Refusal::invalid(Some("background"), message));
        }
        let input = fields.get("input").copied();
        let input = Items::of_input(input)
            .ok_or_else(|| Refusal::invalid(Some("input"), "input must be a string or a list"))?;
        let before = string(&fields, "previous_response_id")?;
        let found = before.as_deref().and_then(|id| history.find(id));
        let items = match (&before, found) {
            (_, Some(kept)) => Some(kept.then(&input)),
            (Some(id), None) if !is_stored || !generate || is_ours(id) => {
                return Err(Refusal::no_previous(id));
            }
            _ => None,
        };
        for name in ["type", "stream_id", "generate", "background", "stream"] {
            fields.remove(name);
        }
        if found.is_some() {
            fields.remove("previous_response_id");
        }
        let model = string(&fields, "model")?;
        let body = body(fields, items.as_ref())?;
        Ok(Self {
            stream_id,
            generate,
            is_stored,
            model,
            items: items.unwrap_or(input),
            body,
        })
    }
}

/// What the id of a response begins with that was prepared here, and that no provider knows.
pub const PREPARED: &str = "resp_prepared_";

fn is_ours(id: &str) -> bool {
    id.starts_with(PREPARED)
}

/// The body of `POST …/responses`. `items` take the place of the input.
fn body(fields: Fields<'_>, items: Option<&Items>) -> Result<Bytes, Refusal> {
    let internal = |error: serde_json::Error| Refusal::internal(&error);
    let stream = RawValue::from_string("true".to_owned()).map_err(internal)?;
    let input = items.map(|items| RawValue::from_string(items.to_json()));
    let input = input.transpose().map_err(internal)?;
    // With a lifetime as short as theirs.
    let mut fields: Fields<'_> = fields.into_iter().collect();
    fields.insert("stream".to_owned(), &stream);
    if let Some(input) = &input {
        fields.insert("input".to_owned(), input);
    }
    serde_json::to_vec(&fields)
        .map(Bytes::from)
        .map_err(internal)
}

fn string(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Refusal> {
    match value(fields, name)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Refusal::invalid(
            Some(name),
            format!("{name} must be a string"),
        )),
    }
}

fn flag(fields: &Fields<'_>, name: &str) -> Result<Option<bool>, Refusal> {
    match value(fields, name)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        _ => Err(Refusal::invalid(
            Some(name),
            format!("{name} must be true or false"),
        )),
    }
}

fn value(fields: &Fields<'_>, name: &str) -> Result<Value, Refusal> {
    let raw = fields.get(name).map_or("null", |raw| raw.get());
    serde_json::from_str(raw).map_err(|error| {
        let status = StatusCode::BAD_REQUEST;
        Refusal::new(status, Some(name), None, format!("{name}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn created(event: &Value, history: &History) -> Create {
        match ClientEvent::read(&event.to_string(), history) {
            Ok(ClientEvent::Create(create)) => create,
            other => panic!("{other:?}"),
        }
    }

    fn refused(event: &Value) -> Value {
        let history = History::new(1000);
        match ClientEvent::read(&event.to_string(), &history) {
            Err(refusal) => serde_json::from_str(&refusal.frame()).unwrap(),
            Ok(other) => panic!("{other:?}"),
        }
    }

    fn body(create: &Create) -> Value {
        serde_json::from_slice(&create.body).unwrap()
    }

    #[test]
    fn the_body_is_that_of_a_post_without_what_belongs_to_the_socket() {
        let event = json!({
            "type": "response.create", "model": "gpt-4o", "input": "Hi", "stream_id": "a", "generate": true,
            "background": false, "stream": false, "previous_response_id": null, "temperature": 0.5,
        });
        let create = created(&event, &History::new(1000));
        assert_eq!(
            body(&create),
            json!({"model": "gpt-4o", "input": "Hi", "stream": true, "temperature": 0.5,
                "previous_response_id": null})
        );
        assert!(create.generate && create.is_stored);
        assert_eq!(create.stream_id.as_deref(), Some("a"));
        assert_eq!(create.model.as_deref(), Some("gpt-4o"));
    }

    #[test]
    fn a_response_that_is_kept_is_continued_in_full() {
        let mut history = History::new(1000);
        let input: Box<RawValue> =
            serde_json::from_str(r#"[{"role":"user","content":"a"}]"#).unwrap();
        history.keep("resp_1".to_owned(), Items::of_input(Some(&input)).unwrap());
        let event =
            json!({"type": "response.create", "input": "b", "previous_response_id": "resp_1"});
        let create = created(&event, &history);
        assert_eq!(
            body(&create),
            json!({"stream": true, "input": [
                {"role": "user", "content": "a"},
                {"type": "message", "role": "user", "content": "b"},
            ]})
        );
        assert_eq!(
            create.items.to_json(),
            body(&create)["input"]
                .to_string()
                .replace(
                    r#"{"content":"a","role":"user"}"#,
                    r#"{"role":"user","content":"a"}"#
                )
                .replace(
                    r#"{"content":"b","role":"user","type":"message"}"#,
                    r#"{"type":"message","role":"user","content":"b"}"#
                )
        );
    }

    #[test]
    fn one_that_the_provider_may_have_is_the_providers_to_find() {
        let event = json!({"type": "response.create", "previous_response_id": "resp_2"});
        let create = created(&event, &History::new(1000));
        assert_eq!(body(&create)["previous_response_id"], "resp_2");
    }

    #[test]
    fn what_cant_be_is_refused_by_name() {
        for (event, param) in [
            (json!({"type": "response.steer"}), "type"),
            (json!({}), "type"),
            (json!({"type": "response.create", "input": 7}), "input"),
            (
                json!({"type": "response.create", "background": true}),
                "background",
            ),
            (
                json!({"type": "response.create", "generate": "no"}),
                "generate",
            ),
            (
                json!({"type": "response.create", "stream_id": ""}),
                "stream_id",
            ),
        ] {
            let frame = refused(&event);
            assert_eq!(
                (&frame["type"], &frame["status"]),
                (&json!("error"), &json!(400))
            );
            assert_eq!(frame["error"]["param"], param, "{event}");
            assert_eq!(frame["error"]["type"], "invalid_request_error");
        }
        for before in [
            json!({"previous_response_id": "resp_1", "store": false}),
            json!({"previous_response_id": "resp_prepared_1"}),
        ] {
            let mut event = before;
            event["type"] = json!("response.create");
            event["stream_id"] = json!("lane");
            let frame = refused(&event);
            assert_eq!(frame["error"]["code"], "previous_response_not_found");
            assert_eq!(frame["error"]["param"], "previous_response_id");
            assert_eq!(frame["stream_id"], "lane");
        }
    }

    #[test]
    fn text_that_is_no_object_is_refused() {
        let history = History::new(1000);
        for text in ["", "[]", "{", "\"a\""] {
            assert!(ClientEvent::read(text, &history).is_err(), "{text}");
        }
    }
}
