//! `…/ai-gateway/billing/holds`: Farebox's own, so there is no SDK to follow but the others' manner.

use reqwest::Method;

use super::resources::{billing_path, idempotency_key};
use super::send::Call;
use super::{Client, Error, HoldCaptureParams, HoldCreateParams, HoldListParams, HoldParams};
use crate::Hold;

/// `…/ai-gateway/billing/holds`.
#[derive(Clone, Copy, Debug)]
pub struct Holds<'a> {
    pub(super) client: &'a Client,
}

impl Holds<'_> {
    /// Holds credit: `POST …/holds`. Needs `AI Gateway Write`.
    ///
    /// Every call carries an `Idempotency-Key`, a random one where `params` brings none.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with 402 where less is available; otherwise any [`Error`].
    pub async fn create(self, params: HoldCreateParams) -> Result<Hold, Error> {
        let key = idempotency_key(params.idempotency_key)?;
        let path = billing_path(&params.account_id, &["holds"]);
        let call = Call::new(Method::POST, &path)
            .json(&params.hold)?
            .header("idempotency-key", key);
        self.client.call(&call).await
    }

    /// Takes a part of a hold, or the last one: `POST …/holds/{hold_id}/capture`. Needs
    /// `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where the hold is over or less is left; otherwise any [`Error`].
    pub async fn capture(self, params: HoldCaptureParams) -> Result<Hold, Error> {
        let key = idempotency_key(params.idempotency_key)?;
        let rest = ["holds", &params.hold_id, "capture"];
        let path = billing_path(&params.account_id, &rest);
        let call = Call::new(Method::POST, &path)
            .json(&params.capture)?
            .header("idempotency-key", key);
        self.client.call(&call).await
    }

    /// Releases what is left of a hold: `DELETE …/holds/{hold_id}`. Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where the hold is over; otherwise any [`Error`].
    pub async fn void(self, params: HoldParams) -> Result<Hold, Error> {
        self.call(Method::DELETE, &params).await
    }

    /// One hold with its captures: `GET …/holds/{hold_id}`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such hold; otherwise any [`Error`].
    pub async fn get(self, params: HoldParams) -> Result<Hold, Error> {
        self.call(Method::GET, &params).await
    }

    /// A page of the account's holds, newest first: `GET …/holds`. Needs `AI Gateway Read`. A page past
    /// the last is empty.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn list(self, params: HoldListParams) -> Result<Vec<Hold>, Error> {
        let path = billing_path(&params.account_id, &["holds"]);
        let call = Call::new(Method::GET, &path)
            .query("page", params.page)
            .query("per_page", params.per_page)
            .query("state", params.state.map(crate::HoldState::name));
        self.client.call(&call).await
    }

    async fn call(self, method: Method, params: &HoldParams) -> Result<Hold, Error> {
        let rest = ["holds", params.hold_id.as_str()];
        let path = billing_path(&params.account_id, &rest);
        self.client.call(&Call::new(method, &path)).await
    }
}
