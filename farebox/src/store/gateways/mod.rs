//! Gateways and their settings. What a call needs to know of its gateway is one row.

mod settings;

use std::sync::LazyLock;

use ledger::{AccountId, Timestamp};

pub use settings::{Backoff, Dimension, LogStrategy, Settings, SpendLimits, SpendRule, Technique};

use crate::store::StoreError;
use crate::store::bulk::Query;
use crate::store::db::Db;
use crate::store::pattern::containing;
use crate::store::value::{Row, Value};

/// The id of the gateway that an account has without making one.
pub const DEFAULT_ID: &str = "default";

/// A gateway as it stands.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The gateway itself: what belongs to it is found by this number. One that is made later under the
    /// same id has another.
    pub seq: i64,
    /// Whose it is.
    pub account: AccountId,
    /// As its account calls it.
    pub id: String,
    /// Raised by every change.
    pub version: i64,
    /// Part of what kept answers are found by: raised, it forgets them all.
    pub cache_generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
    /// What is set on it.
    pub settings: Settings,
}

const COLUMNS: &str = "cache_ttl, cache_invalidate_on_update, collect_logs, log_management, \
     log_management_strategy, rate_limiting_limit, rate_limiting_interval, rate_limiting_technique, \
     authentication, byok_only, zdr, clamp_max_tokens, retry_max_attempts, retry_delay, retry_backoff, \
     store_id, spend_limits";

/// What stands before its settings.
const ITSELF: &str = "seq, account_id, id, version, cache_generation, created_at, modified_at";

static SELECT: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {ITSELF}, {COLUMNS} FROM gateways"));

static BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("{} WHERE account_id = $1 AND id = $2", *SELECT));

/// With whether keys of providers are stored on it.
static FOR_CALL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {ITSELF}, {COLUMNS}, CAST(CAST(EXISTS \
         (SELECT 1 FROM provider_configs WHERE gateway = gateways.seq) AS INT) AS BIGINT) \
         FROM gateways WHERE account_id = $1 AND id = $2"
    )
});

/// Which of an account's gateways are wanted: those whose id contains a text, or all.
const WANTED: &str = "account_id = $1 AND ($2 = '' OR LOWER(id) LIKE LOWER($3) ESCAPE '\\')";

/// The account's gateway of that id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, account: AccountId, id: &str) -> Result<Option<Gateway>, StoreError> {
    let Query { sql, params } = by_id(account, id);
    first(db.query(sql, &params).await?)
}

/// How [`find`] asks.
pub(super) fn by_id(account: AccountId, id: &str) -> Query<'static> {
    Query {
        sql: &BY_ID,
        params: vec![account.to_string().into(), id.into()],
    }
}

/// The gateway in an answer to [`by_id`].
fn first(found: Vec<Row>) -> Result<Option<Gateway>, StoreError> {
    let mut found = found.into_iter();
    found.next().map(|mut row| gateway(&mut row)).transpose()
}

/// How a call asks for the account's gateway of that id.
pub(super) fn for_call(account: AccountId, id: &str) -> Query<'static> {
    Query {
        sql: &FOR_CALL,
        ..by_id(account, id)
    }
}

/// The gateway in an answer to [`for_call`], and whether keys of providers are stored on it.
pub(super) fn first_for_call(found: Vec<Row>) -> Result<Option<(Gateway, bool)>, StoreError> {
    let mut found = found.into_iter();
    let found = found.next();
    found
        .map(|mut row| Ok((gateway(&mut row)?, row.flag()?)))
        .transpose()
}

/// The account's gateway with the id `default`, made with [`Settings::default`] where there is none: for its
/// first use. Two calls at once make one.
///
/// # Errors
/// [`StoreError::Database`], also where there is no such account.
pub async fn get_or_create_default(
    db: &Db,
    account: AccountId,
    now: Timestamp,
) -> Result<Gateway, StoreError> {
    if let Some(found) = find(db, account, DEFAULT_ID).await? {
        return Ok(found);
    }
    match create(db, account, DEFAULT_ID, &Settings::default(), now).await {
        Err(StoreError::Duplicate(_)) => {}
        made => return made,
    }
    let found = find(db, account, DEFAULT_ID).await?;
    found.ok_or(StoreError::Conflict("gateway"))
}

/// Makes a gateway.
///
/// # Errors
/// [`StoreError::Duplicate`] where the account has one of that id; [`StoreError::Database`].
pub async fn create(
    db: &Db,
    account: AccountId,
    id: &str,
    settings: &Settings,
    now: Timestamp,
) -> Result<Gateway, StoreError> {
    let sql = format!(
        "INSERT INTO gateways (account_id, id, version, cache_generation, created_at, modified_at, \
         {COLUMNS}) VALUES ($1, $2, 1, 1, $3, $3, {})",
        numbered(4)
    );
    let mut params = vec![account.to_string().into(), id.into(), now.millis().into()];
    params.extend(values(settings)?);
    db.execute(&sql, &params).await?;
    let made = find(db, account, id).await?;
    made.ok_or(StoreError::Conflict("gateway"))
}

