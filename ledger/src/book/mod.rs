//! The working set: what a caller has loaded, what operations make of it, what is to be written.
//!
//! A group is applied in full or not at all. Each operation is a column of refusals, in the order
//! of their numbers, and only then a change that must succeed. The book decides by what has been
//! loaded: a customer, a hold or an earlier transfer that its caller forgot to load does not exist
//! for it. Nothing here reads or writes anything outside the book.

mod exists;
mod money;
mod resolve;
mod shelf;

use std::collections::HashSet;

use crate::account::{Account, Balances};
use crate::amount::Amount;
use crate::hold::Hold;
use crate::id::{AccountId, Timestamp, TransferId};
use crate::limit::Spending;
use crate::operation::Operation;
use crate::refusal::{Refusal, Refused};
use crate::transfer::{Phase, REFERENCE_BYTES_MAX, Transfer};
use resolve::Resolution;
use shelf::Shelf;

/// The accounts, holds and transfers that a batch of operations concerns.
#[derive(Clone, Debug)]
pub struct Book {
    accounts: Shelf<AccountId, Balances>,
    holds: Shelf<TransferId, Hold>,
    transfers: Shelf<TransferId, Transfer>,
    /// Of customers with a limit. It is never written: what is settled follows from the transfers.
    spending: Shelf<AccountId, Spending>,
    /// Customers who may not spend. Nothing here changes it.
    frozen: HashSet<AccountId>,
}

/// Whether an operation moved money now or had done so before.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// The transfer has been made by this call.
    New,
    /// The same operation had been applied before; nothing changed.
    Exists,
}

/// What became of an accepted operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Whether it was new.
    pub status: Status,
    /// The transfer as it stands in the books.
    pub transfer: Transfer,
    /// What the first of its customers ([`Operation::customers`]) has available right after it; nothing where
    /// it has none.
    pub available: Option<Amount>,
}

impl Outcome {
    /// Whether money moved now, and not by an earlier call.
    pub fn is_new(&self) -> bool {
        self.status == Status::New
    }
}

