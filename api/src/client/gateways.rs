//! `…/ai-gateway/gateways` and where they are called, in the manner of the official SDKs, which have a gateway's
//! calls on `aiGateway` itself.

use reqwest::Method;

use super::gateway_params::{
    GatewayCreateParams, GatewayEditParams, GatewayListParams, GatewayParams, GatewayUpdateParams,
    UrlParams,
};
use super::send::Call;
use super::{AiGateway, Client, CustomProviders, Error, Logs, ProviderConfigs};
use crate::Gateway;

impl<'a> AiGateway<'a> {
    /// Calls through a gateway.
    #[must_use]
    pub const fn logs(self) -> Logs<'a> {
        Logs {
            client: self.client,
        }
    }

    /// Keys for providers that are stored on a gateway.
    #[must_use]
    pub const fn provider_configs(self) -> ProviderConfigs<'a> {
        ProviderConfigs {
            client: self.client,
        }
    }

    /// Providers of an account's own.
    #[must_use]
    pub const fn custom_providers(self) -> CustomProviders<'a> {
        CustomProviders {
            client: self.client,
        }
    }

    /// Where providers are called through a gateway.
    #[must_use]
    pub const fn urls(self) -> Urls<'a> {
        Urls {
            client: self.client,
        }
    }

    /// Makes a gateway: `POST …/gateways`. Needs `AI Gateway Write`.
    ///
    /// ```no_run
    /// # async fn example(client: api::Client) -> Result<(), api::Error> {
    /// let gateway = api::CreateGateway {
    ///     id: "my-gateway".into(),
    ///     settings: api::GatewaySettings {
    ///         cache_invalidate_on_update: Some(false),
    ///         cache_ttl: Some(0),
    ///         collect_logs: Some(true),
    ///         rate_limiting_interval: Some(0),
    ///         rate_limiting_limit: Some(0),
    ///         ..Default::default()
    ///     },
    /// };
    /// let params = api::GatewayCreateParams { account_id: "account_id".into(), gateway };
    /// let made = client.ai_gateway().create(params).await?;
    /// println!("{}", made.created_at);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where a setting can't be, or the id is taken; otherwise any [`Error`].
    pub async fn create(self, params: GatewayCreateParams) -> Result<Gateway, Error> {
        let path = gateway_path(&params.account_id, &["gateways"]);
        let call = Call::new(Method::POST, &path).json(&params.gateway)?;
        self.client.call(&call).await
    }

    /// A page of the account's gateways, oldest first: `GET …/gateways`. Needs `AI Gateway Read`. A page past
    /// the last is empty.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn list(self, params: GatewayListParams) -> Result<Vec<Gateway>, Error> {
        let path = gateway_path(&params.account_id, &["gateways"]);
        let call = Call::new(Method::GET, &path)
            .query("search", params.search)
            .query("page", params.page)
            .query("per_page", params.per_page);
        self.client.call(&call).await
    }

    /// One gateway: `GET …/gateways/{gateway_id}`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such gateway; otherwise any [`Error`].
    pub async fn get(self, params: GatewayParams) -> Result<Gateway, Error> {
        self.of_one(Method::GET, &params).await
    }

    /// Sets everything on a gateway: `PUT …/gateways/{gateway_id}`. Needs `AI Gateway Write`. What is left out
    /// gets its default.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where a setting can't be, or one that must be there is not; otherwise any
    /// [`Error`].
    pub async fn update(self, params: GatewayUpdateParams) -> Result<Gateway, Error> {
        let rest = ["gateways", params.gateway_id.as_str()];
        let path = gateway_path(&params.account_id, &rest);
        let call = Call::new(Method::PUT, &path).json(&params.settings)?;
        self.client.call(&call).await
    }

    /// Sets some things on a gateway: `PATCH …/gateways/{gateway_id}`. Needs `AI Gateway Write`. Cloudflare's
    /// SDKs don't have it.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where a setting can't be; otherwise any [`Error`].
    pub async fn edit(self, params: GatewayEditParams) -> Result<Gateway, Error> {
        let rest = ["gateways", params.gateway_id.as_str()];
        let path = gateway_path(&params.account_id, &rest);
        let call = Call::new(Method::PATCH, &path).json(&params.change)?;
        self.client.call(&call).await
    }

    /// Removes a gateway with its keys and its logs; answers what it was: `DELETE …/gateways/{gateway_id}`.
    /// Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such gateway; otherwise any [`Error`].
    pub async fn delete(self, params: GatewayParams) -> Result<Gateway, Error> {
        self.of_one(Method::DELETE, &params).await
    }

    async fn of_one(self, method: Method, params: &GatewayParams) -> Result<Gateway, Error> {
        let rest = ["gateways", params.gateway_id.as_str()];
        let path = gateway_path(&params.account_id, &rest);
        self.client.call(&Call::new(method, &path)).await
    }
}

/// `…/gateways/{gateway_id}/url`.
#[derive(Clone, Copy, Debug)]
pub struct Urls<'a> {
    client: &'a Client,
}

impl Urls<'_> {
    /// What paths of a provider's are appended to: `GET …/url/{provider}`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where there is no such gateway or provider; otherwise any [`Error`].
    pub async fn get(self, params: UrlParams) -> Result<String, Error> {
        let rest = ["gateways", &params.gateway_id, "url", &params.provider];
        let path = gateway_path(&params.account_id, &rest);
        self.client.call(&Call::new(Method::GET, &path)).await
    }
}

pub(super) fn gateway_path<'a>(account_id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["accounts", account_id, "ai-gateway"], rest].concat()
}
