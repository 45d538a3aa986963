//! Reading logs: one, a page of a list, how many there are.

use ledger::AccountId;

use crate::ids::LogId;
use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::gateways::Gateway;
use crate::store::logs::filter::{Direction, Filter, Order};
use crate::store::logs::payload::{Body, Payloads};
use crate::store::logs::{COLUMNS, Log, log};
use crate::store::value::{Row, Value};

/// Which of a gateway's logs are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// In this order.
    pub order: Order,
    /// Which way round.
    pub direction: Direction,
}

impl Wanted {
    /// What follows `WHERE`, and its parameters. A gateway is one account's, by which it was found: comparing
    /// the account as well would read every row, where the index alone can tell.
    pub(super) fn sql(&self, of: &Gateway) -> (String, Vec<Value>) {
        let mut params = vec![of.seq.into()];
        let mut sql = "gateway = $1".to_owned();
        for filter in &self.filters {
            sql.push_str(" AND ");
            sql.push_str(&filter.sql(&mut params));
        }
        (sql, params)
    }

    pub(super) fn order(&self) -> String {
        self.order.sql(self.direction)
    }
}

/// The gateway's log of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, of: &Gateway, id: LogId) -> Result<Option<Log>, StoreError> {
    let sql = format!(
        "SELECT id, {COLUMNS} FROM logs WHERE id = $1 AND gateway = $2 AND account_id = $3"
    );
    let found = db.query_opt(&sql, &key(of, id)).await?;
    found.map(log).transpose()
}

/// The log of that id, of anybody's gateway, and whose it is: for the operator.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_anybodys(db: &Db, id: LogId) -> Result<Option<(AccountId, Log)>, StoreError> {
    let sql = format!("SELECT account_id, id, {COLUMNS} FROM logs WHERE id = $1");
    let found = db.query_opt(&sql, &[id.into()]).await?;
    let read = |mut row: Row| Ok((row.parse()?, log(row)?));
    found.map(read).transpose()
}

/// What is kept of a log's bodies; nothing of them where the log has none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn payloads(db: &Db, of: &Gateway, id: LogId) -> Result<Payloads, StoreError> {
    let sql = "SELECT request_body, response_body FROM logs \
         WHERE id = $1 AND gateway = $2 AND account_id = $3";
    let Some(mut row) = db.query_opt(sql, &key(of, id)).await? else {
        return Ok(Payloads::default());
    };
    Ok(Payloads {
        request: row.opt_bytes()?.map(Body),
        response: row.opt_bytes()?.map(Body),
    })
}

pub(super) fn key(of: &Gateway, id: LogId) -> [Value; 3] {
    [id.into(), of.seq.into(), of.account.to_string().into()]
}

/// `limit` of the gateway's logs after the first `offset`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    db: &Db,
    of: &Gateway,
    wanted: &Wanted,
    limit: i64,
    offset: i64,
) -> Result<Vec<Log>, StoreError> {
    let (condition, mut params) = wanted.sql(of);
    params.extend([limit.into(), offset.into()]);
    let (order, last) = (wanted.order(), params.len());
    // First the ids, which the index alone can tell, then the rows of those few.
    let sql = format!(
        "SELECT id, {COLUMNS} FROM logs WHERE id IN (SELECT id FROM logs WHERE {condition} \
         ORDER BY {order} LIMIT ${} OFFSET ${last}) ORDER BY {order}",
        last - 1
    );
    let found = db.query_long(&sql, &params).await?;
    found.into_iter().map(log).collect()
}

/// How many of the gateway's logs there are like this.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db, of: &Gateway, wanted: &Wanted) -> Result<i64, StoreError> {
    if wanted.filters.is_empty() {
        let sql = "SELECT logs FROM log_counts WHERE gateway = $1";
        let row = db.query_opt(sql, &[of.seq.into()]).await?;
        return row.map_or(Ok(0), |mut row| row.int());
    }
    let (condition, params) = wanted.sql(of);
    let sql = format!("SELECT COUNT(*) FROM logs WHERE {condition}");
    let found = db.query_long(&sql, &params).await?;
    let row = found.into_iter().next();
    row.ok_or_else(|| StoreError::corrupt("a count has no row"))?
        .int()
}

/// The least and the most of what logs count; nothing where no log counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// In nano-units.
    pub cost: (Option<i64>, Option<i64>),
    /// In milliseconds.
    pub duration: (Option<i64>, Option<i64>),
    /// Tokens read.
    pub tokens_in: (Option<i64>, Option<i64>),
    /// Tokens written.
    pub tokens_out: (Option<i64>, Option<i64>),
    /// Both together.
    pub total_tokens: (Option<i64>, Option<i64>),
}

/// The bounds of all of the gateway's logs that are like this.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn bounds(db: &Db, of: &Gateway, wanted: &Wanted) -> Result<Bounds, StoreError> {
    let (condition, params) = wanted.sql(of);
    let columns = [
        "cost",
        "duration",
        "tokens_in",
        "tokens_out",
        "COALESCE(tokens_in, 0) + COALESCE(tokens_out, 0)",
    ];
    let columns = columns.map(|column| format!("MIN({column}), MAX({column})"));
    let sql = format!("SELECT {} FROM logs WHERE {condition}", columns.join(", "));
    let found = db.query_long(&sql, &params).await?;
    let row = found.into_iter().next();
    let mut row = row.ok_or_else(|| StoreError::corrupt("bounds have no row"))?;
    let mut both = || Ok::<_, StoreError>((row.opt_int()?, row.opt_int()?));
    Ok(Bounds {
        cost: both()?,
        duration: both()?,
        tokens_in: both()?,
        tokens_out: both()?,
        total_tokens: both()?,
    })
}
