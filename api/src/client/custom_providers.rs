//! `…/ai-gateway/custom-providers`: providers of an account's own.

use reqwest::Method;

use super::gateway_params::{
    CustomProviderCreateParams, CustomProviderEditParams, CustomProviderListParams,
    CustomProviderParams,
};
use super::gateways::gateway_path;
use super::send::Call;
use super::{Client, Error};
use crate::CustomProvider;

/// `…/ai-gateway/custom-providers`.
#[derive(Clone, Copy, Debug)]
pub struct CustomProviders<'a> {
    pub(super) client: &'a Client,
}

impl CustomProviders<'_> {
    /// Makes a provider of the account's own: `POST …/custom-providers`. Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where the slug is taken, or calls must not go to the address; otherwise any
    /// [`Error`].
    pub async fn create(self, params: CustomProviderCreateParams) -> Result<CustomProvider, Error> {
        let path = gateway_path(&params.account_id, &["custom-providers"]);
        let call = Call::new(Method::POST, &path).json(&params.provider)?;
        self.client.call(&call).await
    }

    /// A page of the account's own providers: `GET …/custom-providers`. Needs `AI Gateway Read`. A page past the
    /// last is empty.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn list(
        self,
        params: CustomProviderListParams,
    ) -> Result<Vec<CustomProvider>, Error> {
        let path = gateway_path(&params.account_id, &["custom-providers"]);
        let call = Call::new(Method::GET, &path)
            .query("search", params.search)
            .query("enable", params.enable)
            .query("beta", params.beta)
            .query("order_by", params.order_by)
            .query("page", params.page)
            .query("per_page", params.per_page);
        self.client.call(&call).await
    }

    /// One of them: `GET …/custom-providers/{id}`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such provider; otherwise any [`Error`].
    pub async fn get(self, params: CustomProviderParams) -> Result<CustomProvider, Error> {
        self.of_one(Method::GET, &params).await
    }

    /// Changes one; what is left out stays: `PATCH …/custom-providers/{id}`. Needs `AI Gateway Write`.
    /// Cloudflare's SDKs don't have it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such provider; otherwise any [`Error`].
    pub async fn edit(self, params: CustomProviderEditParams) -> Result<CustomProvider, Error> {
        let rest = ["custom-providers", params.provider_id.as_str()];
        let path = gateway_path(&params.account_id, &rest);
        let call = Call::new(Method::PATCH, &path).json(&params.change)?;
        self.client.call(&call).await
    }

    /// Removes one; answers what it was: `DELETE …/custom-providers/{id}`. Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such provider; otherwise any [`Error`].
    pub async fn delete(self, params: CustomProviderParams) -> Result<CustomProvider, Error> {
        self.of_one(Method::DELETE, &params).await
    }

    async fn of_one(
        self,
        method: Method,
        params: &CustomProviderParams,
    ) -> Result<CustomProvider, Error> {
        let rest = ["custom-providers", params.provider_id.as_str()];
        let path = gateway_path(&params.account_id, &rest);
        self.client.call(&Call::new(method, &path)).await
    }
}
