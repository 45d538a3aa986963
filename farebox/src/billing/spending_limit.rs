//! The account's spending limit. The committer holds it; here it is set, told, and explained when it has
//! refused something.

use std::sync::Arc;

use api::{LimitDuration, LimitStrategy, SpendingLimit, SpendingLimitConfig};
use ledger::{AccountId, Amount, Limit, Period, Strategy};

use crate::app::App;
use crate::billing::holds::rfc_3339;
use crate::billing::{BillingError, HoldRefusal};
use crate::store::{holds, spending};

/// The account's limit, where it has one.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn spending_limit(
    app: &Arc<App>,
    account: AccountId,
) -> Result<SpendingLimit, BillingError> {
    let found = spending::find(&app.store.db, account).await?;
    found.map_or(Ok(UNLIMITED), |limit| render(&limit))
}

/// Sets the limit, in place of any other. What is held already stays held.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn set_spending_limit(
    app: &Arc<App>,
    account: AccountId,
    limit: Limit,
) -> Result<SpendingLimit, BillingError> {
    spending::set(&app.store.db, account, &limit, app.now()).await?;
    render(&limit)
}

/// Removes the limit, where there is one.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn remove_spending_limit(
    app: &Arc<App>,
    account: AccountId,
) -> Result<SpendingLimit, BillingError> {
    spending::remove(&app.store.db, account).await?;
    Ok(UNLIMITED)
}

const UNLIMITED: SpendingLimit = SpendingLimit {
    config: SpendingLimitConfig {
        amount: None,
        duration: None,
        strategy: None,
    },
    enabled: false,
};

/// Why the limit has refused `asked`: what is left, and when there is more.
pub(super) async fn explain_limit(
    app: &Arc<App>,
    account: AccountId,
    asked: Amount,
) -> Result<HoldRefusal, BillingError> {
    let db = &app.store.db;
    let now = app.now();
    let Some(limit) = spending::find(db, account).await? else {
        // Removed since: the same call goes through now.
        return Ok(HoldRefusal::LimitChanged);
    };
    let held = holds::balances(db, account).await?.held();
    let mut tx = db.begin_snapshot().await?;
    let left = spending::spending(&mut tx, account, limit, now).await?;
    let left = left.left(held);
    let excess = asked.checked_sub(left).unwrap_or(asked);
    let frees_at = spending::frees_at(&mut tx, account, limit, excess, now).await?;
    let millis = frees_at.map(|at| at.millis().saturating_sub(now.millis()).max(1));
    Ok(HoldRefusal::SpendingLimit {
        asked,
        limit,
        left: left.max(Amount::ZERO),
        more_at: frees_at.map(rfc_3339).transpose()?,
        retry_after: millis.map(|millis| u64::try_from(millis).unwrap_or_default().div_ceil(1000)),
    })
}

fn render(limit: &Limit) -> Result<SpendingLimit, BillingError> {
    let cents = limit.amount.to_cents();
    let cents = cents.ok_or_else(|| BillingError::Internal("a limit is no amount".to_owned()))?;
    Ok(SpendingLimit {
        config: SpendingLimitConfig {
            amount: Some(cents),
            duration: Some(match limit.period {
                Period::Daily => LimitDuration::Daily,
                Period::Weekly => LimitDuration::Weekly,
                Period::Monthly => LimitDuration::Monthly,
            }),
            strategy: Some(match limit.strategy {
                Strategy::Fixed => LimitStrategy::Fixed,
                Strategy::Sliding => LimitStrategy::Sliding,
            }),
        },
        enabled: true,
    })
}
