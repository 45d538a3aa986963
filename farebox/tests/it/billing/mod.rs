mod credit_balance;
mod topup;
mod topup_status;
