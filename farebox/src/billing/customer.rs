//! The account at Stripe: its customer, and the card that is charged by default.

use std::sync::Arc;

use ledger::AccountId;

use crate::app::App;
use crate::billing::{BillingError, Refusal};
use crate::store::StoreError;
use crate::store::accounts::{self, Account};
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
    let id = account.to_string();
    let metadata = [("account", id.as_str())];
    let new = CreateCustomer {
        name: Some(&found.name),
        email: None,
        metadata: &metadata,
    };
    let customer = create(app, &new, &format!("account:{id}:customer")).await?;
    accounts::set_customer(&app.store.db, account, &customer.id).await?;
    let kept = get(app, account).await?.stripe_customer_id;
    kept.ok_or_else(|| BillingError::Internal("a customer was written and is gone".to_owned()))
}

/// Makes a customer under the account's one key. A failure of Stripe's own may be what the key answers for
/// a day from now on, in which the account could buy nothing: then a key that nobody has used. The worst
/// that it costs is a second customer who never buys.
async fn create(
    app: &Arc<App>,
    new: &CreateCustomer<'_>,
    key: &str,
) -> Result<Customer, StripeError> {
    match app.stripe.create_customer(new, key).await {
        Err(StripeError::Unavailable {
            status: Some(500..),
            ..
        }) => {
            let fresh = format!("{key}:{}", app.now().millis());
            app.stripe.create_customer(new, &fresh).await
        }
        made => made,
    }
}

async fn get(app: &Arc<App>, account: AccountId) -> Result<Account, StoreError> {
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
    let card = default_card(app, customer).await?;
    accounts::set_card(&app.store.db, account, card.as_ref(), app.now()).await?;
    Ok(card)
}

async fn default_card(app: &Arc<App>, customer: &str) -> Result<Option<Card>, StripeError> {
    let customer = app.stripe.customer(customer).await?;
    let Some(id) = customer.default_payment_method() else {
        return Ok(None);
    };
    Ok(Some(card(app.stripe.payment_method(id).await?)))
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
    match app.stripe.payment_method(id).await {
        Ok(method) if method.customer.as_deref() == Some(customer) => Ok(Some(card(method))),
        Ok(_) | Err(StripeError::NotFound { .. } | StripeError::Invalid { .. }) => Err(refused()),
        Err(error) => Err(error.into()),
    }
}

fn card(method: PaymentMethod) -> Card {
    let (brand, last4) = method.card.map(|card| (card.brand, card.last4)).unzip();
    Card {
        id: method.id,
        brand,
        last4,
    }
}
