//! Does the ledger have what Stripe has? Paid invoices, refunds and disputes of a stretch of time are compared
//! with the top-ups and reversals here, both ways. It reads and tells, and mends nothing: what heals by itself
//! is in `reconcile`.
//!
//! What is on its way just now is a difference too, until it has arrived.

use std::collections::BTreeMap;

use ledger::reversal::{RefundStands, refund_stands};
use ledger::topup::State;
use ledger::{Amount, Timestamp};
use serde::Serialize;

use crate::billing::BillingError;
use crate::billing::reversals::{cents, facts};
use crate::store::db::Db;
use crate::store::reversals::{self, Kind, Reversal};
use crate::store::topups::{self, Topup};
use crate::stripe::{
    Dispute, DisputeFilter, Invoice, InvoiceFilter, InvoiceStatus, Refund, RefundFilter, Stripe,
};

/// What was compared and what differs.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// Paid invoices of top-ups at Stripe.
    pub invoices: u64,
    /// Refunds of top-ups at Stripe.
    pub refunds: u64,
    /// Disputes of top-ups at Stripe.
    pub disputes: u64,
    /// One entry for each object that differs.
    pub differences: Vec<Difference>,
    /// By how many cents in all, without regard to the sign, so that two mistakes don't hide each other.
    pub drift_cents: i64,
}

/// One object in which Stripe and the ledger differ.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Stripe's id, or ours where Stripe has none.
    pub object: String,
    /// Whose it is, where that is known.
    pub account: Option<String>,
    /// What is the matter.
    pub what: String,
    /// The money at Stripe, in cents.
    pub stripe_cents: i64,
    /// The money in the ledger, in cents.
    pub ledger_cents: i64,
}

impl Comparison {
    fn add(&mut self, difference: Difference) {
        let apart = difference
            .stripe_cents
            .saturating_sub(difference.ledger_cents);
        self.drift_cents = self.drift_cents.saturating_add(apart.saturating_abs());
        self.differences.push(difference);
    }
}

/// Compares everything that was made at `since` or later.
///
/// # Errors
/// [`BillingError`] where Stripe or the database can't be read.
pub async fn compare(
    db: &Db,
    stripe: &Stripe,
    since: Timestamp,
) -> Result<Comparison, BillingError> {
    let mut comparison = Comparison::default();
    compare_invoices(db, stripe, since, &mut comparison).await?;
    let known = reversals::since(db, since).await?;
    let ours = known.into_iter().map(|row| (name(&row), row)).collect();
    compare_reversals(db, stripe, since, ours, &mut comparison).await?;
    Ok(comparison)
}

fn name(row: &Reversal) -> String {
    row.stripe_id.clone().unwrap_or_else(|| row.id.clone())
}

async fn compare_invoices(
    db: &Db,
    stripe: &Stripe,
    since: Timestamp,
    comparison: &mut Comparison,
) -> Result<(), BillingError> {
    let mut credited: BTreeMap<String, Topup> = BTreeMap::new();
    for topup in topups::completed_since(db, since).await? {
        credited.insert(topup.invoice_id.clone().unwrap_or_default(), topup);
    }
    let filter = InvoiceFilter {
        status: Some(InvoiceStatus::Paid),
        created_gte: Some(since.secs()),
        ..InvoiceFilter::default()
    };
    let mut pages = stripe.invoices(&filter);
    while let Some(page) = pages.next().await? {
        for invoice in &page {
            // Others are the operator's own business.
            let Some(id) = invoice.metadata.get("topup_id") else {
                continue;
            };
            comparison.invoices += 1;
            if credited.remove(&invoice.id).is_none() {
                let topup = topups::find_for_metadata(db, id).await?;
                comparison.add(paid_and_not_credited(invoice, topup));
            }
        }
    }
    for (invoice, topup) in credited {
        // Stripe's time is its own: one that was made just before is asked for by its id.
        let paid = stripe.invoice(&invoice).await;
        if !paid.is_ok_and(|invoice| invoice.status == InvoiceStatus::Paid) {
            comparison.add(credited_and_not_paid(&invoice, &topup));
        }
    }
    Ok(())
}

