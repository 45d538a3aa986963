//! When accounts top themselves up, and how that has gone. A top-up itself is a row of `topups`.
//!
//! Whether one starts is decided in `ledger::auto_topup`, over [`Candidate`]s read here.

mod candidates;

pub use candidates::{Candidate, limited, lock, low_after, low_among, started};

use ledger::auto_topup::{Outcome, Reason, Record, Rules};
use ledger::topup::{CloseReason, Mismatch};
use ledger::{AccountId, Amount, Period, Timestamp};

use crate::store::db::{Db, Tx};
use crate::store::value::{Row, Value};
use crate::store::{StoreError, topups};

/// What an account has set, and what stands in the way of it.
#[derive(Clone, Debug)]
pub struct AutoTopup {
    /// What a top-up buys, in cents.
    pub amount_cents: i64,
    /// Below this much available one starts, in cents.
    pub threshold_cents: i64,
    /// The last failure since one succeeded or the customer acted.
    pub failure: Option<Failure>,
    /// Whether the customer has to act before another attempt.
    pub is_off: bool,
    /// Before when none starts.
    pub retry_at: Option<Timestamp>,
    /// Until when as much was bought as is allowed in a period.
    pub limit: Option<(Period, Timestamp)>,
    /// What forbids it.
    pub pause: Option<Pause>,
}

/// Why a top-up failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// One that the customer can mend.
    pub reason: Reason,
    /// A sentence.
    pub error: String,
    /// When.
    pub at: Timestamp,
}

/// What forbids automatic top-ups.
#[derive(Clone, Debug)]
pub struct Pause {
    /// A dispute or a refund.
    pub reason: Reason,
    /// A sentence.
    pub error: String,
}

/// What the account has set; nothing where it tops itself up never.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, account: AccountId) -> Result<Option<AutoTopup>, StoreError> {
    let sql = "SELECT a.amount_cents, a.threshold_cents, a.disabled_reason, a.error, a.last_failed_at, \
         a.is_off, a.retry_at, a.limited_by, a.limited_until, p.reason, p.error FROM auto_topups a \
         LEFT JOIN auto_topup_pauses p ON p.account_id = a.account_id \
         WHERE a.account_id = $1 ORDER BY p.reason LIMIT 1";
    let row = db.query_opt(sql, &[account.to_string().into()]).await?;
    row.map(auto_topup).transpose()
}

fn auto_topup(mut row: Row) -> Result<AutoTopup, StoreError> {
    let (amount_cents, threshold_cents) = (row.int()?, row.int()?);
    let (reason, error) = (row.opt_named(Reason::from_name)?, row.opt_text()?);
    let (failed_at, is_off) = (moment(&mut row)?, row.flag()?);
    let (retry_at, limited_by) = (moment(&mut row)?, row.opt_named(Period::from_name)?);
    let limit = limited_by.zip(moment(&mut row)?);
    let (paused_by, words) = (row.opt_named(Reason::from_name)?, row.opt_text()?);
    Ok(AutoTopup {
        amount_cents,
        threshold_cents,
        failure: match (reason, error, failed_at) {
            (Some(reason), Some(error), Some(at)) => Some(Failure { reason, error, at }),
            _ => None,
        },
        is_off,
        retry_at,
        limit,
        pause: paused_by
            .zip(words)
            .map(|(reason, error)| Pause { reason, error }),
    })
}

fn moment(row: &mut Row) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.opt_int()?.map(Timestamp::from_millis))
}

/// Sets when the account tops itself up, in place of what it had set. What has failed before counts no
/// more: the customer has acted. So a pause is over as well, but for a dispute that is still open.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set(
    db: &Db,
    account: AccountId,
    amount_cents: i64,
    threshold_cents: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO auto_topups (account_id, amount_cents, threshold_cents, failures, interruptions, \
         is_off, updated_at) VALUES ($1, $2, $3, 0, 0, 0, $4) ON CONFLICT (account_id) DO UPDATE SET \
         amount_cents = excluded.amount_cents, threshold_cents = excluded.threshold_cents, error = NULL, \
         disabled_reason = NULL, last_failed_at = NULL, failures = 0, interruptions = 0, is_off = 0, \
         retry_at = NULL, limited_by = NULL, limited_until = NULL, updated_at = excluded.updated_at";
    let params = [
        account.to_string().into(),
        amount_cents.into(),
        threshold_cents.into(),
        now.millis().into(),
    ];
    let mut tx = db.begin().await?;
    tx.execute(sql, &params).await?;
    let over = "DELETE FROM auto_topup_pauses WHERE account_id = $1 AND (reason = 'refund' OR NOT EXISTS \
         (SELECT 1 FROM reversals r WHERE r.account_id = $1 AND r.open = 1))";
    tx.execute(over, &[account.to_string().into()]).await?;
    tx.commit().await
}

/// The account tops itself up no more. One that is under way goes on.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(db: &Db, account: AccountId) -> Result<(), StoreError> {
    let sql = "DELETE FROM auto_topups WHERE account_id = $1";
    db.execute(sql, &[account.to_string().into()]).await?;
    Ok(())
}

