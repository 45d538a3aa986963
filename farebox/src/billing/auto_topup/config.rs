//! When an account tops itself up, as the customer sets it and is told (contract: section 1,
//! `topup/config`).

use std::sync::Arc;

use api::{Cents, SetTopupConfig, TopupConfig, TopupConfigSet};
use ledger::auto_topup::Reason;
use ledger::{AccountId, Amount, Period, Timestamp};

use crate::app::App;
use crate::billing::BillingError;
use crate::billing::holds::rfc_3339;
use crate::store::auto_topups::{self, AutoTopup};

/// What the account has set, and why it does not top itself up just now where it doesn't.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn topup_config(app: &Arc<App>, account: AccountId) -> Result<TopupConfig, BillingError> {
    let found = auto_topups::find(&app.store.db, account).await?;
    found.map_or_else(
        || Ok(TopupConfig::default()),
        |found| render(&found, app.now()),
    )
}

/// Sets it, in place of what was set. The call itself charges nothing; where there is less than the
/// threshold now, a top-up starts soon after it.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn set_topup_config(
    app: &Arc<App>,
    account: AccountId,
    config: SetTopupConfig,
) -> Result<TopupConfigSet, BillingError> {
    let SetTopupConfig { amount, threshold } = config;
    auto_topups::set(&app.store.db, account, amount, threshold, app.now()).await?;
    app.store.committer.lowered().add([account]);
    Ok(TopupConfigSet {
        amount: cents(amount)?,
        threshold: cents(threshold)?,
    })
}

/// Removes it, where there is one. A top-up that is under way goes on.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn remove_topup_config(
    app: &Arc<App>,
    account: AccountId,
) -> Result<TopupConfig, BillingError> {
    auto_topups::remove(&app.store.db, account).await?;
    Ok(TopupConfig::default())
}

fn cents(cents: i64) -> Result<Cents, BillingError> {
    let amount = Amount::from_cents(cents)
        .ok_or_else(|| BillingError::Internal(format!("{cents} cents are no amount")))?;
    Ok(Cents::from_nanos(amount.nanos()))
}

fn render(found: &AutoTopup, now: Timestamp) -> Result<TopupConfig, BillingError> {
    let (reason, error) = obstacle(found, now)?.unzip();
    Ok(TopupConfig {
        threshold: Some(cents(found.threshold_cents)?),
        amount: Some(cents(found.amount_cents)?),
        error,
        disabled_reason: reason.map(|reason| reason.name().to_owned()),
        last_failed_at: found.failure.as_ref().map(|failure| failure.at.secs()),
    })
}

/// Why none starts, in a sentence. Of several reasons the one that lasts longest is told.
fn obstacle(found: &AutoTopup, now: Timestamp) -> Result<Option<(Reason, String)>, BillingError> {
    if let Some(pause) = &found.pause {
        return Ok(Some((pause.reason, pause.error.clone())));
    }
    if let Some(failure) = &found.failure {
        let error = format!("{} {}", failure.error, what_follows(found, now)?);
        return Ok(Some((failure.reason, error)));
    }
    match found.limit.filter(|(_, until)| now < *until) {
        Some((period, until)) => Ok(Some((Reason::Limit, limit_reached(period, until)?))),
        None => Ok(None),
    }
}

fn what_follows(found: &AutoTopup, now: Timestamp) -> Result<String, BillingError> {
    if found.is_off {
        return Ok("It is off until you set it again or add a card.".to_owned());
    }
    match found.retry_at.filter(|at| now < *at) {
        Some(at) => Ok(format!("It is tried again after {}.", rfc_3339(at)?)),
        None => Ok("It is tried again when it is needed.".to_owned()),
    }
}

fn limit_reached(period: Period, until: Timestamp) -> Result<String, BillingError> {
    let span = match period {
        Period::Monthly => "month",
        Period::Daily | Period::Weekly => "day",
    };
    Ok(format!(
        "As much as is allowed in a {span} was bought automatically. It goes on at {}; until then, top up \
         by hand.",
        rfc_3339(until)?
    ))
}
