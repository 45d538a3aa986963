//! An account's invoices out of our own records (contract: section 1, `GET invoice-history`): Stripe is
//! not asked, what it last said when a top-up was looked at was written down.

use std::sync::Arc;

use api::{BilledInvoice, Cents, InvoiceHistory, ResultInfo};
use ledger::{AccountId, Timestamp};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::topup::DESCRIPTION;
use crate::keyring::context;
use crate::store::invoices::{self, Listed, Told};
use crate::store::topups::Topup;
use crate::stripe::Invoice;

/// Which of an account's invoices are wanted.
#[derive(Clone, Copy, Debug)]
pub struct InvoicePage {
    /// `manual` or `auto`; both if there is none.
    pub kind: Option<&'static str>,
    /// From 1 on.
    pub page: i64,
    /// How many a page has.
    pub per_page: i64,
}

/// A page of the account's invoices, newest first. Past the end it is empty.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn invoice_history(
    app: &Arc<App>,
    account: AccountId,
    wanted: InvoicePage,
) -> Result<InvoiceHistory, BillingError> {
    let InvoicePage {
        kind,
        page,
        per_page,
    } = wanted;
    let (db, offset) = (&app.store.db, (page - 1).saturating_mul(per_page));
    let total_count = invoices::count(db, account, kind).await?;
    let found = invoices::page(db, account, kind, per_page, offset).await?;
    let invoices = found.into_iter().map(|one| billed(app, account, one));
    Ok(InvoiceHistory {
        invoices: invoices.collect::<Result<_, _>>()?,
        pagination: ResultInfo {
            has_more: offset.saturating_add(per_page) < total_count,
            page,
            per_page,
            total_count,
            ..ResultInfo::default()
        },
    })
}

/// Writes down what Stripe has just told of a top-up's invoice.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn note(
    app: &Arc<App>,
    topup: &Topup,
    invoice: &Invoice,
    asked_at: Timestamp,
) -> Result<(), BillingError> {
    let context = context::invoice(topup.account, &topup.id);
    let sealed_pdf = invoice
        .invoice_pdf
        .as_deref()
        .map(|pdf| app.keyring.seal_answer(&context, pdf))
        .transpose()
        .map_err(|error| BillingError::Internal(error.to_string()))?;
    let told = Told {
        number: invoice.number.clone(),
        status: invoice.status.as_str().to_owned(),
        amount_due_cents: invoice.amount_due,
        amount_paid_cents: invoice.amount_paid,
        attempt_count: invoice.attempt_count,
        sealed_pdf,
        created_at: Timestamp::from_millis(invoice.created.saturating_mul(1000)),
        asked_at,
    };
    Ok(invoices::note(&app.store.db, &topup.id, &told).await?)
}

fn billed(app: &App, account: AccountId, listed: Listed) -> Result<BilledInvoice, BillingError> {
    let context = context::invoice(account, &listed.topup_id);
    // One that Stripe was never asked about again after it was made: a draft, and nothing is known.
    let told = listed.told.unwrap_or_else(|| Told {
        number: None,
        status: "draft".to_owned(),
        amount_due_cents: listed.amount_cents,
        amount_paid_cents: 0,
        attempt_count: 0,
        sealed_pdf: None,
        created_at: listed.asked_for_at,
        asked_at: listed.asked_for_at,
    });
    let sealed = told.sealed_pdf.as_deref();
    let invoice_pdf = sealed
        .map(|sealed| app.keyring.open_answer(&context, sealed))
        .transpose()
        .map_err(|error| BillingError::Internal(error.to_string()))?;
    let remaining = told.amount_due_cents.saturating_sub(told.amount_paid_cents);
    Ok(BilledInvoice {
        id: listed.id,
        number: told.number,
        status: told.status,
        amount_due: cents(told.amount_due_cents)?,
        amount_paid: cents(told.amount_paid_cents)?,
        amount_remaining: cents(remaining)?,
        currency: listed.currency,
        attempt_count: told.attempt_count,
        attempted: told.attempt_count > 0,
        auto_advance: false,
        created: told.created_at.secs(),
        created_by: listed.created_by,
        description: DESCRIPTION.to_owned(),
        invoice_origin: listed.kind,
        invoice_pdf,
    })
}

fn cents(whole: i64) -> Result<Cents, BillingError> {
    Cents::from_whole(whole)
        .ok_or_else(|| BillingError::Internal(format!("{whole} cents are no amount")))
}
