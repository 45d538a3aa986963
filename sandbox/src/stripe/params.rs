//! What parameters an operation takes, and the refusal of any other.
//!
//! Each route carries a list of `Param`. `check` turns the strings of a form into typed values by
//! it, so that the state functions never meet an unknown name or a badly formed number.

use serde_json::{Map, Value, json};

use super::error::Refusal;

/// One parameter by name.
pub(crate) struct Param {
    name: &'static str,
    kind: Kind,
    required: bool,
}

impl Param {
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// How a parameter's text is read.
pub(crate) enum Kind {
    /// Text that is not empty.
    Text,
    /// Text; the empty one unsets.
    Unsettable,
    Integer,
    Boolean,
    OneOf(&'static [&'static str]),
    /// Names to texts; empty unsets all of them.
    Metadata,
    /// A list of texts.
    Texts,
    /// An instant, or a map of `gt`, `gte`, `lt` and `lte`.
    Range,
    Nested(&'static [Param]),
    /// Accepted in any form and not looked at: what it asks for makes no difference here.
    Anything,
}

pub(crate) const fn param(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
    }
}

pub(crate) const fn text(name: &'static str) -> Param {
    param(name, Kind::Text)
}

pub(crate) const fn required(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
    }
}

/// Taken by every operation.
pub(crate) const EXPAND: Param = param("expand", Kind::Texts);
/// Names to texts that the caller keeps with an object.
pub(crate) const METADATA: Param = param("metadata", Kind::Metadata);
/// The parameters of every list.
pub(crate) const LIST: &[Param] = &[
    param("limit", Kind::Integer),
    text("starting_after"),
    text("ending_before"),
    param("created", Kind::Range),
];

/// Checked parameters, with typed values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Params(pub(crate) Map<String, Value>);

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    pub(crate) fn nested(&self, name: &str) -> Params {
        match self.0.get(name) {
            Some(Value::Object(map)) => Params(map.clone()),
            _ => Params::default(),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let items = self.0.get(name).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The value to store for a text that may be absent or unset.
    pub(crate) fn or_null(&self, name: &str) -> Value {
        match self.text(name) {
            Some(text) if !text.is_empty() => json!(text),
            _ => Value::Null,
        }
    }
}

/// Checks a form against the parameters of an operation.
///
/// # Errors
///
/// `parameter_unknown`, `parameter_missing`, `parameter_invalid_empty`,
/// `parameter_invalid_integer` and the like, as Stripe names them.
pub(crate) fn check(
    form: Map<String, Value>,
    lists: &[&'static [Param]],
) -> Result<Params, Refusal> {
    check_level(form, lists, "")
}

fn check_level(
    form: Map<String, Value>,
    lists: &[&'static [Param]],
    within: &str,
) -> Result<Params, Refusal> {
    let known = || lists.iter().copied().flatten();
    if let Some(absent) = known().find(|param| param.required && !form.contains_key(param.name)) {
        let path = path(within, absent.name);
        let message = format!("Missing required param: {path}.");
        return Err(Refusal::unfit("parameter_missing", &path, message));
    }
    let mut checked = Map::new();
    for (name, value) in form {
        let path = path(within, &name);
        let Some(param) = known().find(|param| param.name == name) else {
            let message = format!("Received unknown parameter: {path}");
            return Err(Refusal::unfit("parameter_unknown", &path, message));
        };
        checked.insert(name, convert(&param.kind, value, &path)?);
    }
    Ok(Params(checked))
}

fn path(within: &str, name: &str) -> String {
    if within.is_empty() {
        name.to_owned()
    } else {
        format!("{within}[{name}]")
    }
}

fn convert(kind: &Kind, value: Value, path: &str) -> Result<Value, Refusal> {
    match kind {
        Kind::Anything => Ok(value),
        Kind::Metadata => metadata(value, path),
        Kind::Texts => texts(value, path),
        Kind::Range => range(value, path),
        Kind::Nested(params) => nested(value, params, path),
        Kind::Unsettable => string(value, path).map(Value::String),
        Kind::Text => filled(value, path).map(Value::String),
        Kind::Integer => integer(value, path),
        Kind::Boolean => boolean(value, path),
        Kind::OneOf(choices) => one_of(value, choices, path),
    }
}

fn string(value: Value, path: &str) -> Result<String, Refusal> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Refusal::malformed(path, "Invalid string")),
    }
}

fn filled(value: Value, path: &str) -> Result<String, Refusal> {
    let text = string(value, path)?;
    if text.is_empty() {
        let message = format!(
            "You passed an empty string for '{path}'. We assume empty values are an attempt to \
             unset a parameter; however '{path}' cannot be unset. You should remove '{path}' \
             from your request or supply a non-empty value."
        );
        return Err(Refusal::unfit("parameter_invalid_empty", path, message));
    }
    Ok(text)
}

fn integer(value: Value, path: &str) -> Result<Value, Refusal> {
    let text = filled(value, path)?;
    text.parse::<i64>()
        .map(|number| json!(number))
        .map_err(|_| {
            let message = format!("Invalid integer: {text}");
            Refusal::unfit("parameter_invalid_integer", path, message)
        })
}

fn boolean(value: Value, path: &str) -> Result<Value, Refusal> {
    match filled(value, path)?.as_str() {
        "true" => Ok(json!(true)),
        "false" => Ok(json!(false)),
        other => {
            let message = format!("Invalid boolean: {other}");
            Err(Refusal::malformed(path, message))
        }
    }
}

fn one_of(value: Value, choices: &[&str], path: &str) -> Result<Value, Refusal> {
    let text = filled(value, path)?;
    if choices.contains(&text.as_str()) {
        return Ok(json!(text));
    }
    let message = format!("Invalid {path}: must be one of {}", choices.join(", "));
    Err(Refusal::malformed(path, message))
}

fn metadata(value: Value, path: &str) -> Result<Value, Refusal> {
    match value {
        Value::Object(map) if map.values().all(Value::is_string) => Ok(Value::Object(map)),
        Value::String(text) if text.is_empty() => Ok(Value::String(text)),
        _ => Err(Refusal::malformed(path, "Invalid hash")),
    }
}

fn texts(value: Value, path: &str) -> Result<Value, Refusal> {
    match value {
        Value::Array(items) if items.iter().all(Value::is_string) => Ok(Value::Array(items)),
        _ => Err(Refusal::malformed(path, "Invalid array")),
    }
}

fn nested(value: Value, params: &'static [Param], path: &str) -> Result<Value, Refusal> {
    match value {
        Value::Object(map) => Ok(Value::Object(check_level(map, &[params], path)?.0)),
        _ => Err(Refusal::malformed(path, "Invalid object")),
    }
}

const BOUNDS: &[Param] = &[
    param("gt", Kind::Integer),
    param("gte", Kind::Integer),
    param("lt", Kind::Integer),
    param("lte", Kind::Integer),
];

fn range(value: Value, path: &str) -> Result<Value, Refusal> {
    if value.is_object() {
        nested(value, BOUNDS, path)
    } else {
        integer(value, path)
    }
}
