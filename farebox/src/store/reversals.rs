//! Refunds and disputes as rows. What one has taken out of the books changes only in the transaction of its
//! transfers, which the committer writes; what Stripe says of it is noted here.

use ledger::auto_topup::Reason;
use ledger::reversal::{Away, Shares};
use ledger::{AccountId, Amount, Timestamp};

use crate::store::db::{Db, Tx};
use crate::store::value::{Row, Value};
use crate::store::{StoreError, auto_topups};

/// What a reversal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Money is given back.
    Refund,
    /// The customer's bank takes it back, or asks about it.
    Dispute,
}

impl Kind {
    /// The stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Dispute => "dispute",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Refund, Self::Dispute]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The status of an operator's refund of which Stripe's word is still out.
pub const ASKED: &str = "asked";

/// The status of an operator's refund that Stripe has refused.
pub const REFUSED: &str = "refused";

/// A refund or a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// 32 hex characters; the reference of its transfers.
    pub id: String,
    /// Whose money it is.
    pub topup_id: String,
    /// The top-up's invoice, `in_…`.
    pub invoice_id: String,
    /// Whose credit it takes.
    pub account: AccountId,
    /// What it is.
    pub kind: Kind,
    /// Stripe's `re_…` or `dp_…`; none before Stripe has answered.
    pub stripe_id: Option<String>,
    /// The money, in cents of the payment.
    pub amount_cents: i64,
    /// Stripe's status, or [`ASKED`] or [`REFUSED`].
    pub status: String,
    /// Whether a dispute is still being decided.
    pub open: bool,
    /// Stripe's reason.
    pub reason: Option<String>,
    /// Which token asked, or `stripe` where it was made there.
    pub created_by: String,
    /// What it has taken out of the books.
    pub away: Away,
    /// When it was asked for, or made at Stripe.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT r.id, r.topup_id, COALESCE(t.invoice_id, ''), r.account_id, r.kind, r.stripe_id, \
     r.amount_cents, r.status, r.open, r.reason, r.created_by, r.taken_money, r.taken_credit, r.taken_fee, \
     r.taken_loss, r.created_at FROM reversals r JOIN topups t ON t.id = r.topup_id";

fn reversal(mut row: Row) -> Result<Reversal, StoreError> {
    Ok(Reversal {
        id: row.text()?,
        topup_id: row.text()?,
        invoice_id: row.text()?,
        account: row.parse()?,
        kind: row.named(Kind::from_name)?,
        stripe_id: row.opt_text()?,
        amount_cents: row.int()?,
        status: row.text()?,
        open: row.flag()?,
        reason: row.opt_text()?,
        created_by: row.text()?,
        away: away(&mut row)?,
        created_at: Timestamp::from_millis(row.int()?),
    })
}

fn away(row: &mut Row) -> Result<Away, StoreError> {
    Ok(Away {
        money: Amount::from_nanos(row.int()?),
        shares: Shares {
            credit: Amount::from_nanos(row.int()?),
            fee: Amount::from_nanos(row.int()?),
            loss: Amount::from_nanos(row.int()?),
        },
    })
}

async fn many(db: &Db, filter: &str, params: &[Value]) -> Result<Vec<Reversal>, StoreError> {
    let found = db
        .query(&format!("{SELECT} WHERE {filter}"), params)
        .await?;
    found.into_iter().map(reversal).collect()
}

/// A reversal by its own id: for whoever made it or has it from Stripe's metadata.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(db: &Db, id: &str) -> Result<Option<Reversal>, StoreError> {
    Ok(many(db, "r.id = $1", &[id.into()]).await?.pop())
}

/// Any account's reversal by Stripe's id: for what Stripe tells, never for a caller.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_for_stripe(db: &Db, stripe_id: &str) -> Result<Option<Reversal>, StoreError> {
    Ok(many(db, "r.stripe_id = $1", &[stripe_id.into()])
        .await?
        .pop())
}

/// Everything that goes back of a top-up, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_topup(
    db: &Db,
    account: AccountId,
    topup_id: &str,
) -> Result<Vec<Reversal>, StoreError> {
    let filter = "r.topup_id = $1 AND r.account_id = $2 ORDER BY r.seq";
    many(db, filter, &[topup_id.into(), account.to_string().into()]).await
}

/// A page of an account's refunds or disputes, newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    db: &Db,
    account: AccountId,
    kind: Kind,
    limit: i64,
    offset: i64,
) -> Result<Vec<Reversal>, StoreError> {
    let filter = "r.account_id = $1 AND r.kind = $2 ORDER BY r.seq DESC LIMIT $3 OFFSET $4";
    let params = [
        account.to_string().into(),
        kind.name().into(),
        limit.into(),
        offset.into(),
    ];
    many(db, filter, &params).await
}

