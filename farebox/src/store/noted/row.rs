//! A note as its row: what is posted in columns, the charge and the log as JSON arrays of their own tables' columns, and the
//! bodies as they are. What is written here is read after the next start at the latest.

use ledger::{AccountId, Amount, Operation, REFERENCE_BYTES_MAX, Timestamp, TransferId};
use serde_json::Value as Json;

use crate::store::bulk::{Column, Insert};
use crate::store::entry::{Attached, Entry};
use crate::store::logs::{self, Metadata, NewCall, NewLog};
use crate::store::noted::Note;
use crate::store::value::{Row, Value};
use crate::store::{StoreError, charges};

/// How long a note may be, in bytes about: what fills a page of the file is booked at once.
const LONGEST: usize = 3000;

/// A note's row.
pub(super) static INSERT: Insert = Insert::into(
    "noted",
    &[
        Column::Int("seq"),
        Column::Int("at"),
        Column::Text("transfer"),
        Column::Text("account_id"),
        Column::Text("hold"),
        Column::Int("amount"),
        Column::Text("reference"),
        Column::Text("call"),
        Column::Int("gateway"),
        Column::Text("charge"),
        Column::Text("log"),
        Column::Int("stop_at"),
        Column::Bytes("request_body"),
        Column::Bytes("response_body"),
    ],
);

/// All columns of a note, in the order that [`note`] reads.
pub(super) const SELECT: &str = "SELECT seq, at, transfer, account_id, hold, amount, reference, call, gateway, charge, \
     log, stop_at, request_body, response_body FROM noted";

/// The one posting of a settlement that can be noted.
#[derive(Clone, Copy)]
pub(super) struct Posting<'a> {
    id: TransferId,
    pub(super) account: AccountId,
    hold: TransferId,
    amount: Amount,
    reference: &'a str,
}

/// What can be noted of an entry.
pub(super) fn posting(entry: &Entry) -> Option<Posting<'_>> {
    match entry.operations.as_slice() {
        [
            Operation::Post {
                id,
                account,
                hold,
                amount,
                last: false,
                reference,
            },
        ] if amount.is_positive() && reference.len() <= REFERENCE_BYTES_MAX => Some(Posting {
            id: *id,
            account: *account,
            hold: *hold,
            amount: *amount,
            reference,
        }),
        _ => None,
    }
}

/// The columns of a note's call; nothing where they are too long.
///
/// # Errors
/// [`StoreError::Corrupt`], which no charge is.
pub(super) fn values(entry: &Entry) -> Result<Option<Vec<Value>>, StoreError> {
    let call = match &entry.attached {
        Some(Attached::LeasedCall(call, _)) => call.as_deref(),
        _ => None,
    };
    let charge = call.and_then(|call| Some((call, call.charge.as_ref()?)));
    let charge = charge.map(|(call, charge)| charges::values(call, charge));
    let charge = charge.transpose()?.map(|row| json(&row[charges::OWN..]));
    let log = call.and_then(|call| Some((call, call.log.as_ref()?)));
    let log_row = log.map(|(call, log)| logs::values(call, log, &Metadata::clean(&log.metadata)));
    let (log_row, bodies) = match log_row {
        Some(mut row) => {
            let bodies = row.split_off(row.len() - logs::BODIES);
            (Some(json(&row[logs::OWN..])), bodies)
        }
        None => (None, vec![Value::Null; logs::BODIES]),
    };
    let size = [&charge, &log_row].into_iter().flatten().map(String::len);
    let size = size.sum::<usize>() + bodies.iter().map(length).sum::<usize>();
    if size > LONGEST {
        return Ok(None);
    }
    let mut values: Vec<Value> = vec![
        call.map(|call| call.id.key()).into(),
        call.map(|call| call.gateway).into(),
        charge.into(),
        log_row.into(),
        log.and_then(|(_, log)| log.stop_at).into(),
    ];
    values.extend(bodies);
    Ok(Some(values))
}

fn length(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// A note's row as [`INSERT`] writes it.
pub(super) fn row(seq: i64, at: Timestamp, posting: Posting<'_>, values: Vec<Value>) -> Vec<Value> {
    let mut row = vec![
        seq.into(),
        at.millis().into(),
        posting.id.to_string().into(),
        posting.account.to_string().into(),
        posting.hold.to_string().into(),
        posting.amount.nanos().into(),
        posting.reference.into(),
    ];
    row.extend(values);
    row
}

/// Columns as a JSON array.
fn json(row: &[Value]) -> String {
    let values = row.iter().map(|value| match value {
        Value::Int(int) => Json::from(*int),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Null | Value::Bytes(_) => Json::Null,
    });
    Json::Array(values.collect()).to_string()
}

/// A JSON array of columns as a row.
fn columns(text: &str) -> Result<Row, StoreError> {
    let values: Vec<Json> = serde_json::from_str(text)
        .map_err(|error| StoreError::corrupt(format!("a note: {error}")))?;
    let values = values.into_iter().map(|value| match value {
        Json::String(text) => Value::Text(text),
        Json::Number(number) => number.as_i64().map_or(Value::Null, Value::Int),
        _ => Value::Null,
    });
    Ok(Row::new(values.collect()))
}

/// A row of [`SELECT`].
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(super) fn note(mut row: Row) -> Result<Note, StoreError> {
    let (seq, at) = (row.int()?, Timestamp::from_millis(row.int()?));
    let id = row.parse()?;
    let account = row.parse()?;
    let operation = Operation::Post {
        id,
        account,
        hold: row.parse()?,
        amount: Amount::from_nanos(row.int()?),
        last: false,
        reference: row.text()?,
    };
    let call = call(row, account)?;
    Ok(Note {
        seq,
        at,
        entry: Entry {
            operations: vec![operation],
            attached: call.map(|call| Attached::Call(call.into())),
        },
    })
}

fn call(mut row: Row, account: AccountId) -> Result<Option<NewCall>, StoreError> {
    let id = row.opt_named(|id| id.parse().ok())?;
    let gateway = row.opt_int()?;
    let (charge, log) = (row.opt_text()?, row.opt_text()?);
    let Some((id, gateway)) = id.zip(gateway) else {
        return Ok(None);
    };
    let charge = charge.map(|charge| charges::new_charge(columns(&charge)?));
    let log: Option<NewLog> = match log {
        Some(log) => Some(logs::new_log(columns(&log)?, row)?),
        None => None,
    };
    Ok(Some(NewCall {
        id,
        account,
        gateway,
        charge: charge.transpose()?,
        log,
    }))
}
