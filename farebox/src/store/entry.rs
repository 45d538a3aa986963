//! What the committer is asked to do: operations on the ledger, and the rows that are written with them.

use std::sync::Arc;

use ledger::{AccountId, Amount, Operation, TransferId};

use crate::store::buckets::{Ended, Reserve};
use crate::store::hold_requests::{NewCapture, NewHold};
use crate::store::leases::{Change, Part};
use crate::store::logs::NewCall;
use crate::store::reversals;

/// A row that changes in the transaction of the money that it is about, all or none.
#[derive(Debug, Clone)]
pub enum Attached {
    /// The top-up becomes `completed`.
    CompleteTopup {
        /// Its id.
        topup_id: String,
    },
    /// The account's automatic top-up becomes `completed`, and those that failed before are forgotten.
    CompleteAutoTopup {
        /// Its id.
        topup_id: String,
        /// Whose.
        account: AccountId,
    },
    /// What a caller of the API said about its hold.
    Hold(NewHold),
    /// What a caller of the API said about its capture.
    Capture(NewCapture),
    /// What a refund or a dispute has taken out of the books.
    Reversal(Box<reversals::Move>),
    /// A call through a gateway: why it was charged, and its log.
    Call(Arc<NewCall>),
    /// The same of a call that has reserved something under its gateway's rules, and what it counts there.
    CountedCall(Arc<NewCall>, Ended),
    /// The same of a call that was let in by a lease, and what part of it is over with this; without a call, only that.
    LeasedCall(Option<Arc<NewCall>>, Part),
    /// What a call reserves under its gateway's rules: as much as they leave. What the entry's first operation
    /// holds is lowered to it; without one, no credit is held.
    Reserve(Box<Reserve>),
    /// A lease is made, moved or closed: no row, but what has become of it is known before anybody is answered.
    Lease(Change),
}

/// What one caller wants done, all or none.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Operations on the ledger, linked: all or none.
    pub operations: Vec<Operation>,
    /// Written with them, unless every operation had been done before. Without an operation it is written
    /// as well: a call that was refused costs nothing and leaves a log.
    pub attached: Option<Attached>,
}

impl Entry {
    pub(super) fn reserve(&self) -> Option<&Reserve> {
        match &self.attached {
            Some(Attached::Reserve(reserve)) => Some(reserve),
            _ => None,
        }
    }

    pub(super) fn ended(&self) -> Option<(AccountId, &Ended)> {
        match &self.attached {
            Some(Attached::CountedCall(call, ended)) => Some((call.account, ended)),
            _ => None,
        }
    }

    /// Whether nothing but the rows of a call tells a repeat of it: no operation has an id that would.
    pub(super) fn is_known_by_its_call(&self) -> bool {
        let is_call = matches!(
            self.attached,
            Some(Attached::Call(_) | Attached::CountedCall(..) | Attached::LeasedCall(Some(_), _))
        );
        is_call && self.operations.is_empty()
    }

    pub(super) fn lease(&self) -> Option<Change> {
        match &self.attached {
            Some(Attached::Lease(change)) => Some(*change),
            _ => None,
        }
    }

    /// The account of the call that it settles.
    pub(super) fn settles_for(&self) -> Option<AccountId> {
        match &self.attached {
            Some(Attached::Call(call) | Attached::CountedCall(call, _)) => Some(call.account),
            Some(Attached::LeasedCall(_, part)) => Some(part.account),
            _ => None,
        }
    }

    /// The part of a lease that is over with it, out of which hold how much is posted.
    pub(super) fn part(&self) -> Option<(Part, Option<TransferId>, Amount)> {
        let Some(Attached::LeasedCall(_, part)) = &self.attached else {
            return None;
        };
        let posted = self
            .operations
            .iter()
            .find_map(|operation| match operation {
                Operation::Post { hold, amount, .. } => Some((*hold, *amount)),
                _ => None,
            });
        Some(match posted {
            Some((hold, amount)) => (*part, Some(hold), amount),
            None => (*part, None, Amount::ZERO),
        })
    }

    /// Whose credit it takes or holds: where there isn't enough, what is idle in that customer's leases is.
    pub(super) fn taker(&self) -> Option<AccountId> {
        let takes = |operation: &Operation| match operation {
            Operation::Transfer { .. } | Operation::Hold { .. } | Operation::HoldUpTo { .. } => {
                operation.payer()
            }
            Operation::Post { .. } | Operation::Void { .. } | Operation::Expire { .. } => None,
        };
        self.operations.iter().find_map(takes)
    }

    /// Whose credit it takes or holds, or settles.
    pub(super) fn payers(&self) -> impl Iterator<Item = AccountId> {
        self.operations.iter().filter_map(Operation::payer)
    }

    /// The same, but that nothing is held in a smaller size.
    pub(super) fn whole(&self) -> Self {
        let mut whole = self.clone();
        for operation in &mut whole.operations {
            if let Operation::HoldUpTo { most, least, .. } = operation {
                *least = *most;
            }
        }
        whole
    }

    /// The same posted out of this hold.
    pub fn out_of(&self, from: TransferId) -> Self {
        let mut moved = self.clone();
        for operation in &mut moved.operations {
            if let Operation::Post { hold, .. } = operation {
                *hold = from;
            }
        }
        if let Some(Attached::CountedCall(_, ended)) = &mut moved.attached {
            ended.id = from;
        }
        if let Some(
            Attached::LeasedCall(Some(call), _)
            | Attached::Call(call)
            | Attached::CountedCall(call, _),
        ) = &mut moved.attached
            && call
                .charge
                .as_ref()
                .is_some_and(|charge| charge.hold != Some(from))
            && let Some(charge) = &mut Arc::make_mut(call).charge
        {
            charge.hold = Some(from);
        }
        moved
    }

    /// The same once its part of a lease is over.
    pub(super) fn settled(&self) -> Self {
        let attached = match &self.attached {
            Some(Attached::LeasedCall(call, _)) => call.clone().map(Attached::Call),
            attached => attached.clone(),
        };
        Self {
            operations: self.operations.clone(),
            attached,
        }
    }

    /// Whose rows are locked: all that it changes is theirs.
    pub(super) fn customers(&self) -> impl Iterator<Item = AccountId> {
        let counts = self.ended().map(|(account, _)| account);
        let reserves = self.reserve().map(|reserve| reserve.account);
        let operations = self.operations.iter().flat_map(Operation::customers);
        operations.chain(counts).chain(reserves)
    }
}
