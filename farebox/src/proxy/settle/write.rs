//! A settlement is written, however long the store fails: the ids of its transfers derive from the call's, so that any
//! try after the first one that worked changes nothing.
//!
//! While the client waits it is tried again for as long as a database takes to fail over. After that the client is told that
//! the outcome is unknown, and a tracked task goes on until it is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{Account, AccountId, Amount, Code, Operation, Refusal, TransferId};

use crate::app::App;
use crate::ids::{self, LogId};
use crate::proxy::error::ProxyError;
use crate::store::committer::{Attached, CommitError, Entry};

/// For how long a settlement is tried while its client waits and the server stops.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(5);

/// The first pause between two tries, which doubles, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// What settles a call.
#[derive(Clone, Debug)]
pub struct Posting {
    /// Its id.
    pub call: LogId,
    /// Who pays.
    pub account: AccountId,
    /// What is posted.
    pub operations: Vec<Operation>,
    /// Its rows.
    pub attached: Attached,
    /// Another hold that may have taken the place of the one that is posted.
    pub or: Option<TransferId>,
    /// What is charged for an answer that the client doesn't receive unless this is written in time: it is given back.
    pub unanswered: Amount,
}

/// Writes it. Returns what the account has available, if anything was posted.
///
/// # Errors
/// [`ProxyError`] if the ledger refuses it, or the store failed for `[gateway] settlement_wait_seconds`.
pub async fn write(app: &Arc<App>, posting: Posting) -> Result<Option<Amount>, ProxyError> {
    let begun = Instant::now();
    let mut pause = PAUSE;
    loop {
        let error = match posting.commit(app).await {
            Ok(available) => {
                posting.release_later(app);
                return Ok(available);
            }
            Err(CommitError::Store(error)) => error,
            Err(refused) => {
                posting.lose(app);
                return Err(refused.into());
            }
        };
        let patience = match app.stop.is_cancelled() {
            true => PATIENCE_AT_STOP,
            false => app.config.gateway.settlement_wait,
        };
        if begun.elapsed() >= patience {
            app.tasks.spawn(find_out(app.clone(), posting));
            return Err(ProxyError::unsettled(error));
        }
        tracing::warn!(call = %posting.call, %error, "a call is not settled yet");
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// Tries until it is known what has become of it. A client that was told so and has no answer pays nothing.
async fn find_out(app: Arc<App>, posting: Posting) {
    let mut is_settled = false;
    loop {
        let stops = app.stop.is_cancelled();
        let tried = match is_settled {
            true => Ok(()),
            false => posting.commit(&app).await.map(drop),
        };
        if tried.is_ok() && !is_settled {
            is_settled = true;
            posting.release_later(&app);
        }
        let tried = match tried {
            Ok(()) => posting.give_back(&app).await,
            failed => failed,
        };
        match tried {
            Ok(()) => {
                tracing::warn!(call = %posting.call, given_back = %posting.unanswered, "a call is settled at last");
                return;
            }
            Err(CommitError::Store(_)) if !stops => {}
            Err(error) => {
                // What is held goes back by itself.
                tracing::error!(call = %posting.call, %error, "a call stays unsettled");
                if !is_settled {
                    posting.lose(&app);
                }
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE_MAX) => {}
            () = app.stop.cancelled() => {}
        }
    }
}

/// Whether another hold may have taken the place of one.
const fn is_gone(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::HoldAlreadyVoided | Refusal::HoldNotFound)
}

/// Releases a hold that may be there.
async fn release(app: Arc<App>, account: AccountId, hold: TransferId) {
    let id = ids::transfer_for("hold released", &hold.to_string());
    let operation = || Operation::Void { id, account, hold };
    while let Err(CommitError::Store(error)) = app.store.committer.commit_one(operation()).await {
        tracing::warn!(%account, %error, "a hold may still be there");
        if app.stop.is_cancelled() {
            return;
        }
        tokio::time::sleep(PAUSE_MAX).await;
    }
}

impl Posting {
    async fn commit(&self, app: &App) -> Result<Option<Amount>, CommitError> {
        let (committer, operations) = (&app.store.committer, self.operations.clone());
        if let Attached::LeasedCall(call, part) = self.attached.clone() {
            return committer.commit_part(part, operations, call).await;
        }
        let entry = Entry {
            operations,
            attached: Some(self.attached.clone()),
        };
        let moved = self.or.map(|or| entry.out_of(or));
        let outcomes = match (committer.commit(entry).await, moved) {
            (Err(CommitError::Refused(refused)), Some(moved)) if is_gone(refused.refusal) => {
                committer.commit(moved).await?
            }
            (committed, _) => committed?,
        };
        Ok(outcomes.first().and_then(|outcome| outcome.available))
    }

    async fn give_back(&self, app: &App) -> Result<(), CommitError> {
        if !self.unanswered.is_positive() {
            return Ok(());
        }
        let operation = Operation::Transfer {
            id: ids::transfer_of_call("call given back", self.call),
            debit: Account::WriteOffs,
            credit: Account::Customer(self.account),
            amount: self.unanswered,
            code: Code::Adjustment,
            reference: self.call.to_string(),
        };
        app.store.committer.commit_one(operation).await.map(drop)
    }

    /// A call of a lease may have another hold beside, of which it takes nothing.
    fn release_later(&self, app: &Arc<App>) {
        if let (Attached::LeasedCall(..), Some(hold)) = (&self.attached, self.or) {
            app.tasks.spawn(release(app.clone(), self.account, hold));
        }
    }

    /// Its part of a lease is released with the lease.
    fn lose(&self, app: &App) {
        if let Attached::LeasedCall(_, part) = &self.attached {
            app.store.committer.leases().lose(*part);
        }
    }
}
