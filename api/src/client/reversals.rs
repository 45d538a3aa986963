//! `…/ai-gateway/billing/topup/{payment_intent_id}/refund` and `…/ai-gateway/billing/disputes`: Farebox's own.

use reqwest::Method;

use super::resources::{billing_path, idempotency_key};
use super::send::Call;
use super::{Client, DisputeListParams, Error, RefundCreateParams, RefundListParams};
use crate::{Dispute, Refund};

/// Money of top-ups that goes back to the card.
#[derive(Clone, Copy, Debug)]
pub struct Refunds<'a> {
    pub(super) client: &'a Client,
}

impl Refunds<'_> {
    /// Refunds a top-up: `POST …/topup/{payment_intent_id}/refund`. Needs `Farebox Operator`.
    ///
    /// Every call carries an `Idempotency-Key`, a random one where `params` brings none.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with 402 where the credit has been spent; [`Error::BadRequest`] where less is left
    /// of the payment, or Stripe refuses; otherwise any [`Error`].
    pub async fn create(self, params: RefundCreateParams) -> Result<Refund, Error> {
        let key = idempotency_key(params.idempotency_key)?;
        let rest = ["topup", &params.payment_intent_id, "refund"];
        let path = billing_path(&params.account_id, &rest);
        let call = Call::new(Method::POST, &path)
            .json(&params.refund)?
            .header("idempotency-key", key);
        self.client.call(&call).await
    }

    /// A top-up's refunds, oldest first: `GET …/topup/{payment_intent_id}/refund`. Needs
    /// `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such top-up; otherwise any [`Error`].
    pub async fn list(self, params: RefundListParams) -> Result<Vec<Refund>, Error> {
        let rest = ["topup", params.payment_intent_id.as_str(), "refund"];
        let path = billing_path(&params.account_id, &rest);
        self.client.call(&Call::new(Method::GET, &path)).await
    }
}

/// Payments that a customer's bank takes back, or asks about.
#[derive(Clone, Copy, Debug)]
pub struct Disputes<'a> {
    pub(super) client: &'a Client,
}

impl Disputes<'_> {
    /// A page of the account's disputes, newest first: `GET …/disputes`. Needs `AI Gateway Read`. A page
    /// past the last is empty.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn list(self, params: DisputeListParams) -> Result<Vec<Dispute>, Error> {
        let path = billing_path(&params.account_id, &["disputes"]);
        let call = Call::new(Method::GET, &path)
            .query("page", params.page)
            .query("per_page", params.per_page);
        self.client.call(&call).await
    }
}
