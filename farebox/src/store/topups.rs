//! Top-ups as rows. A row's state is a view of what Stripe says; credit exists by the transfer alone,
//! and `completed` is written by the committer only, in the transaction of that transfer.

use ledger::topup::{CloseReason, Mismatch, State, Waiting};
use ledger::{AccountId, Timestamp};

use crate::store::db::{Db, Tx};
use crate::store::value::{Row, Value};
use crate::store::{StoreError, jobs};

/// How far the calls to Stripe have come. Written before a call that may charge, so that whoever
/// finds the row after a crash knows what may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Nothing is known at Stripe.
    New,
    /// The invoice exists, as a draft.
    Invoiced,
    /// The invoice is open: it can be paid.
    Finalized,
    /// The card may have been charged.
    Paying,
    /// Everything was said; what remains is Stripe's or the customer's.
    Done,
}

const STEPS: [(Step, &str); 5] = [
    (Step::New, "new"),
    (Step::Invoiced, "invoiced"),
    (Step::Finalized, "finalized"),
    (Step::Paying, "paying"),
    (Step::Done, "done"),
];

impl Step {
    /// The stored name.
    pub fn name(self) -> &'static str {
        STEPS
            .iter()
            .find(|(step, _)| *step == self)
            .map_or("", |(_, name)| name)
    }

    /// The step of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        STEPS
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(step, _)| *step)
    }
}

/// One purchase of credit.
#[derive(Clone, Debug)]
pub struct Topup {
    /// 32 hex characters; the idempotency keys sent to Stripe and the transfer ids derive from it.
    pub id: String,
    /// Whose credit it is.
    pub account: AccountId,
    /// `manual` or `auto`.
    pub kind: String,
    /// The credit bought, in cents.
    pub amount_cents: i64,
    /// The fee charged beside it, in cents.
    pub fee_cents: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Whether real money moves.
    pub livemode: bool,
    /// Which token or user asked.
    pub created_by: String,
    /// The `payment_method_id` of the request.
    pub requested_payment_method: Option<String>,
    /// Where the purchase stands.
    pub state: State,
    /// How far the calls to Stripe have come.
    pub step: Step,
    /// What a pending one waits for.
    pub waiting: Option<Waiting>,
    /// Why a closed one can't be paid any more.
    pub close_reason: Option<CloseReason>,
    /// Stripe's reason for the last refusal of a card.
    pub decline_code: Option<String>,
    /// What did not match, where money arrived that isn't credited.
    pub mismatch: Option<Mismatch>,
    /// Stripe's `in_…`: the id that the wire calls `payment_intent_id`.
    pub invoice_id: Option<String>,
    /// Stripe's `pi_…`.
    pub payment_intent_id: Option<String>,
    /// Stripe's `pm_…` that was charged.
    pub payment_method_id: Option<String>,
    /// The card's brand.
    pub brand: Option<String>,
    /// The card's last four digits.
    pub last4: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the credit was written.
    pub completed_at: Option<Timestamp>,
    /// When Stripe was last asked about it.
    pub looked_at: Timestamp,
}

impl Topup {
    /// Whether nobody is there to act on it: the account tops itself up.
    pub fn is_unattended(&self) -> bool {
        self.kind == AUTO
    }
}

/// The kind of a top-up that nobody asked for.
pub const AUTO: &str = "auto";

const SELECT: &str = "SELECT id, account_id, kind, amount_cents, fee_cents, currency, livemode, \
     created_by, requested_payment_method, state, step, waiting, close_reason, decline_code, mismatch, \
     invoice_id, payment_intent_id, payment_method_id, brand, last4, created_at, completed_at, \
     looked_at FROM topups";

fn topup(mut row: Row) -> Result<Topup, StoreError> {
    Ok(Topup {
        id: row.text()?,
        account: row.parse()?,
        kind: row.text()?,
        amount_cents: row.int()?,
        fee_cents: row.int()?,
        currency: row.text()?,
        livemode: row.flag()?,
        created_by: row.text()?,
        requested_payment_method: row.opt_text()?,
        state: row.named(State::from_name)?,
        step: row.named(Step::from_name)?,
        waiting: row.opt_named(Waiting::from_name)?,
        close_reason: row.opt_named(CloseReason::from_name)?,
        decline_code: row.opt_text()?,
        mismatch: row.opt_named(Mismatch::from_name)?,
        invoice_id: row.opt_text()?,
        payment_intent_id: row.opt_text()?,
        payment_method_id: row.opt_text()?,
        brand: row.opt_text()?,
        last4: row.opt_text()?,
        created_at: Timestamp::from_millis(row.int()?),
        completed_at: row.opt_int()?.map(Timestamp::from_millis),
        looked_at: Timestamp::from_millis(row.int()?),
    })
}