/// Sets everything on a gateway that has not changed since `known` was read.
///
/// # Errors
/// [`StoreError::Conflict`] where it has changed, or is gone; [`StoreError::Database`].
pub async fn update(
    db: &Db,
    known: &Gateway,
    settings: &Settings,
    now: Timestamp,
) -> Result<Gateway, StoreError> {
    let names = COLUMNS.split(", ").zip(6..);
    let sets: Vec<_> = names.map(|(name, at)| format!("{name} = ${at}")).collect();
    let sql = format!(
        "UPDATE gateways SET version = version + 1, modified_at = $4, \
         cache_generation = cache_generation + $5, {} \
         WHERE account_id = $1 AND seq = $2 AND version = $3",
        sets.join(", ")
    );
    let mut params = vec![
        known.account.to_string().into(),
        known.seq.into(),
        known.version.into(),
        now.millis().into(),
        settings.cache_invalidate_on_update.into(),
    ];
    params.extend(values(settings)?);
    if db.execute(&sql, &params).await? == 0 {
        return Err(StoreError::Conflict("gateway"));
    }
    let changed = find(db, known.account, &known.id).await?;
    changed.ok_or(StoreError::Conflict("gateway"))
}

/// Removes a gateway with its keys. Its logs go later, by [`removed`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(db: &Db, known: &Gateway, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let gateway = [known.seq.into()];
    let sql = "DELETE FROM provider_configs WHERE gateway = $1";
    tx.execute(sql, &gateway).await?;
    let sql = "DELETE FROM gateways WHERE seq = $1";
    if tx.execute(sql, &gateway).await? == 1 {
        let sql = "INSERT INTO removed_gateways (gateway, removed_at) VALUES ($1, $2)";
        let params = [known.seq.into(), now.millis().into()];
        tx.execute(sql, &params).await?;
    }
    tx.commit().await
}

/// Gateways that are gone and of which something may be left, with when they were removed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn removed(db: &Db) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let sql = "SELECT gateway, removed_at FROM removed_gateways ORDER BY gateway";
    let found = db.query(sql, &[]).await?;
    let rows = found
        .into_iter()
        .map(|mut row| Ok((row.int()?, Timestamp::from_millis(row.int()?))));
    rows.collect()
}

/// Forgets that there was such a gateway.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget(db: &Db, gateway: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM removed_gateways WHERE gateway = $1";
    db.execute(sql, &[gateway.into()]).await.map(|_| ())
}

/// A page of the account's gateways, oldest first: all of them, or those whose id contains `search`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    db: &Db,
    account: AccountId,
    search: &str,
    limit: i64,
    offset: i64,
) -> Result<Vec<Gateway>, StoreError> {
    let sql = format!("{} WHERE {WANTED} ORDER BY seq LIMIT $4 OFFSET $5", *SELECT);
    let mut params = wanted(account, search).to_vec();
    params.extend([limit.into(), offset.into()]);
    let mut found = db.query(&sql, &params).await?;
    found.iter_mut().map(gateway).collect()
}

/// How many there are on all pages of [`list`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db, account: AccountId, search: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM gateways WHERE {WANTED}");
    let row = db.query_opt(&sql, &wanted(account, search)).await?;
    row.ok_or_else(|| StoreError::corrupt("a count has no row"))?
        .int()
}

fn wanted(account: AccountId, search: &str) -> [Value; 3] {
    [
        account.to_string().into(),
        search.into(),
        containing(search),
    ]
}

/// As many parameters as there are [`COLUMNS`], from this number on.
fn numbered(first: usize) -> String {
    let count = COLUMNS.split(", ").count();
    let numbers: Vec<_> = (first..first + count).map(|at| format!("${at}")).collect();
    numbers.join(", ")
}

/// The values of [`COLUMNS`].
fn values(settings: &Settings) -> Result<[Value; 17], StoreError> {
    let limits = settings.spend_limits.as_ref().map(serde_json::to_string);
    let limits = limits
        .transpose()
        .map_err(|error| StoreError::corrupt(error.to_string()))?;
    Ok([
        settings.cache_ttl.into(),
        settings.cache_invalidate_on_update.into(),
        settings.collect_logs.into(),
        settings.log_management.into(),
        settings
            .log_management_strategy
            .map(LogStrategy::name)
            .into(),
        settings.rate_limiting_limit.into(),
        settings.rate_limiting_interval.into(),
        settings.rate_limiting_technique.name().into(),
        settings.authentication.into(),
        settings.byok_only.into(),
        settings.zdr.into(),
        settings.clamp_max_tokens.into(),
        settings.retry_max_attempts.into(),
        settings.retry_delay.into(),
        settings.retry_backoff.map(Backoff::name).into(),
        settings.store_id.as_deref().into(),
        limits.into(),
    ])
}

fn gateway(row: &mut Row) -> Result<Gateway, StoreError> {
    Ok(Gateway {
        seq: row.int()?,
        account: row.parse()?,
        id: row.text()?,
        version: row.int()?,
        cache_generation: row.int()?,
        created_at: Timestamp::from_millis(row.int()?),
        modified_at: Timestamp::from_millis(row.int()?),
        settings: settings(row)?,
    })
}

fn settings(row: &mut Row) -> Result<Settings, StoreError> {
    Ok(Settings {
        cache_ttl: row.int()?,
        cache_invalidate_on_update: row.flag()?,
        collect_logs: row.flag()?,
        log_management: row.opt_int()?,
        log_management_strategy: row.opt_named(LogStrategy::from_name)?,
        rate_limiting_limit: row.int()?,
        rate_limiting_interval: row.int()?,
        rate_limiting_technique: row.named(Technique::from_name)?,
        authentication: row.flag()?,
        byok_only: row.flag()?,
        zdr: row.flag()?,
        clamp_max_tokens: row.flag()?,
        retry_max_attempts: row.opt_int()?,
        retry_delay: row.opt_int()?,
        retry_backoff: row.opt_named(Backoff::from_name)?,
        store_id: row.opt_text()?,
        spend_limits: row.opt_text()?.as_deref().map(spend_limits).transpose()?,
    })
}

fn spend_limits(text: &str) -> Result<SpendLimits, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::corrupt(format!("a spend limit: {error}")))
}
