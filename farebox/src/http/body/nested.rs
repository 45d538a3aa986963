//! Fields within fields: objects and lists in a body, each fault with its path down to there.

use bytes::Bytes;
use serde_json::Value;

use super::{Fields, kind};

impl Fields {
    /// Takes a name of 1 to 64 characters that must be there: lower-case letters, digits and underscores, in
    /// words between which stands a hyphen (contract: section 3, "Gateway id").
    pub fn slug(&mut self, name: &str) -> String {
        let text = self.text(name);
        let is_word = |word: &str| {
            let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            !word.is_empty() && word.bytes().all(fits)
        };
        if text.len() > 64 {
            return self.fault(name, "String must contain at most 64 character(s)");
        }
        if !text.is_empty() && !text.split('-').all(is_word) {
            let message = "Invalid: write lower-case letters, digits and _, with single - between";
            return self.fault(name, message);
        }
        text
    }

    /// Whether there is a field of that name, `null` or not.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Whether a fault of this field was noted.
    pub fn has_faults_at(&self, name: &str) -> bool {
        self.errors.iter().any(|error| super::is_at(error, name))
    }

    /// Notes which of these fields are missing.
    pub fn require(&mut self, names: &[&str]) {
        for name in names {
            if !self.has(name) {
                self.fault::<()>(name, "Required");
            }
        }
    }

    /// Takes an object that may be left out, to be taken apart in turn and then given to [`Fields::leave`].
    /// `null` counts as absent.
    pub fn object(&mut self, name: &str) -> Option<Self> {
        let value = self.fields.remove(name)?;
        if value.is_null() {
            return None;
        }
        self.entered(vec![name.to_owned()], value)
    }

    /// Takes a list of at most `max` objects in the same way.
    pub fn objects(&mut self, name: &str, max: usize) -> Vec<Self> {
        let items = self.list(name, max).unwrap_or_default();
        let numbered = items.into_iter().enumerate();
        numbered
            .filter_map(|(at, item)| self.entered(vec![name.to_owned(), at.to_string()], item))
            .collect()
    }

    /// Takes every field that is left as an object, in the same way, with its name.
    pub fn all_objects(&mut self) -> Vec<(String, Self)> {
        let fields = std::mem::take(&mut self.fields);
        let entered = fields.into_iter().filter_map(|(name, value)| {
            let inner = self.entered(vec![name.clone()], value)?;
            Some((name, inner))
        });
        entered.collect()
    }

    /// Takes a list of 1 to `max` texts of 1 to 200 characters that must be there.
    pub fn texts(&mut self, name: &str, max: usize) -> Vec<String> {
        let Some(items) = self.list(name, max) else {
            return self.fault(name, "Required");
        };
        if items.is_empty() {
            return self.fault(name, "Array must contain at least 1 element(s)");
        }
        let mut texts = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            match item {
                Value::String(text) if (1..=200).contains(&text.chars().count()) => {
                    texts.push(text);
                }
                Value::String(_) => {
                    let message = "String must contain 1 to 200 character(s)";
                    self.fault_at(&[name, &at.to_string()], message);
                }
                other => {
                    let message = format!("Expected string, received {}", kind(&other));
                    self.fault_at(&[name, &at.to_string()], message);
                }
            }
        }
        texts
    }

    /// Takes a field as it is.
    pub fn raw(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    /// Notes a fault that somebody else has found.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.fault(name, message)
    }

    /// Ends with an object of [`Fields::object`] and the like: refuses what is left of it, and keeps its
    /// faults.
    pub fn leave(&mut self, mut inner: Self) {
        inner.nothing_else();
        self.errors.append(&mut inner.errors);
    }

    fn list(&mut self, name: &str, max: usize) -> Option<Vec<Value>> {
        match self.fields.remove(name)? {
            Value::Null => None,
            Value::Array(items) if items.len() > max => {
                self.fault(name, format!("Array must contain at most {max} element(s)"))
            }
            Value::Array(items) => Some(items),
            other => self.fault(name, format!("Expected array, received {}", kind(&other))),
        }
    }

    fn entered(&mut self, inwards: Vec<String>, value: Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            let inwards: Vec<_> = inwards.iter().map(String::as_str).collect();
            let message = format!("Expected object, received {}", kind(&value));
            self.fault_at(&inwards, message);
            return None;
        };
        Some(Self {
            path: [self.path.clone(), inwards].concat(),
            fields,
            bytes: Bytes::new(),
            errors: Vec::new(),
        })
    }
}
