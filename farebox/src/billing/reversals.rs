//! What goes back of a top-up's money, and the credit that comes back for it: one way for refunds and
//! disputes, the operator's and those from outside.
//!
//! What has happened is read from Stripe afresh, and the books are brought to where the world is, by
//! `ledger::reversal`. So it matters neither which event came, nor how often, nor in which order: looking
//! again changes nothing. Nobody but this module takes credit back.

use std::sync::Arc;

use ledger::reversal::{
    Away, DisputeFacts, Legs, Movement, RefundStands, Sale, give_back, next_movement,
    refund_stands, take,
};
use ledger::topup::State;
use ledger::{Amount, Code, Operation, Timestamp};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::apply::apply_payment;
use crate::ids;
use crate::store::committer::{Attached, CommitError, Entry};
use crate::store::reversals::{self, Kind, Move, Reversal};
use crate::store::topups::{self, Topup};
use crate::store::{StoreError, invoices};
use crate::stripe::{Dispute, DisputeFilter, Refund, RefundFilter};

/// How often a movement is planned anew because another was written first.
const ROUNDS_MAX: usize = 10;

/// Who made a reversal that nobody asked Farebox for.
const BY_STRIPE: &str = "stripe";

/// Looks at everything that has gone back of a payment, and brings the books there.
///
/// # Errors
/// [`BillingError`]; the same again is harmless, and goes on where it stopped.
pub async fn apply_reversals(app: &Arc<App>, payment_intent: &str) -> Result<(), BillingError> {
    let Some(topup) = topup_of(app, payment_intent).await? else {
        return Ok(());
    };
    let refunds = RefundFilter {
        payment_intent: Some(payment_intent),
        ..RefundFilter::default()
    };
    let disputes = DisputeFilter {
        payment_intent: Some(payment_intent),
        ..DisputeFilter::default()
    };
    let refunds = app.stripe.refunds(&refunds).all().await?;
    let disputes = app.stripe.disputes(&disputes).all().await?;
    if refunds.is_empty() && disputes.is_empty() {
        return Ok(());
    }
    // Its events may have come before those of the payment itself. Credit comes first, or there would be
    // nothing to take.
    let topup = match topup.state {
        State::Completed => topup,
        _ => apply_payment(app, &topup).await?.0,
    };
    // Stripe's lists begin with the newest.
    for refund in refunds.iter().rev() {
        apply_refund(app, &topup, refund).await?;
    }
    for dispute in disputes.iter().rev() {
        apply_dispute(app, &topup, dispute).await?;
    }
    Ok(())
}

/// The top-up that a payment is of: by our own row, or by what Stripe says where a crash has kept us from
/// writing the payment down.
async fn topup_of(app: &Arc<App>, intent: &str) -> Result<Option<Topup>, BillingError> {
    let db = &app.store.db;
    if let Some(topup) = topups::find_for_payment_intent(db, intent).await? {
        return Ok(Some(topup));
    }
    let payments = app.stripe.invoice_payments(intent).all().await?;
    for invoice in payments
        .iter()
        .filter_map(|payment| payment.invoice.as_deref())
    {
        if let Some(topup) = topups::find_for_invoice(db, invoice).await? {
            return Ok(Some(topup));
        }
    }
    Ok(None)
}

/// What Stripe says of a refund, whoever made it.
pub(super) async fn apply_refund(
    app: &Arc<App>,
    topup: &Topup,
    refund: &Refund,
) -> Result<(), BillingError> {
    // Stripe may leave the status null: then the money is where a refund's money is, away.
    let status = refund
        .status
        .as_ref()
        .map_or("succeeded", |status| status.as_str());
    let Some(stands) = refund_stands(status) else {
        tracing::warn!(refund = refund.id, status, "a refund's status is not known");
        return Ok(());
    };
    let known = known_refund(app, topup, refund).await?;
    let told = Reversal {
        stripe_id: Some(refund.id.clone()),
        status: status.to_owned(),
        ..known.unwrap_or_else(|| {
            made_at_stripe(
                topup,
                Kind::Refund,
                &refund.id,
                refund.amount,
                refund.created,
            )
        })
    };
    reversals::note(
        &app.store.db,
        &told,
        app.config.disputes.freeze_spending,
        app.now(),
    )
    .await?;
    let money = match stands {
        RefundStands::Away => cents(refund.amount)?,
        RefundStands::Back => Amount::ZERO,
    };
    bring(app, topup, &told.id, money).await
}

