//! On what terms an account calls a model: what is added to the provider's price, and whether a lease of the
//! account's may let the call in.

use std::sync::Arc;

use ledger::AccountId;
use ledger::rates::Markup;

use crate::app::App;
use crate::billing::BillingError;
use crate::catalog::Model;
use crate::store::callers;

/// On what terms an account calls a model.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The markup that counts: the account's own, everybody's, or that of the configuration; of the model before
    /// the provider before all.
    pub markup: Markup,
    /// Whether the account may take parts of its lease now; nothing where it has none.
    pub may_take: Option<bool>,
}

/// Reads them.
///
/// # Errors
/// [`BillingError::Store`], or [`BillingError::Internal`] where the stored markup is no percentage.
pub async fn terms(
    app: &Arc<App>,
    account: AccountId,
    model: &Model,
) -> Result<Terms, BillingError> {
    let is_leased = app.store.committer.leases().has_idle(account, app.now());
    let of = (model.provider.as_str(), model.id.as_str());
    let found = callers::terms(&app.store.db, account, of, is_leased).await?;
    let markup = match found.markup {
        None => app.config.prices.markup,
        Some(found) => Markup::parse(&found.percent).map_err(|error| {
            BillingError::Internal(format!("markup {:?}: {error}", found.scope))
        })?,
    };
    Ok(Terms {
        markup,
        may_take: found.may_take,
    })
}
