//! The books recomputed from the transfers alone.
//!
//! This is the second opinion that `farebox ledger check` compares the stored totals and holds
//! with. It must share no rule with the book: what the book got wrong, it is here to find.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::account::{Account, Balances};
use crate::amount::Amount;
use crate::hold::{Hold, HoldState};
use crate::id::{AccountId, Timestamp, TransferId};
use crate::names::named;
use crate::transfer::{Phase, REFERENCE_BYTES_MAX, Transfer};

named! {
    /// What can be wrong with a recorded transfer.
    pub enum ProblemKind {
        /// The id has been seen before; the repeat was not counted.
        DuplicateId = "duplicate_id",
        /// The amount is below zero, or zero where something has to move.
        BadAmount = "bad_amount",
        /// Debit and credit are the same account; not counted.
        SameAccounts = "same_accounts",
        /// The reference is longer than it may be.
        ReferenceTooLong = "reference_too_long",
        /// A hold that does not go from a customer to a system account; not counted.
        BadHoldAccounts = "bad_hold_accounts",
        /// A hold that was over before it began.
        ExpiryNotInTheFuture = "expiry_not_in_the_future",
        /// It resolves a hold that was never made; not counted.
        UnknownHold = "unknown_hold",
        /// It resolves a hold with other accounts or another code than the hold's.
        DiffersFromHold = "differs_from_hold",
        /// It resolves a hold that had been resolved before; not counted.
        HoldAlreadyResolved = "hold_already_resolved",
        /// It posts more than was left of the hold.
        PostBeyondHold = "post_beyond_hold",
        /// It posts or voids a hold whose time was over.
        ResolvedTooLate = "resolved_too_late",
        /// It expires a hold whose time was not over.
        ExpiredTooEarly = "expired_too_early",
        /// A void or an expiry whose amount is not what was left of the hold.
        WrongRelease = "wrong_release",
        /// It debits or holds more than the customer had available.
        Overdrawn = "overdrawn",
    }
}

/// Something wrong with one transfer.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The transfer.
    pub transfer: TransferId,
    /// What is wrong with it.
    pub kind: ProblemKind,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transfer {}: {}", self.transfer, self.kind)
    }
}

/// An account's four totals in nano-units, wide enough for the sums of system accounts.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Held and not yet posted or released.
    pub debits_pending: i128,
    /// Debited for good.
    pub debits_posted: i128,
    /// To be credited by open holds.
    pub credits_pending: i128,
    /// Credited for good.
    pub credits_posted: i128,
}

impl Totals {
    /// Credits posted − debits posted, in nano-units.
    pub fn posted(&self) -> i128 {
        self.credits_posted.saturating_sub(self.debits_posted)
    }

    /// Credits posted − debits posted − debits pending, in nano-units.
    pub fn available(&self) -> i128 {
        self.posted().saturating_sub(self.debits_pending)
    }

    /// Whether a customer's stored totals are these.
    pub fn agrees_with(&self, stored: &Balances) -> bool {
        let same = |total: i128, stored: Amount| total == i128::from(stored.nanos());
        same(self.debits_pending, stored.debits_pending)
            && same(self.debits_posted, stored.debits_posted)
            && same(self.credits_pending, stored.credits_pending)
            && same(self.credits_posted, stored.credits_posted)
    }
}

/// What the transfers amount to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replayed {
    /// The totals of every account that a transfer names, system accounts included.
    pub balances: BTreeMap<Account, Totals>,
    /// Every hold with how far it has been resolved.
    pub holds: BTreeMap<TransferId, Hold>,
    /// What is wrong, in the order of the transfers.
    pub problems: Vec<Problem>,
}

impl Replayed {
    /// The sum of all posted balances in nano-units: zero, or the books do not add up.
    pub fn imbalance(&self) -> i128 {
        self.balances
            .values()
            .fold(0, |sum, totals| sum.saturating_add(totals.posted()))
    }
}

/// Recomputes the books from all transfers in the order in which they were applied.
pub fn replay(transfers: impl Iterator<Item = Transfer>) -> Replayed {
    let mut replay = Replay::default();
    for transfer in transfers {
        replay.push(&transfer);
    }
    replay.finish()
}

/// The same, one transfer at a time.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    seen: HashSet<TransferId>,
    replayed: Replayed,
}

impl Replay {
    /// Counts the next transfer, in the order in which they were applied.
    pub fn push(&mut self, transfer: &Transfer) {
        if !self.seen.insert(transfer.id) {
            self.note(transfer, ProblemKind::DuplicateId);
            return;
        }
        if transfer.reference.len() > REFERENCE_BYTES_MAX {
            self.note(transfer, ProblemKind::ReferenceTooLong);
        }
        let zero_allowed = !matches!(
            transfer.phase,
            Phase::Single | Phase::Post { last: false, .. }
        );
        if transfer.amount.is_negative() || (transfer.amount == Amount::ZERO && !zero_allowed) {
            self.note(transfer, ProblemKind::BadAmount);
        }
        match transfer.phase {
            Phase::Single => self.single(transfer),
            Phase::Pending { expires_at } => self.pending(transfer, expires_at),
            Phase::Post { hold, last } => self.post(transfer, hold, last),
            Phase::Void { hold } => self.release(transfer, hold, HoldState::Voided),
            Phase::Expire { hold } => self.release(transfer, hold, HoldState::Expired),
        }
    }

