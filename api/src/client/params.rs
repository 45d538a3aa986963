//! What the calls are made with, under the official SDKs' names.

use crate::{CaptureHold, CreateHold, CreateRefund, HoldState, SetSpendingLimit, SetTopupConfig};

/// For [`crate::Topups::status`] and [`crate::Topups::wait_until_completed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopupStatusParams {
    /// The account that buys.
    pub account_id: String,
    /// The Stripe invoice id from [`crate::Topup::payment_intent_id`].
    pub payment_intent_id: String,
}

/// For [`crate::Topups::create`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopupCreateParams {
    /// The account that buys.
    pub account_id: String,
    /// The credit to buy, in whole cents; 1000 at least.
    pub amount: i64,
    /// The Stripe PaymentMethod to charge instead of the default one.
    pub payment_method_id: Option<String>,
    /// Names this purchase: a repeated call with the same key buys nothing more. Give your own
    /// (an order's number, say) to be able to repeat the call after a crash.
    pub idempotency_key: Option<String>,
}

/// For [`crate::Billing::credit_balance`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreditBalanceParams {
    /// The account to look at.
    pub account_id: String,
}

/// For [`crate::Holds::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldCreateParams {
    /// The account whose credit is held.
    pub account_id: String,
    /// What to hold.
    pub hold: CreateHold,
    /// Names this hold: a repeated call with the same key holds nothing more.
    pub idempotency_key: Option<String>,
}

/// For [`crate::Holds::capture`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldCaptureParams {
    /// The account whose credit is held.
    pub account_id: String,
    /// The hold.
    pub hold_id: String,
    /// What to take out of it.
    pub capture: CaptureHold,
    /// Names this capture: a repeated call with the same key takes nothing more.
    pub idempotency_key: Option<String>,
}

/// For [`crate::Holds::get`] and [`crate::Holds::void`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldParams {
    /// The account whose credit is held.
    pub account_id: String,
    /// The hold.
    pub hold_id: String,
}

/// For [`crate::Holds::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldListParams {
    /// The account whose credit is held.
    pub account_id: String,
    /// The page, counted from 1.
    pub page: Option<u32>,
    /// The most holds of a page, 100 at most.
    pub per_page: Option<u32>,
    /// Only holds in this state.
    pub state: Option<HoldState>,
}

/// For [`crate::PaymentMethods::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentMethodListParams {
    /// The account that is charged.
    pub account_id: String,
}

/// For [`crate::PaymentMethods::setup`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentMethodSetupParams {
    /// The account that will be charged.
    pub account_id: String,
    /// Where a page of Stripe's leads back to. Without it the answer has a secret for a page of the
    /// caller's own.
    pub return_url: Option<String>,
    /// Names this setup: a repeated call with the same key begins no other.
    pub idempotency_key: Option<String>,
}

/// For [`crate::PaymentMethods::set_default`] and [`crate::PaymentMethods::delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentMethodParams {
    /// The account that is charged.
    pub account_id: String,
    /// Stripe's id (`pm_…`).
    pub payment_method_id: String,
}

/// For [`crate::SpendingLimits::get`] and [`crate::SpendingLimits::delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpendingLimitParams {
    /// The account that is limited.
    pub account_id: String,
}

/// For [`crate::SpendingLimits::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendingLimitSetParams {
    /// The account that is limited.
    pub account_id: String,
    /// How much it may spend.
    pub limit: SetSpendingLimit,
}

/// For [`crate::Billing::usage_history`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageHistoryParams {
    /// The account to look at.
    pub account_id: String,
    /// By hours or by days.
    pub value_grouping_window: crate::UsageGrouping,
    /// From when on, in Unix milliseconds, inclusive; without it 24 hours or 30 days before the end.
    pub start_time: Option<i64>,
    /// Until when, in Unix milliseconds, exclusive; without it until now.
    pub end_time: Option<i64>,
}

/// For [`crate::Billing::transactions`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionsParams {
    /// The account to look at.
    pub account_id: String,
    /// Only this kind, such as `usage`.
    pub code: Option<String>,
    /// Only this hold and what resolves it.
    pub hold: Option<String>,
    /// From when on, in Unix milliseconds, inclusive.
    pub start_time: Option<i64>,
    /// Until when, in Unix milliseconds, exclusive.
    pub end_time: Option<i64>,
    /// In which order; newest first if not given.
    pub order: Option<TransactionOrder>,
    /// The most entries, 1 to 1000.
    pub per_page: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// In which order transactions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOrder {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

impl TransactionOrder {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Desc => "desc",
            Self::Asc => "asc",
        }
    }
}

/// For [`crate::Billing::invoice_history`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvoiceHistoryParams {
    /// The account to look at.
    pub account_id: String,
    /// Which invoices; all if not given. The SDKs call it `type`.
    pub kind: Option<InvoiceKind>,
    /// From 1 on; Cloudflare doesn't know it.
    pub page: Option<i64>,
    /// The most invoices, 1 to 100; Cloudflare doesn't know it.
    pub per_page: Option<i64>,
}

/// How a top-up came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvoiceKind {
    /// Somebody asked for it.
    Manual,
    /// The account topped itself up.
    Auto,
    /// Both.
    All,
}

impl InvoiceKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Auto => "auto",
            Self::All => "all",
        }
    }
}

/// For [`crate::Billing::invoice_preview`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvoicePreviewParams {
    /// The account to look at.
    pub account_id: String,
}

/// For [`crate::Refunds::create`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundCreateParams {
    /// Whose top-up.
    pub account_id: String,
    /// The top-up's invoice (`in_…`).
    pub payment_intent_id: String,
    /// How much, and why.
    pub refund: CreateRefund,
    /// Repeat a lost call under the same key: it is refunded once.
    pub idempotency_key: Option<String>,
}

/// For [`crate::Refunds::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundListParams {
    /// Whose top-up.
    pub account_id: String,
    /// The top-up's invoice (`in_…`).
    pub payment_intent_id: String,
}

/// For [`crate::Disputes::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisputeListParams {
    /// The account to look at.
    pub account_id: String,
    /// From 1 on.
    pub page: Option<i64>,
    /// The most disputes, 1 to 100.
    pub per_page: Option<i64>,
}

/// For [`crate::Topups::limits`], [`crate::Topups::eligibility`], [`crate::TopupConfigs::get`] and
/// [`crate::TopupConfigs::delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopupAccountParams {
    /// The account that would buy.
    pub account_id: String,
}

/// For [`crate::TopupConfigs::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopupConfigSetParams {
    /// The account that tops itself up.
    pub account_id: String,
    /// When, and by how much.
    pub config: SetTopupConfig,
}
