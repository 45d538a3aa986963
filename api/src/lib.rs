//! The wire types of the management API and, behind the feature `client`, an async client for it.
//!
//! The server renders these types and the client reads them, so the two can't drift apart. They
//! follow Cloudflare's API (developers.cloudflare.com/api, "AI Gateway" and "User API Tokens"), so
//! the client works against Cloudflare's own address too.
//!
//! What must never happen here: logic, or anything that knows the ledger. A type in this crate is
//! a shape on the wire and nothing else.
//!
//! Rules that hold for every type:
//!
//! - Money is in cents. A purchase carries whole cents; a hold and every answer carry [`Cents`], exactly.
//!   Gateways, their limits and logs have [`Dollars`], as exact.
//! - Fields that are not known are ignored in an answer, so that a newer server keeps an older
//!   client working; [`CreateTopup`], a request, refuses them.
//! - A value that an enum doesn't know (a new `status`) is an error when it is read, never a
//!   guess: whoever waits for money must not take an unknown state for a known one. The client
//!   reports it as `Error::Decode`.
//!
//! Features: `client` adds `Client`; `openapi` derives `utoipa::ToSchema` for every type.

mod balance;
mod cents;
#[cfg(feature = "client")]
mod client;
mod custom_provider;
mod dollars;
mod envelope;
mod gateway;
mod hold;
mod invoices;
mod log;
mod payment_methods;
mod provider_config;
mod reversal;
mod spending_limit;
mod token;
mod topup;
mod topup_config;
mod transactions;
mod usage;

pub use balance::{CreditBalance, PaymentMethodSummary};
pub use cents::{Cents, ParseCentsError};
#[cfg(feature = "client")]
pub use client::{
    AiGateway, Billing, Client, ClientBuilder, CreditBalanceParams, CustomProviderCreateParams,
    CustomProviderEditParams, CustomProviderListParams, CustomProviderParams, CustomProviders,
    DisputeListParams, Disputes, Error, Exchange, Failure, GatewayChange, GatewayCreateParams,
    GatewayEditParams, GatewayListParams, GatewayParams, GatewayUpdateParams, HoldCaptureParams,
    HoldCreateParams, HoldListParams, HoldParams, Holds, InvoiceHistoryParams, InvoiceKind,
    InvoicePreviewParams, LogBody, LogDeleteParams, LogDirection, LogEditParams, LogFilter,
    LogListParams, LogOperator, LogOrder, LogParams, Logs, PaymentMethodListParams,
    PaymentMethodParams, PaymentMethodSetupParams, PaymentMethods, ProviderConfigCreateParams,
    ProviderConfigListParams, ProviderConfigParams, ProviderConfigUpdateParams, ProviderConfigs,
    RefundCreateParams, RefundListParams, Refunds, SpendingLimitParams, SpendingLimitSetParams,
    SpendingLimits, Tokens, TopupAccountParams, TopupConfigSetParams, TopupConfigs,
    TopupCreateParams, TopupStatusParams, Topups, TransactionOrder, TransactionsParams, UrlParams,
    Urls, UsageHistoryParams, User,
};
pub use custom_provider::{CreateCustomProvider, CustomProvider, UpdateCustomProvider};
pub use dollars::{Dollars, ParseDollarsError};
pub use envelope::{ApiMessage, Envelope, ResultInfo};
pub use gateway::{
    CreateGateway, Gateway, GatewaySettings, LogManagementStrategy, RetryBackoff, SpendDimension,
    SpendLimitType, SpendLimits, SpendRule, WindowTechnique,
};
pub use hold::{Capture, CaptureHold, CreateHold, Hold, HoldState};
pub use invoices::{
    BilledInvoice, InvoiceHistory, InvoiceLine, InvoicePeriod, InvoicePreview, InvoicePricing,
};
pub use log::{EditLog, Log, LogCharge, LogList, LogListInfo, LogsDeleted};
pub use payment_methods::{
    PaymentMethod, PaymentMethodSetup, RemovedPaymentMethod, SetupPaymentMethod,
};
pub use provider_config::{CreateProviderConfig, ProviderConfig, UpdateProviderConfig};
pub use reversal::{CreateRefund, Dispute, Refund, RefundReason};
pub use spending_limit::{
    LimitDuration, LimitStrategy, SetSpendingLimit, SpendingLimit, SpendingLimitConfig,
};
pub use token::{TokenStatus, TokenVerify};
pub use topup::{
    CreateTopup, ManualTopup, Topup, TopupEligibility, TopupLimits, TopupStatus, TopupStatusBody,
    TopupStatusResponse,
};
pub use topup_config::{SetTopupConfig, TopupConfig, TopupConfigSet};
pub use transactions::{Transaction, TransactionList};
pub use usage::{UsageGrouping, UsageHistory, UsageWindow};
