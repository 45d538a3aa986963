//! Stripe's events: which of them say something to us, and what work each causes. Taken from webhooks and
//! from Stripe's own list alike, once each.
//!
//! What an event says of money is never believed: it only names what a job reads afresh.

use std::sync::Arc;

use ledger::{AccountId, Timestamp};

use crate::app::App;
use crate::billing::{BillingError, apply, customer, reversals, setups};
use crate::store::events::{self, NewEvent};
use crate::store::jobs::{APPLY_REVERSALS, Job};
use crate::store::{StoreError, accounts, topups};
use crate::stripe::Event;

/// The job that looks at an invoice's top-up.
const APPLY_INVOICE: &str = "apply_invoice";

/// The job that makes the card of an account's setup the default.
const SETTLE_SETUPS: &str = "settle_setups";

/// The job that asks for an account's default card.
const LOOK_AT_CARD: &str = "look_at_card";

/// The events that say something, with the job that each causes (Stripe: "Types of events").
const EVENTS: &[(&str, &str)] = &[
    ("invoice.paid", APPLY_INVOICE),
    ("invoice.payment_failed", APPLY_INVOICE),
    ("invoice.payment_action_required", APPLY_INVOICE),
    ("invoice.voided", APPLY_INVOICE),
    ("invoice.marked_uncollectible", APPLY_INVOICE),
    ("invoice.finalization_failed", APPLY_INVOICE),
    ("invoice.overpaid", APPLY_INVOICE),
    ("invoice_payment.paid", APPLY_INVOICE),
    ("payment_intent.succeeded", APPLY_INVOICE),
    ("payment_intent.payment_failed", APPLY_INVOICE),
    ("payment_intent.requires_action", APPLY_INVOICE),
    ("payment_intent.processing", APPLY_INVOICE),
    ("payment_intent.canceled", APPLY_INVOICE),
    ("charge.refunded", APPLY_REVERSALS),
    ("charge.refund.updated", APPLY_REVERSALS),
    ("refund.created", APPLY_REVERSALS),
    ("refund.updated", APPLY_REVERSALS),
    ("refund.failed", APPLY_REVERSALS),
    ("charge.dispute.created", APPLY_REVERSALS),
    ("charge.dispute.updated", APPLY_REVERSALS),
    ("charge.dispute.closed", APPLY_REVERSALS),
    ("charge.dispute.funds_withdrawn", APPLY_REVERSALS),
    ("charge.dispute.funds_reinstated", APPLY_REVERSALS),
    ("setup_intent.succeeded", SETTLE_SETUPS),
    ("checkout.session.completed", SETTLE_SETUPS),
    ("payment_method.attached", LOOK_AT_CARD),
    ("payment_method.detached", LOOK_AT_CARD),
    ("payment_method.updated", LOOK_AT_CARD),
    ("payment_method.automatically_updated", LOOK_AT_CARD),
    ("customer.updated", LOOK_AT_CARD),
    ("customer.deleted", LOOK_AT_CARD),
];

/// How many types Stripe lists at once.
const TYPES_MAX: usize = 20;

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
    let Some((_, job)) = EVENTS.iter().find(|(kind, _)| *kind == event.kind) else {
        return Ok(Noted::Ignored);
    };
    let Some(subject) = subject_of(app, job, event).await? else {
        return Ok(Noted::Ignored);
    };
    let new = NewEvent {
        id: &event.id,
        kind: &event.kind,
        object_id: event.subject.id.as_deref().unwrap_or_default(),
        created_at: Timestamp::from_millis(event.created.saturating_mul(1000)),
    };
    let job = Some((*job, subject.as_str()));
    let taken = events::take(&app.store.db, &new, job, app.now()).await?;
    Ok(if taken { Noted::Taken } else { Noted::Repeated })
}

/// What the job is to look at, where the event names it.
async fn subject_of(
    app: &Arc<App>,
    job: &str,
    event: &Event,
) -> Result<Option<String>, StoreError> {
    match job {
        APPLY_INVOICE => invoice_of(app, event).await,
        // Whatever has happened to a payment's refunds and disputes, all of them are looked at.
        APPLY_REVERSALS => Ok(event.subject.payment_intent.clone()),
        SETTLE_SETUPS | LOOK_AT_CARD => account_of(app, event).await,
        _ => Ok(event.subject.id.clone()),
    }
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

/// The account that an event is about, by the customer or, of a card that has been taken from its
/// customer, by the card.
async fn account_of(app: &Arc<App>, event: &Event) -> Result<Option<String>, StoreError> {
    let (db, subject) = (&app.store.db, &event.subject);
    let account = match (&subject.customer, &subject.id) {
        (Some(customer), _) => accounts::find_for_customer(db, customer).await?,
        (None, Some(card)) => accounts::find_for_card(db, card).await?,
        (None, None) => None,
    };
    Ok(account.map(|account| account.to_string()))
}

/// Does a job that an event has caused, or that another part of billing has asked for.
///
/// # Errors
/// [`BillingError`]; the job is then tried again.
pub async fn perform(app: &Arc<App>, job: &Job) -> Result<(), BillingError> {
    match job.kind.as_str() {
        APPLY_INVOICE => apply::apply_invoice_event(app, &job.subject).await,
        APPLY_REVERSALS => reversals::apply_reversals(app, &job.subject).await,
        SETTLE_SETUPS => setups::settle_account(app, account_in(job)?).await,
        LOOK_AT_CARD => customer::look_at_card(app, account_in(job)?).await,
        unknown => Err(BillingError::Internal(format!("no such job: {unknown}"))),
    }
}

fn account_in(job: &Job) -> Result<AccountId, BillingError> {
    let parsed = job.subject.parse();
    parsed.map_err(|_| BillingError::Internal(format!("{} is no account's id", job.subject)))
}

/// Reads the events since the last pass from Stripe's list and takes those that no webhook brought.
///
/// # Errors
/// [`BillingError`].
pub async fn events_since_cursor(app: &Arc<App>) -> Result<usize, BillingError> {
    let now_s = app.now().millis() / 1000;
    let cursor = events::cursor(&app.store.db, CURSOR).await?;
    let since = cursor.unwrap_or(now_s - REACH_SECONDS) - OVERLAP_SECONDS;
    let kinds: Vec<&str> = EVENTS.iter().map(|(kind, _)| *kind).collect();
    let mut missed = 0;
    for types in kinds.chunks(TYPES_MAX) {
        missed += events_of(app, types, since).await?;
    }
    events::set_cursor(&app.store.db, CURSOR, now_s).await?;
    Ok(missed)
}

async fn events_of(app: &Arc<App>, types: &[&str], since: i64) -> Result<usize, BillingError> {
    let mut pages = app.stripe.events(types, since);
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
    Ok(missed)
}