/// How many refunds or disputes an account has.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db, account: AccountId, kind: Kind) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM reversals WHERE account_id = $1 AND kind = $2";
    let params = [account.to_string().into(), kind.name().into()];
    match db.query_opt(sql, &params).await? {
        Some(mut row) => row.int(),
        None => Ok(0),
    }
}

/// Whether the account has a dispute that is still being decided.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn any_open(db: &Db, account: AccountId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM reversals WHERE account_id = $1 AND open = 1 LIMIT 1";
    let row = db.query_opt(sql, &[account.to_string().into()]).await?;
    Ok(row.is_some())
}

/// Operators' refunds of which Stripe's word has been out since `before`, longest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unanswered(
    db: &Db,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Reversal>, StoreError> {
    let filter = "r.status = 'asked' AND r.updated_at <= $1 ORDER BY r.updated_at LIMIT $2";
    many(db, filter, &[before.millis().into(), limit.into()]).await
}

/// Everything that was made at `since` or later: for the comparison with Stripe.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn since(db: &Db, since: Timestamp) -> Result<Vec<Reversal>, StoreError> {
    many(db, "r.created_at >= $1", &[since.millis().into()]).await
}

/// Notes that Stripe is about to be asked about a refund; false where somebody did so after `before`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim_look(
    db: &Db,
    id: &str,
    before: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE reversals SET updated_at = $3 WHERE id = $1 AND updated_at <= $2 \
         AND status = 'asked'";
    let params = [id.into(), before.millis().into(), now.millis().into()];
    Ok(db.execute(sql, &params).await? == 1)
}

/// What is away of a top-up, and by how many movements it came to be so.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Movements so far.
    pub moves: i64,
    /// All that is away, except for one reversal's own part.
    pub others: Away,
}