    /// The result, once every transfer has been counted.
    pub fn finish(self) -> Replayed {
        self.replayed
    }

    fn single(&mut self, transfer: &Transfer) {
        if transfer.debit == transfer.credit {
            self.note(transfer, ProblemKind::SameAccounts);
            return;
        }
        self.add_posted(transfer, nanos(transfer.amount));
        if !transfer.code.may_overdraw() {
            self.check_available(transfer);
        }
    }

    fn pending(&mut self, transfer: &Transfer, expires_at: Timestamp) {
        let Some(account) = holder(transfer) else {
            self.note(transfer, ProblemKind::BadHoldAccounts);
            return;
        };
        if expires_at <= transfer.at {
            self.note(transfer, ProblemKind::ExpiryNotInTheFuture);
        }
        self.add_pending(transfer, nanos(transfer.amount));
        self.check_available(transfer);
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
        self.replayed.holds.insert(hold.id, hold);
    }

    fn post(&mut self, transfer: &Transfer, hold: TransferId, last: bool) {
        let Some(hold) = self.find_open(transfer, hold) else {
            return;
        };
        if transfer.at >= hold.expires_at {
            self.note(transfer, ProblemKind::ResolvedTooLate);
        }
        let held = nanos(hold.amount).saturating_sub(nanos(hold.posted));
        let rest = held.saturating_sub(nanos(transfer.amount));
        if rest < 0 {
            self.note(transfer, ProblemKind::PostBeyondHold);
        }
        let closed = last || rest <= 0;
        let left = if closed { 0 } else { rest };
        self.add_pending(transfer, left.saturating_sub(held));
        self.add_posted(transfer, nanos(transfer.amount));
        if let Some(stored) = self.replayed.holds.get_mut(&hold.id) {
            stored.posted = hold
                .posted
                .checked_add(transfer.amount)
                .unwrap_or(hold.amount);
            stored.state = if closed {
                HoldState::Posted
            } else {
                HoldState::Open
            };
        }
    }

    fn release(&mut self, transfer: &Transfer, hold: TransferId, state: HoldState) {
        let Some(hold) = self.find_open(transfer, hold) else {
            return;
        };
        match (state, transfer.at >= hold.expires_at) {
            (HoldState::Expired, false) => self.note(transfer, ProblemKind::ExpiredTooEarly),
            (HoldState::Voided, true) => self.note(transfer, ProblemKind::ResolvedTooLate),
            _ => {}
        }
        let held = nanos(hold.amount).saturating_sub(nanos(hold.posted));
        if nanos(transfer.amount) != held {
            self.note(transfer, ProblemKind::WrongRelease);
        }
        self.add_pending(transfer, held.saturating_neg());
        if let Some(stored) = self.replayed.holds.get_mut(&hold.id) {
            stored.state = state;
        }
    }

    /// The open hold that a transfer resolves; anything else is noted and counts for nothing.
    fn find_open(&mut self, transfer: &Transfer, hold: TransferId) -> Option<Hold> {
        let Some(hold) = self.replayed.holds.get(&hold).copied() else {
            self.note(transfer, ProblemKind::UnknownHold);
            return None;
        };
        let copied = transfer.debit == Account::Customer(hold.account)
            && transfer.credit == hold.credit
            && transfer.code == hold.code;
        if !copied {
            self.note(transfer, ProblemKind::DiffersFromHold);
        }
        if hold.state != HoldState::Open {
            self.note(transfer, ProblemKind::HoldAlreadyResolved);
            return None;
        }
        Some(hold)
    }

    fn add_posted(&mut self, transfer: &Transfer, nanos: i128) {
        let debited = self.replayed.balances.entry(transfer.debit).or_default();
        debited.debits_posted = debited.debits_posted.saturating_add(nanos);
        let credited = self.replayed.balances.entry(transfer.credit).or_default();
        credited.credits_posted = credited.credits_posted.saturating_add(nanos);
    }

    fn add_pending(&mut self, transfer: &Transfer, nanos: i128) {
        let debited = self.replayed.balances.entry(transfer.debit).or_default();
        debited.debits_pending = debited.debits_pending.saturating_add(nanos);
        let credited = self.replayed.balances.entry(transfer.credit).or_default();
        credited.credits_pending = credited.credits_pending.saturating_add(nanos);
    }

    /// Notes a debit or a hold that took a customer below zero.
    fn check_available(&mut self, transfer: &Transfer) {
        let totals = self.replayed.balances.get(&transfer.debit);
        let overdrawn = totals.is_some_and(|totals| totals.available() < 0);
        if transfer.debit.customer().is_some() && overdrawn {
            self.note(transfer, ProblemKind::Overdrawn);
        }
    }

    fn note(&mut self, transfer: &Transfer, kind: ProblemKind) {
        self.replayed.problems.push(Problem {
            transfer: transfer.id,
            kind,
        });
    }
}

/// The customer whose credit a pending transfer holds, where its accounts are those of a hold.
fn holder(transfer: &Transfer) -> Option<AccountId> {
    transfer
        .debit
        .customer()
        .filter(|_| transfer.credit.customer().is_none())
}

fn nanos(amount: Amount) -> i128 {
    i128::from(amount.nanos())
}
