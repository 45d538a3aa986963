//! Heals what webhooks miss and what a crash leaves behind. Each pass looks afresh at what is
//! unfinished and decides again, so running it twice, or on two nodes, is harmless.

use std::sync::Arc;
use std::time::Duration;

use ledger::topup::{CloseReason, State};
use ledger::{Operation, Timestamp};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::apply::{apply_payment, void};
use crate::billing::topup::CLAIM;
use crate::ids;
use crate::store::committer::CommitError;
use crate::store::events::{self, NewEvent};
use crate::store::topups::{self, Step, Topup};
use crate::store::{StoreError, holds};
use crate::stripe::{Event, InvoiceStatus};

/// How many top-ups or holds one pass takes on.
const PASS: i64 = 200;

/// The name of the job that looks at an invoice's top-up.
pub const APPLY_INVOICE: &str = "apply_invoice";

/// The events that say something about a top-up (Stripe: "Types of events").
const EVENT_KINDS: &[&str] = &[
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.finalization_failed",
    "invoice.overpaid",
    "invoice_payment.paid",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.canceled",
];

/// The cursor of the events list.
const CURSOR: &str = "stripe_events";

/// How far behind the cursor a pass begins: events appear in the list out of order.
const OVERLAP_SECONDS: i64 = 3600;

/// How far back Stripe's list goes, and how far a first pass looks.
const REACH_SECONDS: i64 = 30 * 24 * 3600;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is durable, and so is the job that it causes.
    Taken,
    /// It had come before.
    Repeated,
    /// It is of a kind that says nothing to us.
    Ignored,
}

/// Takes an event: it is durable when this returns, once, with the job that it causes.
///
/// # Errors
/// [`StoreError`].
pub async fn note_event(app: &Arc<App>, event: &Event) -> Result<Noted, StoreError> {
    if !EVENT_KINDS.contains(&event.kind.as_str()) {
        return Ok(Noted::Ignored);
    }
    let Some(invoice) = invoice_of(app, event).await? else {
        return Ok(Noted::Ignored);
    };
    let new = NewEvent {
        id: &event.id,
        kind: &event.kind,
        object_id: event.subject.id.as_deref().unwrap_or_default(),
        created_at: Timestamp::from_millis(event.created.saturating_mul(1000)),
    };
    let job = Some((APPLY_INVOICE, invoice.as_str()));
    let taken = events::take(&app.store.db, &new, job, app.now()).await?;
    Ok(if taken { Noted::Taken } else { Noted::Repeated })
}

/// The invoice that an event is about: its object, or what the object or our own row names.
async fn invoice_of(app: &Arc<App>, event: &Event) -> Result<Option<String>, StoreError> {
    let subject = &event.subject;
    if subject.invoice.is_some() {
        return Ok(subject.invoice.clone());
    }
    let Some(intent) = &subject.payment_intent else {
        return Ok(None);
    };
    let topup = topups::find_for_payment_intent(&app.store.db, intent).await?;
    Ok(topup.and_then(|topup| topup.invoice_id))
}

/// Reads the events since the last pass from Stripe's list and takes those that no webhook brought.
///
/// # Errors
/// [`BillingError`].
pub async fn events_since_cursor(app: &Arc<App>) -> Result<usize, BillingError> {
    let now_s = app.now().millis() / 1000;
    let cursor = events::cursor(&app.store.db, CURSOR).await?;
    let since = cursor.unwrap_or(now_s - REACH_SECONDS) - OVERLAP_SECONDS;
    let mut pages = app.stripe.events(EVENT_KINDS, since);
    let mut missed = 0;
    while let Some(page) = pages.next().await? {
        for event in page
            .iter()
            .filter(|event| event.livemode == app.stripe.livemode())
        {
            if note_event(app, event).await? == Noted::Taken {
                missed += 1;
            }
        }
    }
    events::set_cursor(&app.store.db, CURSOR, now_s).await?;
    Ok(missed)
}

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
    let (looked, invoice) = apply_payment(app, topup).await?;
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

fn is_interrupted(topup: &Topup) -> bool {
    topup.state == State::Started && topup.step < Step::Paying
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
    let declined = topup.decline_code.as_deref();
    if topups::close(&app.store.db, &topup.id, reason, declined, app.now()).await? {
        app.metrics.topup_settled("closed");
    }
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
