//! The last responses of a connection, so that `previous_response_id` works with `store: false` and with providers
//! that store nothing: what the model read and wrote is sent again, in full.
//!
//! Each response keeps all items up to its end. The oldest are dropped when memory runs short.

use std::collections::VecDeque;

use serde_json::Value;
use serde_json::value::RawValue;

/// How many responses can be continued. OpenAI keeps the most recent one of a connection.
const RESPONSES_MAX: usize = 8;

/// Output items that may be sent again without their id, as input that the provider has never seen.
const ANONYMOUS: [&str; 4] = ["message", "function_call", "custom_tool_call", "reasoning"];

/// Responses that can be continued, oldest first.
#[derive(Debug)]
pub struct History {
    responses: VecDeque<Kept>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Kept {
    id: String,
    items: Items,
}

/// Items of a conversation as JSON, between them commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items(String);

impl Items {
    /// The items of a request's `input`: a list, or a text that a user says. `None` if it is neither.
    pub fn of_input(input: Option<&RawValue>) -> Option<Self> {
        let text = input.map_or("null", RawValue::get).trim();
        match text.as_bytes().first()? {
            b'n' => Some(Self::default()),
            b'"' => Some(Self(format!(
                r#"{{"type":"message","role":"user","content":{text}}}"#
            ))),
            b'[' => {
                let inner = text.strip_prefix('[')?.strip_suffix(']')?;
                Some(Self(inner.trim().to_owned()))
            }
            _ => None,
        }
    }

    /// The items of a response's `output`, as they can be sent again. `is_stored` if the provider keeps them under
    /// their ids.
    pub fn of_output(output: Vec<Value>, is_stored: bool) -> Self {
        let items = output.into_iter().filter_map(|item| match is_stored {
            true => Some(item),
            false => unstored(item),
        });
        let items: Vec<_> = items.map(|item| item.to_string()).collect();
        Self(items.join(","))
    }

    /// These, and then those.
    pub fn then(&self, next: &Self) -> Self {
        match (self.0.is_empty(), next.0.is_empty()) {
            (true, _) => next.clone(),
            (_, true) => self.clone(),
            (false, false) => Self(format!("{},{}", self.0, next.0)),
        }
    }

    /// As a JSON list.
    pub fn to_json(&self) -> String {
        format!("[{}]", self.0)
    }
}

/// An item that the provider has not stored. Its id would lead nowhere, and so would thoughts that can't be read.
fn unstored(mut item: Value) -> Option<Value> {
    let kind = item["type"].as_str().unwrap_or_default().to_owned();
    if kind == "reasoning" && item["encrypted_content"].as_str().is_none_or(str::is_empty) {
        return None;
    }
    if ANONYMOUS.contains(&&*kind) {
        item.as_object_mut()?.remove("id");
    }
    Some(item)
}

impl History {
    /// Of `bytes_max` bytes together.
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            responses: VecDeque::new(),
            bytes_max,
        }
    }

    /// Everything up to the end of that response.
    pub fn find(&self, id: &str) -> Option<&Items> {
        let found = self.responses.iter().rev().find(|kept| kept.id == id);
        found.map(|kept| &kept.items)
    }

    /// Keeps a response. One that is too large by itself is not kept.
    pub fn keep(&mut self, id: String, items: Items) {
        self.responses.push_back(Kept { id, items });
        while self.responses.len() > RESPONSES_MAX || self.bytes() > self.bytes_max {
            self.responses.pop_front();
        }
    }

    fn bytes(&self) -> usize {
        let sizes = self.responses.iter().map(|kept| kept.items.0.len());
        sizes.fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(json: &str) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        Items::of_input(Some(&raw)).map(|items| items.to_json())
    }

    #[test]
    fn an_input_is_a_list_or_what_a_user_says() {
        let said = r#"[{"type":"message","role":"user","content":"a \"word\""}]"#;
        assert_eq!(input(r#" "a \"word\"" "#).as_deref(), Some(said));
        assert_eq!(
            input(r#"[ {"a":1},{"b":2} ]"#).as_deref(),
            Some(r#"[{"a":1},{"b":2}]"#)
        );
        assert_eq!(input("[ ]").as_deref(), Some("[]"));
        assert_eq!(input("null").as_deref(), Some("[]"));
        assert_eq!(input("7"), None);
        assert_eq!(input("{}"), None);
        assert_eq!(Items::of_input(None), Some(Items::default()));
    }

    #[test]
    fn what_is_not_stored_is_sent_again_without_what_only_the_provider_could_know() {
        let output = vec![
            json!({"type": "reasoning", "id": "rs_1", "summary": []}),
            json!({"type": "reasoning", "id": "rs_2", "encrypted_content": "x"}),
            json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []}),
            json!({"type": "web_search_call", "id": "ws_1"}),
        ];
        let stored = Items::of_output(output.clone(), true).to_json();
        assert_eq!(serde_json::from_str::<Vec<Value>>(&stored).unwrap(), output);
        let unstored = Items::of_output(output, false).to_json();
        let expected = json!([
            {"type": "reasoning", "encrypted_content": "x"},
            {"type": "message", "role": "assistant", "content": []},
            {"type": "web_search_call", "id": "ws_1"},
        ]);
        assert_eq!(serde_json::from_str::<Value>(&unstored).unwrap(), expected);
    }

    #[test]
    fn items_follow_each_other() {
        let (none, one) = (Items::default(), Items("1".to_owned()));
        assert_eq!(none.then(&one).to_json(), "[1]");
        assert_eq!(one.then(&none).to_json(), "[1]");
        assert_eq!(one.then(&one).to_json(), "[1,1]");
        assert_eq!(none.then(&none).to_json(), "[]");
    }

    #[test]
    fn the_oldest_is_dropped_first() {
        let mut history = History::new(4);
        let keep = |history: &mut History, id: &str, items: &str| {
            history.keep(id.to_owned(), Items(items.to_owned()));
        };
        keep(&mut history, "a", "11");
        keep(&mut history, "b", "22");
        assert!(history.find("a").is_some() && history.find("b").is_some());
        keep(&mut history, "c", "333");
        assert!(history.find("a").is_none() && history.find("b").is_none());
        assert!(history.find("c").is_some());
        keep(&mut history, "d", "44444");
        assert!(history.find("c").is_none() && history.find("d").is_none());
        for number in 0..20 {
            keep(&mut history, &number.to_string(), "");
        }
        assert_eq!(history.responses.len(), RESPONSES_MAX);
    }
}
