//! The journal of requests, for tests to look into, and what became of each. It must not hold a
//! secret.

use std::collections::VecDeque;

use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::multipart;

/// A request as it arrived, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    /// Counted from 1.
    pub id: u64,
    /// HTTP method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// The query. Keys are left out.
    pub query: Map<String, Value>,
    /// Every header. Of those that carry secrets, only that they came.
    pub headers: Map<String, Value>,
    /// What came that could let somebody in.
    pub credentials: Vec<Credential>,
    /// Where one of the texts was found that the test watches for: `path`, `query`, `body` or the
    /// name of a header.
    pub watched: Vec<String>,
    /// The body: JSON; a form, of whose files only the names and lengths; a text; or, where it is
    /// none of these, its length.
    pub body: Value,
    /// HTTP status; absent while the request is under way, and where it got no answer.
    pub status: Option<u16>,
    /// How it ended; absent while it is under way.
    pub end: Option<End>,
    /// How many events of the answer were sent by then.
    pub events: usize,
    /// The sandbox's own count of what a generated answer uses, whatever the answer reports;
    /// absent for other answers and for errors.
    pub usage: Option<Usage>,
}

/// What one answer uses, in tokens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Usage {
    /// All input: cached, written to a cache, audio and plain.
    pub input: u64,
    /// Input that was read from a cache.
    pub cached: u64,
    /// Input that was written to a cache for five minutes.
    pub cache_write: u64,
    /// Input that was written to a cache for an hour.
    pub cache_write_1h: u64,
    /// Input that was audio.
    pub audio: u64,
    /// All output, thoughts included.
    pub output: u64,
    /// Output that was thought.
    pub reasoning: u64,
    /// Web searches, which are no tokens.
    pub web_searches: u64,
}

/// A credential that came with a request, without the credential.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Credential {
    /// The header that carried it, or `?key` for the query's.
    pub at: String,
    /// Which of the server's keys it is, counted from 0.
    pub key: Option<usize>,
    /// Its last four letters, where it is long enough to keep the rest to itself.
    pub ending: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The whole answer was given.
    Finished,
    /// The client went away before it had the whole answer.
    Cancelled,
    /// The sandbox broke the connection, as it was asked to.
    Cut,
}

/// How many requests came to what, since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Requests that came.
    pub requests: u64,
    /// Requests under way.
    pub open: u64,
    /// Requests that hang or stall now.
    pub waiting: u64,
    /// Requests that got their whole answer.
    pub finished: u64,
    /// Requests whose client went away first.
    pub cancelled: u64,
    /// Requests whose connection the sandbox broke.
    pub cut: u64,
    /// Bytes of answers that the sandbox has got rid of: a client that reads slowly holds them up.
    pub bytes: u64,
}

/// A request as it is kept: reading its body can wait until somebody looks.
pub(crate) struct Entry {
    /// The journal's to give.
    pub(crate) id: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) watched: Vec<String>,
    pub(crate) body: Bytes,
    pub(crate) status: Option<u16>,
    pub(crate) end: Option<End>,
    pub(crate) events: usize,
    pub(crate) usage: Option<Usage>,
}

/// The longest that the bodies of the journal are together, in bytes.
const BYTES_MAX: usize = 64 << 20;

/// The latest requests. The oldest make room, so that a benchmark doesn't fill the memory.
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    entries_max: usize,
    bytes: usize,
    begun: u64,
}

impl Journal {
    pub(crate) fn new(entries_max: usize) -> Journal {
        Journal {
            entries: VecDeque::new(),
            entries_max,
            bytes: 0,
            begun: 0,
        }
    }

    /// Gives the entry its id, and gives that back.
    pub(crate) fn begin(&mut self, mut entry: Entry) -> u64 {
        self.begun += 1;
        entry.id = self.begun;
        self.bytes += entry.body.len();
        self.entries.push_back(entry);
        while self.entries.len() > self.entries_max || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.body.len();
        }
        self.begun
    }

    /// Changes an entry, if it is still there.
    pub(crate) fn change(&mut self, id: u64, change: impl FnOnce(&mut Entry)) {
        // Ids follow on one another, so the first tells where each is.
        let first = self.entries.front().map_or(0, |entry| entry.id);
        let index = id
            .checked_sub(first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            change(entry);
        }
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.entries.iter().map(Entry::recorded).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

impl Entry {
    fn recorded(&self) -> Recorded {
        Recorded {
            id: self.id,
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query_without_keys(),
            headers: headers_without_secrets(&self.headers),
            credentials: self.credentials.clone(),
            watched: self.watched.clone(),
            body: readable(&self.headers, &self.body),
            status: self.status,
            end: self.end,
            events: self.events,
            usage: self.usage,
        }
    }

    fn query_without_keys(&self) -> Map<String, Value> {
        let pairs = self.query.iter().map(|(name, value)| match name.as_str() {
            "key" => (name.clone(), json!("[omitted]")),
            _ => (name.clone(), json!(value)),
        });
        pairs.collect()
    }
}

fn headers_without_secrets(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let text = match is_secret(name.as_str()) {
            true => "[omitted]".to_owned(),
            false => values.collect::<Vec<_>>().join(", "),
        };
        shown.insert(name.to_string(), json!(text));
    }
    shown
}

/// Whether a header may carry a secret: the known ones, and whatever is named like them.
pub(crate) fn is_secret(header: &str) -> bool {
    let parts = ["authorization", "cookie", "key", "secret", "token"];
    parts.iter().any(|part| header.contains(part))
}

fn readable(headers: &HeaderMap, body: &Bytes) -> Value {
    let text = || std::str::from_utf8(body).ok().map(Value::from);
    serde_json::from_slice(body)
        .ok()
        .or_else(|| multipart::parse(headers, body))
        .or_else(text)
        .unwrap_or_else(|| json!({ "bytes": body.len() }))
}
