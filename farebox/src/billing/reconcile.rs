//! Heals what a crash or a lost webhook leaves behind. Each pass looks afresh at what is
//! unfinished and decides again, so running it twice, or on two nodes, is harmless.

use std::sync::Arc;
use std::time::Duration;

use ledger::Operation;
use ledger::topup::{CloseReason, State};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::apply::{apply_payment, close, conclude_unattended, void};
use crate::billing::topup::CLAIM;
use crate::ids;
use crate::store::committer::CommitError;
use crate::store::holds;
use crate::store::topups::{self, Step, Topup};
use crate::stripe::{Invoice, InvoiceStatus};

/// How many top-ups or holds one pass takes on.
const PASS: i64 = 200;

/// Looks at every top-up that isn't settled and that nobody has looked at for a while.
///
/// # Errors
/// [`BillingError::Store`]; what fails at Stripe is logged and tried again with the next pass.
pub async fn unsettled_topups(app: &Arc<App>) -> Result<usize, BillingError> {
    let before = app.now_minus(app.config.jobs.reconcile);
    let unsettled = topups::unsettled(&app.store.db, before, PASS).await?;
    for topup in &unsettled {
        if !topups::claim_look(&app.store.db, &topup.id, before, app.now()).await? {
            continue;
        }
        match reconcile(app, topup).await {
            Err(BillingError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(topup = topup.id, %error, "a top-up could not be reconciled")
            }
            Ok(()) => {}
        }
    }
    Ok(unsettled.len())
}

async fn reconcile(app: &Arc<App>, topup: &Topup) -> Result<(), BillingError> {
    // Interrupted before the card could be charged: nobody has its answer, so nobody waits for it, and
    // going on would charge a customer who may have asked again.
    if is_interrupted(topup) {
        return abandon(app, &topup.id).await;
    }
    let (looked, invoice) = if topup.is_unattended() {
        conclude(app, topup).await?
    } else {
        apply_payment(app, topup).await?
    };
    let is_open = invoice.is_some_and(|invoice| invoice.status == InvoiceStatus::Open);
    let is_unsettled = matches!(looked.state, State::Started | State::Pending);
    if !is_unsettled || !is_open {
        return Ok(());
    }
    if is_older_than(app, topup, app.config.topup.void_after) {
        return give_up(app, &looked, CloseReason::Voided).await;
    }
    Ok(())
}

/// Whether its driver is gone before the card could be charged. A look of somebody else's may have found
/// the invoice and made it `pending`; where nobody is there to pay, that changes nothing.
fn is_interrupted(topup: &Topup) -> bool {
    let is_waiting = topup.state == State::Pending && topup.is_unattended();
    (topup.state == State::Started || is_waiting) && topup.step < Step::Paying
}

/// Looks at a payment that nobody attends to any more, unless it is being driven.
async fn conclude(app: &Arc<App>, topup: &Topup) -> Result<(Topup, Option<Invoice>), BillingError> {
    let db = &app.store.db;
    if !topups::claim(db, &topup.id, app.now_plus(CLAIM), app.now()).await? {
        return Ok((topup.clone(), None));
    }
    let concluded = conclude_unattended(app, topup).await;
    topups::release(db, &topup.id).await?;
    concluded
}

/// Gives an interrupted top-up up, unless a repeat of its request has taken it on.
async fn abandon(app: &Arc<App>, id: &str) -> Result<(), BillingError> {
    let db = &app.store.db;
    if !topups::claim(db, id, app.now_plus(CLAIM), app.now()).await? {
        return Ok(());
    }
    // Read again: the repeat may have come and gone since this pass began.
    let topup = topups::get(db, id).await?;
    let given_up = match is_interrupted(&topup) {
        true => give_up(app, &topup, CloseReason::Abandoned).await,
        false => Ok(()),
    };
    topups::release(db, id).await?;
    given_up
}

fn is_older_than(app: &App, topup: &Topup, age: Duration) -> bool {
    topup.created_at <= app.now_minus(age)
}

/// Makes sure that nobody can pay the top-up any more, then closes it. A payment that was faster is
/// credited instead.
pub(super) async fn give_up(
    app: &Arc<App>,
    topup: &Topup,
    reason: CloseReason,
) -> Result<(), BillingError> {
    if let Some(invoice_id) = &topup.invoice_id {
        let invoice = app.stripe.invoice(invoice_id).await?;
        if invoice.status == InvoiceStatus::Open {
            void(app, topup, invoice).await?;
        }
        let (looked, _) = apply_payment(app, topup).await?;
        if !matches!(looked.state, State::Started | State::Pending) {
            return Ok(());
        }
    }
    // No invoice, or a draft: it isn't final, Stripe never charges it by itself, nobody can pay it.
    close(app, topup, reason, topup.decline_code.as_deref()).await?;
    let _ = app.changes.send(topup.id.clone());
    Ok(())
}

/// Releases the holds whose time has run out.
///
/// # Errors
/// [`BillingError::Store`] or [`BillingError::Commit`].
pub async fn expire_holds(app: &Arc<App>) -> Result<usize, BillingError> {
    let expired = holds::expired(&app.store.db, app.now(), PASS).await?;
    for hold in &expired {
        let operation = Operation::Expire {
            id: ids::transfer_for("expire", &hold.id.to_string()),
            account: hold.account,
            hold: hold.id,
        };
        match app.store.committer.commit_one(operation).await {
            // Settled or expired by somebody else between the read and now.
            Ok(_) | Err(CommitError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(expired.len())
}
