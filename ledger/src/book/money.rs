//! Money that moves at once, and money that is held.

use super::{Book, refuse_long};
use crate::account::{Account, Balances};
use crate::amount::Amount;
use crate::hold::{Hold, HoldState};
use crate::id::{AccountId, Timestamp};
use crate::limit::Spending;
use crate::refusal::Refusal;
use crate::transfer::{Code, Transfer};

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
        let spending = match (transfer.usage_of(), debited) {
            (Some(id), Some((_, totals))) => self.plan_spending(id, totals, transfer.amount)?,
            _ => None,
        };
        self.refuse_frozen(transfer.usage_of())?;

        // From here on it must succeed. The accounts differ, so neither write undoes the other.
        for (account, totals) in [debited, credited].into_iter().flatten() {
            self.accounts.put(account, totals);
        }
        if let (Some(id), Some(spending)) = (transfer.usage_of(), spending) {
            self.spending.put(id, spending);
        }
        Ok(transfer)
    }

    /// Holds the transfer's amount, or as much of it as there is, where that is `least` or more.
    pub(super) fn pending(
        &mut self,
        transfer: Transfer,
        account: AccountId,
        least: Amount,
        expires_at: Timestamp,
    ) -> Result<Transfer, Refusal> {
        if transfer.amount.is_negative() || least.is_negative() {
            return Err(Refusal::AmountMustNotBeNegative);
        }
        if transfer.credit.customer().is_some() {
            return Err(Refusal::HoldMustCreditSystemAccount);
        }
        refuse_long(&transfer.reference)?;
        if expires_at <= transfer.at {
            return Err(Refusal::ExpiryMustBeInTheFuture);
        }
        if least > transfer.amount {
            return Err(Refusal::LeastExceedsMost);
        }
        let totals = *self.balances(account).ok_or(Refusal::AccountNotFound)?;
        let amount = self.granted(&transfer, totals, least);
        let transfer = Transfer { amount, ..transfer };
        refuse_unaffordable(Some((account, totals)), transfer.amount)?;
        let held = totals;
        let totals = totals.with_hold(transfer.amount).ok_or(Refusal::Overflow)?;
        if transfer.code == Code::Usage {
            // It counts as held from now on; what is settled grows with its posts.
            self.plan_spending(account, held, transfer.amount)?;
        }
        self.refuse_frozen(Some(account))?;

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

    /// As much of the amount as there is, and no less than `least`.
    fn granted(&self, transfer: &Transfer, totals: Balances, least: Amount) -> Amount {
        let account = transfer.debit.customer();
        let limit = account.and_then(|account| self.spending.get(account));
        let limit = limit.filter(|_| transfer.code == Code::Usage);
        let left = limit.map(|spending| spending.left(totals.held()));
        let there = left.map_or(totals.available(), |left| left.min(totals.available()));
        transfer.amount.min(there).max(least)
    }

    /// The customer's spending with the amount settled, or nothing where there is no limit.
    fn plan_spending(
        &self,
        account: AccountId,
        totals: Balances,
        amount: Amount,
    ) -> Result<Option<Spending>, Refusal> {
        let Some(spending) = self.spending.get(account) else {
            return Ok(None);
        };
        if !spending.admits(totals.held(), amount) {
            return Err(Refusal::SpendingLimitExceeded);
        }
        let settled = spending.with_settled(amount).ok_or(Refusal::Overflow)?;
        Ok(Some(settled))
    }

    /// Refuses new spending; what was held before may still be posted.
    fn refuse_frozen(&self, spender: Option<AccountId>) -> Result<(), Refusal> {
        match spender {
            Some(account) if self.frozen.contains(&account) => Err(Refusal::AccountFrozen),
            _ => Ok(()),
        }
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
