//! Starting a top-up: the row, the calls to Stripe step by step, the answer (design: "Top-up").
//!
//! Every call has an idempotency key that derives from the top-up's id, and what a step brought is
//! written down before the next one, so that after a crash it is known what may have happened.
//! Before the card may be charged, a failure means that nothing was; from then on the outcome is
//! Stripe's to tell, and is asked for until it does.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ledger::AccountId;
use ledger::auto_topup::AUTHENTICATION_REQUIRED;
use ledger::topup::{CloseReason, State, Waiting};
use secrecy::ExposeSecret;

use crate::app::App;
use crate::billing::apply::apply_payment;
use crate::billing::kept::{self, Kept};
use crate::billing::reconcile::give_up;
use crate::billing::{BillingError, Refusal, customer};
use crate::ids;
use crate::store::topups::{self, Card, NewTopup, Progress, Step, Topup};
use crate::store::{StoreError, idempotency};
use crate::stripe::{CreateInvoice, CreateInvoiceItem, Invoice, PayInvoice, StripeError};

/// How long a request drives its top-up. The SDKs wait for 60 seconds.
pub(super) const DRIVE_MAX: Duration = Duration::from_secs(50);

/// For how long a top-up belongs to whoever drives it or gives it up, unless the claim is renewed. Short,
/// because the claim of a node that was killed keeps everybody else waiting, the customer included.
pub(super) const CLAIM: Duration = Duration::from_secs(10);

/// How often a claim is renewed. One that runs out all the same, because the database stood still, costs
/// nothing: the idempotency keys make two who drive the same top-up charge it once.
const RENEWED_EVERY: Duration = Duration::from_secs(3);

/// What is bought, in the words of the invoice.
pub const DESCRIPTION: &str = "AI Gateway credit";

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct TopupRequest {
    /// Whose credit it will be.
    pub account: AccountId,
    /// Who asks, for the record.
    pub created_by: String,
    /// The credit, in cents.
    pub amount_cents: i64,
    /// The card to charge instead of the default.
    pub payment_method: Option<String>,
    /// The caller's key, with the hash of what it asks under it.
    pub idempotency: Option<Idempotency>,
}

/// A caller's idempotency key.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// As the caller sent it.
    pub key: String,
    /// Of everything that the answer depends on.
    pub request_hash: String,
}

/// Starts a top-up and drives it as far as it goes without the customer. The driving is a task of its
/// own: a caller who leaves does not stop it half-way.
///
/// # Errors
/// [`BillingError::Refused`] for good; [`BillingError::Unavailable`] and
/// [`BillingError::TookTooLong`] where nothing was charged and asking again makes sense.
pub async fn start_topup(
    app: &Arc<App>,
    request: TopupRequest,
) -> Result<api::Topup, BillingError> {
    let topup = match begin(app, &request).await? {
        Begun::Before(Kept::Started(answer)) => return Ok(answer),
        Begun::Before(Kept::Refused(refusal)) => return Err(BillingError::Refused(refusal)),
        Begun::Now(topup) => topup,
    };
    let task_app = app.clone();
    let driven = app
        .tasks
        .spawn(async move { finish(&task_app, topup, &request).await });
    driven
        .await
        .map_err(|_| BillingError::Internal("a top-up's task died".to_owned()))?
}

/// What driving a top-up has come to.
pub(super) enum Driven {
    /// Stripe was asked: the answer is the same for every repeat of the request.
    Read(api::Topup),
    /// Stripe could not be asked: a repeat may learn more, such as the secret that the customer needs.
    Unread(api::Topup),
}

impl Driven {
    fn answer(self) -> api::Topup {
        let (Self::Read(answer) | Self::Unread(answer)) = self;
        answer
    }
}

enum Begun {
    Before(Kept),
    Now(Box<Topup>),
}

