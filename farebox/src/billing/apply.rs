//! The one place where a payment becomes credit.
//!
//! It reads the invoice from Stripe afresh, lets the pure state machine decide, and carries that out.
//! The webhook's job, the reconcile job, the status call and the request that started the top-up all
//! come here, in any order and any number of times: the transfer's id, which derives from the
//! top-up's, makes the credit happen once.

use std::sync::Arc;

use ledger::auto_topup::AUTHENTICATION_REQUIRED;
use ledger::topup::{self, CloseReason, Decision, Expected, Facts, Mismatch};
use ledger::{Account, Amount, Code, Operation};

use crate::app::App;
use crate::billing::{BillingError, auto_topup, invoices};
use crate::ids;
use crate::store::committer::{Attached, Entry};
use crate::store::topups::{self, Topup};
use crate::stripe::{Invoice, InvoiceStatus, PaymentIntent, PaymentIntentStatus, StripeError};

/// How often a void and a payment may cross each other before somebody else has to go on.
const ROUNDS_MAX: usize = 3;

/// Finds out from Stripe what has become of a top-up, and acts on it: credits it, closes it, sets it
/// aside, or notes what it waits for. Returns the row as it is then, with the invoice.
///
/// # Errors
/// [`BillingError::Unavailable`] where Stripe can't be asked: then the row is as it was.
pub async fn apply_payment(
    app: &Arc<App>,
    topup: &Topup,
) -> Result<(Topup, Option<Invoice>), BillingError> {
    apply(app, topup, Customer::MayAct).await
}

/// The same for a payment whose customer is not there to act on it: what waits for them is closed and
/// voided. Only for whoever has claimed the top-up: anybody else might look while it is about to be paid.
///
/// # Errors
/// As [`apply_payment`].
pub(super) async fn conclude_unattended(
    app: &Arc<App>,
    topup: &Topup,
) -> Result<(Topup, Option<Invoice>), BillingError> {
    apply(app, topup, Customer::IsAway).await
}

/// Whether a payment can wait for its customer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Customer {
    MayAct,
    IsAway,
}

async fn apply(
    app: &Arc<App>,
    topup: &Topup,
    customer: Customer,
) -> Result<(Topup, Option<Invoice>), BillingError> {
    let Some(invoice_id) = &topup.invoice_id else {
        return Ok((topup.clone(), None));
    };
    let asked_at = app.now();
    let mut invoice = app.stripe.invoice(invoice_id).await?;
    for _ in 0..ROUNDS_MAX {
        let topup = topups::get(&app.store.db, &topup.id).await?;
        let decision = decide(&topup, &invoice, customer);
        // Before it is void: then it may not tell any more.
        let declined = declined(&invoice, customer);
        tracing::debug!(
            topup = topup.id,
            invoice = invoice.id,
            ?decision,
            "top-up looked at"
        );
        let must_void = matches!(decision, Decision::Close(_)) && is_payable(&invoice);
        if must_void {
            if let Some(code) = &declined {
                topups::note_decline(&app.store.db, &topup.id, code, app.now()).await?;
            }
            invoice = void(app, &topup, invoice).await?;
            if invoice.status != InvoiceStatus::Void {
                continue;
            }
        }
        // First, so that whoever finds the top-up completed finds its invoice too.
        invoices::note(app, &topup, &invoice, asked_at).await?;
        carry_out(app, &topup, decision, declined.as_deref()).await?;
        let settled = topups::get(&app.store.db, &topup.id).await?;
        return Ok((settled, Some(invoice)));
    }
    Err(BillingError::Internal(format!(
        "invoice {invoice_id} can neither be voided nor is it paid"
    )))
}

fn decide(topup: &Topup, invoice: &Invoice, customer: Customer) -> Decision {
    let account = topup.account.to_string();
    let expected = Expected {
        topup_id: &topup.id,
        account_id: &account,
        amount_cents: topup.amount_cents,
        fee_cents: topup.fee_cents,
        currency: &topup.currency,
        livemode: topup.livemode,
    };
    let rule = match customer {
        Customer::MayAct => topup::decide,
        Customer::IsAway => topup::decide_unattended,
    };
    rule(topup.state, &expected, &facts(invoice))
}