fn paid_and_not_credited(invoice: &Invoice, topup: Option<Topup>) -> Difference {
    let what = match &topup {
        None => "it is paid and there is no such top-up here".to_owned(),
        Some(topup) if topup.state == State::Completed => {
            "it is paid and its top-up was credited for another invoice, or earlier".to_owned()
        }
        Some(topup) => format!("it is paid and its top-up is {}", topup.state.name()),
    };
    Difference {
        object: invoice.id.clone(),
        account: topup.map(|topup| topup.account.to_string()),
        what,
        stripe_cents: invoice.amount_paid,
        ledger_cents: 0,
    }
}

fn credited_and_not_paid(invoice: &str, topup: &Topup) -> Difference {
    Difference {
        object: invoice.to_owned(),
        account: Some(topup.account.to_string()),
        what: format!(
            "top-up {} is credited and Stripe has no paid invoice for it",
            topup.id
        ),
        stripe_cents: 0,
        ledger_cents: topup.amount_cents.saturating_add(topup.fee_cents),
    }
}

async fn compare_reversals(
    db: &Db,
    stripe: &Stripe,
    since: Timestamp,
    mut ours: BTreeMap<String, Reversal>,
    comparison: &mut Comparison,
) -> Result<(), BillingError> {
    let created_gte = Some(since.secs());
    let filter = RefundFilter {
        created_gte,
        ..RefundFilter::default()
    };
    for refund in stripe.refunds(&filter).all().await? {
        let Some(topup) = topup_of(db, refund.payment_intent.as_deref()).await? else {
            continue;
        };
        comparison.refunds += 1;
        let row = ours.remove(&refund.id);
        differ(comparison, &topup, &refund.id, refunded(&refund)?, row);
    }
    let filter = DisputeFilter {
        created_gte,
        ..DisputeFilter::default()
    };
    for dispute in stripe.disputes(&filter).all().await? {
        let Some(topup) = topup_of(db, dispute.payment_intent.as_deref()).await? else {
            continue;
        };
        comparison.disputes += 1;
        let row = ours.remove(&dispute.id);
        differ(
            comparison,
            &topup,
            &dispute.id,
            disputed(&topup, &dispute)?,
            row,
        );
    }
    for (id, row) in ours {
        if row.away.money.is_positive() {
            comparison.add(taken_and_not_at_stripe(id, &row));
        }
    }
    Ok(())
}

async fn topup_of(db: &Db, intent: Option<&str>) -> Result<Option<Topup>, BillingError> {
    match intent {
        Some(intent) => Ok(topups::find_for_payment_intent(db, intent).await?),
        None => Ok(None),
    }
}

fn refunded(refund: &Refund) -> Result<Option<Amount>, BillingError> {
    let status = refund
        .status
        .as_ref()
        .map_or("succeeded", |status| status.as_str());
    Ok(match refund_stands(status) {
        Some(RefundStands::Away) => Some(cents(refund.amount)?),
        Some(RefundStands::Back) => Some(Amount::ZERO),
        None => None,
    })
}

fn disputed(topup: &Topup, dispute: &Dispute) -> Result<Option<Amount>, BillingError> {
    let away = facts(topup, dispute).and_then(|facts| facts.money_away());
    let away = away.ok_or_else(|| BillingError::Internal("a dispute is no amount".to_owned()))?;
    Ok(Some(away))
}

fn differ(
    comparison: &mut Comparison,
    topup: &Topup,
    id: &str,
    at_stripe: Option<Amount>,
    row: Option<Reversal>,
) {
    let here = row.as_ref().map_or(Amount::ZERO, |row| row.away.money);
    let Some(at_stripe) = at_stripe.filter(|money| *money != here) else {
        return;
    };
    let what = match row {
        Some(row) => format!(
            "the {} has moved other money at Stripe than here",
            row.kind.name()
        ),
        None => "money went back at Stripe and nothing is known of it here".to_owned(),
    };
    comparison.add(Difference {
        object: id.to_owned(),
        account: Some(topup.account.to_string()),
        what,
        stripe_cents: at_stripe.to_cents().unwrap_or_default(),
        ledger_cents: here.to_cents().unwrap_or_default(),
    });
}

fn taken_and_not_at_stripe(id: String, row: &Reversal) -> Difference {
    let what = match row.kind {
        Kind::Refund => "credit was taken back for a refund that Stripe doesn't have",
        Kind::Dispute => "credit was taken back for a dispute that Stripe doesn't have",
    };
    Difference {
        object: id,
        account: Some(row.account.to_string()),
        what: what.to_owned(),
        stripe_cents: 0,
        ledger_cents: row.away.money.to_cents().unwrap_or_default(),
    }
}
