//! What has become of a pending transfer.

use crate::account::Account;
use crate::amount::Amount;
use crate::id::{AccountId, Timestamp, TransferId};
use crate::names::named;
use crate::transfer::Code;

named! {
    /// A hold is open until the one transfer that resolves it.
    pub enum HoldState {
        /// Some of it, or all, may still be posted.
        Open = "open",
        /// Posted in full, or closed by a post that was marked as the last.
        Posted = "posted",
        /// Released by its owner, perhaps after a part was posted.
        Voided = "voided",
        /// Released because its time was over, perhaps after a part was posted.
        Expired = "expired",
    }
}

/// A hold: a pending transfer and how far it has been resolved.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hold {
    /// The pending transfer's id.
    pub id: TransferId,
    /// The customer whose credit is held.
    pub account: AccountId,
    /// The system account that a post credits.
    pub credit: Account,
    /// Why the credit is held.
    pub code: Code,
    /// How much was held at first.
    pub amount: Amount,
    /// How much of it has been posted so far.
    pub posted: Amount,
    /// Whether it is open, and if not, how it ended.
    pub state: HoldState,
    /// From this moment on it can only be expired.
    pub expires_at: Timestamp,
}

impl Hold {
    /// What is still held: amount − posted while it is open, zero afterwards.
    pub fn remainder(&self) -> Amount {
        match self.state {
            HoldState::Open => self.amount.checked_sub(self.posted).unwrap_or(Amount::ZERO),
            HoldState::Posted | HoldState::Voided | HoldState::Expired => Amount::ZERO,
        }
    }
}
