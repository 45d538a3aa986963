//! The operator's refund: the credit is taken first, so that it can't be spent meanwhile, then Stripe gives
//! the money back; where Stripe refuses, so is the credit.
//!
//! From the first step on a row says what was asked for. Where Stripe's word is lost, a pass asks again
//! under the same idempotency key, or finds the refund by what was written into it.

use std::sync::Arc;
use std::time::Duration;

use api::Cents;
use ledger::reversal::{Away, Movement};
use ledger::topup::State;
use ledger::{AccountId, Amount, Code, Refusal};

use crate::app::App;
use crate::billing::holds::rfc_3339;
use crate::billing::reversals::{self as going_back, apply_refund, cents, is_crossed, plan, sale};
use crate::billing::{BillingError, RefundRefusal};
use crate::ids;
use crate::store::committer::CommitError;
use crate::store::reversals::{self, ASKED, Kind, REFUSED, Reversal};
use crate::store::topups::{self, Topup};
use crate::store::{StoreError, holds};
use crate::stripe::{CreateRefund, Refund, RefundFilter, StripeError};

/// How many refunds one pass takes on.
const PASS: i64 = 100;

/// How often the credit is taken anew because something else went back first.
const ROUNDS_MAX: usize = 10;

/// For how long the same idempotency key is sent: Stripe forgets it after a day or more.
const KEY_LASTS: Duration = Duration::from_secs(23 * 3600);

/// What an operator wants refunded.
#[derive(Clone, Debug)]
pub struct RefundRequest {
    /// Whose top-up.
    pub account: AccountId,
    /// The top-up's invoice.
    pub invoice_id: String,
    /// How much of the payment, in cents; all that is left of it if not given.
    pub amount_cents: Option<i64>,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    pub reason: Option<String>,
    /// Who asks, for the record.
    pub created_by: String,
    /// The caller's idempotency key.
    pub key: Option<String>,
}

/// Refunds a top-up, in full or in part.
///
/// # Errors
/// [`BillingError::NoSuchTopup`]; [`BillingError::Refund`] where it can't be: nothing has changed then;
/// [`BillingError::KeyMismatch`].
pub async fn refund_topup(
    app: &Arc<App>,
    request: RefundRequest,
) -> Result<api::Refund, BillingError> {
    let topup = topups::find(&app.store.db, request.account, &request.invoice_id).await?;
    let topup = topup.ok_or(BillingError::NoSuchTopup)?;
    let row = match already_asked(app, &topup, &request).await? {
        Some(known) if known.status != ASKED => return render(&known),
        Some(known) => known,
        None => take_credit(app, &topup, &request).await?,
    };
    // A task of its own: a caller who leaves does not stop it between Stripe and the ledger.
    let (task_app, id) = (app.clone(), row.id.clone());
    let driven = app
        .tasks
        .spawn(async move { drive(&task_app, &topup, &row).await });
    let driven = driven.await;
    driven.map_err(|_| BillingError::Internal("a refund's task died".to_owned()))??;
    render(&get(app, &id).await?)
}

/// The refunds of one of the account's top-ups, oldest first.
///
/// # Errors
/// [`BillingError::NoSuchTopup`].
pub async fn refunds_of(
    app: &Arc<App>,
    account: AccountId,
    invoice_id: &str,
) -> Result<Vec<api::Refund>, BillingError> {
    let topup = topups::find(&app.store.db, account, invoice_id).await?;
    let topup = topup.ok_or(BillingError::NoSuchTopup)?;
    let all = reversals::of_topup(&app.store.db, account, &topup.id).await?;
    let refunds = all.iter().filter(|one| one.kind == Kind::Refund);
    refunds.map(render).collect()
}

fn render(row: &Reversal) -> Result<api::Refund, BillingError> {
    // What Stripe has not said yet, it will: for a caller it is pending.
    let status = if row.status == ASKED {
        "pending"
    } else {
        &row.status
    };
    Ok(api::Refund {
        id: row.id.clone(),
        payment_intent_id: row.invoice_id.clone(),
        stripe_id: row.stripe_id.clone(),
        amount: Cents::from_nanos(cents(row.amount_cents)?.nanos()),
        credit: Cents::from_nanos(row.away.shares.credit.nanos()),
        status: status.to_owned(),
        reason: row.reason.clone(),
        created_by: row.created_by.clone(),
        created_at: rfc_3339(row.created_at)?,
    })
}

