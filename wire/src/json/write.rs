//! JSON written piece by piece. Values that were read are put in as the text that they were, so that no
//! number passes through anything else.

/// An object that is being written.
#[derive(Default)]
pub(crate) struct Members(String);

impl Members {
    /// Adds a member with a value that is JSON already.
    pub(crate) fn json(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    /// Adds a member with a string.
    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        let value = quoted(text);
        self.json(name, &value)
    }

    /// Adds a member if there is a value for it, which is JSON already.
    pub(crate) fn maybe(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.json(name, value.as_ref()),
            None => self,
        }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object.
    pub(crate) fn object(self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// An array of values that are JSON already.
pub(crate) fn array(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

/// A string in its quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
