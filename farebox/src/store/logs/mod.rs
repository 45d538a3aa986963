//! Calls as their accounts can look them up: written by the committer, in the transaction of what a call
//! was charged; read, changed and removed by themselves.
//!
//! What a log says comes from strangers in good part. It must never keep a settlement from being written,
//! so that everything is cut and cleaned here.

mod change;
mod filter;
mod payload;
mod read;

use std::collections::BTreeMap;

use ledger::{AccountId, Amount};
use serde_json::Value as Json;

pub use change::{Edit, edit, prune_oldest, prune_removed, remove};
pub use filter::{Direction, Field, Filter, Kind, Operator, Order};
pub use payload::{Body, Payloads};
pub use read::{Bounds, Wanted, bounds, count, find, find_anybodys, page, payloads};

use crate::ids::LogId;
use crate::store::bulk::{Column, Insert};
use crate::store::db::Tx;
use crate::store::value::{Row, Value};
use crate::store::{StoreError, charges};

/// The most characters of a key and of a value in metadata. An index of PostgreSQL's takes no more.
const KEY_MAX: usize = 100;
const VALUE_MAX: usize = 500;

/// A finished call, for [`crate::store::committer::Attached::Call`].
#[derive(Clone, Debug)]
pub struct NewCall {
    /// Its id.
    pub id: LogId,
    /// Whose it is.
    pub account: AccountId,
    /// The number of its gateway, [`crate::store::gateways::Gateway::seq`].
    pub gateway: i64,
    /// What it was charged and why; nothing where it never came to that.
    pub charge: Option<charges::NewCharge>,
    /// What its account can look up; nothing where it wants no log.
    pub log: Option<NewLog>,
}

/// A call's log.
#[derive(Clone, Debug)]
pub struct NewLog {
    /// What it says.
    pub call: Call,
    /// The caller's own notes; what is neither text, number nor yes or no is left out.
    pub metadata: BTreeMap<String, Json>,
    /// What was sent and what came back, where that is kept.
    pub payloads: Option<Payloads>,
    /// From how many logs of the gateway on it is not written:
    /// [`crate::store::gateways::Settings::logs_stop_at`].
    pub stop_at: Option<i64>,
}

/// What a log says of its call. Sizes are bytes, times milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The slug of the provider.
    pub provider: String,
    /// The provider's own name of the model.
    pub model: String,
    /// What kind of model, as `Text Generation`.
    pub model_type: Option<String>,
    /// Whether the caller got what it asked for.
    pub success: bool,
    /// Whether the answer was a kept one.
    pub cached: bool,
    /// Tokens read.
    pub tokens_in: Option<i64>,
    /// Tokens written.
    pub tokens_out: Option<i64>,
    /// What the call is worth; nothing where nobody knows.
    pub cost: Option<Amount>,
    /// Whether the caller said what it costs.
    pub custom_cost: bool,
    /// From the first byte in to the last byte out.
    pub duration: i64,
    /// To the first byte out.
    pub first_byte: Option<i64>,
    /// The status that the caller got.
    pub status_code: Option<i64>,
    /// What kind of request, as `chat`.
    pub request_type: Option<String>,
    /// The provider's path.
    pub path: String,
    /// Which step of several has answered, from 0.
    pub step: Option<i64>,
    /// The caller's own name for the call.
    pub event_id: Option<String>,
    /// The caller's program.
    pub user_agent: Option<String>,
    /// Whether the caller has authenticated.
    pub authentication: bool,
    /// Whose key the provider was asked with.
    pub key_source: KeySource,
    /// Whether it came by the OpenAI-compatible endpoint.
    pub compatibility: bool,
    /// `Content-Type` of the request.
    pub request_content_type: Option<String>,
    /// `Content-Type` of the answer.
    pub response_content_type: Option<String>,
    /// Of the request's body.
    pub request_size: i64,
    /// Of the answer's body.
    pub response_size: i64,
    /// Why it failed, for people.
    pub error: Option<String>,
}

/// Whose key a provider was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The one that the request brought.
    Request,
    /// One that its account has stored.
    Stored,
    /// The operator's, for which credit is taken.
    Operator,
    /// No provider was asked.
    None,
}

impl KeySource {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Stored => "stored",
            Self::Operator => "operator",
            Self::None => "none",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Request, Self::Stored, Self::Operator, Self::None];
        all.into_iter().find(|one| one.name() == name)
    }
}

/// A log as it is stored.
#[derive(Clone, Debug)]
pub struct Log {
    /// Its id, which says when the call came in.
    pub id: LogId,
    /// What it says.
    pub call: Call,
    /// A JSON object.
    pub metadata: Option<String>,
    /// What somebody thinks of the answer: −1, 0 or 1.
    pub feedback: Option<i64>,
    /// A JSON number that somebody gave it.
    pub score: Option<String>,
}