/// The picture by which a movement of `except` can be planned: see [`Move`].
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`] where the top-up is gone or the sum is no amount.
pub async fn picture(db: &Db, topup_id: &str, except: &str) -> Result<Picture, StoreError> {
    // One statement, so that the number and the sum are of one moment.
    let sql = "SELECT t.reversal_moves, \
         CAST(COALESCE(SUM(r.taken_money), 0) AS BIGINT), CAST(COALESCE(SUM(r.taken_credit), 0) AS BIGINT), \
         CAST(COALESCE(SUM(r.taken_fee), 0) AS BIGINT), CAST(COALESCE(SUM(r.taken_loss), 0) AS BIGINT) \
         FROM topups t LEFT JOIN reversals r ON r.topup_id = t.id AND r.id <> $2 \
         WHERE t.id = $1 GROUP BY t.id, t.reversal_moves";
    let row = db.query_opt(sql, &[topup_id.into(), except.into()]).await?;
    let mut row = row.ok_or_else(|| StoreError::corrupt(format!("top-up {topup_id} is gone")))?;
    Ok(Picture {
        moves: row.int()?,
        others: away(&mut row)?,
    })
}

/// Writes down what Stripe has told of a reversal that it made, or again of one that is known. With an open
/// dispute new spending is refused where `freezes`.
///
/// # Errors
/// [`StoreError::Duplicate`] where two rows would have one id of Stripe's; [`StoreError::Database`].
pub async fn note(
    db: &Db,
    told: &Reversal,
    freezes: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO reversals (id, topup_id, account_id, kind, stripe_id, amount_cents, status, open, \
         reason, created_by, taken_money, taken_credit, taken_fee, taken_loss, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, $11, $12) \
         ON CONFLICT (id) DO UPDATE SET stripe_id = excluded.stripe_id, status = excluded.status, \
         open = excluded.open, reason = excluded.reason, updated_at = excluded.updated_at";
    let mut tx = db.begin().await?;
    let mut params = values(told);
    params.push(now.millis().into());
    tx.execute(sql, &params).await?;
    if told.kind == Kind::Dispute {
        refreeze(&mut tx, freezes, Some(told.account)).await?;
        pause_while_open(&mut tx, told, now).await?;
    }
    tx.commit().await
}

/// No automatic top-up while a dispute is open. After one that was lost it is for the customer to say that the
/// card may be charged again.
async fn pause_while_open(tx: &mut Tx, told: &Reversal, now: Timestamp) -> Result<(), StoreError> {
    if told.open {
        let error =
            "A payment is disputed at the bank. Automatic top-ups go on when that is decided.";
        return auto_topups::pause(tx, told.account, Reason::Dispute, error, now).await;
    }
    let sql = "SELECT 1 FROM reversals r JOIN auto_topup_pauses p \
         ON p.account_id = r.account_id AND p.reason = 'dispute' WHERE r.account_id = $1 \
         AND (r.open = 1 OR (r.status = 'lost' AND r.updated_at >= p.since)) LIMIT 1";
    match tx
        .query_opt(sql, &[told.account.to_string().into()])
        .await?
    {
        Some(_) => Ok(()),
        None => auto_topups::resume(tx, told.account, Reason::Dispute).await,
    }
}

fn values(reversal: &Reversal) -> Vec<Value> {
    vec![
        reversal.id.as_str().into(),
        reversal.topup_id.as_str().into(),
        reversal.account.to_string().into(),
        reversal.kind.name().into(),
        reversal.stripe_id.as_deref().into(),
        reversal.amount_cents.into(),
        reversal.status.as_str().into(),
        reversal.open.into(),
        reversal.reason.as_deref().into(),
        reversal.created_by.as_str().into(),
        reversal.created_at.millis().into(),
    ]
}

/// Sets whether one account, or every one, may spend, after its disputes.
async fn refreeze(
    tx: &mut Tx,
    freezes: bool,
    account: Option<AccountId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE balances SET frozen = CASE WHEN $1 = 1 AND EXISTS (SELECT 1 FROM reversals r \
         WHERE r.account_id = balances.account_id AND r.open = 1) THEN 1 ELSE 0 END \
         WHERE $2 = '' OR account_id = $2";
    let account = account.map(|account| account.to_string());
    let params = [freezes.into(), account.unwrap_or_default().into()];
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Sets whether accounts with an open dispute may spend, after the operator's configuration.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn refreeze_all(db: &Db, freezes: bool) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    refreeze(&mut tx, freezes, None).await?;
    tx.commit().await
}

/// A movement of money for one reversal, as it was planned.
#[derive(Clone, Debug)]
pub struct Move {
    /// How many movements of the top-up the planner had seen: where there are more, it is not written.
    pub seen: i64,
    /// The reversal as it is after it. Its row is made where there is none.
    pub after: Reversal,
}

/// Writes a movement, in the transaction of its transfers.
///
/// # Errors
/// [`StoreError::Conflict`] where it was planned by what is so no more.
pub(super) async fn write_move(
    tx: &mut Tx,
    planned: &Move,
    now: Timestamp,
) -> Result<(), StoreError> {
    let next = "UPDATE topups SET reversal_moves = reversal_moves + 1 \
         WHERE id = $1 AND reversal_moves = $2";
    let params = [planned.after.topup_id.as_str().into(), planned.seen.into()];
    if tx.execute(next, &params).await? != 1 {
        return Err(StoreError::Conflict("more has gone back of the top-up"));
    }
    let sql = "INSERT INTO reversals (id, topup_id, account_id, kind, stripe_id, amount_cents, status, open, \
         reason, created_by, created_at, updated_at, taken_money, taken_credit, taken_fee, taken_loss) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at, \
         taken_money = excluded.taken_money, taken_credit = excluded.taken_credit, \
         taken_fee = excluded.taken_fee, taken_loss = excluded.taken_loss";
    let mut params = values(&planned.after);
    let Away { money, shares } = planned.after.away;
    params.push(now.millis().into());
    params.extend(
        [money, shares.credit, shares.fee, shares.loss].map(|amount| Value::from(amount.nanos())),
    );
    tx.execute(sql, &params).await?;
    Ok(())
}

/// Keeps an automatic top-up from undoing a refund, and lets it go on when the refund's money came back.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn guard_auto_topup(
    tx: &mut Tx,
    planned: &Move,
    available: Amount,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Reversal {
        kind,
        account,
        away,
        ..
    } = &planned.after;
    match (kind, away.money.is_positive()) {
        (Kind::Dispute, _) => Ok(()),
        (Kind::Refund, true) => auto_topups::pause_where_low(tx, *account, available, now).await,
        (Kind::Refund, false) => auto_topups::resume(tx, *account, Reason::Refund).await,
    }
}

/// A movement that moves nothing in the books, because only tax goes back.
///
/// # Errors
/// As for a movement with transfers.
pub async fn move_nothing(db: &Db, planned: &Move, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    write_move(&mut tx, planned, now).await?;
    tx.commit().await
}

/// Every reversal with what it has taken: for the audit.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn all(tx: &mut Tx) -> Result<Vec<Reversal>, StoreError> {
    let found = tx.query(&format!("{SELECT} ORDER BY r.seq"), &[]).await?;
    found.into_iter().map(reversal).collect()
}