/// What is known when a top-up is asked for.
#[derive(Debug)]
pub struct NewTopup<'a> {
    /// 32 hex characters, new.
    pub id: &'a str,
    /// Whose credit it will be.
    pub account: AccountId,
    /// `manual` or `auto`.
    pub kind: &'a str,
    /// The credit, in cents.
    pub amount_cents: i64,
    /// The fee, in cents.
    pub fee_cents: i64,
    /// ISO 4217, lower case.
    pub currency: &'a str,
    /// Whether real money will move.
    pub livemode: bool,
    /// Which token or user asks.
    pub created_by: &'a str,
    /// The card that the request names.
    pub requested_payment_method: Option<&'a str>,
    /// Until when the caller alone drives it.
    pub claimed_until: Timestamp,
}

/// Writes a new top-up, `started`.
///
/// # Errors
/// [`StoreError::Duplicate`] or [`StoreError::Database`].
pub async fn insert(tx: &mut Tx, new: &NewTopup<'_>, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO topups (id, account_id, kind, amount_cents, fee_cents, currency, livemode, \
         created_by, requested_payment_method, state, step, created_at, updated_at, looked_at, \
         claimed_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'started', 'new', $10, $10, $10, $11)";
    let params: [Value; 11] = [
        new.id.into(),
        new.account.to_string().into(),
        new.kind.into(),
        new.amount_cents.into(),
        new.fee_cents.into(),
        new.currency.into(),
        new.livemode.into(),
        new.created_by.into(),
        new.requested_payment_method.into(),
        now.millis().into(),
        new.claimed_until.millis().into(),
    ];
    tx.execute(sql, &params).await?;
    Ok(())
}

async fn one(db: &Db, filter: &str, params: &[Value]) -> Result<Option<Topup>, StoreError> {
    db.query_opt(&format!("{SELECT} WHERE {filter}"), params)
        .await?
        .map(topup)
        .transpose()
}

/// The account's top-up with this invoice. Another account's is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    db: &Db,
    account: AccountId,
    invoice_id: &str,
) -> Result<Option<Topup>, StoreError> {
    one(
        db,
        "invoice_id = $1 AND account_id = $2",
        &[invoice_id.into(), account.to_string().into()],
    )
    .await
}

/// A top-up by its own id: for whoever made or claimed it.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`] where there is none.
pub async fn get(db: &Db, id: &str) -> Result<Topup, StoreError> {
    one(db, "id = $1", &[id.into()])
        .await?
        .ok_or_else(|| StoreError::corrupt(format!("top-up {id} is gone")))
}

/// Any account's top-up by Stripe's invoice: for events from Stripe, never for a caller.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_for_invoice(db: &Db, invoice_id: &str) -> Result<Option<Topup>, StoreError> {
    one(db, "invoice_id = $1", &[invoice_id.into()]).await
}

/// Any account's top-up by Stripe's payment intent: for events from Stripe, never for a caller.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_for_payment_intent(db: &Db, id: &str) -> Result<Option<Topup>, StoreError> {
    one(db, "payment_intent_id = $1", &[id.into()]).await
}

/// Any account's top-up by its own id, which Stripe's metadata carry: for events from Stripe.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_for_metadata(db: &Db, id: &str) -> Result<Option<Topup>, StoreError> {
    one(db, "id = $1", &[id.into()]).await
}

/// Top-ups that are neither completed nor closed and that nobody has looked at since `before`,
/// longest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unsettled(db: &Db, before: Timestamp, limit: i64) -> Result<Vec<Topup>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE state IN ('started', 'pending') AND looked_at <= $1 AND claimed_until <= $1 \
         ORDER BY looked_at LIMIT $2"
    );
    db.query(&sql, &[before.millis().into(), limit.into()])
        .await?
        .into_iter()
        .map(topup)
        .collect()
}

/// Completed top-ups that were asked for at `since` or later: for the comparison with Stripe.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn completed_since(db: &Db, since: Timestamp) -> Result<Vec<Topup>, StoreError> {
    let sql = format!("{SELECT} WHERE state = 'completed' AND created_at >= $1");
    let found = db.query(&sql, &[since.millis().into()]).await?;
    found.into_iter().map(topup).collect()
}