/// Writes the new top-up down, or finds the one that the idempotency key began.
async fn begin(app: &Arc<App>, request: &TopupRequest) -> Result<Begun, BillingError> {
    let Some(idempotency) = &request.idempotency else {
        return insert(app, request).await;
    };
    match insert(app, request).await {
        Err(BillingError::Store(StoreError::Duplicate(_))) => {}
        other => return other,
    }
    let db = &app.store.db;
    let known = idempotency::find(db, request.account, &idempotency.key).await?;
    let known = known.ok_or(BillingError::KeyBusy)?;
    if known.request_hash != idempotency.request_hash {
        return Err(BillingError::KeyMismatch);
    }
    if let Some(sealed) = &known.answer {
        let opened = kept::open(app, request.account, &idempotency.key, sealed)?;
        return Ok(Begun::Before(opened));
    }
    if !topups::claim(db, &known.topup_id, app.now_plus(CLAIM), app.now()).await? {
        return Err(BillingError::KeyBusy);
    }
    Ok(Begun::Now(Box::new(
        topups::get(db, &known.topup_id).await?,
    )))
}

async fn insert(app: &Arc<App>, request: &TopupRequest) -> Result<Begun, BillingError> {
    let now = app.now();
    let id = ids::ordered(now);
    let new = NewTopup {
        id: &id,
        account: request.account,
        kind: "manual",
        amount_cents: request.amount_cents,
        fee_cents: fee_cents(app, request.amount_cents)?,
        currency: &app.config.topup.currency,
        livemode: app.stripe.livemode(),
        created_by: &request.created_by,
        requested_payment_method: request.payment_method.as_deref(),
        claimed_until: app.now_plus(CLAIM),
    };
    let mut tx = app.store.db.begin().await?;
    topups::insert(&mut tx, &new, now).await?;
    if let Some(Idempotency { key, request_hash }) = &request.idempotency {
        idempotency::insert(&mut tx, request.account, key, request_hash, &id, now).await?;
    }
    tx.commit().await?;
    Ok(Begun::Now(Box::new(topups::get(&app.store.db, &id).await?)))
}

/// What is charged beside so much credit, in cents.
pub(super) fn fee_cents(app: &App, amount_cents: i64) -> Result<i64, BillingError> {
    let fee = app.fee.fee_cents(amount_cents);
    fee.ok_or_else(|| BillingError::Internal("the fee is no amount".to_owned()))
}

/// Drives a claimed top-up, lets go of it, and keeps the answer if it won't change.
async fn finish(
    app: &Arc<App>,
    topup: Box<Topup>,
    request: &TopupRequest,
) -> Result<api::Topup, BillingError> {
    let id = topup.id.clone();
    let driving = tokio::time::timeout(DRIVE_MAX, drive(app, *topup));
    let driven = match renewing(app, &id, driving).await {
        Ok(driven) => driven,
        Err(_) => after_timeout(app, &id).await,
    };
    if let Some(idempotency) = &request.idempotency {
        kept::keep(app, request.account, &idempotency.key, &driven).await?;
    }
    topups::release(&app.store.db, &id).await?;
    driven.map(Driven::answer)
}

/// Renews the claim for as long as `work` takes.
pub(super) async fn renewing<T>(app: &Arc<App>, id: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(RENEWED_EVERY) => {}
        }
        if let Err(error) = topups::renew(&app.store.db, id, app.now_plus(CLAIM)).await {
            tracing::warn!(topup = id, %error, "a claim could not be renewed");
        }
    }
}

/// From the step that the row has reached to the answer.
async fn drive(app: &Arc<App>, mut topup: Topup) -> Result<Driven, BillingError> {
    if topup.state == State::Started && topup.step < Step::Paying {
        let charged = charge(app, &topup).await;
        match charged {
            Err(BillingError::Refused(refusal)) => {
                // An earlier attempt may have left an invoice that could be paid.
                let topup = topups::get(&app.store.db, &topup.id).await?;
                give_up(app, &topup, CloseReason::Abandoned).await?;
                return Err(BillingError::Refused(refusal));
            }
            // Somebody else has settled it: Stripe's webhook, or the operator by voiding the invoice.
            Ok(()) | Err(BillingError::Store(StoreError::Conflict(_))) => {}
            Err(error) => return Err(error),
        }
        topup = topups::get(&app.store.db, &topup.id).await?;
    }
    settle(app, &topup).await
}

/// All the calls, in their order. Without a card the customer pays in the browser.
async fn charge(app: &Arc<App>, topup: &Topup) -> Result<(), BillingError> {
    let customer = customer::ensure(app, topup.account).await?;
    let requested = topup.requested_payment_method.as_deref();
    let card = customer::card_to_charge(app, topup.account, &customer, requested).await?;
    let invoice_id = prepare(app, topup, &customer).await?;
    match card {
        Some(card) => pay(app, topup, &invoice_id, card).await,
        None => Ok(()),
    }
}

