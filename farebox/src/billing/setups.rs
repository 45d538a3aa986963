//! Saving a card: begun here, done by the customer at Stripe, and then made the account's default.
//!
//! Stripe attaches the card and leaves the default as it is. Which setups have succeeded is read from
//! Stripe's own list, whoever asks, and each is carried out once. So it doesn't matter which event tells
//! of them, in which order, how late, or whether any does; and because every other choice of a default
//! settles them first, one that comes to light later can't undo it.

use std::sync::Arc;

use api::PaymentMethodSetup;
use ledger::AccountId;
use secrecy::ExposeSecret;

use crate::app::App;
use crate::billing::payment_methods::make_default;
use crate::billing::turn::in_turn;
use crate::billing::{BillingError, customer};
use crate::ids;
use crate::store::setups;
use crate::stripe::{CreateSetupSession, SetupIntent, SetupIntentStatus, StripeError};

/// How far back setups are looked for, in seconds: as far as Stripe's list of events goes.
const REACH_SECONDS: i64 = 30 * 24 * 3600;

/// What a caller wants to begin.
#[derive(Clone, Debug)]
pub struct SetupRequest {
    /// Who will be charged.
    pub account: AccountId,
    /// Where a page of Stripe's leads back to; without it the caller has a page of its own.
    pub return_url: Option<String>,
    /// The caller's idempotency key.
    pub key: Option<String>,
}

/// Begins to save a card.
///
/// # Errors
/// [`BillingError::ReturnUrl`]; [`BillingError::KeyMismatch`] and [`BillingError::KeyBusy`]; otherwise
/// [`BillingError`].
pub async fn set_up_payment_method(
    app: &Arc<App>,
    request: SetupRequest,
) -> Result<PaymentMethodSetup, BillingError> {
    let customer = customer::ensure_living(app, request.account).await?;
    // Hashed, because the caller's may be as long as Stripe lets one be.
    let key = request.key.as_ref().map_or_else(ids::opaque, |key| {
        blake3::hash(key.as_bytes()).to_hex().to_string()
    });
    let key = format!("account:{}:setup:{key}", request.account);
    let begun = match begin(app, &request, &customer, &key).await {
        // It may be what the key answers for a day: then a key that nobody has used. The worst that it
        // costs is a setup that nobody finishes.
        Err(StripeError::Unavailable {
            status: Some(500..),
            ..
        }) => {
            let fresh = format!("{key}:{}", app.now().millis());
            begin(app, &request, &customer, &fresh).await
        }
        begun => begun,
    };
    begun.map_err(refusal_of)
}

async fn begin(
    app: &Arc<App>,
    request: &SetupRequest,
    customer: &str,
    key: &str,
) -> Result<PaymentMethodSetup, StripeError> {
    let account = request.account.to_string();
    let metadata = [("account", account.as_str())];
    let Some(return_url) = &request.return_url else {
        let intent = app
            .stripe
            .create_setup_intent(customer, &metadata, key)
            .await?;
        let secret = intent.client_secret();
        return Ok(PaymentMethodSetup {
            client_secret: secret.map(|secret| secret.expose_secret().to_owned()),
            setup_intent_id: Some(intent.id),
            url: None,
        });
    };
    let new = CreateSetupSession {
        customer,
        currency: &app.config.topup.currency,
        return_url,
        metadata: &metadata,
    };
    let session = app.stripe.create_setup_session(&new, key).await?;
    let url = session.url().map(|url| url.expose_secret().to_owned());
    Ok(PaymentMethodSetup {
        client_secret: None,
        setup_intent_id: session.setup_intent,
        url,
    })
}

fn refusal_of(error: StripeError) -> BillingError {
    match error {
        StripeError::Idempotency { in_use: true } => BillingError::KeyBusy,
        StripeError::Idempotency { in_use: false } => BillingError::KeyMismatch,
        StripeError::Invalid {
            param: Some(param), ..
        } if param == "success_url" || param == "cancel_url" => BillingError::ReturnUrl,
        error => error.into(),
    }
}

/// Something was said about the account's setups: carries out what has succeeded.
///
/// # Errors
/// [`BillingError`].
pub(super) async fn settle_account(app: &Arc<App>, account: AccountId) -> Result<(), BillingError> {
    let Some(customer) = customer::get(app, account).await?.stripe_customer_id else {
        return Ok(());
    };
    let task_app = app.clone();
    let settling = async move { settle(&task_app, account, &customer).await };
    in_turn(app, account, settling).await
}

/// Makes the card of the last setup the default, where some have succeeded that nobody had noticed. Done
/// twice, because a crash came between Stripe and the note, it does the same. Only for whose turn it is.
///
/// # Errors
/// [`BillingError`].
pub(super) async fn settle(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
) -> Result<(), BillingError> {
    let found = succeeded(app, account, customer).await?;
    for intent in &found {
        if is_made_default(app, account, customer, intent).await? {
            break;
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = found.iter().map(|intent| intent.id.as_str()).collect();
    Ok(setups::settle(&app.store.db, account, &ids, app.now()).await?)
}

/// The setups that have succeeded and that nobody has settled, the one that was begun last first.
async fn succeeded(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
) -> Result<Vec<SetupIntent>, BillingError> {
    let since = app.now().millis() / 1000 - REACH_SECONDS;
    let all = app.stripe.setup_intents(customer, since).all().await?;
    let settled = setups::settled(&app.store.db, account).await?;
    let id = account.to_string();
    let is_new = |intent: &SetupIntent| {
        // One without our metadata is the operator's own business.
        intent.status == SetupIntentStatus::Succeeded
            && intent.livemode == app.stripe.livemode()
            && intent.metadata.get("account") == Some(&id)
            && !settled.contains(&intent.id)
    };
    Ok(all.into_iter().filter(is_new).collect())
}

/// Whether the card could be made the default: it may have been removed since it was saved.
async fn is_made_default(
    app: &Arc<App>,
    account: AccountId,
    customer: &str,
    intent: &SetupIntent,
) -> Result<bool, BillingError> {
    let Some(id) = &intent.payment_method else {
        return Ok(false);
    };
    let method = match app.stripe.payment_method(customer, id).await {
        Ok(method) => method,
        Err(StripeError::NotFound { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    make_default(app, account, customer, &method).await?;
    tracing::info!(%account, setup_intent = intent.id, "the card of a setup is the default now");
    Ok(true)
}
