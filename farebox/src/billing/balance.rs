//! What an account has (contract: section 1, `GET credit-balance`).

use std::sync::Arc;
use std::time::Duration;

use api::{Cents, CreditBalance, PaymentMethodSummary};
use ledger::{AccountId, Amount, Balances};

use crate::app::App;
use crate::billing::{BillingError, customer, topup_config};
use crate::store::accounts::{self, Account};
use crate::store::topups::Card;
use crate::store::{StoreError, holds, topups};

/// How long a balance call waits for Stripe to name the default card.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// The account's balance, its card, and what is under way; and whether new spending is frozen.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn credit_balance(
    app: &Arc<App>,
    account: AccountId,
) -> Result<(CreditBalance, bool), BillingError> {
    let db = &app.store.db;
    let row = accounts::find(db, account).await?;
    let row = row.ok_or_else(|| StoreError::corrupt("an authorised account is gone"))?;
    let card = default_card(app, row).await;
    let (balances, frozen) = holds::standing(db, account).await?;
    let (available, held) = spendable(app, account, balances);
    let topups = topups::summary(db, account).await?;
    let pending = Amount::from_cents(topups.pending_cents)
        .ok_or_else(|| BillingError::Internal("the pending top-ups are no amount".to_owned()))?;
    let balance = CreditBalance {
        balance: cents(balances.posted()),
        has_default_payment_method: card.is_some(),
        payment_method: card.map(|card| PaymentMethodSummary {
            brand: card.brand,
            last4: card.last4,
        }),
        topup_config: topup_config(app, account).await?,
        first_topup_success: topups.any_completed,
        available: Some(cents(available)),
        held: Some(cents(held)),
        pending_topups: Some(cents(pending)),
    };
    Ok((balance, frozen))
}

/// What can be spent, and what is held for something: what is idle in a lease can be spent.
fn spendable(app: &App, account: AccountId, balances: Balances) -> (Amount, Amount) {
    let (available, held) = (balances.available(), balances.held());
    let idle = app.store.committer.leases().idle(account).min(held);
    match (available.checked_add(idle), held.checked_sub(idle)) {
        (Some(available), Some(held)) => (available, held),
        _ => (available, held),
    }
}

fn cents(amount: Amount) -> Cents {
    Cents::from_nanos(amount.nanos())
}

/// The default card as Stripe tells it now, or as it last did where Stripe can't be asked or was asked
/// a moment ago.
async fn default_card(app: &Arc<App>, account: Account) -> Option<Card> {
    let customer = account.stripe_customer_id.as_deref()?;
    let lately = app.now_minus(app.config.topup.status_refresh);
    if account.card_looked_at > lately {
        return account.card;
    }
    match accounts::claim_card_look(&app.store.db, account.id, lately, app.now()).await {
        Ok(true) => {}
        // Somebody else is asking just now.
        Ok(false) | Err(_) => return account.card,
    }
    let asked = customer::refresh_card(app, account.id, customer);
    match tokio::time::timeout(LOOK_MAX, asked).await {
        Ok(Ok(card)) => card,
        Ok(Err(error)) => {
            tracing::warn!(account = %account.id, %error, "the default card could not be looked up");
            account.card
        }
        Err(_) => account.card,
    }
}