async fn get(app: &Arc<App>, id: &str) -> Result<Reversal, BillingError> {
    let row = reversals::find(&app.store.db, id).await?;
    Ok(row.ok_or_else(|| StoreError::corrupt(format!("refund {id} is gone")))?)
}

/// The refund that the key has named before, where it is the same request.
async fn already_asked(
    app: &Arc<App>,
    topup: &Topup,
    request: &RefundRequest,
) -> Result<Option<Reversal>, BillingError> {
    if request.key.is_none() {
        return Ok(None);
    }
    let Some(known) = reversals::find(&app.store.db, &id_of(request)).await? else {
        return Ok(None);
    };
    let same = known.topup_id == topup.id
        && known.reason == request.reason
        && request
            .amount_cents
            .is_none_or(|cents| cents == known.amount_cents);
    if same {
        Ok(Some(known))
    } else {
        Err(BillingError::KeyMismatch)
    }
}

fn id_of(request: &RefundRequest) -> String {
    match &request.key {
        Some(key) => ids::transfer_for("refund", &format!("{}:{key}", request.account)).to_string(),
        None => ids::opaque(),
    }
}

/// Takes the credit and writes the refund down, all or none.
async fn take_credit(
    app: &Arc<App>,
    topup: &Topup,
    request: &RefundRequest,
) -> Result<Reversal, BillingError> {
    if topup.state != State::Completed || topup.payment_intent_id.is_none() {
        return Err(BillingError::Refund(RefundRefusal::NotPaid));
    }
    let id = id_of(request);
    for _ in 0..ROUNDS_MAX {
        let seen = reversals::picture(&app.store.db, &topup.id, &id).await?;
        // After the number of movements: another call under this key may have been one of them.
        if let Some(known) = already_asked(app, topup, request).await? {
            return Ok(known);
        }
        let money = money(app, topup, request, seen.others.money).await?;
        let row = Reversal {
            id: id.clone(),
            topup_id: topup.id.clone(),
            invoice_id: request.invoice_id.clone(),
            account: topup.account,
            kind: Kind::Refund,
            stripe_id: None,
            amount_cents: money.to_cents().unwrap_or_default(),
            status: ASKED.to_owned(),
            open: false,
            reason: request.reason.clone(),
            created_by: request.created_by.clone(),
            away: Away::default(),
            created_at: app.now(),
        };
        let plan = plan(app, topup, row, &seen, Movement::Take(money), Code::Refund).await?;
        match going_back::carry_out(app, plan).await {
            Ok(()) => return get(app, &id).await,
            Err(error) if is_crossed(&error) => {}
            Err(error) => return Err(explain(app, topup, money, error).await?),
        }
    }
    Err(BillingError::Internal(format!(
        "refund {id} is crossed by others again and again"
    )))
}

/// How much is to go back: what was asked for, or all that is left.
async fn money(
    app: &Arc<App>,
    topup: &Topup,
    request: &RefundRequest,
    away: Amount,
) -> Result<Amount, BillingError> {
    let left = sale(app, topup)
        .await?
        .paid
        .checked_sub(away)
        .unwrap_or(Amount::ZERO);
    let asked = request.amount_cents.map(cents).transpose()?.unwrap_or(left);
    if !left.is_positive() || asked > left {
        let left = left.max(Amount::ZERO);
        return Err(BillingError::Refund(RefundRefusal::BeyondPayment {
            asked,
            left,
        }));
    }
    Ok(asked)
}

/// Says in which way the credit isn't there any more.
async fn explain(
    app: &Arc<App>,
    topup: &Topup,
    money: Amount,
    error: BillingError,
) -> Result<BillingError, BillingError> {
    match error {
        BillingError::Commit(CommitError::Refused(refused))
            if refused.refusal == Refusal::InsufficientCredit =>
        {
            let balances = holds::balances(&app.store.db, topup.account).await?;
            let available = balances.available();
            Ok(BillingError::Refund(RefundRefusal::CreditSpent {
                money,
                available,
            }))
        }
        other => Ok(other),
    }
}