/// Our row of a refund: by Stripe's id, or, where the answer to our own call was lost, by what we wrote into
/// the refund.
async fn known_refund(
    app: &Arc<App>,
    topup: &Topup,
    refund: &Refund,
) -> Result<Option<Reversal>, StoreError> {
    let db = &app.store.db;
    if let Some(known) = reversals::find_for_stripe(db, &refund.id).await? {
        return Ok(Some(known));
    }
    let Some(ours) = refund.metadata.get("refund_id") else {
        return Ok(None);
    };
    let known = reversals::find(db, ours).await?;
    // Another one may have written Stripe's id down since the look by it.
    let is_free = |known: &Reversal| known.stripe_id.as_ref().is_none_or(|id| *id == refund.id);
    Ok(known
        .filter(|known| known.topup_id == topup.id && known.kind == Kind::Refund && is_free(known)))
}

async fn apply_dispute(
    app: &Arc<App>,
    topup: &Topup,
    dispute: &Dispute,
) -> Result<(), BillingError> {
    let db = &app.store.db;
    let known = reversals::find_for_stripe(db, &dispute.id).await?;
    let told = Reversal {
        status: dispute.status.as_str().to_owned(),
        open: !dispute.status.is_over(),
        reason: dispute.reason.clone(),
        ..known.unwrap_or_else(|| {
            made_at_stripe(
                topup,
                Kind::Dispute,
                &dispute.id,
                dispute.amount,
                dispute.created,
            )
        })
    };
    reversals::note(db, &told, app.config.disputes.freeze_spending, app.now()).await?;
    let away = facts(topup, dispute).and_then(|facts| facts.money_away());
    let away = away.ok_or_else(|| BillingError::Internal("a dispute is no amount".to_owned()))?;
    bring(app, topup, &told.id, away).await
}

pub(super) fn facts(topup: &Topup, dispute: &Dispute) -> Option<DisputeFacts> {
    let moved = &dispute.balance_transactions;
    let sum = moved
        .iter()
        .try_fold(0_i64, |sum, one| sum.checked_add(one.amount))?;
    Some(DisputeFacts {
        disputed: Amount::from_cents(dispute.amount)?,
        balance: Amount::from_cents(sum)?,
        same_currency: moved.iter().all(|one| one.currency == topup.currency),
    })
}

/// The row of what was made at Stripe. Its id derives from Stripe's, so that two who see it at once make one.
fn made_at_stripe(
    topup: &Topup,
    kind: Kind,
    stripe_id: &str,
    amount: i64,
    created: i64,
) -> Reversal {
    Reversal {
        id: ids::transfer_for("reversal", stripe_id).to_string(),
        topup_id: topup.id.clone(),
        invoice_id: topup.invoice_id.clone().unwrap_or_default(),
        account: topup.account,
        kind,
        stripe_id: Some(stripe_id.to_owned()),
        amount_cents: amount,
        status: String::new(),
        open: false,
        reason: None,
        created_by: BY_STRIPE.to_owned(),
        away: Away::default(),
        created_at: Timestamp::from_millis(created.saturating_mul(1000)),
    }
}

/// Brings the books to where `money` is away by this reversal. Of a top-up that was never credited nothing
/// can be taken: its completion looks at its reversals again.
async fn bring(app: &Arc<App>, topup: &Topup, id: &str, money: Amount) -> Result<(), BillingError> {
    if topup.state != State::Completed {
        tracing::warn!(
            topup = topup.id,
            reversal = id,
            "money went back of a top-up that isn't credited"
        );
        return Ok(());
    }
    for _ in 0..ROUNDS_MAX {
        // The number of movements before the row: what is read later can only be newer, and then the
        // movement is not written.
        let seen = reversals::picture(&app.store.db, &topup.id, id).await?;
        let row = reversals::find(&app.store.db, id).await?;
        let row = row.ok_or_else(|| StoreError::corrupt(format!("reversal {id} is gone")))?;
        let Some(movement) = next_movement(&row.away, money) else {
            return Ok(());
        };
        let plan = plan(app, topup, row, &seen, movement, Code::Reversal).await?;
        match carry_out(app, plan).await {
            Err(error) if is_crossed(&error) => {}
            other => other?,
        }
    }
    Err(BillingError::Internal(format!(
        "reversal {id} is crossed by others again and again"
    )))
}

