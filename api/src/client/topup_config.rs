//! `…/ai-gateway/billing/topup/config`.

use reqwest::Method;

use super::resources::billing_path;
use super::send::Call;
use super::{Client, Error, TopupAccountParams, TopupConfigSetParams};
use crate::{TopupConfig, TopupConfigSet};

/// `…/ai-gateway/billing/topup/config`.
#[derive(Clone, Copy, Debug)]
pub struct TopupConfigs<'a> {
    pub(super) client: &'a Client,
}

impl TopupConfigs<'_> {
    /// When the account tops itself up, and why it doesn't just now: `GET …/topup/config`. Needs
    /// `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn get(self, params: TopupAccountParams) -> Result<TopupConfig, Error> {
        let path = billing_path(&params.account_id, &["topup", "config"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// Sets when the account tops itself up, in place of what was set: `POST …/topup/config`. Needs
    /// `AI Gateway Write`. Cloudflare itself takes this call, and [`Self::delete`], from its dashboard alone
    /// and refuses tokens with 403.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn create(self, params: TopupConfigSetParams) -> Result<TopupConfigSet, Error> {
        let path = billing_path(&params.account_id, &["topup", "config"]);
        let call = Call::new(Method::POST, &path).json(&params.config)?;
        self.client.call(&call).await
    }

    /// The account tops itself up no more: `DELETE …/topup/config`. Needs `AI Gateway Write`. What Cloudflare
    /// answers to it is not documented.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn delete(self, params: TopupAccountParams) -> Result<TopupConfig, Error> {
        let path = billing_path(&params.account_id, &["topup", "config"]);
        self.client.call(&Call::new(Method::DELETE, &path)).await
    }
}
