mod credit_balance;
mod holds;
mod topup;
mod topup_status;
