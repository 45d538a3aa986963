//! The management API, a file per resource.

pub mod credit_balance;
pub mod custom_providers;
pub mod disputes;
pub mod gateways;
pub mod holds;
pub mod invoice_history;
pub mod invoice_preview;
pub mod payment_methods;
pub mod refunds;
pub mod spending_limit;
pub mod token_verify;
pub mod topup;
pub mod topup_config;
pub mod topup_limits;
pub mod topup_status;
pub mod transactions;
pub mod usage_history;
