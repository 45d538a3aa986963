//! Holds that were asked for by the API, and their captures, with what the caller said about them. What
//! has become of a hold is the ledger's; a hold that nobody asked for by the API is not found here.

use ledger::{AccountId, Amount, Hold, HoldState, Timestamp, TransferId};

use crate::store::bulk::{Column, Insert};
use crate::store::db::Db;
use crate::store::value::{Row, Value};
use crate::store::{StoreError, ledger_rows as rows};

/// What a caller says about its new hold.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// The hold.
    pub id: TransferId,
    /// Whose credit it holds.
    pub account: AccountId,
    /// As it was asked for, in seconds.
    pub expires_in: i64,
    /// JSON, with its keys in their order.
    pub metadata: String,
}

/// What a caller says about its new capture.
#[derive(Clone, Debug)]
pub struct NewCapture {
    /// The post's transfer.
    pub id: TransferId,
    /// Whose credit it takes.
    pub account: AccountId,
    /// What it is taken out of.
    pub hold: TransferId,
    /// What was paid for.
    pub description: Option<String>,
    /// JSON, with its keys in their order.
    pub metadata: String,
}

/// A hold with what its caller said.
#[derive(Clone, Debug)]
pub struct RequestedHold {
    /// As the ledger has it.
    pub hold: Hold,
    /// As it was asked for, in seconds.
    pub expires_in: i64,
    /// JSON.
    pub metadata: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A capture with what its caller said.
#[derive(Clone, Debug)]
pub struct RequestedCapture {
    /// The post's transfer.
    pub id: TransferId,
    /// What was taken.
    pub amount: Amount,
    /// Whether it released the rest.
    pub last: bool,
    /// What was paid for.
    pub description: Option<String>,
    /// JSON.
    pub metadata: String,
    /// When it was taken.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT h.id, h.account_id, h.credit, h.code, h.amount, h.posted, h.state, \
     h.expires_at, r.expires_in, r.metadata, r.created_at \
     FROM hold_requests r JOIN holds h ON h.id = r.id WHERE r.account_id = $1";

/// What was said about holds, in the holds' own transaction.
pub static INSERT_HOLDS: Insert = Insert::into(
    "hold_requests",
    &[
        Column::Text("id"),
        Column::Text("account_id"),
        Column::Int("expires_in"),
        Column::Text("metadata"),
        Column::Int("created_at"),
    ],
);

/// What was said about captures, in the captures' own transaction.
pub static INSERT_CAPTURES: Insert = Insert::into(
    "captures",
    &[
        Column::Text("id"),
        Column::Text("account_id"),
        Column::Text("hold"),
        Column::Text("description"),
        Column::Text("metadata"),
    ],
);

/// A hold's row as [`INSERT_HOLDS`] writes it.
pub fn hold_values(new: &NewHold, now: Timestamp) -> Vec<Value> {
    vec![
        new.id.to_string().into(),
        new.account.to_string().into(),
        new.expires_in.into(),
        new.metadata.as_str().into(),
        now.millis().into(),
    ]
}

/// A capture's row as [`INSERT_CAPTURES`] writes it.
pub fn capture_values(new: &NewCapture) -> Vec<Value> {
    vec![
        new.id.to_string().into(),
        new.account.to_string().into(),
        new.hold.to_string().into(),
        new.description.as_deref().into(),
        new.metadata.as_str().into(),
    ]
}

/// One hold of the account.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    db: &Db,
    account: AccountId,
    id: TransferId,
) -> Result<Option<RequestedHold>, StoreError> {
    let sql = format!("{SELECT} AND r.id = $2");
    let params = [account.to_string().into(), id.to_string().into()];
    db.query_opt(&sql, &params)
        .await?
        .map(requested)
        .transpose()
}

/// A page of the account's holds, newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    db: &Db,
    account: AccountId,
    state: Option<HoldState>,
    limit: i64,
    offset: i64,
) -> Result<Vec<RequestedHold>, StoreError> {
    let mut params: Vec<Value> = vec![account.to_string().into(), limit.into(), offset.into()];
    let filter = filter(state, &mut params);
    let sql = format!("{SELECT}{filter} ORDER BY r.seq DESC LIMIT $2 OFFSET $3");
    let found = db.query(&sql, &params).await?;
    found.into_iter().map(requested).collect()
}

/// How many holds the account has made by the API.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(
    db: &Db,
    account: AccountId,
    state: Option<HoldState>,
) -> Result<i64, StoreError> {
    let mut params: Vec<Value> = vec![account.to_string().into()];
    let filter = filter(state, &mut params);
    let sql = format!(
        "SELECT COUNT(*) FROM hold_requests r JOIN holds h ON h.id = r.id \
         WHERE r.account_id = $1{filter}"
    );
    match db.query_opt(&sql, &params).await? {
        Some(mut row) => row.int(),
        None => Ok(0),
    }
}

fn filter(state: Option<HoldState>, params: &mut Vec<Value>) -> String {
    let Some(state) = state else {
        return String::new();
    };
    params.push(state.name().into());
    format!(" AND h.state = ${}", params.len())
}

/// What has been captured of a hold of the account, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn captures(
    db: &Db,
    account: AccountId,
    hold: TransferId,
) -> Result<Vec<RequestedCapture>, StoreError> {
    let sql = "SELECT c.id, t.amount, t.phase, c.description, c.metadata, t.at \
         FROM captures c JOIN transfers t ON t.id = c.id \
         WHERE c.account_id = $1 AND c.hold = $2 ORDER BY c.seq";
    let params = [account.to_string().into(), hold.to_string().into()];
    let found = db.query(sql, &params).await?;
    found.into_iter().map(capture).collect()
}

fn requested(mut row: Row) -> Result<RequestedHold, StoreError> {
    Ok(RequestedHold {
        hold: rows::hold_columns(&mut row)?,
        expires_in: row.int()?,
        metadata: row.text()?,
        created_at: Timestamp::from_millis(row.int()?),
    })
}

fn capture(mut row: Row) -> Result<RequestedCapture, StoreError> {
    Ok(RequestedCapture {
        id: row.parse()?,
        amount: Amount::from_nanos(row.int()?),
        last: row.text()? == "post_last",
        description: row.opt_text()?,
        metadata: row.text()?,
        created_at: Timestamp::from_millis(row.int()?),
    })
}
