//! Money of a purchase that goes back to the card: refunds, and payments lost in a dispute.
//!
//! What goes back is money; what has to come back for it is credit. A purchase may have carried a fee and
//! a tax beside the credit, so each part of the money takes its share of each, and several parts together
//! take exactly what the purchase gave, whatever their order. It decides how much and from whom; it
//! never asks whether the credit is still there: outside money has left already.

use crate::account::Account;
use crate::amount::Amount;
use crate::id::{AccountId, TransferId};
use crate::operation::Operation;
use crate::transfer::Code;

/// What was bought, and what was paid for it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Sale {
    /// The credits.
    pub credit: Amount,
    /// The fee on top.
    pub fee: Amount,
    /// The money that was charged, with tax: at least both together.
    pub paid: Amount,
}

/// Who bears money that has gone back.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Shares {
    /// The customer, in credits.
    pub credit: Amount,
    /// The fee's account.
    pub fee: Amount,
    /// Nobody: more has gone back than was ever paid, as when a disputed payment is refunded as well.
    pub loss: Amount,
}

/// Money that is away, and who bears it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Away {
    /// The money, of which a part may be tax that no ledger account ever had.
    pub money: Amount,
    /// Who bears it.
    pub shares: Shares,
}

impl Away {
    /// Both together; `None` where a sum does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            money: self.money.checked_add(other.money)?,
            shares: Shares {
                credit: self.shares.credit.checked_add(other.shares.credit)?,
                fee: self.shares.fee.checked_add(other.shares.fee)?,
                loss: self.shares.loss.checked_add(other.shares.loss)?,
            },
        })
    }
}

impl Sale {
    /// Who bears `money` that goes back beside what is away already. `None` where the sale or an amount
    /// is below zero, or a sum does not fit.
    ///
    /// Rounding is always done on the whole that is away, so that parts add up to the whole: when all
    /// that was paid is away, all credits and all of the fee are.
    pub fn shares(&self, away: &Away, money: Amount) -> Option<Shares> {
        let whole = self.due(away.money.checked_add(money)?)?;
        Some(Shares {
            credit: beyond(whole.credit, away.shares.credit)?,
            fee: beyond(whole.fee, away.shares.fee)?,
            loss: beyond(whole.loss, away.shares.loss)?,
        })
    }

    /// Who has to bear it when so much in all is away.
    fn due(&self, money: Amount) -> Option<Shares> {
        let sold = self.credit.checked_add(self.fee)?;
        let sane = !self.credit.is_negative() && !self.fee.is_negative() && sold <= self.paid;
        if !sane || !self.paid.is_positive() || money.is_negative() {
            return None;
        }
        let within = money.min(self.paid);
        let credit = self.part(self.credit, within)?;
        Some(Shares {
            credit,
            fee: self.part(sold, within)?.checked_sub(credit)?,
            loss: money.checked_sub(within)?,
        })
    }

    /// `of` × `within` / paid, rounded down to a nano.
    fn part(&self, of: Amount, within: Amount) -> Option<Amount> {
        let product = i128::from(of.nanos()).checked_mul(i128::from(within.nanos()))?;
        let part = product.checked_div(i128::from(self.paid.nanos()))?;
        i64::try_from(part).ok().map(Amount::from_nanos)
    }
}

/// `due` less what has been taken, and no less than nothing: a part that was given back may leave the
/// others a nano above their share.
fn beyond(due: Amount, taken: Amount) -> Option<Amount> {
    due.checked_sub(taken).map(|rest| rest.max(Amount::ZERO))
}

/// What has to be done about one refund or dispute, so that the books say what the world says.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Movement {
    /// So much money has gone back.
    Take(Amount),
    /// What was taken for it must be given back.
    GiveBack(Shares),
}

/// The next thing to do where `taken` is away in the books and `money` is away in the world; `None` when
/// they agree. A change of the amount is two movements: everything back, then the new amount.
pub fn next_movement(taken: &Away, money: Amount) -> Option<Movement> {
    if taken.money == money {
        return None;
    }
    if taken.money.is_positive() {
        return Some(Movement::GiveBack(taken.shares));
    }
    Some(Movement::Take(money))
}

/// How a refund's money stands, by Stripe's status (Stripe: "The Refund object").
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum RefundStands {
    /// It is on its way to the customer or has arrived.
    Away,
    /// It has come back, or never left.
    Back,
}

/// Where the money of a refund in this status is. `None` for a status that we do not know: then nothing
/// is concluded and the books stay as they are.
pub fn refund_stands(status: &str) -> Option<RefundStands> {
    match status {
        "pending" | "requires_action" | "succeeded" => Some(RefundStands::Away),
        "failed" | "canceled" => Some(RefundStands::Back),
        _ => None,
    }
}

/// What a dispute has moved, as its balance transactions say (Stripe: "The Dispute object": zero, one or
/// two, for funds withdrawn and reinstated).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct DisputeFacts {
    /// The disputed amount.
    pub disputed: Amount,
    /// The sum of the balance transactions, in their own currency: below zero while money is withdrawn.
    pub balance: Amount,
    /// Whether their currency is the payment's.
    pub same_currency: bool,
}

impl DisputeFacts {
    /// The money that the dispute has taken and not given back. An inquiry moves none. In another currency
    /// only the sign can be believed; then it is the disputed amount or nothing.
    pub fn money_away(&self) -> Option<Amount> {
        if !self.balance.is_negative() {
            return Some(Amount::ZERO);
        }
        if self.same_currency {
            return self.balance.checked_neg();
        }
        Some(self.disputed)
    }
}

/// Whose transfers a movement is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Legs {
    /// Of the customer's share.
    pub credit: TransferId,
    /// Of the fee's.
    pub fee: TransferId,
    /// Of the loss.
    pub loss: TransferId,
}

/// The transfers by which money that goes back is borne: to the clearing account, which it has left. A share
/// of nothing is no transfer.
///
/// [`Code::Refund`] is refused where the customer's credit is not there; [`Code::Reversal`] never is.
pub fn take(
    legs: Legs,
    account: AccountId,
    shares: &Shares,
    code: Code,
    reference: &str,
) -> Vec<Operation> {
    let transfer = |id, debit, amount| Operation::Transfer {
        id,
        debit,
        credit: Account::Clearing,
        amount,
        code,
        reference: reference.to_owned(),
    };
    moving([
        transfer(legs.credit, Account::Customer(account), shares.credit),
        transfer(legs.fee, Account::Fees, shares.fee),
        transfer(legs.loss, Account::WriteOffs, shares.loss),
    ])
}

/// The transfers by which all of it is given back.
pub fn give_back(
    legs: Legs,
    account: AccountId,
    shares: &Shares,
    reference: &str,
) -> Vec<Operation> {
    let transfer = |id, credit, amount| Operation::Transfer {
        id,
        debit: Account::Clearing,
        credit,
        amount,
        code: Code::Reinstatement,
        reference: reference.to_owned(),
    };
    moving([
        transfer(legs.credit, Account::Customer(account), shares.credit),
        transfer(legs.fee, Account::Fees, shares.fee),
        transfer(legs.loss, Account::WriteOffs, shares.loss),
    ])
}

fn moving(operations: [Operation; 3]) -> Vec<Operation> {
    let moves = |operation: &Operation| match operation {
        Operation::Transfer { amount, .. } => amount.is_positive(),
        _ => false,
    };
    operations.into_iter().filter(moves).collect()
}
