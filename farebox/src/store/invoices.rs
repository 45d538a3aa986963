//! What is kept of the invoices that top-ups are, for reading back. No decision is made by it.

use ledger::{AccountId, Timestamp};

use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::value::{Row, Value};

/// An invoice as Stripe told it.
#[derive(Clone, Debug)]
pub struct Told {
    /// The number that is printed on it, once it is final.
    pub number: Option<String>,
    /// `draft`, `open`, `paid`, `void` or `uncollectible`.
    pub status: String,
    /// What it is for, with tax, in cents.
    pub amount_due_cents: i64,
    /// What was paid of that, in cents.
    pub amount_paid_cents: i64,
    /// How often a payment was tried.
    pub attempt_count: i64,
    /// Where the PDF is, sealed.
    pub sealed_pdf: Option<String>,
    /// When Stripe made it.
    pub created_at: Timestamp,
    /// When Stripe was asked.
    pub asked_at: Timestamp,
}

/// A top-up's invoice, with what Stripe told of it, if it ever did.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The top-up's id.
    pub topup_id: String,
    /// Stripe's `in_…`.
    pub id: String,
    /// `manual` or `auto`.
    pub kind: String,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Which token or user asked for the top-up.
    pub created_by: String,
    /// The credit and the fee, in cents.
    pub amount_cents: i64,
    /// When the top-up was asked for.
    pub asked_for_at: Timestamp,
    /// The invoice itself.
    pub told: Option<Told>,
}

/// Writes down what Stripe told of a top-up's invoice. What was asked earlier never replaces what was
/// asked later, and a final status stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note(db: &Db, topup_id: &str, told: &Told) -> Result<(), StoreError> {
    let sql = "INSERT INTO invoices (topup_id, number, status, amount_due_cents, amount_paid_cents, \
         attempt_count, sealed_pdf, created_at, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (topup_id) DO UPDATE SET number = excluded.number, status = excluded.status, \
         amount_due_cents = excluded.amount_due_cents, amount_paid_cents = excluded.amount_paid_cents, \
         attempt_count = excluded.attempt_count, sealed_pdf = excluded.sealed_pdf, \
         asked_at = excluded.asked_at \
         WHERE invoices.asked_at <= excluded.asked_at AND invoices.status NOT IN ('paid', 'void')";
    let params: [Value; 9] = [
        topup_id.into(),
        told.number.as_deref().into(),
        told.status.as_str().into(),
        told.amount_due_cents.into(),
        told.amount_paid_cents.into(),
        told.attempt_count.into(),
        told.sealed_pdf.as_deref().into(),
        told.created_at.millis().into(),
        told.asked_at.millis().into(),
    ];
    db.execute(sql, &params).await?;
    Ok(())
}

/// What was paid for a top-up, with fee and tax, in cents; none where Stripe never told.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn paid_cents(db: &Db, topup_id: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT amount_paid_cents FROM invoices WHERE topup_id = $1";
    let row = db.query_opt(sql, &[topup_id.into()]).await?;
    row.map(|mut row| row.int()).transpose()
}

/// The account's invoices of this kind, or of every kind, newest first: `limit` after the first `offset`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    db: &Db,
    account: AccountId,
    kind: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Listed>, StoreError> {
    let sql = "SELECT t.id, t.invoice_id, t.kind, t.currency, t.created_by, \
         t.amount_cents + t.fee_cents, t.created_at, i.status, i.number, i.amount_due_cents, \
         i.amount_paid_cents, i.attempt_count, i.sealed_pdf, i.created_at, i.asked_at \
         FROM topups t LEFT JOIN invoices i ON i.topup_id = t.id \
         WHERE t.account_id = $1 AND t.invoice_id IS NOT NULL AND (t.kind = $2 OR $2 = '') \
         ORDER BY t.created_at DESC, t.id DESC LIMIT $3 OFFSET $4";
    let params = [
        account.to_string().into(),
        kind.unwrap_or_default().into(),
        limit.into(),
        offset.into(),
    ];
    db.query(sql, &params)
        .await?
        .into_iter()
        .map(listed)
        .collect()
}

fn listed(mut row: Row) -> Result<Listed, StoreError> {
    Ok(Listed {
        topup_id: row.text()?,
        id: row.text()?,
        kind: row.text()?,
        currency: row.text()?,
        created_by: row.text()?,
        amount_cents: row.int()?,
        asked_for_at: Timestamp::from_millis(row.int()?),
        told: told(row)?,
    })
}

fn told(mut row: Row) -> Result<Option<Told>, StoreError> {
    let Some(status) = row.opt_text()? else {
        return Ok(None);
    };
    Ok(Some(Told {
        status,
        number: row.opt_text()?,
        amount_due_cents: row.int()?,
        amount_paid_cents: row.int()?,
        attempt_count: row.int()?,
        sealed_pdf: row.opt_text()?,
        created_at: Timestamp::from_millis(row.int()?),
        asked_at: Timestamp::from_millis(row.int()?),
    }))
}

/// How many invoices of this kind, or of every kind, the account has.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(db: &Db, account: AccountId, kind: Option<&str>) -> Result<i64, StoreError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM topups \
         WHERE account_id = $1 AND invoice_id IS NOT NULL AND (kind = $2 OR $2 = '')";
    let params = [account.to_string().into(), kind.unwrap_or_default().into()];
    let row = db.query_opt(sql, &params).await?;
    row.ok_or_else(|| StoreError::corrupt("a count has no row"))?
        .int()
}
