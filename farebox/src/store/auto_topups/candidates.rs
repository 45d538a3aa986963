//! Which accounts may have to be topped up, and the transaction in which one is.

use ledger::auto_topup::{Facts, Volume, day_and_month};
use ledger::{AccountId, Amount, Period, Timestamp};

use super::moment;
use crate::store::bulk::{Lock, Lookup};
use crate::store::db::{Db, Tx};
use crate::store::value::{Row, Value};
use crate::store::{StoreError, ledger_rows as rows};

/// An account that may have to be topped up.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Which.
    pub account: AccountId,
    /// How things stand.
    pub facts: Facts,
    /// The limit that is noted already.
    pub limit: Option<(Period, Timestamp)>,
}

/// `$2` and `$3` are when the day and the month began.
const CANDIDATES: &str = "SELECT a.account_id, b.credits_posted - b.debits_posted - b.debits_pending, \
     a.amount_cents, a.threshold_cents, a.is_off, a.retry_at, a.limited_by, a.limited_until, \
     CASE WHEN EXISTS (SELECT 1 FROM auto_topup_pauses p WHERE p.account_id = a.account_id) \
         THEN 1 ELSE 0 END, \
     CASE WHEN EXISTS (SELECT 1 FROM topups t WHERE t.account_id = a.account_id AND t.kind = 'auto' \
         AND t.state IN ('started', 'pending')) THEN 1 ELSE 0 END, \
     (SELECT MAX(t.created_at) FROM topups t WHERE t.account_id = a.account_id AND t.kind = 'auto'), \
     (SELECT CAST(COALESCE(SUM(t.amount_cents), 0) AS BIGINT) FROM topups t \
         WHERE t.account_id = a.account_id AND t.kind = 'auto' AND t.state <> 'closed' \
         AND t.created_at >= $2), \
     (SELECT COUNT(*) FROM topups t WHERE t.account_id = a.account_id AND t.kind = 'auto' \
         AND t.state <> 'closed' AND t.created_at >= $2), \
     (SELECT CAST(COALESCE(SUM(t.amount_cents), 0) AS BIGINT) FROM topups t \
         WHERE t.account_id = a.account_id AND t.kind = 'auto' AND t.state <> 'closed' \
         AND t.created_at >= $3), \
     (SELECT COUNT(*) FROM topups t WHERE t.account_id = a.account_id AND t.kind = 'auto' \
         AND t.state <> 'closed' AND t.created_at >= $3) \
     FROM auto_topups a JOIN balances b ON b.account_id = a.account_id";

/// Those that are below their threshold and not off. The number is the nano-units in a cent.
const LOW: &str = "a.is_off = 0 \
     AND b.credits_posted - b.debits_posted - b.debits_pending < a.threshold_cents * 10000000";

fn candidate(mut row: Row) -> Result<Candidate, StoreError> {
    let row = &mut row;
    let account = row.parse()?;
    let (available, amount_cents, threshold_cents) = (row.int()?, row.int()?, row.int()?);
    let (is_off, retry_at) = (row.flag()?, moment(row)?);
    let limit = row.opt_named(Period::from_name)?.zip(moment(row)?);
    let facts = Facts {
        available: Amount::from_nanos(available),
        threshold_cents,
        amount_cents,
        is_off,
        retry_at,
        is_paused: row.flag()?,
        is_under_way: row.flag()?,
        last_started_at: moment(row)?,
        today: volume(row)?,
        this_month: volume(row)?,
    };
    Ok(Candidate {
        account,
        facts,
        limit,
    })
}

fn volume(row: &mut Row) -> Result<Volume, StoreError> {
    Ok(Volume {
        cents: row.int()?,
        count: row.int()?,
    })
}

/// The two parameters of every list of candidates.
fn windows(now: Timestamp) -> [Value; 2] {
    let (day, month) = day_and_month(now);
    [day.millis().into(), month.millis().into()]
}

/// Which of these accounts are low.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn low_among(
    db: &Db,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<Vec<Candidate>, StoreError> {
    let sql = format!("{CANDIDATES} WHERE a.account_id {{IDS}} AND {LOW}");
    let ids: Vec<_> = accounts.iter().map(AccountId::to_string).collect();
    let found = db.query_each(&sql, &ids, &windows(now)).await?;
    found.into_iter().map(candidate).collect()
}

/// Which of all accounts are low: the first `limit` of them after `after`, in the order of their ids.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn low_after(
    db: &Db,
    after: Option<AccountId>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Candidate>, StoreError> {
    let sql =
        format!("{CANDIDATES} WHERE a.account_id > $1 AND {LOW} ORDER BY a.account_id LIMIT $4");
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let [day, month] = windows(now);
    let found = db
        .query(&sql, &[after.into(), day, month, limit.into()])
        .await?;
    found.into_iter().map(candidate).collect()
}

/// Begins the transaction in which a top-up is started, and reads how things stand now. Nothing moves
/// the account's money, and nobody else starts one, before it ends: on PostgreSQL its balance is locked,
/// on SQLite the transaction itself is alone.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(
    db: &Db,
    account: AccountId,
    now: Timestamp,
) -> Result<(Tx, Option<Candidate>), StoreError> {
    let balance = Lookup {
        select: rows::SELECT_BALANCES,
        key: "account_id",
        ids: vec![account.to_string()],
        lock: Lock::ForUpdate,
    };
    let (mut tx, _) = db.begin_with(&[balance]).await?;
    // A statement of its own, after the lock: what it waited for is in what this one sees.
    let sql = format!("{CANDIDATES} WHERE a.account_id = $1");
    let [day, month] = windows(now);
    let row = tx
        .query_opt(&sql, &[account.to_string().into(), day, month])
        .await?;
    let found = row.map(candidate).transpose()?;
    Ok((tx, found))
}

/// One is being started in this transaction, so no limit is in the way.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn started(tx: &mut Tx, account: AccountId) -> Result<(), StoreError> {
    let sql =
        "UPDATE auto_topups SET limited_by = NULL, limited_until = NULL WHERE account_id = $1";
    tx.execute(sql, &[account.to_string().into()]).await?;
    Ok(())
}

/// Notes that as much was bought as is allowed; false where that is known already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn limited(
    db: &Db,
    account: AccountId,
    period: Period,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE auto_topups SET limited_by = $2, limited_until = $3 WHERE account_id = $1 \
         AND (limited_by IS NULL OR limited_by <> $2 OR limited_until <> $3)";
    let params = [
        account.to_string().into(),
        period.name().into(),
        until.millis().into(),
    ];
    Ok(db.execute(sql, &params).await? == 1)
}
