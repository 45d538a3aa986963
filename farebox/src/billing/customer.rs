//! The account at Stripe: its customer, and the card that is charged by default.

use std::sync::Arc;

use ledger::{AccountId, Timestamp};

use crate::app::App;
use crate::billing::{BillingError, Refusal};
use crate::store::StoreError;
use crate::store::accounts::{self, Account};
use crate::store::auto_topups;
use crate::store::topups::Card;
use crate::stripe::{CreateCustomer, Customer, PaymentMethod, StripeError};

/// The account's Stripe customer, made if there is none. Two callers at once get the same one: Stripe
/// answers both by the same idempotency key.
///
/// # Errors
/// [`BillingError`].
pub async fn ensure(app: &Arc<App>, account: AccountId) -> Result<String, BillingError> {
    let found = get(app, account).await?;
    if let Some(customer) = found.stripe_customer_id {
        return Ok(customer);
    }
    let customer = create(app, &found, &format!("account:{account}:customer")).await?;
    accounts::set_customer(&app.store.db, account, &customer.id).await?;
    kept(app, account).await
}

/// The same, where a customer whom the operator has deleted at Stripe, and who can never have a card
/// again, gets a successor.
///
/// # Errors
/// [`BillingError`].
pub(super) async fn ensure_living(
    app: &Arc<App>,
    account: AccountId,
) -> Result<String, BillingError> {
    let known = ensure(app, account).await?;
    if !app.stripe.customer(&known).await?.deleted {
        return Ok(known);
    }
    let found = get(app, account).await?;
    let key = format!("account:{account}:customer:after:{known}");
    let customer = create(app, &found, &key).await?;
    accounts::replace_customer(&app.store.db, account, &known, &customer.id).await?;
    kept(app, account).await
}

/// Makes a customer under a key that names the occasion. A failure of Stripe's own may be what the key
/// answers for a day from now on, in which the account could buy nothing: then a key that nobody has used.
/// The worst that it costs is a second customer who never buys.
async fn create(app: &Arc<App>, account: &Account, key: &str) -> Result<Customer, StripeError> {
    let id = account.id.to_string();
    let metadata = [("account", id.as_str())];
    let new = CreateCustomer {
        name: Some(&account.name),
        email: None,
        metadata: &metadata,
    };
    match app.stripe.create_customer(&new, key).await {
        Err(StripeError::Unavailable {
            status: Some(500..),
            ..
        }) => {
            let fresh = format!("{key}:{}", app.now().millis());
            app.stripe.create_customer(&new, &fresh).await
        }
        made => made,
    }
}

/// The customer that has been written down, of two that were made at once the first.
async fn kept(app: &Arc<App>, account: AccountId) -> Result<String, BillingError> {
    let kept = get(app, account).await?.stripe_customer_id;
    kept.ok_or_else(|| BillingError::Internal("a customer was written and is gone".to_owned()))
}

pub(super) async fn get(app: &Arc<App>, account: AccountId) -> Result<Account, StoreError> {
    let found = accounts::find(&app.store.db, account).await?;
    found.ok_or_else(|| StoreError::corrupt("an authorised account is gone"))
}

/// Asks Stripe for the account's default card and notes what may be shown of it.
///
/// # Errors
/// [`BillingError`].
pub async fn refresh_card(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
) -> Result<Option<Card>, BillingError> {
    let asked_at = app.now();
    let card = default_card(app, customer).await?;
    note_card(app, account, card.as_ref(), asked_at).await?;
    Ok(card)
}

/// Something was said about the account's cards: asks for the default one.
///
/// # Errors
/// [`BillingError`].
pub(super) async fn look_at_card(app: &Arc<App>, account: AccountId) -> Result<(), BillingError> {
    if let Some(customer) = get(app, account).await?.stripe_customer_id {
        refresh_card(app, account, &customer).await?;
    }
    Ok(())
}

/// Notes what Stripe, asked at `asked_at`, says of the account's default card.
///
/// # Errors
/// [`BillingError::Store`].
pub(super) async fn note_card(
    app: &Arc<App>,
    account: AccountId,
    card: Option<&Card>,
    asked_at: Timestamp,
) -> Result<(), BillingError> {
    match accounts::set_card(&app.store.db, account, card, asked_at).await? {
        true => card_added(app, account).await,
        false => Ok(()),
    }
}

/// The account has another default card, or has chosen the one that it had once more: automatic top-ups
/// that were given up for want of one that can be charged go on.
///
/// # Errors
/// [`BillingError::Store`].
pub(super) async fn card_added(app: &App, account: AccountId) -> Result<(), BillingError> {
    auto_topups::card_added(&app.store.db, account).await?;
    app.store.committer.lowered().add([account]);
    Ok(())
}

async fn default_card(app: &Arc<App>, customer: &str) -> Result<Option<Card>, StripeError> {
    let found = app.stripe.customer(customer).await?;
    let Some(id) = found.default_payment_method() else {
        return Ok(None);
    };
    match app.stripe.payment_method(customer, id).await {
        Ok(method) => Ok(Some(card(method))),
        // Taken from the customer since.
        Err(StripeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The card that a top-up is charged to: the one that the request names, which must be the
/// customer's own, or else the default, or none.
///
/// # Errors
/// [`Refusal::PaymentMethod`] where it isn't theirs; otherwise [`BillingError`].
pub async fn card_to_charge(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
    requested: Option<&str>,
) -> Result<Option<Card>, BillingError> {
    let Some(id) = requested else {
        return refresh_card(app, account, customer).await;
    };
    let refused = || BillingError::Refused(Refusal::PaymentMethod { id: id.to_owned() });
    // Whether it doesn't exist or is somebody else's is not told apart to the caller.
    match app.stripe.payment_method(customer, id).await {
        Ok(method) => Ok(Some(card(method))),
        Err(StripeError::NotFound { .. } | StripeError::Invalid { .. }) => Err(refused()),
        Err(error) => Err(error.into()),
    }
}

/// What may be shown of a payment method.
pub(super) fn card(method: PaymentMethod) -> Card {
    let (brand, last4) = method.card.map(|card| (card.brand, card.last4)).unzip();
    Card {
        id: method.id,
        brand,
        last4,
    }
}
