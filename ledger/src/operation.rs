//! What callers ask of the book.

use crate::account::Account;
use crate::amount::Amount;
use crate::id::{AccountId, Timestamp, TransferId};
use crate::transfer::Code;

/// One request to move, hold or release money. Its id is brought by the caller and becomes the
/// transfer's, so that asking again is harmless.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// Move an amount at once. A customer who is debited must have it available, unless the code
    /// may overdraw.
    Transfer {
        /// The transfer to write.
        id: TransferId,
        /// Where the money comes from.
        debit: Account,
        /// Where the money goes.
        credit: Account,
        /// Above zero.
        amount: Amount,
        /// Why.
        code: Code,
        /// At most 255 bytes.
        reference: String,
    },
    /// Hold an amount of a customer's available credit. Zero is allowed, so that a free request
    /// takes the same path; a customer below zero is refused even that.
    Hold {
        /// The pending transfer to write.
        id: TransferId,
        /// The customer.
        account: AccountId,
        /// The system account that will be credited by a post.
        credit: Account,
        /// Zero or above.
        amount: Amount,
        /// Why.
        code: Code,
        /// At most 255 bytes.
        reference: String,
        /// From this moment on the hold can only be expired.
        expires_at: Timestamp,
    },
    /// Hold as much of a customer's available credit as there is, up to one amount and not below another:
    /// for what can be had in a smaller size, so that the last of a balance can be bought.
    HoldUpTo {
        /// The pending transfer to write. Its amount is what was held.
        id: TransferId,
        /// The customer.
        account: AccountId,
        /// The system account that will be credited by a post.
        credit: Account,
        /// The most; zero or above.
        most: Amount,
        /// The least that is of any use; zero or above, and no more than the most.
        least: Amount,
        /// Why.
        code: Code,
        /// At most 255 bytes.
        reference: String,
        /// From this moment on the hold can only be expired.
        expires_at: Timestamp,
    },
    /// Take an amount out of a hold. A part that uses the hold up closes it even when it is not
    /// marked as the last.
    Post {
        /// The transfer to write.
        id: TransferId,
        /// The customer who owns the hold.
        account: AccountId,
        /// The hold.
        hold: TransferId,
        /// Above zero and no more than is left; with `last` it may be zero: charge nothing.
        amount: Amount,
        /// Whether to release the rest.
        last: bool,
        /// At most 255 bytes.
        reference: String,
    },
    /// Release what is left of a hold before its time is over.
    Void {
        /// The transfer to write.
        id: TransferId,
        /// The customer who owns the hold.
        account: AccountId,
        /// The hold.
        hold: TransferId,
    },
    /// Release what is left of a hold whose time is over.
    Expire {
        /// The transfer to write.
        id: TransferId,
        /// The customer who owns the hold.
        account: AccountId,
        /// The hold.
        hold: TransferId,
    },
}

impl Operation {
    /// The transfer that it writes.
    pub const fn id(&self) -> TransferId {
        match self {
            Self::Transfer { id, .. } | Self::Hold { id, .. } | Self::HoldUpTo { id, .. } => *id,
            Self::Post { id, .. } => *id,
            Self::Void { id, .. } | Self::Expire { id, .. } => *id,
        }
    }

    /// The hold that it resolves, if it does; to be loaded before it is applied.
    pub const fn hold(&self) -> Option<TransferId> {
        match self {
            Self::Transfer { .. } | Self::Hold { .. } | Self::HoldUpTo { .. } => None,
            Self::Post { hold, .. } | Self::Void { hold, .. } | Self::Expire { hold, .. } => {
                Some(*hold)
            }
        }
    }

    /// The customer whose spending limit, where there is one, must be loaded before it is applied.
    pub const fn spender(&self) -> Option<AccountId> {
        match self {
            Self::Transfer {
                debit,
                code: Code::Usage,
                ..
            } => debit.customer(),
            Self::Hold {
                account,
                code: Code::Usage,
                ..
            }
            | Self::HoldUpTo {
                account,
                code: Code::Usage,
                ..
            } => Some(*account),
            _ => None,
        }
    }

    /// The same with no more to be held than that, where it may be less; never below its least.
    #[must_use]
    pub fn lowered_to(mut self, amount: Amount) -> Self {
        if let Self::HoldUpTo { most, least, .. } = &mut self {
            *most = (*most).min(amount).max(*least);
        }
        self
    }

    /// The customer who may have less available after it.
    pub const fn payer(&self) -> Option<AccountId> {
        match self {
            Self::Transfer { debit, .. } => debit.customer(),
            Self::Hold { account, .. } | Self::HoldUpTo { account, .. } => Some(*account),
            Self::Post { account, .. } => Some(*account),
            Self::Void { .. } | Self::Expire { .. } => None,
        }
    }

    /// The customers whose rows must be loaded, and locked, before it is applied: one, two, or
    /// none. They follow from the operation alone, because a hold never credits a customer.
    pub fn customers(&self) -> impl Iterator<Item = AccountId> + use<> {
        let customers = match self {
            Self::Transfer { debit, credit, .. } => [debit.customer(), credit.customer()],
            Self::Hold { account, .. } | Self::HoldUpTo { account, .. } => [Some(*account), None],
            Self::Post { account, .. } => [Some(*account), None],
            Self::Void { account, .. } | Self::Expire { account, .. } => [Some(*account), None],
        };
        customers.into_iter().flatten()
    }
}