/// Without the bodies, which are long and wanted one by one.
const COLUMNS: &str = "provider, model, model_type, success, cached, tokens_in, tokens_out, cost, \
     custom_cost, duration, first_byte, status_code, request_type, path, step, event_id, user_agent, \
     authentication, key_source, compatibility, request_content_type, response_content_type, \
     request_size, response_size, error, metadata, feedback, score";

/// Logs, in the transaction of their settlements.
pub static INSERT: Insert = Insert::into(
    "logs",
    &[
        Column::Text("id"),
        Column::Text("account_id"),
        Column::Int("gateway"),
        Column::Text("provider"),
        Column::Text("model"),
        Column::Text("model_type"),
        Column::Int("success"),
        Column::Int("cached"),
        Column::Int("tokens_in"),
        Column::Int("tokens_out"),
        Column::Int("cost"),
        Column::Int("custom_cost"),
        Column::Int("duration"),
        Column::Int("first_byte"),
        Column::Int("status_code"),
        Column::Text("request_type"),
        Column::Text("path"),
        Column::Int("step"),
        Column::Text("event_id"),
        Column::Text("user_agent"),
        Column::Int("authentication"),
        Column::Text("key_source"),
        Column::Int("compatibility"),
        Column::Text("request_content_type"),
        Column::Text("response_content_type"),
        Column::Int("request_size"),
        Column::Int("response_size"),
        Column::Text("error"),
        Column::Text("metadata"),
        Column::Bytes("request_body"),
        Column::Bytes("response_body"),
    ],
);

/// Their metadata.
pub static INSERT_METADATA: Insert = Insert::into(
    "log_metadata",
    &[
        Column::Text("log"),
        Column::Int("gateway"),
        Column::Text("key"),
        Column::Text("value"),
    ],
);

/// How many there are, added to what is there.
pub static ADD_COUNTS: Insert =
    Insert::into("log_counts", &[Column::Int("gateway"), Column::Int("logs")])
        .on_conflict("ON CONFLICT (gateway) DO UPDATE SET logs = log_counts.logs + excluded.logs");

/// What a group of calls writes.
#[derive(Debug, Default)]
pub struct Rows {
    /// For [`INSERT`].
    pub logs: Vec<Vec<Value>>,
    /// For [`INSERT_METADATA`].
    pub metadata: Vec<Vec<Value>>,
    counts: BTreeMap<i64, Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Before the group, where that was asked.
    before: Option<i64>,
    new: i64,
}

impl Rows {
    /// Adds a call's log, unless its gateway has as many as it may.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add(&mut self, tx: &mut Tx, of: &NewCall, new: &NewLog) -> Result<(), StoreError> {
        let counted = self.counts.entry(of.gateway).or_default();
        if let Some(stop_at) = new.stop_at {
            let before = match counted.before {
                Some(before) => before,
                None => stored_count(tx, of.gateway).await?,
            };
            counted.before = Some(before);
            if before.saturating_add(counted.new) >= stop_at {
                return Ok(());
            }
        }
        counted.new = counted.new.saturating_add(1);
        let metadata = Metadata::clean(&new.metadata);
        self.logs.push(values(of, new, &metadata));
        self.metadata.extend(metadata.rows(of.id, of.gateway));
        Ok(())
    }

    /// For [`ADD_COUNTS`].
    pub fn counts(&self) -> Vec<Vec<Value>> {
        let counts = self.counts.iter().filter(|(_, counted)| counted.new > 0);
        counts
            .map(|(gateway, counted)| vec![(*gateway).into(), counted.new.into()])
            .collect()
    }
}

async fn stored_count(tx: &mut Tx, gateway: i64) -> Result<i64, StoreError> {
    let sql = "SELECT logs FROM log_counts WHERE gateway = $1";
    let row = tx.query_opt(sql, &[gateway.into()]).await?;
    row.map_or(Ok(0), |mut row| row.int())
}

/// How many of a row's columns say whose it is, and how many there are at its end for the bodies; [`new_log`] reads what
/// stands in between.
pub(super) const OWN: usize = 3;
pub(super) const BODIES: usize = 2;