/// What has to be written after groups have been applied, all in one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// New transfers, in the order in which they were applied.
    pub transfers: Vec<Transfer>,
    /// New or changed holds, once each, with their final values.
    pub holds: Vec<Hold>,
    /// Changed totals, once each, with their final values.
    pub balances: Vec<(AccountId, Balances)>,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    /// An empty book.
    pub fn new() -> Self {
        Self {
            accounts: Shelf::new(),
            holds: Shelf::new(),
            transfers: Shelf::new(),
            spending: Shelf::new(),
            frozen: HashSet::new(),
        }
    }

    /// Adds a customer's totals. Like all loading, it leaves what the book already knows.
    pub fn load_account(&mut self, account: AccountId, balances: Balances) {
        self.accounts.load(account, balances);
    }

    /// Adds a transfer that may be repeated: one whose id is an operation's.
    pub fn load_transfer(&mut self, transfer: Transfer) {
        self.transfers.load(transfer.id, transfer);
    }

    /// Adds a hold that an operation resolves.
    pub fn load_hold(&mut self, hold: Hold) {
        self.holds.load(hold.id, hold);
    }

    /// Adds a customer's spending limit with what counts against it now. Unlike other loading it replaces
    /// what the book knows, since that was another moment's.
    pub fn load_spending(&mut self, account: AccountId, spending: Spending) {
        self.spending.replace(account, spending);
    }

    /// Says whether a customer may spend just now; one of whom nothing was said may. Like spending it is the
    /// latest word that counts.
    pub fn set_frozen(&mut self, account: AccountId, frozen: bool) {
        if frozen {
            self.frozen.insert(account);
        } else {
            self.frozen.remove(&account);
        }
    }

    /// What counts against a customer's limit, or `None` where none was loaded.
    pub fn spending(&self, account: AccountId) -> Option<&Spending> {
        self.spending.get(account)
    }

    /// A customer's totals as they stand now, or `None` where they were not loaded.
    pub fn balances(&self, account: AccountId) -> Option<&Balances> {
        self.accounts.get(account)
    }

    /// A hold as it stands now, or `None` where it was neither loaded nor made here.
    pub fn hold(&self, hold: TransferId) -> Option<&Hold> {
        self.holds.get(hold)
    }

    /// Applies linked operations in order, all or none. Later ones see what earlier ones did, and
    /// a repeat of an operation that was applied before is a success that changes nothing.
    ///
    /// # Errors
    /// The first refusal and the place of its operation; the book is then as it was before.
    pub fn apply(&mut self, group: &[Operation], now: Timestamp) -> Result<Vec<Outcome>, Refused> {
        self.begin();
        let mut outcomes = Vec::with_capacity(group.len());
        for (index, operation) in group.iter().enumerate() {
            match self.apply_one(operation, now) {
                Ok(outcome) => outcomes.push(outcome),
                Err(refusal) => {
                    self.roll_back();
                    return Err(Refused { index, refusal });
                }
            }
        }
        Ok(outcomes)
    }

    /// What has changed since the last call. The book keeps knowing it, as loaded.
    pub fn take_changes(&mut self) -> Changes {
        self.spending.take_changed();
        Changes {
            transfers: self
                .transfers
                .take_changed()
                .into_iter()
                .map(|(_, new)| new)
                .collect(),
            holds: self
                .holds
                .take_changed()
                .into_iter()
                .map(|(_, hold)| hold)
                .collect(),
            balances: self.accounts.take_changed(),
        }
    }

    fn begin(&mut self) {
        self.accounts.begin();
        self.holds.begin();
        self.transfers.begin();
        self.spending.begin();
    }

    fn roll_back(&mut self) {
        self.accounts.roll_back();
        self.holds.roll_back();
        self.transfers.roll_back();
        self.spending.roll_back();
    }

    fn apply_one(&mut self, operation: &Operation, now: Timestamp) -> Result<Outcome, Refusal> {
        // First of all, because a repeat succeeds even where a new operation no longer would.
        if let Some(stored) = self.transfers.get(operation.id()) {
            return match exists::conflict(stored, operation) {
                Some(refusal) => Err(refusal),
                None => Ok(Outcome {
                    status: Status::Exists,
                    transfer: stored.clone(),
                    available: self.available(operation),
                }),
            };
        }
        let transfer = self.execute(operation, now)?;
        self.transfers.put(transfer.id, transfer.clone());
        Ok(Outcome {
            status: Status::New,
            transfer,
            available: self.available(operation),
        })
    }

    fn available(&self, operation: &Operation) -> Option<Amount> {
        let balances = self.accounts.get(operation.customers().next()?)?;
        Some(balances.available())
    }

    fn execute(&mut self, operation: &Operation, now: Timestamp) -> Result<Transfer, Refusal> {
        let at = now;
        let resolution = |id, account, hold| Resolution::new(id, account, hold, at);
        match *operation {
            Operation::Transfer {
                id,
                debit,
                credit,
                amount,
                code,
                ref reference,
            } => {
                let (phase, reference) = (Phase::Single, reference.clone());
                self.single(Transfer {
                    id,
                    debit,
                    credit,
                    amount,
                    code,
                    phase,
                    reference,
                    at,
                })
            }
            Operation::Hold {
                id,
                account,
                credit,
                amount: most @ least,
                code,
                ref reference,
                expires_at,
            }
            | Operation::HoldUpTo {
                id,
                account,
                credit,
                most,
                least,
                code,
                ref reference,
                expires_at,
            } => {
                let (debit, phase) = (Account::Customer(account), Phase::Pending { expires_at });
                let pending = Transfer {
                    id,
                    debit,
                    credit,
                    amount: most,
                    code,
                    phase,
                    reference: reference.clone(),
                    at,
                };
                self.pending(pending, account, least, expires_at)
            }
            Operation::Post {
                id,
                account,
                hold,
                amount,
                last,
                ref reference,
            } => self.post(resolution(id, account, hold), amount, last, reference),
            Operation::Void { id, account, hold } => self.void(resolution(id, account, hold)),
            Operation::Expire { id, account, hold } => self.expire(resolution(id, account, hold)),
        }
    }
}

fn refuse_long(reference: &str) -> Result<(), Refusal> {
    if reference.len() > REFERENCE_BYTES_MAX {
        return Err(Refusal::ReferenceTooLong);
    }
    Ok(())
}
