//! What has become of a top-up (contract: section 1, `POST topup/status`).
//!
//! A lost webhook must never leave a paid top-up pending: where nobody has looked for a few seconds,
//! the call itself asks Stripe, one caller at a time, briefly; Stripe being down only means `pending`.

use std::sync::Arc;
use std::time::Duration;

use ledger::AccountId;
use ledger::topup::{State, Waiting};
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::apply::apply_payment;
use crate::billing::topup::refusal_of;
use crate::store::topups::{self, Topup};

/// How long a status call waits for Stripe.
const LOOK_MAX: Duration = Duration::from_secs(4);

/// How often a waiting call looks at the row: another node may have changed it.
const GLANCE: Duration = Duration::from_millis(500);

/// A top-up that is paid, or can still be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The credit is there.
    Completed,
    /// The money hasn't arrived.
    Pending {
        /// What it waits for, where that is known.
        waiting: Option<Waiting>,
        /// Whether an attempt to pay has failed already.
        failed_once: bool,
    },
}

/// The status of the account's top-up with this invoice. With `wait` the answer is held until the
/// status changes or the time is up.
///
/// # Errors
/// [`BillingError::NoSuchTopup`]; [`BillingError::Refused`] where it can't be paid any more.
pub async fn topup_status(
    app: &Arc<App>,
    account: AccountId,
    invoice_id: &str,
    wait: Option<Duration>,
) -> Result<Status, BillingError> {
    let deadline = wait.map(|wait| Instant::now() + wait);
    // Subscribed before the first look, so that no change falls between the two.
    let mut changes = wait.map(|_| app.changes.subscribe());
    loop {
        let found = topups::find(&app.store.db, account, invoice_id).await?;
        let topup = look(app, found.ok_or(BillingError::NoSuchTopup)?).await?;
        if let Some(refusal) = refusal_of(&topup) {
            return Err(BillingError::Refused(refusal));
        }
        let waits_on =
            deadline.filter(|deadline| Instant::now() < *deadline && !app.stop.is_cancelled());
        match (is_settled(topup.state), waits_on, &mut changes) {
            (false, Some(deadline), Some(changes)) => {
                changed(app, changes, &topup.id, deadline).await;
            }
            _ => return Ok(status_of(&topup)),
        }
    }
}

fn is_settled(state: State) -> bool {
    !matches!(state, State::Started | State::Pending)
}

fn status_of(topup: &Topup) -> Status {
    if topup.state == State::Completed {
        return Status::Completed;
    }
    Status::Pending {
        waiting: topup.waiting,
        failed_once: topup.decline_code.is_some(),
    }
}

/// Asks Stripe about a pending top-up that nobody has looked at lately.
async fn look(app: &Arc<App>, topup: Topup) -> Result<Topup, BillingError> {
    let lately = app.now_minus(app.config.topup.status_refresh);
    if is_settled(topup.state) || topup.looked_at > lately {
        return Ok(topup);
    }
    if !topups::claim_look(&app.store.db, &topup.id, lately, app.now()).await? {
        return Ok(topup);
    }
    // A task of its own, so that a caller who leaves does not stop it between Stripe and the ledger.
    let (task_app, asked) = (app.clone(), topup.clone());
    let looking = app
        .tasks
        .spawn(async move { apply_payment(&task_app, &asked).await });
    match tokio::time::timeout(LOOK_MAX, looking).await {
        Ok(Ok(Ok((looked, _)))) => Ok(looked),
        Ok(Ok(Err(BillingError::Store(error)))) => Err(error.into()),
        Ok(Ok(Err(error))) => {
            tracing::warn!(topup = topup.id, %error, "a top-up could not be looked at");
            Ok(topup)
        }
        Ok(Err(_)) | Err(_) => Ok(topup),
    }
}

/// Returns when the top-up may have changed, or it is time to glance at it, or the time is up.
async fn changed(app: &Arc<App>, changes: &mut Receiver<String>, id: &str, deadline: Instant) {
    let until = deadline.min(Instant::now() + GLANCE);
    let its_change = async {
        // A receiver that has missed some looks for itself.
        while matches!(changes.recv().await, Ok(changed) if changed != id) {}
    };
    tokio::select! {
        () = its_change => {}
        () = tokio::time::sleep_until(until) => {}
        () = app.stop.cancelled() => {}
    }
}
