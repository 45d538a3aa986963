//! The calls, as the official SDKs arrange them: a path of resources with a method at its end.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;

use super::send::Call;
use super::{
    Client, CreditBalanceParams, Disputes, Error, Holds, InvoiceHistoryParams,
    InvoicePreviewParams, PaymentMethods, Refunds, SpendingLimits, TopupAccountParams,
    TopupConfigs, TopupCreateParams, TopupStatusParams, TransactionsParams, UsageHistoryParams,
    retry, wait,
};
use crate::{
    CreateTopup, CreditBalance, InvoiceHistory, InvoicePreview, TokenVerify, Topup,
    TopupEligibility, TopupLimits, TopupStatusBody, TopupStatusResponse, TransactionList,
    UsageHistory,
};

/// `…/accounts/{account_id}/ai-gateway`.
#[derive(Clone, Copy, Debug)]
pub struct AiGateway<'a> {
    pub(super) client: &'a Client,
}

impl<'a> AiGateway<'a> {
    /// Credits and what is paid for them.
    #[must_use]
    pub const fn billing(self) -> Billing<'a> {
        Billing {
            client: self.client,
        }
    }
}

/// `…/ai-gateway/billing`.
#[derive(Clone, Copy, Debug)]
pub struct Billing<'a> {
    pub(super) client: &'a Client,
}

impl<'a> Billing<'a> {
    /// Holding credit and taking it in parts.
    #[must_use]
    pub const fn holds(self) -> Holds<'a> {
        Holds {
            client: self.client,
        }
    }

    /// The cards that are charged.
    #[must_use]
    pub const fn payment_methods(self) -> PaymentMethods<'a> {
        PaymentMethods {
            client: self.client,
        }
    }

    /// What may be spent in a window of time.
    #[must_use]
    pub const fn spending_limit(self) -> SpendingLimits<'a> {
        SpendingLimits {
            client: self.client,
        }
    }

    /// Giving a top-up's money back.
    #[must_use]
    pub const fn refunds(self) -> Refunds<'a> {
        Refunds {
            client: self.client,
        }
    }

    /// Payments that a customer's bank takes back.
    #[must_use]
    pub const fn disputes(self) -> Disputes<'a> {
        Disputes {
            client: self.client,
        }
    }

    /// Buying credits.
    #[must_use]
    pub const fn topup(self) -> Topups<'a> {
        Topups {
            client: self.client,
        }
    }

    /// What the account has: `GET …/credit-balance`. Needs `AI Gateway Read`.
    ///
    /// ```no_run
    /// # async fn example(client: api::Client) -> Result<(), api::Error> {
    /// let params = api::CreditBalanceParams { account_id: "account_id".into() };
    /// let credit = client.ai_gateway().billing().credit_balance(params).await?;
    /// println!("{} cents", credit.balance);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn credit_balance(self, params: CreditBalanceParams) -> Result<CreditBalance, Error> {
        let path = billing_path(&params.account_id, &["credit-balance"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// A page of the account's invoices: `GET …/invoice-history`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn invoice_history(
        self,
        params: InvoiceHistoryParams,
    ) -> Result<InvoiceHistory, Error> {
        let path = billing_path(&params.account_id, &["invoice-history"]);
        let call = Call::new(Method::GET, &path)
            .query("type", params.kind.map(|kind| kind.as_str()))
            .query("page", params.page)
            .query("per_page", params.per_page);
        self.client.call(&call).await
    }

    /// What was used since the month began: `GET …/invoice-preview`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn invoice_preview(
        self,
        params: InvoicePreviewParams,
    ) -> Result<InvoicePreview, Error> {
        let path = billing_path(&params.account_id, &["invoice-preview"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// What moved the account's credit, a page: `GET …/transactions`. Needs `AI Gateway Read`.
    /// Cloudflare doesn't have it.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn transactions(self, params: TransactionsParams) -> Result<TransactionList, Error> {
        let path = billing_path(&params.account_id, &["transactions"]);
        let call = Call::new(Method::GET, &path)
            .query("code", params.code)
            .query("hold", params.hold)
            .query("start_time", params.start_time)
            .query("end_time", params.end_time)
            .query("order", params.order.map(|order| order.as_str()))
            .query("per_page", params.per_page)
            .query("cursor", params.cursor);
        self.client.call(&call).await
    }

    /// What the account has used, by hours or days: `GET …/usage-history`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn usage_history(self, params: UsageHistoryParams) -> Result<UsageHistory, Error> {
        let path = billing_path(&params.account_id, &["usage-history"]);
        let call = Call::new(Method::GET, &path)
            .query(
                "value_grouping_window",
                Some(params.value_grouping_window.as_str()),
            )
            .query("start_time", params.start_time)
            .query("end_time", params.end_time);
        self.client.call(&call).await
    }
}

/// `…/ai-gateway/billing/topup`.
#[derive(Clone, Copy, Debug)]
pub struct Topups<'a> {
    client: &'a Client,
}

