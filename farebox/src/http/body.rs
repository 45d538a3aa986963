//! Request bodies: read whole up to a limit, parsed as JSON objects, checked field by field so that
//! every fault is named at once (contract: section 2, "Validation errors").

mod nested;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::api::{ApiMessage, Cents};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ledger::Amount;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{ApiError, codes, issue};
use crate::http::nul;
use crate::stripe::is_loopback;

/// How many characters a URL may have.
const URL_MAX: usize = 2048;

/// How many keys a metadata map may have, and how many characters a key and a value.
const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY_MAX: usize = 40;
const METADATA_VALUE_MAX: usize = 500;

/// The bytes of a body as they came, at most as many as the configuration allows.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl FromRequest<Arc<App>> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        Self::read(request, app.config.http.body_limit_bytes).await
    }
}

impl RawBody {
    /// Reads a body of at most `max` bytes.
    ///
    /// # Errors
    /// An [`ApiError`] where it is larger, or breaks off.
    pub async fn read(request: Request, max: usize) -> Result<Self, ApiError> {
        match Limited::new(request.into_body(), max).collect().await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = format!("The body is larger than {max} bytes");
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                Err(ApiError::new(status, codes::TOO_LARGE, message))
            }
            Err(_) => Err(ApiError::invalid(
                &["body"],
                "The body ended before it was complete",
            )),
        }
    }
}

/// A body that is a JSON object, or an object in it, whose fields are then taken one by one.
#[derive(Clone, Debug)]
pub struct Fields {
    /// Where it stands in the request.
    path: Vec<String>,
    fields: Map<String, Value>,
    /// As it came: a parsed number is a float, in which not every amount can be written.
    bytes: Bytes,
    errors: Vec<ApiMessage>,
}

impl FromRequest<Arc<App>> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, app).await?;
        Self::parse(bytes)
    }
}

/// The same, where no body at all, or `null`, is an object without fields.
#[derive(Debug)]
pub struct FieldsIfAny(pub Fields);

impl FromRequest<Arc<App>> for FieldsIfAny {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, app).await?;
        let bytes = match bytes.as_ref() {
            b"" | b"null" => Bytes::from_static(b"{}"),
            _ => bytes,
        };
        Fields::parse(bytes).map(Self)
    }
}

impl Fields {
    fn parse(bytes: Bytes) -> Result<Self, ApiError> {
        if bytes.is_empty() {
            return Err(ApiError::invalid(&["body"], "Required"));
        }
        let parsed = serde_json::from_slice(&bytes);
        let nul = parsed
            .as_ref()
            .map_or_else(|_| Vec::new(), |parsed| nul::faults(&bytes, parsed));
        if !nul.is_empty() {
            return Err(ApiError::all_invalid(nul));
        }
        match parsed {
            Ok(Value::Object(fields)) => Ok(Self {
                path: vec!["body".to_owned()],
                fields,
                bytes,
                errors: Vec::new(),
            }),
            Ok(other) => {
                let message = format!("Expected object, received {}", kind(&other));
                Err(ApiError::invalid(&["body"], message))
            }
            Err(error) => Err(ApiError::invalid(
                &["body"],
                format!("Invalid JSON: {error}"),
            )),
        }
    }

    /// Takes an integer of at least `min` and at most `max` that must be there.
    pub fn integer(&mut self, name: &str, min: i64, max: i64) -> i64 {
        let Some(value) = self.fields.remove(name) else {
            return self.fault(name, "Required");
        };
        let Some(number) = value.as_i64() else {
            let message = match value {
                Value::Number(number) if number.is_f64() => {
                    "Expected integer, received float".to_owned()
                }
                Value::Number(_) => format!("Number must be less than or equal to {max}"),
                other => format!("Expected number, received {}", kind(&other)),
            };
            return self.fault(name, message);
        };
        if number < min {
            return self.fault(
                name,
                format!("Number must be greater than or equal to {min}"),
            );
        }
        if number > max {
            return self.fault(name, format!("Number must be less than or equal to {max}"));
        }
        number
    }

