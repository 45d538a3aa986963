//! One change of an account's cards at a time, on whichever node: each reads what Stripe has and then writes
//! to Stripe, so two at once could leave the earlier choice in place of the later one.
//!
//! It knows nothing of cards. Reading needs no turn.

use std::sync::Arc;
use std::time::Duration;

use ledger::{AccountId, Timestamp};
use tokio::time::Instant;

use crate::app::App;
use crate::billing::BillingError;
use crate::store::accounts;

/// The longest that a change may take.
const WORK_MAX: Duration = Duration::from_secs(20);

/// For how long the account's cards belong to whoever changes them. Longer than a change takes; a node
/// that is killed in the middle of one keeps others waiting as long.
const CLAIM: Duration = Duration::from_secs(25);

/// How long somebody waits for the change before.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often they look whether it is over.
const GLANCE: Duration = Duration::from_millis(50);

/// Does `work` when nobody else is changing the account's cards, as a task of its own: a caller who leaves
/// does not stop it half-way.
///
/// # Errors
/// [`BillingError::CardsBusy`] where the change before doesn't end; [`BillingError::TookTooLong`]; what
/// `work` ends with.
pub(super) async fn in_turn<T: Send + 'static>(
    app: &Arc<App>,
    account: AccountId,
    work: impl Future<Output = Result<T, BillingError>> + Send + 'static,
) -> Result<T, BillingError> {
    let task_app = app.clone();
    let changed = app.tasks.spawn(async move {
        let claimed_until = claim(&task_app, account).await?;
        let done = tokio::time::timeout(WORK_MAX, work).await;
        let db = &task_app.store.db;
        if let Err(error) = accounts::release_cards(db, account, claimed_until).await {
            tracing::warn!(%account, %error, "the cards stay claimed until that runs out");
        }
        done.unwrap_or(Err(BillingError::TookTooLong))
    });
    changed
        .await
        .map_err(|_| BillingError::Internal("the task of a change of cards died".to_owned()))?
}

async fn claim(app: &App, account: AccountId) -> Result<Timestamp, BillingError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let until = app.now_plus(CLAIM);
        if accounts::claim_cards(&app.store.db, account, until, app.now()).await? {
            return Ok(until);
        }
        if Instant::now() >= deadline {
            return Err(BillingError::CardsBusy);
        }
        tokio::time::sleep(GLANCE).await;
    }
}
