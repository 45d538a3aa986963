//! Where an account calls often, its calls are let in by a lease: credit that is held once for many of them, so that a
//! call waits for no disk before its provider is asked. It is settled by itself, as durably as any other.
//!
//! A lease is a small share of what is there, and there is none where that is not worth many calls: as the balance
//! runs low, each call is held for by itself again. What a lease holds is no cache of what the account may do: that is
//! read for each call (`leases::may_take`).

use std::sync::Arc;
use std::time::Duration;

use ledger::{AccountId, Amount};

use crate::app::App;
use crate::ids;
use crate::proxy::call::Call;
use crate::proxy::reserve::expiry;
use crate::store::committer::CommitError;
use crate::store::holds;
use crate::store::leases::{self, Look, Part, Wanted};

/// How many holds of an account in one second make calls frequent.
const OFTEN: u32 = 10;

/// How many calls like the one that asked for it a lease is worth at least.
const CALLS: i64 = 20;

/// For how long parts are taken of a lease.
const USABLE: Duration = Duration::from_secs(60);

/// For how long a lease is kept that nobody uses.
const IDLE_MILLIS: i64 = 2000;

/// How long a store that fails is left alone before a lease is closed again.
const AGAIN: Duration = Duration::from_secs(1);

/// How often somebody looks after a lease; and how often at a stop, which waits for it.
const LOOK: Duration = Duration::from_millis(500);
const LAST_LOOKS: Duration = Duration::from_millis(10);

/// Lets a call in by a lease of its account's, where there is one that has as much idle, and the account may take of it:
/// what was read of that for this call, if it was.
pub fn take(app: &App, call: &Call, most: Amount, may_take: Option<bool>) -> Option<Part> {
    let leases = app.store.committer.leases();
    if !may_take? {
        leases.stop(call.account);
        return None;
    }
    let most = Some(most).filter(|most| most.is_positive())?;
    leases.take(call.account, most, app.now())
}

/// What an account has available, idle lease credit included; nothing if the store fails, which is no reason to fail a
/// call that is settled.
pub async fn available(app: &App, account: AccountId) -> Option<Amount> {
    let balances = holds::balances(&app.store.db, account).await.ok()?;
    let idle = app.store.committer.leases().idle(account);
    balances.available().checked_add(idle)
}

/// Makes a lease, beside the call that was just held for by itself, where its account calls often and has a great
/// deal more `available` than it needs.
pub fn consider(app: &Arc<App>, call: &Call, most: Amount, available: Option<Amount>) {
    let percent = app.config.gateway.lease_percent;
    if percent == 0 || !app.store.db.is_embedded() {
        return;
    }
    let leases = app.store.committer.leases();
    let is_often = leases.count(call.account, app.now()) >= OFTEN;
    let share = available.map_or(0, |available| available.nanos() / 100 * percent);
    if !is_often || share < most.nanos().saturating_mul(CALLS) || leases.is_leased(call.account) {
        return;
    }
    let (task_app, account) = (app.clone(), call.account);
    app.tasks.spawn(async move {
        match keep(&task_app, account, Amount::from_nanos(share)).await {
            // Spent, frozen or limited meanwhile: then there is none.
            Ok(()) | Err(CommitError::Refused(_)) => {}
            Err(error) => tracing::warn!(%account, %error, "a lease failed"),
        }
    });
}

/// Makes a lease, looks after it, and releases it when nobody uses it any more.
async fn keep(app: &Arc<App>, account: AccountId, amount: Amount) -> Result<(), CommitError> {
    let committer = &app.store.committer;
    if app.stop.is_cancelled() || !leases::may_take(&app.store.db, account).await? {
        return Ok(());
    }
    let wanted = Wanted {
        hold: ids::transfer_for("lease", &ids::opaque()),
        account,
        amount,
        at: app.now(),
        usable_until: app.now_plus(USABLE),
        expires_at: expiry(app, USABLE),
    };
    let Some(number) = committer.open_lease(&wanted).await? else {
        return Ok(());
    };
    loop {
        let stops = app.stop.is_cancelled();
        let leases = committer.leases();
        match leases.look((account, number), app.now(), IDLE_MILLIS, stops) {
            Look::Gone => return Ok(()),
            Look::Over => match committer.close_lease(account, number).await {
                Err(CommitError::Store(error)) => {
                    tracing::warn!(%account, %error, "a lease is not closed yet");
                    tokio::time::sleep(AGAIN).await;
                    if stops {
                        // The next start releases it.
                        return Ok(());
                    }
                }
                closed => drop(closed?),
            },
            Look::InUse if stops => tokio::time::sleep(LAST_LOOKS).await,
            Look::InUse => tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = app.stop.cancelled() => {}
            },
        }
    }
}