/// The invoice with its lines, finalised: everything between the card and the charge.
pub(super) async fn prepare(
    app: &Arc<App>,
    topup: &Topup,
    customer: &str,
) -> Result<String, BillingError> {
    let invoice = create_invoice(app, topup, customer).await?;
    let invoiced = Progress {
        invoice_id: Some(&invoice.id),
        ..Progress::default()
    };
    topups::advance(
        &app.store.db,
        &topup.id,
        Step::Invoiced,
        &invoiced,
        app.now(),
    )
    .await?;
    add_lines(app, topup, customer, &invoice.id).await?;
    let key = format!("topup:{}:fin", topup.id);
    let open = app.stripe.finalize_invoice(&invoice.id, &key).await?;
    let payment_intent_id = open.payment_intent().map(|intent| intent.id.as_str());
    let finalized = Progress {
        payment_intent_id,
        ..Progress::default()
    };
    topups::advance(
        &app.store.db,
        &topup.id,
        Step::Finalized,
        &finalized,
        app.now(),
    )
    .await?;
    Ok(invoice.id)
}

async fn create_invoice(
    app: &Arc<App>,
    topup: &Topup,
    customer: &str,
) -> Result<Invoice, StripeError> {
    let (account, credit) = (topup.account.to_string(), topup.amount_cents.to_string());
    let metadata = [
        ("topup_id", topup.id.as_str()),
        ("account", account.as_str()),
        ("kind", topup.kind.as_str()),
        ("created_by", topup.created_by.as_str()),
        ("credit_cents", credit.as_str()),
    ];
    let new = CreateInvoice {
        customer,
        currency: &topup.currency,
        description: Some(DESCRIPTION),
        automatic_tax: false,
        metadata: &metadata,
    };
    app.stripe
        .create_invoice(&new, &format!("topup:{}:inv", topup.id))
        .await
}

async fn add_lines(
    app: &Arc<App>,
    topup: &Topup,
    customer: &str,
    invoice: &str,
) -> Result<(), StripeError> {
    let metadata = [("topup_id", topup.id.as_str())];
    let line = |amount, description| CreateInvoiceItem {
        customer,
        invoice,
        amount,
        currency: &topup.currency,
        description,
        tax_code: None,
        metadata: &metadata,
    };
    let credit = line(topup.amount_cents, DESCRIPTION);
    app.stripe
        .create_invoice_item(&credit, &format!("topup:{}:item", topup.id))
        .await?;
    if topup.fee_cents > 0 {
        let fee = line(topup.fee_cents, "Processing fee");
        app.stripe
            .create_invoice_item(&fee, &format!("topup:{}:fee", topup.id))
            .await?;
    }
    Ok(())
}

/// Charges the card. What came of it is found out afterwards, by reading the invoice: the answer to
/// this call is only a hint, and may never arrive.
pub(super) async fn pay(
    app: &Arc<App>,
    topup: &Topup,
    invoice_id: &str,
    card: Card,
) -> Result<(), BillingError> {
    let payment_method = card.id.clone();
    let progress = Progress {
        card: Some(card),
        ..Progress::default()
    };
    topups::advance(&app.store.db, &topup.id, Step::Paying, &progress, app.now()).await?;
    // The customer is there where this is a request of theirs.
    let how = PayInvoice {
        payment_method: Some(&payment_method),
        off_session: topup.is_unattended(),
    };
    let key = format!("topup:{}:pay:1", topup.id);
    match app.stripe.pay_invoice(invoice_id, &how, &key).await {
        Ok(_) => Ok(()),
        // Stripe has not even begun. Said to be possible, it would leave a customer waiting for a charge
        // that nobody makes; this way a repeat of the request makes it.
        Err(error) if error.is_transient() && !error.outcome_unknown() => {
            let (finalized, progress) = (Step::Finalized, Progress::default());
            topups::advance(&app.store.db, &topup.id, finalized, &progress, app.now()).await?;
            Err(error.into())
        }
        Err(error) => {
            tracing::info!(topup = topup.id, %error, "the charge did not succeed at once");
            note_decline(app, topup, &error).await
        }
    }
}

