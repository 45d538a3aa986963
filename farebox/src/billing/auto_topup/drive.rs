//! An automatic top-up from its row to its end: the steps of every top-up, without the customer.

use std::sync::Arc;

use ledger::auto_topup::{Outcome, Reason};
use ledger::topup::CloseReason;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::billing::apply::conclude_unattended;
use crate::billing::auto_topup::outcome;
use crate::billing::reconcile::give_up;
use crate::billing::topup::{DRIVE_MAX, pay, prepare, renewing};
use crate::billing::{BillingError, customer};
use crate::store::StoreError;
use crate::store::topups::{self, Step, Topup};

/// Drives a top-up that has just been written down, and lets go of it. Whatever it leaves undone the
/// reconcile pass takes up.
pub(super) async fn run(app: Arc<App>, topup: Topup, _slot: OwnedSemaphorePermit) {
    let id = topup.id.clone();
    let driving = tokio::time::timeout(DRIVE_MAX, drive(&app, &topup));
    match renewing(&app, &id, driving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(topup = id, account = %topup.account, %error, "an automatic top-up stands still");
        }
        Err(_) => {
            tracing::warn!(topup = id, account = %topup.account, "an automatic top-up took too long")
        }
    }
    if let Err(error) = topups::release(&app.store.db, &id).await {
        tracing::warn!(topup = id, %error, "a claim could not be released, it runs out by itself");
    }
}

async fn drive(app: &Arc<App>, topup: &Topup) -> Result<(), BillingError> {
    match charge(app, topup).await {
        // Somebody else has settled it: Stripe's webhook, or the operator by voiding the invoice.
        Ok(()) | Err(BillingError::Store(StoreError::Conflict(_))) => {}
        Err(error) => {
            let topup = topups::get(&app.store.db, &topup.id).await?;
            if topup.step < Step::Paying {
                // Nothing was charged and nobody waits: tried anew later, with whatever is true then.
                give_up(app, &topup, CloseReason::Abandoned).await?;
            }
            return Err(error);
        }
    }
    let topup = topups::get(&app.store.db, &topup.id).await?;
    conclude_unattended(app, &topup).await?;
    Ok(())
}

/// All the calls, in their order. Without a card there is nothing to make an invoice for.
async fn charge(app: &Arc<App>, topup: &Topup) -> Result<(), BillingError> {
    let customer = customer::ensure(app, topup.account).await?;
    let Some(card) = customer::refresh_card(app, topup.account, &customer).await? else {
        let outcome = Outcome::Failed(Reason::NoPaymentMethod);
        if outcome::close_as(app, topup, CloseReason::Abandoned, None, outcome).await? {
            app.metrics.topup_settled("closed");
        }
        return Ok(());
    };
    let invoice_id = prepare(app, topup, &customer).await?;
    pay(app, topup, &invoice_id, card).await
}