fn facts(invoice: &Invoice) -> Facts {
    let metadata = |name: &str| invoice.metadata.get(name).cloned();
    let intent = invoice.payment_intent();
    Facts {
        invoice_status: topup::InvoiceStatus::parse(invoice.status.as_str()),
        currency: invoice.currency.clone(),
        total_excluding_tax_cents: invoice.total_excluding_tax.unwrap_or(invoice.total),
        livemode: invoice.livemode,
        topup_id: metadata("topup_id"),
        account_id: metadata("account"),
        amount_credit_cents: metadata("credit_cents").and_then(|cents| cents.parse().ok()),
        payment: intent
            .and_then(|intent| intent.status.as_ref())
            .map(|status| topup::PaymentStatus::parse(status.as_str())),
        decline_code: intent.and_then(decline_code),
    }
}

/// Why the card was declined, if it was. A failed 3-D Secure is no decline: it can be tried again.
pub fn decline_code(intent: &PaymentIntent) -> Option<String> {
    let problem = intent.last_payment_error.as_ref()?;
    let declined = || problem.code.clone().filter(|code| code == "card_declined");
    problem.decline_code.clone().or_else(declined)
}

/// Why the card was declined, if it was. For whoever is away, a question is a no.
fn declined(invoice: &Invoice, customer: Customer) -> Option<String> {
    let intent = invoice.payment_intent()?;
    let declined = decline_code(intent);
    if declined.is_some() || customer == Customer::MayAct {
        return declined;
    }
    match intent.status {
        Some(PaymentIntentStatus::RequiresAction) => Some(AUTHENTICATION_REQUIRED.to_owned()),
        _ => intent.last_payment_error.as_ref()?.code.clone(),
    }
}

fn is_payable(invoice: &Invoice) -> bool {
    matches!(
        invoice.status,
        InvoiceStatus::Open | InvoiceStatus::Uncollectible
    )
}

/// Voids an invoice so that nobody can pay what we report as failed. Where a payment was faster,
/// Stripe refuses, and what the invoice is now decides again.
///
/// # Errors
/// [`BillingError::Unavailable`] where Stripe can't be asked.
pub(super) async fn void(
    app: &Arc<App>,
    topup: &Topup,
    invoice: Invoice,
) -> Result<Invoice, BillingError> {
    // Another key each time: voiding twice does no harm, and a failure that Stripe keeps under a key, for
    // a day, would keep the invoice payable as long.
    let key = format!("topup:{}:void:{}", topup.id, app.now().millis());
    match app.stripe.void_invoice(&invoice.id, &key).await {
        Ok(voided) => Ok(voided),
        Err(StripeError::Invalid { .. }) => Ok(app.stripe.invoice(&invoice.id).await?),
        Err(error) => Err(error.into()),
    }
}

async fn carry_out(
    app: &Arc<App>,
    topup: &Topup,
    decision: Decision,
    declined: Option<&str>,
) -> Result<(), BillingError> {
    let (db, now) = (&app.store.db, app.now());
    match decision {
        Decision::Credit => return credit(app, topup).await,
        Decision::Wait(waiting) => {
            topups::wait(db, &topup.id, waiting, declined, now).await?;
            return Ok(());
        }
        Decision::Close(reason) => close(app, topup, reason, declined).await?,
        Decision::Review(mismatch) => set_aside(app, topup, mismatch).await?,
        Decision::Nothing => return Ok(()),
    }
    let _ = app.changes.send(topup.id.clone());
    Ok(())
}

/// Closes a top-up that can't be paid any more; without effect where it is settled already.
///
/// # Errors
/// [`BillingError::Store`].
pub(super) async fn close(
    app: &Arc<App>,
    topup: &Topup,
    reason: CloseReason,
    declined: Option<&str>,
) -> Result<(), BillingError> {
    // Voided after a decline that we noted before: what the customer has to know is the decline.
    let declined = declined.or(topup.decline_code.as_deref());
    let reason = match (reason, declined) {
        (CloseReason::Voided | CloseReason::Abandoned, Some(_)) => CloseReason::Declined,
        _ => reason,
    };
    let closed = match topup.is_unattended() {
        true => auto_topup::close(app, topup, reason, declined).await?,
        false => topups::close(&app.store.db, &topup.id, reason, declined, app.now()).await?,
    };
    if closed {
        app.metrics.topup_settled("closed");
        tracing::info!(topup = topup.id, account = %topup.account, %reason, "top-up closed");
    }
    Ok(())
}

