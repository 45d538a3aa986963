//! The providers that there are, and where they are called.

use ledger::AccountId;

use crate::app::App;
use crate::catalog;
use crate::gateways::{GatewayError, known};
use crate::store::custom_providers;

/// What stands before the slug of a provider of an account's own.
pub const CUSTOM: &str = "custom-";

/// What stands in a provider's place where any of them is called in OpenAI's format.
pub const COMPAT: &str = "compat";

/// Where a provider is called through a gateway, below `base`.
///
/// # Errors
/// [`GatewayError::NotFound`] where there is no such gateway or no such provider.
pub async fn provider_url(
    app: &App,
    account: AccountId,
    gateway: &str,
    provider: &str,
    base: &str,
) -> Result<String, GatewayError> {
    let gateway = known(app, account, gateway).await?;
    if provider != COMPAT && !is_provider(app, account, provider).await? {
        return Err(GatewayError::NotFound("Provider"));
    }
    Ok(format!("{base}/v1/{account}/{}/{provider}", gateway.id))
}

/// The slugs of the providers that a gateway knows by itself.
pub(super) fn slugs() -> impl Iterator<Item = &'static str> {
    catalog::providers().iter().map(|provider| provider.slug)
}

/// Whether the account can call a provider by this slug.
pub(super) async fn is_provider(
    app: &App,
    account: AccountId,
    slug: &str,
) -> Result<bool, GatewayError> {
    if slugs().any(|known| known == slug) || app.operated.get(slug).is_some() {
        return Ok(true);
    }
    let Some(custom) = slug.strip_prefix(CUSTOM) else {
        return Ok(false);
    };
    let found = custom_providers::find_by_slug(&app.store.db, account, custom).await?;
    Ok(found.is_some())
}