impl<'a> Topups<'a> {
    /// Buys credit: `POST …/topup`. Needs `AI Gateway Write`.
    ///
    /// Every purchase carries an `Idempotency-Key`, a random one where `params` brings none, so
    /// that the client's own retries can't buy twice. Cloudflare doesn't document that header:
    /// against Cloudflare itself, set [`super::ClientBuilder::max_retries`] to 0 for purchases.
    ///
    /// ```no_run
    /// # async fn example(client: api::Client) -> Result<(), api::Error> {
    /// let topup = client
    ///     .ai_gateway()
    ///     .billing()
    ///     .topup()
    ///     .create(api::TopupCreateParams {
    ///         account_id: "account_id".into(),
    ///         amount: 5000,
    ///         ..Default::default()
    ///     })
    ///     .await?;
    /// println!("{}", topup.payment_intent_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Any [`Error`]. After [`Error::Timeout`] or [`Error::Connection`] the purchase may have
    /// happened: repeat it with the same key, never without one.
    pub async fn create(self, params: TopupCreateParams) -> Result<Topup, Error> {
        let key = idempotency_key(params.idempotency_key)?;
        let body = CreateTopup {
            amount: params.amount,
            payment_method_id: params.payment_method_id,
        };
        let path = billing_path(&params.account_id, &["topup"]);
        let call = Call::new(Method::POST, &path)
            .json(&body)?
            .header("idempotency-key", key);
        self.client.call(&call).await
    }

    /// Whether a top-up's credit has arrived: `POST …/topup/status`. Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::Decode`] for a status that the contract doesn't know.
    pub async fn status(self, params: TopupStatusParams) -> Result<TopupStatusResponse, Error> {
        self.ask_status(&params, 0).await
    }

    /// When the account tops itself up.
    #[must_use]
    pub const fn config(self) -> TopupConfigs<'a> {
        TopupConfigs {
            client: self.client,
        }
    }

    /// What a top-up may be: `GET …/topup/limits`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn limits(self, params: TopupAccountParams) -> Result<TopupLimits, Error> {
        let path = billing_path(&params.account_id, &["topup", "limits"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// Whether a top-up would be taken, and why not: `GET …/topup/eligibility`. Needs `AI Gateway
    /// Read`.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    pub async fn eligibility(self, params: TopupAccountParams) -> Result<TopupEligibility, Error> {
        let path = billing_path(&params.account_id, &["topup", "eligibility"]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// Waits until a top-up's credit has arrived, `limit` at most.
    ///
    /// It asks the server to hold the answer back until there is news (`Prefer: wait`, RFC 7240,
    /// a minute at most each time), and polls a server that doesn't.
    ///
    /// ```no_run
    /// # async fn example(client: api::Client, topup: api::Topup) -> Result<(), api::Error> {
    /// let params = api::TopupStatusParams {
    ///     account_id: "account_id".into(),
    ///     payment_intent_id: topup.payment_intent_id,
    /// };
    /// let limit = std::time::Duration::from_secs(300);
    /// client.ai_gateway().billing().topup().wait_until_completed(params, limit).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] where it is still pending at the end of `limit`, or the server doesn't
    /// answer; otherwise what [`Self::status`] gives, the error of a top-up that has failed for
    /// good among them.
    pub async fn wait_until_completed(
        self,
        params: TopupStatusParams,
        limit: Duration,
    ) -> Result<TopupStatusResponse, Error> {
        wait::until_completed(self, &params, limit).await
    }

    /// Asks for the status and lets the server take up to `wait_seconds` for its answer.
    pub(super) async fn ask_status(
        self,
        params: &TopupStatusParams,
        wait_seconds: u64,
    ) -> Result<TopupStatusResponse, Error> {
        let path = billing_path(&params.account_id, &["topup", "status"]);
        let body = TopupStatusBody {
            payment_intent_id: params.payment_intent_id.clone(),
        };
        let call = Call::new(Method::POST, &path)
            .json(&body)?
            .prefer_wait(wait_seconds)?;
        self.client.call(&call).await
    }
}

/// `…/user`.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    pub(super) client: &'a Client,
}

impl<'a> User<'a> {
    /// The user's API tokens.
    #[must_use]
    pub const fn tokens(self) -> Tokens<'a> {
        Tokens {
            client: self.client,
        }
    }
}

/// `…/user/tokens`.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    client: &'a Client,
}

impl Tokens<'_> {
    /// Whether the client's own token works: `GET /user/tokens/verify`.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::Authentication`] for a token that nobody knows.
    pub async fn verify(self) -> Result<TokenVerify, Error> {
        self.client
            .call(&Call::new(Method::GET, &["user", "tokens", "verify"]))
            .await
    }
}

/// The caller's key as a header, or a random one, so that the client's own retries happen once.
pub(super) fn idempotency_key(given: Option<String>) -> Result<HeaderValue, Error> {
    let key = match given {
        Some(key) => key,
        None => retry::idempotency_key()?,
    };
    HeaderValue::from_str(&key)
        .map_err(|_| Error::Invalid("the idempotency key can't be sent in a header".into()))
}

pub(super) fn billing_path<'a>(account_id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["accounts", account_id, "ai-gateway", "billing"], rest].concat()
}