async fn set_aside(app: &Arc<App>, topup: &Topup, mismatch: Mismatch) -> Result<(), BillingError> {
    let is_new = match topup.is_unattended() {
        true => auto_topup::set_aside(app, topup, mismatch).await?,
        false => topups::review(&app.store.db, &topup.id, mismatch, app.now()).await?,
    };
    // Several look at the same top-up at once; one of them tells.
    if !is_new {
        return Ok(());
    }
    app.metrics.topup_settled("review");
    tracing::error!(
        topup = topup.id, account = %topup.account, invoice = topup.invoice_id, %mismatch,
        "money arrived that does not match its top-up; nothing is credited: an operator must look"
    );
    Ok(())
}

/// Writes the credit and completes the top-up, all or none and once for good.
async fn credit(app: &Arc<App>, topup: &Topup) -> Result<(), BillingError> {
    let topup_id = topup.id.clone();
    let attached = match topup.is_unattended() {
        true => Attached::CompleteAutoTopup {
            topup_id,
            account: topup.account,
        },
        false => Attached::CompleteTopup { topup_id },
    };
    let entry = Entry {
        operations: postings(topup)?,
        attached: Some(attached),
    };
    let outcomes = app.store.committer.commit(entry).await?;
    if outcomes.iter().any(ledger::Outcome::is_new) {
        app.metrics.topup_settled("completed");
        if topup.is_unattended() {
            app.metrics.auto_topup("completed");
        }
        tracing::info!(
            topup = topup.id, account = %topup.account, invoice = topup.invoice_id,
            amount_cents = topup.amount_cents, "top-up completed"
        );
    }
    let _ = app.changes.send(topup.id.clone());
    Ok(())
}

/// The transfers of a paid top-up: the credit to the customer and, where there is one, the fee.
fn postings(topup: &Topup) -> Result<Vec<Operation>, BillingError> {
    let reference = topup.invoice_id.clone().unwrap_or_default();
    let amount = |cents| {
        Amount::from_cents(cents)
            .ok_or_else(|| BillingError::Internal(format!("{cents} cents are no amount")))
    };
    let mut operations = vec![Operation::Transfer {
        id: ids::transfer_for("topup", &topup.id),
        debit: Account::Clearing,
        credit: Account::Customer(topup.account),
        amount: amount(topup.amount_cents)?,
        code: Code::TopUp,
        reference: reference.clone(),
    }];
    if topup.fee_cents > 0 {
        operations.push(Operation::Transfer {
            id: ids::transfer_for("topup fee", &topup.id),
            debit: Account::Clearing,
            credit: Account::Fees,
            amount: amount(topup.fee_cents)?,
            code: Code::TopUpFee,
            reference,
        });
    }
    Ok(operations)
}

/// An event says that something happened to an invoice: looks at its top-up, if it is one of ours.
///
/// # Errors
/// [`BillingError`].
pub async fn apply_invoice_event(app: &Arc<App>, invoice_id: &str) -> Result<(), BillingError> {
    let topup = match topups::find_for_invoice(&app.store.db, invoice_id).await? {
        Some(topup) => Some(topup),
        None => adopt(app, invoice_id).await?,
    };
    let Some(topup) = topup else { return Ok(()) };
    apply_payment(app, &topup).await?;
    Ok(())
}

/// An invoice that no row names: where its metadata name a top-up that was interrupted before it could
/// write the invoice down, they belong together. Others are the operator's own business.
async fn adopt(app: &Arc<App>, invoice_id: &str) -> Result<Option<Topup>, BillingError> {
    let invoice = match app.stripe.invoice(invoice_id).await {
        Err(StripeError::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    let Some(id) = invoice.metadata.get("topup_id") else {
        return Ok(None);
    };
    let Some(topup) = topups::find_for_metadata(&app.store.db, id).await? else {
        return Ok(None);
    };
    if topup.invoice_id.is_none() {
        topups::adopt_invoice(&app.store.db, id, invoice_id, app.now()).await?;
    }
    let adopted = topups::find_for_invoice(&app.store.db, invoice_id).await?;
    if adopted.is_none() && invoice.status == InvoiceStatus::Paid {
        tracing::error!(
            topup = id, account = %topup.account, invoice = invoice_id,
            "money arrived for a second invoice of a top-up; nothing is credited: an operator must look"
        );
    }
    Ok(adopted)
}
