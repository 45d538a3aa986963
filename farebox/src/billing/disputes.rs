//! An account's disputes, for reading: they are decided at the bank and answered in Stripe's dashboard. What
//! they do to the books is in `reversals`.

use std::sync::Arc;

use api::Cents;
use ledger::AccountId;

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::holds::rfc_3339;
use crate::billing::reversals::cents;
use crate::store::reversals::{self, Kind, Reversal};

/// A page of a list of disputes, and how many there are on all pages.
#[derive(Clone, Debug)]
pub struct DisputePage {
    /// Newest first.
    pub disputes: Vec<api::Dispute>,
    /// On all pages together.
    pub total: i64,
}

/// A page of the account's disputes, newest first; `page` counts from 1.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn list_disputes(
    app: &Arc<App>,
    account: AccountId,
    page: i64,
    per_page: i64,
) -> Result<DisputePage, BillingError> {
    let (db, offset) = (
        &app.store.db,
        page.saturating_sub(1).saturating_mul(per_page),
    );
    let found = reversals::page(db, account, Kind::Dispute, per_page, offset).await?;
    let disputes: Result<_, _> = found.iter().map(render).collect();
    Ok(DisputePage {
        disputes: disputes?,
        total: reversals::count(db, account, Kind::Dispute).await?,
    })
}

fn render(row: &Reversal) -> Result<api::Dispute, BillingError> {
    Ok(api::Dispute {
        id: row.id.clone(),
        payment_intent_id: row.invoice_id.clone(),
        stripe_id: row.stripe_id.clone(),
        amount: Cents::from_nanos(cents(row.amount_cents)?.nanos()),
        credit: Cents::from_nanos(row.away.shares.credit.nanos()),
        status: row.status.clone(),
        open: row.open,
        reason: row.reason.clone(),
        created_at: rfc_3339(row.created_at)?,
    })
}