/// A movement with the transfers that it is.
pub(super) struct Plan {
    operations: Vec<Operation>,
    planned: Move,
    takes: bool,
}

/// Plans a movement by what was seen. `row` is the reversal as it will be, but for what it has taken.
pub(super) async fn plan(
    app: &Arc<App>,
    topup: &Topup,
    row: Reversal,
    seen: &reversals::Picture,
    movement: Movement,
    code: Code,
) -> Result<Plan, BillingError> {
    let leg = |name: &str| ids::transfer_for(name, &format!("{}:{}", topup.id, seen.moves));
    let legs = Legs {
        credit: leg("reversal"),
        fee: leg("reversal of fee"),
        loss: leg("reversal at a loss"),
    };
    let (operations, away) = match movement {
        Movement::Take(money) => {
            let shares = sale(app, topup).await?.shares(&seen.others, money);
            let shares =
                shares.ok_or_else(|| BillingError::Internal(format!("{topup:?} has no shares")))?;
            (
                take(legs, topup.account, &shares, code, &row.id),
                Away { money, shares },
            )
        }
        Movement::GiveBack(shares) => (
            give_back(legs, topup.account, &shares, &row.id),
            Away::default(),
        ),
    };
    Ok(Plan {
        operations,
        takes: matches!(movement, Movement::Take(_)),
        planned: Move {
            seen: seen.moves,
            after: Reversal { away, ..row },
        },
    })
}

/// Writes a planned movement, all or none.
pub(super) async fn carry_out(app: &Arc<App>, plan: Plan) -> Result<(), BillingError> {
    let Plan {
        operations,
        planned,
        takes,
    } = plan;
    let told = planned.after.clone();
    if operations.is_empty() {
        reversals::move_nothing(&app.store.db, &planned, app.now()).await?;
    } else {
        let attached = Some(Attached::Reversal(Box::new(planned)));
        let entry = Entry {
            operations,
            attached,
        };
        let outcomes = app.store.committer.commit(entry).await?;
        if !outcomes.iter().any(ledger::Outcome::is_new) {
            return Ok(());
        }
    }
    app.metrics
        .reversal(told.kind.name(), if takes { "taken" } else { "given_back" });
    tracing::info!(
        topup = told.topup_id, account = %told.account, reversal = told.id, kind = told.kind.name(),
        stripe = told.stripe_id, status = told.status, takes, credit = %told.away.shares.credit,
        "credit moved because money went back or came back"
    );
    Ok(())
}

/// Whether another movement was written first: by the transfers' ids, which derive from the number of
/// movements that both had seen, or by that number itself.
pub(super) fn is_crossed(error: &BillingError) -> bool {
    match error {
        BillingError::Commit(CommitError::Refused(refused)) => refused.refusal.is_conflict(),
        BillingError::Commit(CommitError::Store(cause)) => {
            matches!(**cause, StoreError::Conflict(_))
        }
        BillingError::Store(StoreError::Conflict(_)) => true,
        _ => false,
    }
}

/// What was bought and what was paid. Where Stripe took less than the price, out of a balance that the
/// customer had there, the price is what counts.
pub(super) async fn sale(app: &Arc<App>, topup: &Topup) -> Result<Sale, BillingError> {
    let price = topup.amount_cents.saturating_add(topup.fee_cents);
    let paid = invoices::paid_cents(&app.store.db, &topup.id).await?;
    Ok(Sale {
        credit: cents(topup.amount_cents)?,
        fee: cents(topup.fee_cents)?,
        paid: cents(paid.unwrap_or_default().max(price))?,
    })
}

pub(super) fn cents(cents: i64) -> Result<Amount, BillingError> {
    Amount::from_cents(cents)
        .ok_or_else(|| BillingError::Internal(format!("{cents} cents are no amount")))
}
