//! What the calls are made with, under the official SDKs' names.

use crate::{CaptureHold, CreateHold, HoldState, SetSpendingLimit};

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