/// Takes the top-up for this caller alone until `until`; false where somebody else has it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim(
    db: &Db,
    id: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE topups SET claimed_until = $2 WHERE id = $1 AND claimed_until <= $3";
    let changed = db
        .execute(
            sql,
            &[id.into(), until.millis().into(), now.millis().into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Keeps a claimed top-up until `until`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn renew(db: &Db, id: &str, until: Timestamp) -> Result<(), StoreError> {
    db.execute(
        "UPDATE topups SET claimed_until = $2 WHERE id = $1",
        &[id.into(), until.millis().into()],
    )
    .await?;
    Ok(())
}

/// Lets go of a claimed top-up.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release(db: &Db, id: &str) -> Result<(), StoreError> {
    db.execute(
        "UPDATE topups SET claimed_until = 0 WHERE id = $1",
        &[id.into()],
    )
    .await?;
    Ok(())
}

/// Forgets the claims of a process that is gone. Only for SQLite, where this process is the only one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release_all(db: &Db) -> Result<(), StoreError> {
    db.execute(
        "UPDATE topups SET claimed_until = 0 WHERE claimed_until > 0",
        &[],
    )
    .await?;
    Ok(())
}

/// Notes that Stripe is about to be asked about a top-up; false where somebody did so after `before`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim_look(
    db: &Db,
    id: &str,
    before: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE topups SET looked_at = $3 WHERE id = $1 AND looked_at <= $2 \
         AND state IN ('started', 'pending')";
    let params = [id.into(), before.millis().into(), now.millis().into()];
    Ok(db.execute(sql, &params).await? == 1)
}

/// Notes what a step at Stripe brought. Nothing that is known already is forgotten.
#[derive(Debug, Default)]
pub struct Progress<'a> {
    /// The invoice.
    pub invoice_id: Option<&'a str>,
    /// Its payment intent.
    pub payment_intent_id: Option<&'a str>,
    /// The card that is charged, with what may be shown of it.
    pub card: Option<Card>,
    /// Why the card was refused.
    pub decline_code: Option<&'a str>,
}

/// What is kept of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Stripe's `pm_…`.
    pub id: String,
    /// `visa`, `mastercard` …
    pub brand: Option<String>,
    /// The last four digits.
    pub last4: Option<String>,
}

/// Writes down that the top-up has reached `step`.
///
/// # Errors
/// [`StoreError::Conflict`] where it is completed or closed already; [`StoreError::Database`].
pub async fn advance(
    db: &Db,
    id: &str,
    step: Step,
    progress: &Progress<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE topups SET step = $2, invoice_id = COALESCE($3, invoice_id), \
         payment_intent_id = COALESCE($4, payment_intent_id), \
         payment_method_id = COALESCE($5, payment_method_id), brand = COALESCE($6, brand), \
         last4 = COALESCE($7, last4), decline_code = COALESCE($8, decline_code), updated_at = $9 \
         WHERE id = $1 AND state IN ('started', 'pending')";
    let card = progress.card.as_ref();
    let params: [Value; 9] = [
        id.into(),
        step.name().into(),
        progress.invoice_id.into(),
        progress.payment_intent_id.into(),
        card.map(|card| card.id.as_str()).into(),
        card.and_then(|card| card.brand.as_deref()).into(),
        card.and_then(|card| card.last4.as_deref()).into(),
        progress.decline_code.into(),
        now.millis().into(),
    ];
    changed_one(db.execute(sql, &params).await?)
}

/// Notes why the card was refused, before the invoice is voided: the event of that may be heard first,
/// and says nothing of the reason. Without effect where the top-up is settled already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_decline(
    db: &Db,
    id: &str,
    decline_code: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE topups SET decline_code = $2, updated_at = $3 \
         WHERE id = $1 AND state IN ('started', 'pending')";
    db.execute(sql, &[id.into(), decline_code.into(), now.millis().into()])
        .await?;
    Ok(())
}

/// The top-up is `pending` and waits for somebody; without effect where it is settled already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn wait(
    db: &Db,
    id: &str,
    waiting: Waiting,
    decline_code: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    // An automatic top-up's card is tried once, so its decline stays; a customer who is there tries again.
    let sql = "UPDATE topups SET state = 'pending', waiting = $2, \
         decline_code = CASE WHEN kind = 'auto' THEN COALESCE($3, decline_code) ELSE $3 END, \
         updated_at = $4, looked_at = $4 WHERE id = $1 AND state IN ('started', 'pending')";
    let params = [
        id.into(),
        waiting.name().into(),
        decline_code.into(),
        now.millis().into(),
    ];
    db.execute(sql, &params).await?;
    Ok(())
}

/// The top-up can't be paid any more; false, and without effect, where it is settled already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn close(
    db: &Db,
    id: &str,
    reason: CloseReason,
    decline_code: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let params = close_params(id, reason, decline_code, now);
    Ok(db.execute(CLOSE, &params).await? == 1)
}

/// The same as a part of a transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn close_within(
    tx: &mut Tx,
    id: &str,
    reason: CloseReason,
    decline_code: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let params = close_params(id, reason, decline_code, now);
    Ok(tx.execute(CLOSE, &params).await? == 1)
}