/// A log's row as [`INSERT`] writes it.
pub(super) fn values(of: &NewCall, new: &NewLog, metadata: &Metadata) -> Vec<Value> {
    let call = &new.call;
    let text = |text: &Option<String>, max| Value::from(text.as_deref().map(|text| cut(text, max)));
    let payloads = new.payloads.as_ref();
    let packed = |body: Option<&Body>| Value::from(body.map(|body| body.0.clone()));
    vec![
        of.id.into(),
        of.account.to_string().into(),
        of.gateway.into(),
        cut(&call.provider, 100).into(),
        cut(&call.model, 200).into(),
        text(&call.model_type, 50),
        call.success.into(),
        call.cached.into(),
        call.tokens_in.into(),
        call.tokens_out.into(),
        call.cost.map(Amount::nanos).into(),
        call.custom_cost.into(),
        call.duration.into(),
        call.first_byte.into(),
        call.status_code.into(),
        text(&call.request_type, 50),
        cut(&call.path, 2000).into(),
        call.step.into(),
        text(&call.event_id, 500),
        text(&call.user_agent, 500),
        call.authentication.into(),
        call.key_source.name().into(),
        call.compatibility.into(),
        text(&call.request_content_type, 200),
        text(&call.response_content_type, 200),
        call.request_size.into(),
        call.response_size.into(),
        text(&call.error, 2000),
        metadata.json().into(),
        packed(payloads.and_then(|kept| kept.request.as_ref())),
        packed(payloads.and_then(|kept| kept.response.as_ref())),
    ]
}

/// At most so many characters of a text, without the one that PostgreSQL stores in none.
pub(super) fn cut(text: &str, max: usize) -> String {
    // No more bytes, so no more characters: copied as it is.
    if text.len() <= max && !text.contains('\0') {
        return text.to_owned();
    }
    let letters = text.chars().filter(|letter| *letter != '\0');
    letters.take(max).collect()
}

/// A caller's notes as they are kept.
pub(in crate::store) struct Metadata(BTreeMap<String, Json>);

impl Metadata {
    pub(in crate::store) fn clean(metadata: &BTreeMap<String, Json>) -> Self {
        let entries = metadata.iter().filter_map(|(key, value)| {
            let value = match value {
                Json::String(text) => Json::String(cut(text, VALUE_MAX)),
                Json::Number(_) | Json::Bool(_) => value.clone(),
                Json::Null | Json::Array(_) | Json::Object(_) => return None,
            };
            Some((cut(key, KEY_MAX), value))
        });
        Self(entries.collect())
    }

    /// JSON, or nothing where there are no entries.
    pub(super) fn json(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        serde_json::to_string(&self.0).ok()
    }

    /// A row for each entry, for [`INSERT_METADATA`].
    pub(super) fn rows(&self, id: LogId, gateway: i64) -> impl Iterator<Item = Vec<Value>> {
        self.0.iter().map(move |(key, value)| {
            let value = match value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            vec![id.into(), gateway.into(), key.as_str().into(), value.into()]
        })
    }
}

/// A log out of its columns; its gateway's limit and its bodies stand in `more`.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn new_log(mut row: Row, mut more: Row) -> Result<NewLog, StoreError> {
    let call = call(&mut row)?;
    let metadata = row.opt_text()?.map(|text| serde_json::from_str(&text));
    let metadata = metadata
        .transpose()
        .map_err(|error| StoreError::corrupt(format!("a log's metadata: {error}")))?;
    let stop_at = more.opt_int()?;
    let payloads = Payloads {
        request: more.opt_bytes()?.map(Body),
        response: more.opt_bytes()?.map(Body),
    };
    Ok(NewLog {
        call,
        metadata: metadata.unwrap_or_default(),
        payloads: Some(payloads),
        stop_at,
    })
}

fn log(mut row: Row) -> Result<Log, StoreError> {
    let id = row.parse()?;
    Ok(Log {
        id,
        call: call(&mut row)?,
        metadata: row.opt_text()?,
        feedback: row.opt_int()?,
        score: row.opt_text()?,
    })
}

fn call(row: &mut Row) -> Result<Call, StoreError> {
    Ok(Call {
        provider: row.text()?,
        model: row.text()?,
        model_type: row.opt_text()?,
        success: row.flag()?,
        cached: row.flag()?,
        tokens_in: row.opt_int()?,
        tokens_out: row.opt_int()?,
        cost: row.opt_int()?.map(Amount::from_nanos),
        custom_cost: row.flag()?,
        duration: row.int()?,
        first_byte: row.opt_int()?,
        status_code: row.opt_int()?,
        request_type: row.opt_text()?,
        path: row.text()?,
        step: row.opt_int()?,
        event_id: row.opt_text()?,
        user_agent: row.opt_text()?,
        authentication: row.flag()?,
        key_source: row.named(KeySource::from_name)?,
        compatibility: row.flag()?,
        request_content_type: row.opt_text()?,
        response_content_type: row.opt_text()?,
        request_size: row.int()?,
        response_size: row.int()?,
        error: row.opt_text()?,
    })
}
