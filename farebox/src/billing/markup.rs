//! What is added to the providers' prices for a call.

use std::sync::Arc;

use ledger::AccountId;
use ledger::rates::Markup;

use crate::app::App;
use crate::billing::BillingError;
use crate::catalog::Model;
use crate::store::markups;

/// The markup that counts for a call of the account to the model: the account's own, everybody's, or that
/// of the configuration; of the model before the provider before all.
///
/// # Errors
/// [`BillingError::Store`], or [`BillingError::Internal`] where the stored one is no percentage.
pub async fn markup(
    app: &Arc<App>,
    account: AccountId,
    model: &Model,
) -> Result<Markup, BillingError> {
    let found = markups::for_call(&app.store.db, account, &model.provider, &model.id).await?;
    let Some(found) = found else {
        return Ok(app.config.prices.markup);
    };
    Markup::parse(&found.percent)
        .map_err(|error| BillingError::Internal(format!("markup {:?}: {error}", found.scope)))
}