    /// The same, which may be left out. `null` counts as absent.
    pub fn optional_integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        match self.fields.get(name)? {
            Value::Null => {
                self.fields.remove(name);
                None
            }
            _ => Some(self.integer(name, min, max)),
        }
    }

    /// Takes an amount in cents of at least `min_nanos` that must be there: a number with up to seven
    /// decimals, or a string of the same digits. It is read from the digits as they were sent.
    pub fn cents(&mut self, name: &str, min_nanos: i64) -> Amount {
        match self.fields.remove(name) {
            None => return self.fault(name, "Required"),
            Some(Value::Number(_) | Value::String(_)) => {}
            Some(other) => {
                let message = format!("Expected number, received {}", kind(&other));
                return self.fault(name, message);
            }
        }
        match digits(&self.bytes, name).parse::<Cents>() {
            Err(error) => self.fault(name, format!("Invalid amount: {error}")),
            Ok(cents) if cents.nanos() < min_nanos => {
                let least = Cents::from_nanos(min_nanos);
                let message = format!("Number must be greater than or equal to {least}");
                self.fault(name, message)
            }
            Ok(cents) => Amount::from_nanos(cents.nanos()),
        }
    }

    /// Takes a yes or no; no where it is left out.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.fields.remove(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => flag,
            Some(other) => self.fault(name, format!("Expected boolean, received {}", kind(&other))),
        }
    }

    /// The same, which is no yes and no no where it is left out.
    pub fn optional_flag(&mut self, name: &str) -> Option<bool> {
        match self.fields.remove(name)? {
            Value::Bool(flag) => Some(flag),
            other => self.fault(name, format!("Expected boolean, received {}", kind(&other))),
        }
    }

    /// Takes one of several words that must be there; `None` is a fault that is noted.
    pub fn choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let Some(value) = self.fields.remove(name) else {
            return self.fault(name, "Required");
        };
        let found = words.iter().find(|(word, _)| value == *word);
        if found.is_none() {
            let quoted: Vec<_> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            let message = format!("Invalid enum value. Expected {}", quoted.join(" | "));
            self.fault::<()>(name, message);
        }
        found.map(|(_, choice)| *choice)
    }

    /// The same, which may be left out. `null` counts as absent.
    pub fn optional_choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        match self.fields.get(name)? {
            Value::Null => {
                self.fields.remove(name);
                None
            }
            _ => self.choice(name, words),
        }
    }

    /// Takes a text that, where it is there, is this one, in capitals or not.
    pub fn word(&mut self, name: &str, only: &str) {
        let given = self.optional_text(name);
        if given.is_some_and(|given| !given.eq_ignore_ascii_case(only)) {
            self.fault(name, format!("Invalid enum value. Expected '{only}'"))
        }
    }

    /// Takes a map of texts that may be left out: at most 50 keys of 1 to 40 characters, values of at most
    /// 500 (Stripe's measures, docs.stripe.com/api/metadata).
    pub fn metadata(&mut self, name: &str) -> BTreeMap<String, String> {
        let map = match self.fields.remove(name) {
            None | Some(Value::Null) => return BTreeMap::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                return self.fault(name, format!("Expected object, received {}", kind(&other)));
            }
        };
        if map.len() > METADATA_KEYS_MAX {
            let message = format!("Object must contain at most {METADATA_KEYS_MAX} key(s)");
            return self.fault(name, message);
        }
        let mut taken = BTreeMap::new();
        for (key, value) in map {
            match note(&key, value) {
                Ok(text) => {
                    taken.insert(key, text);
                }
                Err(message) => self.fault_at(&[name, &key], message),
            }
        }
        taken
    }

    /// Takes a URL that a customer's browser may be led back to. `null` counts as absent.
    pub fn optional_return_url(&mut self, name: &str) -> Option<String> {
        match self.fields.remove(name)? {
            Value::Null => None,
            Value::String(text) if is_return_url(&text) => Some(text),
            Value::String(_) => {
                let message = format!(
                    "Invalid url. Expected an absolute https URL, or an http one on localhost, of at most \
                     {URL_MAX} characters"
                );
                self.fault(name, message)
            }
            other => self.fault(name, format!("Expected string, received {}", kind(&other))),
        }
    }

    /// Takes a text of 1 to 255 characters that must be there.
    pub fn text(&mut self, name: &str) -> String {
        match self.optional_text(name) {
            Some(text) => text,
            None if self.errors.iter().any(|error| is_at(error, name)) => String::new(),
            None => self.fault(name, "Required"),
        }
    }

    /// Takes a text of 1 to 255 characters. `null` counts as absent.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        self.text_up_to(name, 255)
    }

    /// The same of 1 to `max` characters.
    pub fn text_up_to(&mut self, name: &str, max: usize) -> Option<String> {
        match self.fields.remove(name)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => {
                self.fault(name, "String must contain at least 1 character(s)")
            }
            Value::String(text) if text.len() > max => self.fault(
                name,
                format!("String must contain at most {max} character(s)"),
            ),
            Value::String(text) => Some(text),
            other => self.fault(name, format!("Expected string, received {}", kind(&other))),
        }
    }

    /// Refuses whatever has not been taken.
    pub fn nothing_else(&mut self) {
        let names: Vec<_> = self.fields.keys().map(|name| format!("'{name}'")).collect();
        if !names.is_empty() {
            let message = format!("Unrecognized key(s) in object: {}", names.join(", "));
            self.fault_at(&[], message);
        }
    }

    /// The faults found so far, all together.
    ///
    /// # Errors
    /// An [`ApiError`] with one entry per fault, where there is any.
    pub fn check(self) -> Result<(), ApiError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::all_invalid(self.errors))
        }
    }

    fn fault<T: Default>(&mut self, name: &str, message: impl Into<String>) -> T {
        self.fault_at(&[name], message);
        T::default()
    }

    fn fault_at(&mut self, inwards: &[&str], message: impl Into<String>) {
        let path: Vec<_> = self.path.iter().map(String::as_str).collect();
        self.errors.push(issue(&[&path, inwards].concat(), message));
    }
}

