//! An async client for the management API, of Farebox or of Cloudflare.
//!
//! It behaves as the official SDKs do (names of resources, environment variables, retries), and
//! adds what a top-up needs: an idempotency key on every purchase and waiting for the money.
//! It must not log, and must not print a token or a key anywhere.

mod builder;
mod custom_providers;
mod error;
mod gateway_params;
mod gateways;
mod holds;
mod logs;
mod observer;
mod params;
mod payment_methods;
mod provider_configs;
mod resources;
mod retry;
mod reversals;
mod send;
mod spending_limit;
mod tls;
mod topup_config;
mod wait;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::ClientBuilder;
pub use custom_providers::CustomProviders;
pub use error::{Error, Failure};
pub use gateway_params::{
    CustomProviderCreateParams, CustomProviderEditParams, CustomProviderListParams,
    CustomProviderParams, GatewayChange, GatewayCreateParams, GatewayEditParams, GatewayListParams,
    GatewayParams, GatewayUpdateParams, LogDeleteParams, LogDirection, LogEditParams, LogFilter,
    LogListParams, LogOperator, LogOrder, LogParams, ProviderConfigCreateParams,
    ProviderConfigListParams, ProviderConfigParams, ProviderConfigUpdateParams, UrlParams,
};
pub use gateways::Urls;
pub use holds::Holds;
pub use logs::{LogBody, Logs};
pub use observer::Exchange;
pub use params::{
    CreditBalanceParams, DisputeListParams, HoldCaptureParams, HoldCreateParams, HoldListParams,
    HoldParams, InvoiceHistoryParams, InvoiceKind, InvoicePreviewParams, PaymentMethodListParams,
    PaymentMethodParams, PaymentMethodSetupParams, RefundCreateParams, RefundListParams,
    SpendingLimitParams, SpendingLimitSetParams, TopupAccountParams, TopupConfigSetParams,
    TopupCreateParams, TopupStatusParams, TransactionOrder, TransactionsParams, UsageHistoryParams,
};
pub use payment_methods::PaymentMethods;
pub use provider_configs::ProviderConfigs;
pub use resources::{AiGateway, Billing, Tokens, Topups, User};
pub use reversals::{Disputes, Refunds};
pub use spending_limit::SpendingLimits;
pub use topup_config::TopupConfigs;

/// A client for the management API. Cloning it is cheap and shares its connections.
///
/// ```no_run
/// # async fn example() -> Result<(), api::Error> {
/// let client = api::Client::builder()
///     .base_url("http://127.0.0.1:8080/client/v4")
///     .api_token("Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY")
///     .build()?;
/// let response = client
///     .ai_gateway()
///     .billing()
///     .topup()
///     .status(api::TopupStatusParams {
///         account_id: "account_id".into(),
///         payment_intent_id: "in_1abc".into(),
///     })
///     .await?;
/// println!("{:?}", response.status);
/// # Ok(())
/// # }
/// ```
///
/// **Timeouts.** Each attempt may take 60 seconds unless [`ClientBuilder::timeout`] says otherwise.
///
/// **Retries.** An attempt is repeated at most twice ([`ClientBuilder::max_retries`]) after a
/// connection error, a timeout, or the statuses 408, 409, 429 and 500 and above; the server decides
/// otherwise with `x-should-retry: true` or `false`, and says how long to wait with
/// `retry-after-ms` or `retry-after`. Without that the wait is half a second, doubling to 8
/// seconds at most, less up to a quarter at random.
///
/// **Redirects** are not followed: the key's header would go along to a stranger.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// Carries the credentials as default headers, marked sensitive.
    http: reqwest::Client,
    base_url: reqwest::Url,
    timeout: Duration,
    max_retries: u32,
    observer: observer::Observer,
}

impl Client {
    /// A client to be configured.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client from the environment variables of the official SDKs: `CLOUDFLARE_API_TOKEN`, or
    /// `CLOUDFLARE_EMAIL` with `CLOUDFLARE_API_KEY`, and `CLOUDFLARE_BASE_URL`, without which
    /// it speaks to Cloudflare, as those SDKs do. An empty variable counts as unset.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where no credentials are set, or where a variable can't be used.
    pub fn from_env() -> Result<Self, Error> {
        builder::from_variables(|name| std::env::var(name).ok()).build()
    }

    /// The AI Gateway: `…/accounts/{account_id}/ai-gateway`.
    #[must_use]
    pub fn ai_gateway(&self) -> AiGateway<'_> {
        AiGateway { client: self }
    }

    /// Whoever the credentials belong to: `…/user`.
    #[must_use]
    pub fn user(&self) -> User<'_> {
        User { client: self }
    }
}

/// Names the server and nothing else: the HTTP client inside holds the credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.inner.base_url.as_str())
            .field("timeout", &self.inner.timeout)
            .field("max_retries", &self.inner.max_retries)
            .finish_non_exhaustive()
    }
}
