//! The end of an automatic top-up that brought no credit: what it says about the card, in the
//! account's record, in words, in the log and in the metrics.

use std::sync::Arc;

use ledger::auto_topup::{self, Outcome, Reason};
use ledger::topup::{CloseReason, Mismatch};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::auto_topup::rules;
use crate::store::auto_topups::{self, Closing};
use crate::store::topups::Topup;

/// Closes a top-up and records what that means for the next; false where it is settled already.
///
/// # Errors
/// [`BillingError::Store`].
pub(in crate::billing) async fn close(
    app: &Arc<App>,
    topup: &Topup,
    reason: CloseReason,
    declined: Option<&str>,
) -> Result<bool, BillingError> {
    let outcome = auto_topup::outcome(reason, declined);
    close_as(app, topup, reason, declined, outcome).await
}

/// The same where it is known what it means.
pub(super) async fn close_as(
    app: &Arc<App>,
    topup: &Topup,
    reason: CloseReason,
    declined: Option<&str>,
    outcome: Outcome,
) -> Result<bool, BillingError> {
    let error = sentence(outcome, declined);
    let closing = Closing {
        topup_id: &topup.id,
        account: topup.account,
        reason,
        decline_code: declined,
        outcome,
        error: &error,
    };
    let closed = auto_topups::close(&app.store.db, &closing, &rules(app), app.now()).await?;
    if closed {
        let name = match outcome {
            Outcome::Failed(reason) => reason.name(),
            Outcome::Interrupted => "interrupted",
        };
        app.metrics.auto_topup(name);
        tracing::warn!(topup = topup.id, account = %topup.account, outcome = name, error, "no automatic top-up");
    }
    Ok(closed)
}

/// Sets a top-up aside whose money does not match, and buys nothing more until the customer acts; false
/// where that is known already.
///
/// # Errors
/// [`BillingError::Store`].
pub(in crate::billing) async fn set_aside(
    app: &Arc<App>,
    topup: &Topup,
    mismatch: Mismatch,
) -> Result<bool, BillingError> {
    let error = "A payment has arrived that does not match its top-up; nothing is credited until the \
         operator has looked.";
    let (db, id, now) = (&app.store.db, &topup.id, app.now());
    let is_new = auto_topups::set_aside(db, id, topup.account, mismatch, error, now).await?;
    if is_new {
        app.metrics.auto_topup("review");
    }
    Ok(is_new)
}

/// What the customer reads.
fn sentence(outcome: Outcome, declined: Option<&str>) -> String {
    match outcome {
        Outcome::Failed(Reason::AuthenticationRequired) => {
            "The bank asks the cardholder to authenticate, which an automatic top-up can't; nothing was \
             charged. Top up by hand, or use another card."
                .to_owned()
        }
        Outcome::Failed(Reason::NoPaymentMethod) => {
            "There is no default card to charge. Add one.".to_owned()
        }
        Outcome::Failed(_) => format!(
            "The card was declined ({}); nothing was charged. Use another card.",
            declined.unwrap_or("card_declined")
        ),
        Outcome::Interrupted => "It was interrupted before the card was charged.".to_owned(),
    }
}
