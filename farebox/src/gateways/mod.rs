//! The use cases of the gateways' management: their settings, keys, providers and logs.
//!
//! It puts the store and the keyring together, and knows no HTTP. What a setting does to a call is not in
//! here.

mod custom_providers;
mod error;
mod logs;
mod provider_configs;
mod providers;
mod retention;
mod settings;
mod spend;

pub use crate::reach::Reach;
pub use custom_providers::{
    CustomProviderPage, CustomProviderRequest, create_custom_provider, delete_custom_provider,
    list_custom_providers, open_provider_headers, reach, show_custom_provider,
    update_custom_provider,
};
pub use error::GatewayError;
pub use logs::{LoggedBody, Side, delete_logs, edit_log, list_logs, log_body, show_log};
pub use provider_configs::{
    ProviderConfigPage, ProviderConfigRequest, create_provider_config, delete_provider_config,
    list_provider_configs, open_provider_key, update_provider_config,
};
pub use providers::{COMPAT, CUSTOM, provider_url};
pub use retention::{prune_cache, prune_logs};
pub use settings::{GatewayPage, create, delete, list, show, update};
pub use spend::prune_spend;

use ledger::{AccountId, Timestamp};

use crate::app::App;
use crate::store::gateways::{self, Gateway};

/// The account's gateway of that id.
pub(crate) async fn known(
    app: &App,
    account: AccountId,
    id: &str,
) -> Result<Gateway, GatewayError> {
    let found = gateways::find(&app.store.db, account, id).await?;
    found.ok_or(GatewayError::NotFound("Gateway"))
}

/// As Cloudflare's API writes times, with milliseconds, in UTC.
fn rfc_3339(time: Timestamp) -> Result<String, GatewayError> {
    let time = jiff::Timestamp::from_millisecond(time.millis());
    let time = time.map_err(|error| GatewayError::Internal(error.to_string()))?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// How many entries come before a page that is counted from 1.
fn offset(page: i64, per_page: i64) -> i64 {
    page.saturating_sub(1).saturating_mul(per_page)
}
