//! Automatic top-ups: an account whose credit runs low buys more by itself.
//!
//! Who is low is found beside the requests, never in one: the committer names the accounts that it has
//! lowered, and a pass over all of them finds what was missed. Whether a top-up starts is decided by
//! `ledger::auto_topup` in the transaction that writes it down, from a balance that nobody can move
//! meanwhile. The credit and the end of a top-up are written together, by the committer, from the same
//! balance: so what is low because a payment is on its way is never taken for low again. From there on it is
//! a top-up as any other, but that nobody is there to act on it.

mod config;
mod drive;
mod outcome;

use std::sync::Arc;

pub use config::{remove_topup_config, set_topup_config, topup_config};
pub(super) use outcome::{close, set_aside};

use ledger::auto_topup::{Decision, Facts, Rules, Volume, decide};
use ledger::{AccountId, Period, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::topup::{CLAIM, fee_cents};
use crate::config::Ceiling;
use crate::ids;
use crate::store::StoreError;
use crate::store::auto_topups::{self, Candidate};
use crate::store::topups::{self, NewTopup, Topup};

/// How many are driven at once by one process: Stripe takes some hundred calls a second from everybody
/// together, and the customers who wait for an answer go first.
const AT_ONCE: usize = 16;

/// How many accounts a pass reads at once.
const PAGE: i64 = 200;

/// Starts automatic top-ups, a few at a time.
#[derive(Debug, Clone)]
pub struct AutoTopups {
    slots: Arc<Semaphore>,
}

impl Default for AutoTopups {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl AutoTopups {
    /// Tops up those of the accounts that are low; answers how many top-ups have started, which go on by
    /// themselves.
    ///
    /// # Errors
    /// [`BillingError::Store`].
    pub async fn top_up(
        &self,
        app: &Arc<App>,
        accounts: &[AccountId],
    ) -> Result<usize, BillingError> {
        let low = auto_topups::low_among(&app.store.db, accounts, app.now()).await?;
        self.start_all(app, &low).await
    }

    /// The same for all accounts: what a process that died has not come to, and those for which it was
    /// too early.
    ///
    /// # Errors
    /// [`BillingError::Store`].
    pub async fn sweep(&self, app: &Arc<App>) -> Result<usize, BillingError> {
        let (mut started, mut after) = (0, None);
        loop {
            let low = auto_topups::low_after(&app.store.db, after, PAGE, app.now()).await?;
            started += self.start_all(app, &low).await?;
            after = low.last().map(|last| last.account);
            if after.is_none() || app.stop.is_cancelled() {
                return Ok(started);
            }
        }
    }

    async fn start_all(&self, app: &Arc<App>, low: &[Candidate]) -> Result<usize, BillingError> {
        let mut started = 0;
        for candidate in low {
            // First without a lock: most that are low are low for a reason.
            match decide(&facts(app, candidate), &rules(app), app.now()) {
                Decision::Start => {}
                Decision::Limit(period, until) => {
                    note_limit(app, candidate, period, until).await?;
                    continue;
                }
                _ => continue,
            }
            let Some(slot) = self.slot(app).await else {
                return Ok(started);
            };
            if let Some(topup) = start(app, candidate.account).await? {
                started += 1;
                app.tasks.spawn(drive::run(app.clone(), topup, slot));
            }
        }
        Ok(started)
    }

    /// A place among those that are driven at once; none where the app is told to stop.
    async fn slot(&self, app: &App) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            slot = self.slots.clone().acquire_owned() => slot.ok(),
            () = app.stop.cancelled() => None,
        }
    }
}

/// How things stand. What is idle in a lease can be spent, and so it is there.
fn facts(app: &App, candidate: &Candidate) -> Facts {
    let idle = app.store.committer.leases().idle(candidate.account);
    let available = candidate.facts.available;
    Facts {
        available: available.checked_add(idle).unwrap_or(available),
        ..candidate.facts
    }
}

/// Writes a new top-up down, if one may start now.
async fn start(app: &Arc<App>, account: AccountId) -> Result<Option<Topup>, BillingError> {
    let (db, now) = (&app.store.db, app.now());
    let (mut tx, found) = auto_topups::lock(db, account, now).await?;
    let decision = found.map(|found| decide(&facts(app, &found), &rules(app), now));
    let (Some(found), Some(Decision::Start)) = (found, decision) else {
        tx.roll_back().await?;
        return Ok(None);
    };
    // The operator may have lowered the most since it was set.
    let amount_cents = found.facts.amount_cents.min(app.config.topup.max_cents);
    let id = ids::ordered(now);
    let new = NewTopup {
        id: &id,
        account,
        kind: topups::AUTO,
        amount_cents,
        fee_cents: fee_cents(app, amount_cents)?,
        currency: &app.config.topup.currency,
        livemode: app.stripe.livemode(),
        created_by: topups::AUTO,
        requested_payment_method: None,
        claimed_until: app.now_plus(CLAIM),
    };
    match topups::insert(&mut tx, &new, now).await {
        Ok(()) => {}
        // Of two under way the database refuses the second, whatever anybody believed before.
        Err(StoreError::Duplicate(_)) => {
            tx.roll_back().await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    }
    auto_topups::started(&mut tx, account).await?;
    tx.commit().await?;
    app.metrics.auto_topup("started");
    tracing::info!(
        topup = id, %account, amount_cents, available = %found.facts.available,
        threshold_cents = found.facts.threshold_cents, "automatic top-up started"
    );
    Ok(Some(topups::get(db, &id).await?))
}

/// Keeps that the operator's bounds are reached, for the customer to see.
async fn note_limit(
    app: &Arc<App>,
    candidate: &Candidate,
    period: Period,
    until: Timestamp,
) -> Result<(), BillingError> {
    if candidate.limit == Some((period, until)) {
        return Ok(());
    }
    let (db, account) = (&app.store.db, candidate.account);
    if auto_topups::limited(db, account, period, until).await? {
        app.metrics
            .auto_topup(ledger::auto_topup::Reason::Limit.name());
        tracing::warn!(%account, %period, "no automatic top-up: [auto_topup] allows no more");
    }
    Ok(())
}

/// What the operator allows.
pub(super) fn rules(app: &App) -> Rules {
    let config = &app.config.auto_topup;
    let millis =
        |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let volume = |ceiling: Ceiling| Volume {
        cents: ceiling.cents,
        count: ceiling.count,
    };
    Rules {
        cool_down_millis: millis(config.cool_down),
        retry_after_millis: millis(config.retry_after),
        daily: volume(config.day),
        monthly: volume(config.month),
    }
}
