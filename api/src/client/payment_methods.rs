//! `…/ai-gateway/billing/payment-methods`: Farebox's own, so there is no SDK to follow but the others' manner.

use reqwest::Method;

use super::resources::{billing_path, idempotency_key};
use super::send::Call;
use super::{
    Client, Error, PaymentMethodListParams, PaymentMethodParams, PaymentMethodSetupParams,
};
use crate::{PaymentMethod, PaymentMethodSetup, RemovedPaymentMethod, SetupPaymentMethod};

/// `…/ai-gateway/billing/payment-methods`.
#[derive(Clone, Copy, Debug)]
pub struct PaymentMethods<'a> {
    pub(super) client: &'a Client,
}

impl PaymentMethods<'_> {
    /// The account's payment methods, the default first: `GET …/payment-methods`. Needs
    /// `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn list(self, params: PaymentMethodListParams) -> Result<Vec<PaymentMethod>, Error> {
        let path = billing_path(&params.account_id, &["payment-methods"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// Begins to save a card, which becomes the default: `POST …/payment-methods/setup`. Needs
    /// `AI Gateway Write`.
    ///
    /// Every call carries an `Idempotency-Key`, a random one where `params` brings none.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] for a URL that nobody may be led back to; otherwise any [`Error`].
    pub async fn setup(
        self,
        params: PaymentMethodSetupParams,
    ) -> Result<PaymentMethodSetup, Error> {
        let key = idempotency_key(params.idempotency_key)?;
        let body = SetupPaymentMethod {
            return_url: params.return_url,
        };
        let path = billing_path(&params.account_id, &["payment-methods", "setup"]);
        let call = Call::new(Method::POST, &path)
            .json(&body)?
            .header("idempotency-key", key);
        self.client.call(&call).await
    }

    /// Makes a payment method the default: `POST …/payment-methods/{payment_method_id}/default`. Needs
    /// `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such payment method; otherwise any [`Error`].
    pub async fn set_default(self, params: PaymentMethodParams) -> Result<PaymentMethod, Error> {
        let rest = ["payment-methods", &params.payment_method_id, "default"];
        let path = billing_path(&params.account_id, &rest);
        self.client.call(&Call::new(Method::POST, &path)).await
    }

    /// Removes a payment method for good: `DELETE …/payment-methods/{payment_method_id}`. Needs
    /// `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the account has no such payment method, or hasn't any more; otherwise any
    /// [`Error`].
    pub async fn delete(self, params: PaymentMethodParams) -> Result<RemovedPaymentMethod, Error> {
        let rest = ["payment-methods", params.payment_method_id.as_str()];
        let path = billing_path(&params.account_id, &rest);
        self.client.call(&Call::new(Method::DELETE, &path)).await
    }
}
