//! What happens by itself: the queue of durable jobs, and passes that look at the world afresh.
//!
//! Nothing here is needed for correctness twice: whatever a job does may be done again, by another
//! node or after a crash.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::billing::{self, AutoTopups, BillingError};
use crate::catalog::Reloaded;
use crate::gateways;
use crate::store::jobs;
use crate::store::{StoreError, events, idempotency, setups};

/// For how long a job belongs to the worker that took it.
const CLAIM: Duration = Duration::from_secs(120);

/// The pause between two looks at the accounts that the committer has lowered, so that a burst of
/// settlements costs ten looks a second and no more.
const GATHERING: Duration = Duration::from_millis(100);

/// How many jobs are done side by side.
const WORKERS: usize = 4;

/// The longest pause between two attempts at a job.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// How long idempotency keys are kept, as Stripe keeps its own.
const KEYS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How often logs are removed that their gateways don't keep, and what their rules count no more.
const LOGS_PAUSE: Duration = Duration::from_secs(10);

/// How often kept answers are removed that are too old, or too many.
const CACHE_PAUSE: Duration = Duration::from_secs(30);

/// How far back Stripe and the ledger are compared.
const COMPARED: Duration = Duration::from_secs(40 * 24 * 3600);

/// How long what has been paid may take to be credited.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// How long events are remembered: Stripe lists them for 30 days, and delivers none later.
const EVENTS_KEPT: Duration = Duration::from_secs(40 * 24 * 3600);

/// How often the operator's prices are looked at.
const PRICES: Duration = Duration::from_secs(5);

/// Starts the workers and the passes; they end when the app is told to stop.
pub fn start(app: &Arc<App>) {
    for _ in 0..WORKERS {
        app.tasks.spawn(work(app.clone()));
    }
    let jobs = &app.config.jobs;
    every(
        app,
        "unsettled top-ups",
        jobs.reconcile.min(Duration::from_secs(5)),
        |app| async move { billing::unsettled_topups(&app).await },
    );
    every(
        app,
        "unanswered refunds",
        jobs.reconcile.min(Duration::from_secs(5)),
        |app| async move { billing::unanswered_refunds(&app).await },
    );
    every(app, "stripe's events", jobs.events, |app| async move {
        let missed = billing::events_since_cursor(&app).await?;
        app.wake_jobs.notify_waiters();
        Ok(missed)
    });
    every(
        app,
        "the comparison with stripe",
        jobs.compare,
        |app| async move { compare(&app).await },
    );
    every(app, "expired holds", jobs.poll, |app| async move {
        billing::expire_holds(&app).await
    });
    let auto_topups = AutoTopups::default();
    app.tasks.spawn(watch(app.clone(), auto_topups.clone()));
    let sweep = app.config.auto_topup.sweep;
    every(app, "automatic top-ups", sweep, move |app| {
        let auto_topups = auto_topups.clone();
        async move { auto_topups.sweep(&app).await }
    });
    every(app, "the operator's prices", PRICES, |app| async move {
        Ok(reload_prices(&app))
    });
    for operated in app.operated.iter() {
        app.tasks.spawn(operated.clone().watch(app.clone()));
    }
    every(
        app,
        "logs that nobody keeps",
        LOGS_PAUSE,
        |app| async move { Ok(gateways::prune_logs(&app).await?) },
    );
    every(
        app,
        "answers that are kept no longer",
        CACHE_PAUSE,
        |app| async move { Ok(gateways::prune_cache(&app).await?) },
    );
    every(
        app,
        "spending that counts no more",
        LOGS_PAUSE,
        |app| async move { Ok(gateways::prune_spend(&app).await?) },
    );
    every(app, "what is too old", PAUSE_MAX, |app| async move {
        prune(&app).await
    });
}

/// Tops up the accounts that the committer has lowered. What is lost here, the sweep finds.
async fn watch(app: Arc<App>, auto_topups: AutoTopups) {
    loop {
        let accounts = tokio::select! {
            accounts = app.store.committer.lowered().next() => accounts,
            () = app.stop.cancelled() => return,
        };
        if let Err(error) = auto_topups.top_up(&app, &accounts).await {
            tracing::warn!(%error, "accounts that are low could not be looked at");
        }
        tokio::select! {
            () = tokio::time::sleep(GATHERING) => {}
            () = app.stop.cancelled() => return,
        }
    }
}