/// Keeps the reason of a decline, which the invoice alone may not tell any more once it is void.
async fn note_decline(
    app: &Arc<App>,
    topup: &Topup,
    error: &StripeError,
) -> Result<(), BillingError> {
    let code = match error {
        _ if error.requires_authentication() && topup.is_unattended() => AUTHENTICATION_REQUIRED,
        // No decline: the customer goes on.
        _ if error.requires_authentication() => return Ok(()),
        StripeError::Card {
            code, decline_code, ..
        } => decline_code.as_deref().unwrap_or(code),
        _ => return Ok(()),
    };
    let decline_code = Some(code);
    let progress = Progress {
        decline_code,
        ..Progress::default()
    };
    match topups::advance(&app.store.db, &topup.id, Step::Paying, &progress, app.now()).await {
        // The webhook was faster and has closed it.
        Err(StoreError::Conflict(_)) => Ok(()),
        other => Ok(other?),
    }
}

/// Reads what has become of the invoice, and says it.
async fn settle(app: &Arc<App>, topup: &Topup) -> Result<Driven, BillingError> {
    match apply_payment(app, topup).await {
        Ok((topup, invoice)) => Ok(Driven::Read(answer(&topup, invoice.as_ref())?)),
        // The card may have been charged, and there is an id to ask the status by: whatever is the
        // matter with Stripe, or with our key to it, pending is the truth.
        Err(
            error @ (BillingError::Unavailable(_) | BillingError::Refused(Refusal::Stripe { .. })),
        ) if topup.step >= Step::Paying => {
            tracing::warn!(topup = topup.id, %error, "stripe can't be asked, the top-up stays pending");
            stay_pending(app, topup).await
        }
        Err(error) => Err(error),
    }
}

async fn stay_pending(app: &Arc<App>, topup: &Topup) -> Result<Driven, BillingError> {
    let declined = topup.decline_code.as_deref();
    topups::wait(
        &app.store.db,
        &topup.id,
        Waiting::ForStripe,
        declined,
        app.now(),
    )
    .await?;
    let topup = topups::get(&app.store.db, &topup.id).await?;
    Ok(Driven::Unread(answer(&topup, None)?))
}

/// The time is up. Where the card may have been charged the top-up is pending; before that, nothing
/// has happened and the reconcile job cleans up.
async fn after_timeout(app: &Arc<App>, id: &str) -> Result<Driven, BillingError> {
    let topup = topups::get(&app.store.db, id).await?;
    if topup.step >= Step::Paying {
        return stay_pending(app, &topup).await;
    }
    Err(BillingError::TookTooLong)
}

fn answer(topup: &Topup, invoice: Option<&Invoice>) -> Result<api::Topup, BillingError> {
    let invoice_id = topup.invoice_id.clone();
    if let Some(refusal) = refusal_of(topup) {
        return Err(BillingError::Refused(refusal));
    }
    let client_secret = match (topup.waiting, invoice) {
        (Some(Waiting::ForCustomer), Some(invoice)) => invoice.client_secret(),
        _ => None,
    };
    Ok(api::Topup {
        client_secret: client_secret.map(|secret| secret.expose_secret().to_owned()),
        onboarding: topup.payment_method_id.is_some(),
        payment_intent_id: invoice_id
            .ok_or_else(|| BillingError::Internal("a top-up has no invoice".to_owned()))?,
        brand: topup.brand.clone(),
        last4: topup.last4.clone(),
    })
}

/// Why a top-up can't be paid any more, if it can't.
pub fn refusal_of(topup: &Topup) -> Option<Refusal> {
    let invoice = topup.invoice_id.clone().unwrap_or_default();
    match (topup.state, topup.close_reason) {
        (State::Review, _) => Some(Refusal::InReview { invoice }),
        (State::Closed, Some(CloseReason::Declined)) => {
            let code = topup
                .decline_code
                .clone()
                .unwrap_or_else(|| "card_declined".to_owned());
            Some(Refusal::Declined { invoice, code })
        }
        (State::Closed, Some(CloseReason::Voided | CloseReason::Uncollectible)) => {
            Some(Refusal::Voided { invoice })
        }
        (State::Closed, _) => Some(Refusal::Abandoned),
        (State::Started | State::Pending | State::Completed, _) => None,
    }
}
