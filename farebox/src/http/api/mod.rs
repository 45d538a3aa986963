//! The management API, a file per resource.

pub mod credit_balance;
pub mod holds;
pub mod spending_limit;
pub mod token_verify;
pub mod topup;
pub mod topup_status;
