//! What becomes of a hold: it is posted, voided or expired.

use super::{Book, refuse_long};
use crate::account::{Account, Balances};
use crate::amount::Amount;
use crate::hold::{Hold, HoldState};
use crate::id::{AccountId, Timestamp, TransferId};
use crate::refusal::Refusal;
use crate::transfer::{Code, Phase, Transfer};

/// Who resolves which hold, under which id, and when.
#[derive(Copy, Clone)]
pub(super) struct Resolution {
    id: TransferId,
    account: AccountId,
    hold: TransferId,
    at: Timestamp,
}

impl Resolution {
    pub(super) fn new(id: TransferId, account: AccountId, hold: TransferId, at: Timestamp) -> Self {
        Self {
            id,
            account,
            hold,
            at,
        }
    }
}

impl Book {
    pub(super) fn post(
        &mut self,
        resolution: Resolution,
        amount: Amount,
        last: bool,
        reference: &str,
    ) -> Result<Transfer, Refusal> {
        // Only a last post may be of zero: it charges nothing and releases everything.
        if !last && !amount.is_positive() {
            return Err(Refusal::AmountMustBePositive);
        }
        if amount.is_negative() {
            return Err(Refusal::AmountMustNotBeNegative);
        }
        refuse_long(reference)?;
        let (totals, hold) = self.find_open(resolution)?;
        if resolution.at >= hold.expires_at {
            return Err(Refusal::HoldExpired);
        }
        let rest = hold
            .remainder()
            .checked_sub(amount)
            .filter(|rest| !rest.is_negative());
        let rest = rest.ok_or(Refusal::PostExceedsHold)?;
        let released = if last { rest } else { Amount::ZERO };
        let totals = totals
            .with_resolution(amount, released)
            .ok_or(Refusal::Overflow)?;
        let posted = hold.posted.checked_add(amount).ok_or(Refusal::Overflow)?;
        let spending = match self.spending.get(hold.account) {
            Some(spending) if hold.code == Code::Usage => {
                Some(spending.with_settled(amount).ok_or(Refusal::Overflow)?)
            }
            _ => None,
        };

        // From here on it must succeed.
        if let Some(spending) = spending {
            self.spending.put(hold.account, spending);
        }
        let closed = last || rest == Amount::ZERO;
        let state = if closed {
            HoldState::Posted
        } else {
            HoldState::Open
        };
        self.write(
            totals,
            Hold {
                posted,
                state,
                ..hold
            },
        );
        let phase = Phase::Post {
            hold: hold.id,
            last,
        };
        Ok(transfer(
            resolution,
            hold,
            amount,
            phase,
            reference.to_owned(),
        ))
    }

    pub(super) fn void(&mut self, resolution: Resolution) -> Result<Transfer, Refusal> {
        let (totals, hold) = self.find_open(resolution)?;
        if resolution.at >= hold.expires_at {
            return Err(Refusal::HoldExpired);
        }
        let released = self.release(totals, hold, HoldState::Voided)?;
        let phase = Phase::Void { hold: hold.id };
        Ok(transfer(resolution, hold, released, phase, String::new()))
    }

    pub(super) fn expire(&mut self, resolution: Resolution) -> Result<Transfer, Refusal> {
        let (totals, hold) = self.find_open(resolution)?;
        if resolution.at < hold.expires_at {
            return Err(Refusal::HoldNotYetExpired);
        }
        let released = self.release(totals, hold, HoldState::Expired)?;
        let phase = Phase::Expire { hold: hold.id };
        Ok(transfer(resolution, hold, released, phase, String::new()))
    }

    /// The open hold and its owner's totals. Another customer's hold is not found, so that nobody
    /// learns what others hold.
    fn find_open(&self, resolution: Resolution) -> Result<(Balances, Hold), Refusal> {
        let totals = *self
            .balances(resolution.account)
            .ok_or(Refusal::AccountNotFound)?;
        let hold = *self.hold(resolution.hold).ok_or(Refusal::HoldNotFound)?;
        if hold.account != resolution.account {
            return Err(Refusal::HoldNotFound);
        }
        match hold.state {
            HoldState::Open => Ok((totals, hold)),
            HoldState::Posted => Err(Refusal::HoldAlreadyPosted),
            HoldState::Voided => Err(Refusal::HoldAlreadyVoided),
            HoldState::Expired => Err(Refusal::HoldExpired),
        }
    }

    fn release(
        &mut self,
        totals: Balances,
        hold: Hold,
        state: HoldState,
    ) -> Result<Amount, Refusal> {
        let released = hold.remainder();
        let totals = totals
            .with_resolution(Amount::ZERO, released)
            .ok_or(Refusal::Overflow)?;

        // From here on it must succeed.
        self.write(totals, Hold { state, ..hold });
        Ok(released)
    }

    fn write(&mut self, totals: Balances, hold: Hold) {
        self.accounts.put(hold.account, totals);
        self.holds.put(hold.id, hold);
    }
}

fn transfer(
    resolution: Resolution,
    hold: Hold,
    amount: Amount,
    phase: Phase,
    reference: String,
) -> Transfer {
    Transfer {
        id: resolution.id,
        debit: Account::Customer(hold.account),
        credit: hold.credit,
        amount,
        code: hold.code,
        phase,
        reference,
        at: resolution.at,
    }
}