/// Asks Stripe for the refund, and does what its answer says.
async fn drive(app: &Arc<App>, topup: &Topup, row: &Reversal) -> Result<(), BillingError> {
    match ask(app, topup, row).await {
        Ok(refund) => apply_refund(app, topup, &refund).await,
        // Stripe's word is out: the pass finds out, and until then the credit is away.
        Err(error) if error.is_transient() || error.outcome_unknown() => {
            tracing::warn!(refund = row.id, topup = topup.id, %error, "a refund's outcome is not known yet");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(refund = row.id, topup = topup.id, %error, "stripe refuses a refund");
            undo(app, topup, row).await?;
            Err(BillingError::Refund(RefundRefusal::ByStripe {
                message: error.to_string(),
            }))
        }
    }
}

async fn ask(app: &Arc<App>, topup: &Topup, row: &Reversal) -> Result<Refund, StripeError> {
    let account = topup.account.to_string();
    let metadata = [
        ("refund_id", row.id.as_str()),
        ("topup_id", topup.id.as_str()),
        ("account", account.as_str()),
    ];
    let new = CreateRefund {
        payment_intent: topup.payment_intent_id.as_deref().unwrap_or_default(),
        amount: row.amount_cents,
        reason: row.reason.as_deref(),
        metadata: &metadata,
    };
    app.stripe
        .create_refund(&new, &format!("refund:{}", row.id))
        .await
}

/// Gives the credit of a refund back that Stripe has refused, with the row that says so.
async fn undo(app: &Arc<App>, topup: &Topup, row: &Reversal) -> Result<(), BillingError> {
    for _ in 0..ROUNDS_MAX {
        let seen = reversals::picture(&app.store.db, &topup.id, &row.id).await?;
        let row = get(app, &row.id).await?;
        if row.status != ASKED {
            return Ok(());
        }
        let movement = Movement::GiveBack(row.away.shares);
        let row = Reversal {
            status: REFUSED.to_owned(),
            ..row
        };
        let plan = plan(app, topup, row, &seen, movement, Code::Reinstatement).await?;
        match going_back::carry_out(app, plan).await {
            Err(error) if is_crossed(&error) => {}
            other => return other,
        }
    }
    Err(BillingError::Internal(format!(
        "refund {} is crossed by others again and again",
        row.id
    )))
}

/// Looks at refunds of which Stripe's word has been out for a while.
///
/// # Errors
/// [`BillingError::Store`]; what fails at Stripe is logged and tried again with the next pass.
pub async fn unanswered_refunds(app: &Arc<App>) -> Result<usize, BillingError> {
    let before = app.now_minus(app.config.jobs.reconcile);
    let rows = reversals::unanswered(&app.store.db, before, PASS).await?;
    for row in &rows {
        if !reversals::claim_look(&app.store.db, &row.id, before, app.now()).await? {
            continue;
        }
        match ask_again(app, row).await {
            Err(BillingError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(refund = row.id, %error, "a refund could not be looked at")
            }
            Ok(()) => {}
        }
    }
    Ok(rows.len())
}

async fn ask_again(app: &Arc<App>, row: &Reversal) -> Result<(), BillingError> {
    let topup = topups::get(&app.store.db, &row.topup_id).await?;
    let filter = RefundFilter {
        payment_intent: topup.payment_intent_id.as_deref(),
        ..RefundFilter::default()
    };
    let made = app.stripe.refunds(&filter).all().await?;
    let is_ours = |refund: &&Refund| refund.metadata.get("refund_id") == Some(&row.id);
    if let Some(refund) = made.iter().find(is_ours) {
        return apply_refund(app, &topup, refund).await;
    }
    if row.created_at > app.now_minus(KEY_LASTS) {
        return drive(app, &topup, row).await;
    }
    // The key has been forgotten: asked again, it would be a second refund, should the first only be slow to
    // appear. After so long it was never made.
    undo(app, &topup, row).await
}