const CLOSE: &str = "UPDATE topups SET state = 'closed', step = 'done', waiting = NULL, close_reason = $2, \
     decline_code = $3, updated_at = $4, looked_at = $4 \
     WHERE id = $1 AND state IN ('started', 'pending')";

fn close_params(
    id: &str,
    reason: CloseReason,
    decline_code: Option<&str>,
    now: Timestamp,
) -> [Value; 4] {
    [
        id.into(),
        reason.name().into(),
        decline_code.into(),
        now.millis().into(),
    ]
}

/// Notes the invoice of a top-up that was interrupted before it could do so itself.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn adopt_invoice(
    db: &Db,
    id: &str,
    invoice_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE topups SET invoice_id = $2, updated_at = $3 \
         WHERE id = $1 AND invoice_id IS NULL";
    db.execute(sql, &[id.into(), invoice_id.into(), now.millis().into()])
        .await?;
    Ok(())
}

/// Money has arrived that does not match: an operator must look. Never undone by itself. False, and
/// without effect, where that is known already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn review(
    db: &Db,
    id: &str,
    mismatch: Mismatch,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let params = review_params(id, mismatch, now);
    Ok(db.execute(REVIEW, &params).await? == 1)
}

/// The same as a part of a transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn review_within(
    tx: &mut Tx,
    id: &str,
    mismatch: Mismatch,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let params = review_params(id, mismatch, now);
    Ok(tx.execute(REVIEW, &params).await? == 1)
}

const REVIEW: &str = "UPDATE topups SET state = 'review', step = 'done', waiting = NULL, \
     close_reason = NULL, mismatch = $2, updated_at = $3, looked_at = $3 \
     WHERE id = $1 AND state <> 'completed' AND COALESCE(mismatch, '') <> $2";

fn review_params(id: &str, mismatch: Mismatch, now: Timestamp) -> [Value; 3] {
    [id.into(), mismatch.name().into(), now.millis().into()]
}

/// The credit is being written in this transaction, so the top-up is completed. Only the committer
/// calls this.
///
/// # Errors
/// [`StoreError::Conflict`] where it is completed already, which the transfer's id rules out.
pub(super) async fn complete(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE topups SET state = 'completed', step = 'done', waiting = NULL, close_reason = NULL, \
         mismatch = NULL, completed_at = $2, updated_at = $2, looked_at = $2 \
         WHERE id = $1 AND state <> 'completed'";
    changed_one(tx.execute(sql, &[id.into(), now.millis().into()]).await?)?;
    look_at_reversals(tx, id, now).await
}

/// What went back of the payment before its credit was written could not be taken: it is looked at again.
async fn look_at_reversals(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "SELECT payment_intent_id FROM topups t WHERE t.id = $1 AND payment_intent_id IS NOT NULL \
         AND EXISTS (SELECT 1 FROM reversals r WHERE r.topup_id = t.id)";
    match tx.query_opt(sql, &[id.into()]).await? {
        Some(mut row) => jobs::enqueue(tx, jobs::APPLY_REVERSALS, &row.text()?, now).await,
        None => Ok(()),
    }
}

fn changed_one(changed: u64) -> Result<(), StoreError> {
    if changed == 1 {
        return Ok(());
    }
    Err(StoreError::Conflict("the top-up is settled already"))
}

/// What an account's top-ups add up to, as the balance page shows it.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Bought but not yet paid, in cents.
    pub pending_cents: i64,
    /// Whether one has ever been completed.
    pub any_completed: bool,
}

/// Sums up an account's top-ups.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn summary(db: &Db, account: AccountId) -> Result<Summary, StoreError> {
    let sql = "SELECT CAST(COALESCE(SUM(CASE WHEN state IN ('started', 'pending') THEN amount_cents \
         ELSE 0 END), 0) AS BIGINT), CAST(COALESCE(MAX(CASE WHEN state = 'completed' THEN 1 ELSE 0 END), 0) \
         AS BIGINT) FROM topups WHERE account_id = $1";
    let row = db.query_opt(sql, &[account.to_string().into()]).await?;
    let mut row = row.ok_or_else(|| StoreError::corrupt("a sum has no row"))?;
    Ok(Summary {
        pending_cents: row.int()?,
        any_completed: row.flag()?,
    })
}

/// How many top-ups are in each state that an operator watches: `started`, `pending`, `review`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_open(db: &Db) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT state, CAST(COUNT(*) AS BIGINT) FROM topups \
         WHERE state IN ('started', 'pending', 'review') GROUP BY state";
    let rows = db.query(sql, &[]).await?;
    rows.into_iter()
        .map(|mut row| Ok((row.text()?, row.int()?)))
        .collect()
}
