//! The record of money moved. Written once, never changed; a mistake is corrected by another.

use crate::account::Account;
use crate::amount::Amount;
use crate::id::{AccountId, Timestamp, TransferId};
use crate::names::named;

/// The longest reference, in bytes.
pub const REFERENCE_BYTES_MAX: usize = 255;

named! {
    /// Why money moved. Rows carry the number, so that a number is never given another meaning.
    pub enum Code {
        /// Credits bought: clearing → customer.
        TopUp = "top_up",
        /// The fee on bought credits: clearing → fees.
        TopUpFee = "top_up_fee",
        /// A request's cost: customer → revenue.
        Usage = "usage",
        /// Credits given: promotions → customer.
        Promotion = "promotion",
        /// A cost that nobody pays: write-offs → revenue.
        WriteOff = "write_off",
        /// An operator's correction.
        Adjustment = "adjustment",
        /// A payment that was taken back from outside, refunded or lost in a dispute: customer → clearing.
        Reversal = "reversal",
        /// A payment that the operator refunds: customer → clearing.
        Refund = "refund",
        /// What a refund or a dispute took, given back because its money came back: clearing → customer.
        Reinstatement = "reinstatement",
    }
}

impl Code {
    /// The stable number.
    pub const fn number(self) -> u16 {
        match self {
            Self::TopUp => 1,
            Self::TopUpFee => 2,
            Self::Usage => 3,
            Self::Promotion => 4,
            Self::WriteOff => 5,
            Self::Adjustment => 6,
            Self::Reversal => 7,
            Self::Refund => 8,
            Self::Reinstatement => 9,
        }
    }

    /// The code of that number, or `None` where there is none.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
    }

    /// Whether a single transfer with this code may take a customer below zero. Only a reversal
    /// may: the money has already left, whether or not the credits were spent. The operator's own refund
    /// may not, because it takes the credit first. A hold never may.
    pub const fn may_overdraw(self) -> bool {
        match self {
            Self::Reversal => true,
            Self::TopUp | Self::TopUpFee | Self::Usage => false,
            Self::Promotion | Self::WriteOff | Self::Adjustment => false,
            Self::Refund | Self::Reinstatement => false,
        }
    }
}

/// What a transfer does: move money at once, hold it, or resolve a hold.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Moves the amount at once.
    Single,
    /// Holds the amount until it is posted, voided, or `expires_at` has come.
    Pending {
        /// From this moment on the hold can only be expired.
        expires_at: Timestamp,
    },
    /// Takes the amount out of a hold.
    Post {
        /// The pending transfer.
        hold: TransferId,
        /// Whether the rest of the hold is released with it.
        last: bool,
    },
    /// Releases what is left of a hold, because its owner says so.
    Void {
        /// The pending transfer.
        hold: TransferId,
    },
    /// Releases what is left of a hold, because its time is over.
    Expire {
        /// The pending transfer.
        hold: TransferId,
    },
}

impl Phase {
    /// The stable name, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Pending { .. } => "pending",
            Self::Post { .. } => "post",
            Self::Void { .. } => "void",
            Self::Expire { .. } => "expire",
        }
    }

    /// The hold that the transfer resolves, if it does.
    pub const fn hold(self) -> Option<TransferId> {
        match self {
            Self::Single | Self::Pending { .. } => None,
            Self::Post { hold, .. } | Self::Void { hold } | Self::Expire { hold } => Some(hold),
        }
    }
}

/// One movement of money from one account to another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Transfer {
    /// Brought by the caller; a repeat carries the same one.
    pub id: TransferId,
    /// Where the money comes from. A resolution copies it from its hold.
    pub debit: Account,
    /// Where the money goes. A resolution copies it from its hold.
    pub credit: Account,
    /// What is moved, held or posted; for a void or an expiry, what is released. Never below zero;
    /// zero for a free hold and for what resolves one.
    pub amount: Amount,
    /// Why. A resolution copies it from its hold.
    pub code: Code,
    /// What the transfer does.
    pub phase: Phase,
    /// The caller's own note, such as a request's id. At most [`REFERENCE_BYTES_MAX`] bytes; empty
    /// for a void and an expiry.
    pub reference: String,
    /// When it was applied.
    pub at: Timestamp,
}

impl Transfer {
    /// The customer whom it debits for usage: what a spending limit counts. A hold does not, until it is
    /// posted.
    pub fn usage_of(&self) -> Option<AccountId> {
        match (self.code, self.phase) {
            (Code::Usage, Phase::Single | Phase::Post { .. }) => self.debit.customer(),
            _ => None,
        }
    }
}
