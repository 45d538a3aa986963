mod credit_balance;
mod holds;
mod spending_limit;
mod topup;
mod topup_status;
