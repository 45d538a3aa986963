//! `…/ai-gateway/billing/spending-limit`.

use reqwest::Method;

use super::resources::billing_path;
use super::send::Call;
use super::{Client, Error, SpendingLimitParams, SpendingLimitSetParams};
use crate::SpendingLimit;

/// `…/ai-gateway/billing/spending-limit`.
#[derive(Clone, Copy, Debug)]
pub struct SpendingLimits<'a> {
    pub(super) client: &'a Client,
}

impl SpendingLimits<'_> {
    /// The account's limit: `GET …/spending-limit`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn get(self, params: SpendingLimitParams) -> Result<SpendingLimit, Error> {
        let path = billing_path(&params.account_id, &["spending-limit"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// Sets the limit, in place of any other: `POST …/spending-limit`. Needs `AI Gateway Write`.
    /// Cloudflare itself refuses this call with 403.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn create(self, params: SpendingLimitSetParams) -> Result<SpendingLimit, Error> {
        let path = billing_path(&params.account_id, &["spending-limit"]);
        let call = Call::new(Method::POST, &path).json(&params.limit)?;
        self.client.call(&call).await
    }

    /// Removes the limit, where there is one: `DELETE …/spending-limit`. Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn delete(self, params: SpendingLimitParams) -> Result<SpendingLimit, Error> {
        let path = billing_path(&params.account_id, &["spending-limit"]);
        self.client.call(&Call::new(Method::DELETE, &path)).await
    }
}
