//! Money that moves at once, and money that is held.

use super::{Book, refuse_long};
use crate::account::{Account, Balances};
use crate::amount::Amount;
use crate::hold::{Hold, HoldState};
use crate::id::{AccountId, Timestamp};
use crate::refusal::Refusal;
use crate::transfer::Transfer;

/// A customer with totals, where one side of a transfer is one; nothing for a system account.
type Customer = Option<(AccountId, Balances)>;

impl Book {
    pub(super) fn single(&mut self, transfer: Transfer) -> Result<Transfer, Refusal> {
        if !transfer.amount.is_positive() {
            return Err(Refusal::AmountMustBePositive);
        }
        if transfer.debit == transfer.credit {
            return Err(Refusal::AccountsMustDiffer);
        }
        refuse_long(&transfer.reference)?;
        let debited = self.find_customer(transfer.debit)?;
        let credited = self.find_customer(transfer.credit)?;
        if !transfer.code.may_overdraw() {
            refuse_unaffordable(debited, transfer.amount)?;
        }
        let debited = plan(debited, |totals| totals.with_debit(transfer.amount))?;
        let credited = plan(credited, |totals| totals.with_credit(transfer.amount))?;

        // From here on it must succeed. The accounts differ, so neither write undoes the other.
        for (account, totals) in [debited, credited].into_iter().flatten() {
            self.accounts.put(account, totals);
        }
        Ok(transfer)
    }

    pub(super) fn pending(
        &mut self,
        transfer: Transfer,
        account: AccountId,
        expires_at: Timestamp,
    ) -> Result<Transfer, Refusal> {
        if transfer.amount.is_negative() {
            return Err(Refusal::AmountMustNotBeNegative);
        }
        if transfer.credit.customer().is_some() {
            return Err(Refusal::HoldMustCreditSystemAccount);
        }
        refuse_long(&transfer.reference)?;
        if expires_at <= transfer.at {
            return Err(Refusal::ExpiryMustBeInTheFuture);
        }
        let totals = *self.balances(account).ok_or(Refusal::AccountNotFound)?;
        refuse_unaffordable(Some((account, totals)), transfer.amount)?;
        let totals = totals.with_hold(transfer.amount).ok_or(Refusal::Overflow)?;

        // From here on it must succeed.
        self.accounts.put(account, totals);
        let hold = Hold {
            id: transfer.id,
            account,
            credit: transfer.credit,
            code: transfer.code,
            amount: transfer.amount,
            posted: Amount::ZERO,
            state: HoldState::Open,
            expires_at,
        };
        self.holds.put(hold.id, hold);
        Ok(transfer)
    }

    fn find_customer(&self, account: Account) -> Result<Customer, Refusal> {
        match account.customer() {
            None => Ok(None),
            Some(id) => {
                let totals = self.balances(id).ok_or(Refusal::AccountNotFound)?;
                Ok(Some((id, *totals)))
            }
        }
    }
}

fn refuse_unaffordable(debited: Customer, amount: Amount) -> Result<(), Refusal> {
    match debited {
        Some((_, totals)) if totals.available() < amount => Err(Refusal::InsufficientCredit),
        _ => Ok(()),
    }
}

fn plan(
    found: Customer,
    change: impl FnOnce(Balances) -> Option<Balances>,
) -> Result<Customer, Refusal> {
    match found {
        None => Ok(None),
        Some((id, totals)) => Ok(Some((id, change(totals).ok_or(Refusal::Overflow)?))),
    }
}