/// From now on nothing is bought automatically, until the same reason is lifted by [`resume`], or by the
/// customer where [`set`] says so. It needs no configuration to be there. A repeat changes nothing.
///
/// # Errors
/// [`StoreError::Database`]; also where the reason is neither `dispute` nor `refund`.
pub async fn pause(
    tx: &mut Tx,
    account: AccountId,
    reason: Reason,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO auto_topup_pauses (account_id, reason, error, since) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id, reason) DO NOTHING";
    let params = [
        account.to_string().into(),
        reason.name().into(),
        error.into(),
        now.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// The same for a refund that leaves less than the account's threshold: to charge the card again at once would
/// undo it. One that leaves more is no reason.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn pause_where_low(
    tx: &mut Tx,
    account: AccountId,
    available: Amount,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO auto_topup_pauses (account_id, reason, error, since) \
         SELECT account_id, 'refund', $3, $4 FROM auto_topups \
         WHERE account_id = $1 AND threshold_cents * 10000000 > $2 \
         ON CONFLICT (account_id, reason) DO NOTHING";
    let error = "A payment was refunded, and charging the card again would undo that. Set the automatic \
         top-up again to go on.";
    let params = [
        account.to_string().into(),
        available.nanos().into(),
        error.into(),
        now.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Lifts what [`pause`] has forbidden for this reason; another reason stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn resume(tx: &mut Tx, account: AccountId, reason: Reason) -> Result<(), StoreError> {
    let sql = "DELETE FROM auto_topup_pauses WHERE account_id = $1 AND reason = $2";
    tx.execute(sql, &[account.to_string().into(), reason.name().into()])
        .await?;
    Ok(())
}

/// What a success changes, and a card: the failures before it, which were all about the card.
const FORGET_FAILURES: &str = "UPDATE auto_topups SET error = NULL, disabled_reason = NULL, \
     last_failed_at = NULL, failures = 0, interruptions = 0, is_off = 0, retry_at = NULL \
     WHERE account_id = $1";

/// The account has another card to charge: what has failed for want of one counts no more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn card_added(db: &Db, account: AccountId) -> Result<(), StoreError> {
    let sql = format!("{FORGET_FAILURES} AND disabled_reason IS NOT NULL");
    db.execute(&sql, &[account.to_string().into()]).await?;
    Ok(())
}

/// An automatic top-up is being credited in this transaction. Only the committer calls this.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn succeeded(tx: &mut Tx, account: AccountId) -> Result<(), StoreError> {
    tx.execute(FORGET_FAILURES, &[account.to_string().into()])
        .await?;
    Ok(())
}

/// The end of an automatic top-up that brought no credit.
#[derive(Debug)]
pub struct Closing<'a> {
    /// Which.
    pub topup_id: &'a str,
    /// Whose.
    pub account: AccountId,
    /// Why it can't be paid any more.
    pub reason: CloseReason,
    /// Stripe's reason for the refusal of the card.
    pub decline_code: Option<&'a str>,
    /// What that means for the next one.
    pub outcome: Outcome,
    /// The same in a sentence.
    pub error: &'a str,
}

/// The top-up can't be paid any more, and the account's record says how it ended, all or none. False,
/// and without effect, where it is settled already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn close(
    db: &Db,
    closing: &Closing<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let (id, reason) = (closing.topup_id, closing.reason);
    if !topups::close_within(&mut tx, id, reason, closing.decline_code, now).await? {
        tx.roll_back().await?;
        return Ok(false);
    }
    // The account may have set nothing any more.
    if let Some(record) = record(&mut tx, closing.account).await? {
        let record = record.after(closing.outcome, rules, now);
        note(&mut tx, closing, &record, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// The top-up's money has arrived and does not match: it is set aside for review, and none is started
/// until the customer acts, because the next would go the same way. False, and without effect, where
/// that is known already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_aside(
    db: &Db,
    topup_id: &str,
    account: AccountId,
    mismatch: Mismatch,
    error: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    if !topups::review_within(&mut tx, topup_id, mismatch, now).await? {
        tx.roll_back().await?;
        return Ok(false);
    }
    let sql = "UPDATE auto_topups SET is_off = 1, disabled_reason = $2, error = $3, last_failed_at = $4 \
         WHERE account_id = $1";
    let params = [
        account.to_string().into(),
        Reason::PaymentFailed.name().into(),
        error.into(),
        now.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    tx.commit().await?;
    Ok(true)
}

async fn record(tx: &mut Tx, account: AccountId) -> Result<Option<Record>, StoreError> {
    let sql =
        "SELECT failures, interruptions, is_off, retry_at FROM auto_topups WHERE account_id = $1";
    let Some(mut row) = tx.query_opt(sql, &[account.to_string().into()]).await? else {
        return Ok(None);
    };
    Ok(Some(Record {
        failures: row.int()?,
        interruptions: row.int()?,
        is_off: row.flag()?,
        retry_at: moment(&mut row)?,
    }))
}

async fn note(
    tx: &mut Tx,
    closing: &Closing<'_>,
    record: &Record,
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = match closing.outcome {
        Outcome::Failed(reason) => Some(reason),
        Outcome::Interrupted => None,
    };
    // An interruption leaves the failure before it standing.
    let sql = "UPDATE auto_topups SET failures = $2, interruptions = $3, is_off = $4, retry_at = $5, \
         disabled_reason = COALESCE($6, disabled_reason), error = COALESCE($7, error), \
         last_failed_at = COALESCE($8, last_failed_at) WHERE account_id = $1";
    let params: [Value; 8] = [
        closing.account.to_string().into(),
        record.failures.into(),
        record.interruptions.into(),
        record.is_off.into(),
        record.retry_at.map(Timestamp::millis).into(),
        failed.map(Reason::name).into(),
        failed.map(|_| closing.error).into(),
        failed.map(|_| now.millis()).into(),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}
