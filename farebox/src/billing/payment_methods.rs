//! The account's payment methods, which are Stripe's: told, chosen and removed there, each time anew.
//!
//! Of a card nobody is ever shown more than its brand and its last four digits.

use std::sync::Arc;
use std::time::Duration;

use ledger::AccountId;

use crate::app::App;
use crate::billing::customer::{self, card};
use crate::billing::turn::in_turn;
use crate::billing::{BillingError, setups};
use crate::ids;
use crate::store::{accounts, auto_topups};
use crate::stripe::{PaymentMethod, StripeError};

/// How long a list waits for Stripe. The SDKs wait for 60 seconds.
const LIST_MAX: Duration = Duration::from_secs(20);

/// A payment method that is gone.
#[derive(Clone, Debug)]
pub struct Removed {
    /// Stripe's `pm_…`.
    pub id: String,
    /// Whether top-ups were charged to it by default, and now are to none.
    pub was_default: bool,
    /// Whether the account would top itself up.
    pub has_auto_topup: bool,
}

/// The account's payment methods, the default first and then the newest.
///
/// # Errors
/// [`BillingError::Unavailable`] and [`BillingError::TookTooLong`]; otherwise [`BillingError`].
pub async fn payment_methods(
    app: &Arc<App>,
    account: AccountId,
) -> Result<Vec<api::PaymentMethod>, BillingError> {
    match customer::get(app, account).await?.stripe_customer_id {
        None => Ok(Vec::new()),
        Some(customer) => {
            let listed = tokio::time::timeout(LIST_MAX, list(app, account, &customer)).await;
            listed.unwrap_or(Err(BillingError::TookTooLong))
        }
    }
}

async fn list(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
) -> Result<Vec<api::PaymentMethod>, BillingError> {
    let asked_at = app.now();
    let found = app.stripe.customer(customer).await?;
    let methods = match found.deleted {
        true => Vec::new(),
        false => app.stripe.payment_methods(customer)?.all().await?,
    };
    let default = found.default_payment_method();
    let is_default = |method: &PaymentMethod| default == Some(method.id.as_str());
    let charged = methods.iter().find(|method| is_default(method)).cloned();
    customer::note_card(app, account, charged.map(card).as_ref(), asked_at).await?;
    let told = methods.into_iter().map(|method| {
        let is_default = is_default(&method);
        render(method, is_default)
    });
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|method| !method.default);
    Ok(told)
}

/// Makes one of the account's payment methods the default.
///
/// # Errors
/// [`BillingError::NoSuchPaymentMethod`] where it isn't the account's; otherwise [`BillingError`].
pub async fn set_default_payment_method(
    app: &Arc<App>,
    account: AccountId,
    id: String,
) -> Result<api::PaymentMethod, BillingError> {
    let task_app = app.clone();
    in_turn(app, account, async move {
        let (app, (customer, method)) = (&task_app, own(&task_app, account, &id).await?);
        setups::settle(app, account, &customer).await?;
        make_default(app, account, &customer, &method).await?;
        Ok(render(method, true))
    })
    .await
}

/// Removes one of the account's payment methods for good. Where it was the default there is none then.
///
/// # Errors
/// [`BillingError::NoSuchPaymentMethod`] where it isn't the account's, or isn't any more; otherwise
/// [`BillingError`].
pub async fn remove_payment_method(
    app: &Arc<App>,
    account: AccountId,
    id: String,
) -> Result<Removed, BillingError> {
    let task_app = app.clone();
    in_turn(app, account, async move {
        let (app, (customer, method)) = (&task_app, own(&task_app, account, &id).await?);
        setups::settle(app, account, &customer).await?;
        let found = app.stripe.customer(&customer).await?;
        let was_default = found.default_payment_method() == Some(method.id.as_str());
        let key = new_key(account, "detach");
        app.stripe.detach_payment_method(&method.id, &key).await?;
        if was_default {
            accounts::set_card(&app.store.db, account, None, app.now()).await?;
        }
        let has_auto_topup = auto_topups::find(&app.store.db, account).await?.is_some();
        Ok(Removed {
            id,
            was_default,
            has_auto_topup,
        })
    })
    .await
}

/// The account's customer, and its payment method with this id. Whether another account has it is never
/// said.
async fn own(
    app: &Arc<App>,
    account: AccountId,
    id: &str,
) -> Result<(String, PaymentMethod), BillingError> {
    let known = customer::get(app, account).await?.stripe_customer_id;
    let customer = known.ok_or(BillingError::NoSuchPaymentMethod)?;
    match app.stripe.payment_method(&customer, id).await {
        Ok(method) => Ok((customer, method)),
        Err(StripeError::NotFound { .. } | StripeError::Invalid { .. }) => {
            Err(BillingError::NoSuchPaymentMethod)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes a payment method of the customer's the default, here and at Stripe. Only for whose turn it is.
pub(super) async fn make_default(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
    method: &PaymentMethod,
) -> Result<(), BillingError> {
    let key = new_key(account, "default");
    app.stripe
        .set_default_payment_method(customer, &method.id, &key)
        .await?;
    let card = card(method.clone());
    accounts::set_card(&app.store.db, account, Some(&card), app.now()).await?;
    customer::card_added(app, account).await
}

/// A key that nobody has used: a card may be chosen, left and chosen again within a day, and under a key of
/// that choice's own Stripe would only repeat its first answer.
fn new_key(account: AccountId, purpose: &str) -> String {
    format!("account:{account}:{purpose}:{}", ids::opaque())
}

fn render(method: PaymentMethod, default: bool) -> api::PaymentMethod {
    let kind = method.kind.clone();
    let shown = card(method);
    api::PaymentMethod {
        id: shown.id,
        kind,
        brand: shown.brand,
        last4: shown.last4,
        default,
    }
}