/// The digits of a number, or of a string in its place, as they stand in the body.
fn digits(bytes: &[u8], name: &str) -> String {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).unwrap_or_default();
    let raw = fields.get(name).map_or("", |raw| raw.get());
    serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
}

/// A value of a metadata map, where key and value are texts of a length that is allowed.
fn note(key: &str, value: Value) -> Result<String, String> {
    if key.is_empty() || key.chars().count() > METADATA_KEY_MAX {
        return Err(format!(
            "Key must contain 1 to {METADATA_KEY_MAX} character(s)"
        ));
    }
    match value {
        Value::String(text) if text.chars().count() > METADATA_VALUE_MAX => Err(format!(
            "String must contain at most {METADATA_VALUE_MAX} character(s)"
        )),
        Value::String(text) => Ok(text),
        other => Err(format!("Expected string, received {}", kind(&other))),
    }
}

/// Whether a browser may be led there. It reaches the browser as it is written here, so there is no room for
/// what parsers disagree about: blanks, backslashes, a name and password in front of the host.
fn is_return_url(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    if text.len() > URL_MAX || !text.chars().all(is_plain) {
        return false;
    }
    let Ok(url) = reqwest::Url::parse(text) else {
        return false;
    };
    let is_absolute = text.contains("://") && url.has_host();
    let is_bare = url.username().is_empty() && url.password().is_none();
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    is_absolute && is_bare && is_safe
}

fn is_at(error: &ApiMessage, name: &str) -> bool {
    error
        .path
        .as_ref()
        .and_then(|path| path.last())
        .is_some_and(|last| last == name)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::is_return_url;

    #[test]
    fn a_browser_is_led_back_over_https_or_to_its_own_machine() {
        for url in [
            "https://example.com",
            "https://example.com:8443/billing?tab=cards&session={CHECKOUT_SESSION_ID}#done",
            "HTTPS://EXAMPLE.COM/",
            "http://localhost:3000/billing",
            "http://127.0.0.1/",
            "http://[::1]:3000/",
        ] {
            assert!(is_return_url(url), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2048));
        for url in [
            "",
            "/billing",
            "//example.com/",
            "example.com/billing",
            "https:example.com",
            "https://",
            "http://example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.com/",
            "https://example.com\\@evil.example/",
            "https://example.com@evil.example/",
            "https://user:password@example.com/",
            " https://example.com/",
            "https://example.com/\n",
            "https://exa\tmple.com/",
            "https://example.com/ü",
            &long,
        ] {
            assert!(!is_return_url(url), "{url}");
        }
    }
}
