//! `…/gateways/{gateway_id}/provider_configs`: keys for providers that are stored on a gateway.

use reqwest::Method;

use super::gateway_params::{
    ProviderConfigCreateParams, ProviderConfigListParams, ProviderConfigParams,
    ProviderConfigUpdateParams,
};
use super::gateways::gateway_path;
use super::send::Call;
use super::{Client, Error};
use crate::ProviderConfig;

/// `…/gateways/{gateway_id}/provider_configs`.
#[derive(Clone, Copy, Debug)]
pub struct ProviderConfigs<'a> {
    pub(super) client: &'a Client,
}

impl ProviderConfigs<'_> {
    /// Stores a key: `POST …/provider_configs`. Needs `AI Gateway Write`. It is never told again.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where the alias is taken, or there is no such provider; otherwise any [`Error`].
    pub async fn create(self, params: ProviderConfigCreateParams) -> Result<ProviderConfig, Error> {
        let path = configs_path(&params.account_id, &params.gateway_id, &[]);
        let call = Call::new(Method::POST, &path).json(&params.config)?;
        self.client.call(&call).await
    }

    /// A page of the gateway's keys, oldest first: `GET …/provider_configs`. Needs `AI Gateway Read`. A page
    /// past the last is empty.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn list(
        self,
        params: ProviderConfigListParams,
    ) -> Result<Vec<ProviderConfig>, Error> {
        let path = configs_path(&params.account_id, &params.gateway_id, &[]);
        let call = Call::new(Method::GET, &path)
            .query("page", params.page)
            .query("per_page", params.per_page);
        self.client.call(&call).await
    }

    /// Sets everything of a stored key: `PUT …/provider_configs/{id}`. Needs `AI Gateway Write`. Cloudflare's
    /// SDKs don't have it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the gateway has no such key; otherwise any [`Error`].
    pub async fn update(self, params: ProviderConfigUpdateParams) -> Result<ProviderConfig, Error> {
        let path = configs_path(&params.account_id, &params.gateway_id, &[&params.config_id]);
        let call = Call::new(Method::PUT, &path).json(&params.config)?;
        self.client.call(&call).await
    }

    /// Removes a stored key; answers what it was: `DELETE …/provider_configs/{id}`. Needs `AI Gateway Write`.
    /// Cloudflare's SDKs don't have it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the gateway has no such key; otherwise any [`Error`].
    pub async fn delete(self, params: ProviderConfigParams) -> Result<ProviderConfig, Error> {
        let path = configs_path(&params.account_id, &params.gateway_id, &[&params.config_id]);
        self.client.call(&Call::new(Method::DELETE, &path)).await
    }
}

fn configs_path<'a>(account_id: &'a str, gateway_id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    let configs = ["gateways", gateway_id, "provider_configs"];
    gateway_path(account_id, &[&configs, rest].concat())
}