/// Compares Stripe with the ledger, and again after a while where they differ: what was on its way has arrived
/// then. Answers how many differences are left.
async fn compare(app: &Arc<App>) -> Result<usize, BillingError> {
    let since = app.now_minus(COMPARED);
    let mut compared = billing::compare(&app.store.db, &app.stripe, since).await?;
    if !compared.differences.is_empty() {
        tokio::select! {
            () = tokio::time::sleep(ON_ITS_WAY) => {}
            () = app.stop.cancelled() => return Ok(0),
        }
        compared = billing::compare(&app.store.db, &app.stripe, since).await?;
    }
    app.metrics.set_stripe_drift(compared.drift_cents);
    for one in &compared.differences {
        tracing::error!(
            object = one.object,
            account = one.account,
            what = one.what,
            stripe_cents = one.stripe_cents,
            ledger_cents = one.ledger_cents,
            "stripe and the ledger differ: an operator must look"
        );
    }
    Ok(compared.differences.len())
}

/// Forgets what has served its time; answers how many rows that were.
async fn prune(app: &Arc<App>) -> Result<usize, BillingError> {
    let keys = idempotency::prune(&app.store.db, app.now_minus(KEYS_KEPT)).await?;
    let events = events::prune(&app.store.db, app.now_minus(EVENTS_KEPT)).await?;
    // No event is about them any more, and nobody looks for setups that are as old.
    let setups = setups::prune(&app.store.db, app.now_minus(EVENTS_KEPT)).await?;
    let all = keys.saturating_add(events).saturating_add(setups);
    Ok(usize::try_from(all).unwrap_or(usize::MAX))
}

/// Takes over the operator's prices where the file has changed. Prices that can't be read change nothing,
/// and are told once.
fn reload_prices(app: &App) -> usize {
    match app.catalog.reload() {
        Ok(Reloaded::Unchanged) => 0,
        Ok(Reloaded::Changed) => {
            tracing::info!("the operator's prices have changed");
            1
        }
        Err(error) => {
            tracing::error!(%error, "the operator's prices can't be used: those from before go on to count");
            0
        }
    }
}

/// Runs a pass at once and then again and again, with a pause between two.
fn every<F>(
    app: &Arc<App>,
    name: &'static str,
    pause: Duration,
    pass: impl Fn(Arc<App>) -> F + Send + 'static,
) where
    F: Future<Output = Result<usize, BillingError>> + Send,
{
    let app_of_loop = app.clone();
    app.tasks.spawn(async move {
        let app = app_of_loop;
        loop {
            match pass(app.clone()).await {
                Ok(0) => {}
                Ok(count) => tracing::debug!(pass = name, count, "pass done"),
                Err(error) => {
                    tracing::warn!(pass = name, %error, "pass failed, it will be run again")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = app.stop.cancelled() => return,
            }
        }
    });
}

async fn work(app: Arc<App>) {
    loop {
        let idle = match do_one(&app).await {
            Ok(found) => !found,
            Err(error) => {
                tracing::warn!(%error, "the queue of jobs can't be read");
                true
            }
        };
        if app.stop.is_cancelled() {
            return;
        }
        if idle {
            tokio::select! {
                () = app.wake_jobs.notified() => {}
                () = tokio::time::sleep(app.config.jobs.poll) => {}
                () = app.stop.cancelled() => return,
            }
        }
    }
}

/// Takes one job that is due and does it; false where there is none.
///
/// # Errors
/// [`StoreError`] where the queue can't be read or written.
pub async fn do_one(app: &Arc<App>) -> Result<bool, StoreError> {
    let claimed = jobs::claim(&app.store.db, app.now(), app.now_plus(CLAIM)).await?;
    let Some(job) = claimed else { return Ok(false) };
    match billing::perform(app, &job).await {
        Ok(()) => jobs::finish(&app.store.db, &job).await?,
        Err(error) => {
            app.metrics.job_failed();
            let pause = pause_after(job.attempts);
            tracing::warn!(kind = job.kind, subject = job.subject, attempts = job.attempts, %error, "job failed");
            jobs::put_off(&app.store.db, &job, &error.to_string(), app.now_plus(pause)).await?;
        }
    }
    Ok(true)
}

/// 1 s, 2 s, 4 s … up to an hour.
fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1))
        .unwrap_or(0)
        .min(12);
    Duration::from_secs(1u64 << doublings).min(PAUSE_MAX)
}
