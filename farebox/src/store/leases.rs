//! Credit that is held for many calls of one account at once: a lease. It is a hold like any other, made and released
//! by the committer; calls take parts of it in memory, wait for no disk before their provider is asked, and are posted
//! out of it one by one.
//!
//! What is idle in a lease is there for whoever needs it. So the committer gives it back, and tries again, before it
//! refuses anything for want of credit (`Committer::ask`). That takes one process that has the database for itself:
//! there are leases on SQLite only.
//!
//! This is memory. After a crash the holds are left, and released by the next start ([`left_behind`]). Whether an
//! account may have a lease is decided elsewhere; nothing here knows a call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::{Account, AccountId, Amount, Code, Hold, Operation, Timestamp, TransferId};

use crate::ids;
use crate::store::bulk::Query;
use crate::store::db::Db;
use crate::store::entry::{Attached, Entry};
use crate::store::{StoreError, ledger_rows as rows};

/// What the transfer of a lease's hold says that it is for. Those of calls have the call's id.
const REFERENCE: &str = "lease";

/// A lease with less than this share of what it had at first is over: a twentieth.
const DRAINED: i64 = 20;

/// A part of a lease, taken for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose credit it is.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
    /// Where it was held when it was taken.
    pub hold: TransferId,
    lease: u64,
}

/// A lease that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The hold's id.
    pub hold: TransferId,
    /// Whose credit.
    pub account: AccountId,
    /// How much of it.
    pub amount: Amount,
    /// Since when it is wanted.
    pub at: Timestamp,
    /// Until when parts are taken.
    pub usable_until: Timestamp,
    /// When every part is over.
    pub expires_at: Timestamp,
}

/// What becomes of a lease's hold, in the transaction of its transfers.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    account: AccountId,
    lease: u64,
    to: To,
}

#[derive(Clone, Copy, Debug)]
enum To {
    /// It is there, all of it idle.
    Open(Amount),
    /// What was idle is given back: another hold has what is taken.
    Moved(TransferId, Amount),
    /// It is gone.
    Closed,
}

/// How a change has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is durable.
    Done,
    /// Nothing was written.
    Refused,
    /// Nobody knows.
    Unknown,
}

#[derive(Debug)]
struct Lease {
    number: u64,
    hold: TransferId,
    /// Where the hold may be after a move of which nobody knows whether it happened.
    or: Option<TransferId>,
    /// What it had at first.
    amount: Amount,
    /// What the hold has left.
    held: Amount,
    /// What of that calls have taken; the rest is idle.
    taken: Amount,
    parts: usize,
    /// Whether parts are taken.
    is_open: bool,
    /// Whether the committer has been asked to change it.
    is_changing: bool,
    used_at: Timestamp,
    usable_until: Timestamp,
    expires_at: Timestamp,
}

/// What whoever looks after a lease finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It isn't there any more.
    Gone,
    /// It is used, or parts of it are still out.
    InUse,
    /// Nobody uses it: it can be closed.
    Over,
}

/// What comes of giving back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It was sent: so much stays held, because it is taken.
    Sent(u64, Amount),
    /// The committer is changing a lease just now: what is idle afterwards is not known.
    Later,
    /// Nothing is idle.
    Nothing,
}

impl Lease {
    fn idle(&self) -> Amount {
        rest(self.held, self.taken)
    }
}

/// The leases of a process.
#[derive(Debug, Default)]
pub struct Leases(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    of: HashMap<AccountId, Vec<Lease>>,
    made: u64,
    /// How many holds there were for each account in one second.
    second: i64,
    lately: HashMap<AccountId, u32>,
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a hold of the account's own; how many there were in this second.
    pub fn count(&self, account: AccountId, now: Timestamp) -> u32 {
        let mut inner = self.lock();
        let second = now.millis().div_euclid(1000);
        if inner.second != second {
            inner.second = second;
            inner.lately.clear();
        }
        let count = inner.lately.entry(account).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Whether calls may take parts of a lease of the account's now, and there is anything left in it.
    pub fn has_idle(&self, account: AccountId, now: Timestamp) -> bool {
        let least = Amount::from_nanos(1);
        self.lock().usable(account, least, now).is_some()
    }

    /// Whether calls take parts of a lease of the account's, or will in a moment.
    pub fn is_leased(&self, account: AccountId) -> bool {
        let inner = self.lock();
        let mut leases = inner.of.get(&account).into_iter().flatten();
        leases.any(|lease| lease.is_open || lease.parts == 0 && lease.is_changing)
    }

    /// Takes a part.
    pub fn take(&self, account: AccountId, amount: Amount, now: Timestamp) -> Option<Part> {
        let mut inner = self.lock();
        let lease = inner.usable(account, amount, now)?;
        lease.taken = lease.taken.checked_add(amount)?;
        lease.used_at = now;
        lease.parts += 1;
        Some(Part {
            account,
            amount,
            hold: lease.hold,
            lease: lease.number,
        })
    }

    /// Makes a part larger, if its lease is open and has as much idle.
    pub fn grow(&self, part: Part, more: Amount, now: Timestamp) -> Option<Part> {
        let mut inner = self.lock();
        let lease = inner.find(part.account, part.lease)?;
        let is_there = lease.is_open && now < lease.expires_at && more <= lease.idle();
        if !is_there || !more.is_positive() {
            return None;
        }
        let amount = part.amount.checked_add(more)?;
        lease.taken = lease.taken.checked_add(more)?;
        lease.used_at = now;
        Some(Part { amount, ..part })
    }

    /// A part is over of which nothing was charged.
    pub fn end(&self, part: Part) {
        self.settled(part, None, Amount::ZERO);
    }

    /// A part is over, and nobody knows what was charged and where: it is released with the lease.
    pub fn lose(&self, part: Part) {
        if let Some(lease) = self.lock().over(part) {
            lease.held = rest(lease.held, part.amount);
        }
    }

    /// A part is over, and `charged` was posted out of this hold: told by the committer before anybody else hears of
    /// the group.
    pub(super) fn settled(&self, part: Part, out_of: Option<TransferId>, charged: Amount) {
        let mut inner = self.lock();
        // What was posted before the hold was moved is not missing from the one it was moved to.
        if let Some(lease) = inner.over(part).filter(|lease| out_of == Some(lease.hold)) {
            lease.held = rest(lease.held, charged);
        }
    }

    /// No part is taken any more of the account's leases.
    pub fn stop(&self, account: AccountId) {
        let mut inner = self.lock();
        let leases = inner.of.get_mut(&account);
        leases
            .into_iter()
            .flatten()
            .for_each(|lease| lease.is_open = false);
    }

    /// How much of what is held for the account is idle.
    pub fn idle(&self, account: AccountId) -> Amount {
        let inner = self.lock();
        let leases = inner.of.get(&account).into_iter().flatten();
        leases.fold(Amount::ZERO, |sum, lease| {
            sum.checked_add(lease.idle()).unwrap_or(sum)
        })
    }

    /// Looks after a lease: closes it to new parts where it was not used for `idle_millis`, its time is over, it is
    /// drained, or everything `stops`.
    pub fn look(
        &self,
        (account, number): (AccountId, u64),
        now: Timestamp,
        idle_millis: i64,
        stops: bool,
    ) -> Look {
        let mut inner = self.lock();
        let Some(lease) = inner.find(account, number) else {
            return Look::Gone;
        };
        if now >= lease.expires_at {
            inner.remove(account, number);
            return Look::Gone;
        }
        let is_unused = lease.used_at.millis().saturating_add(idle_millis) <= now.millis();
        let is_drained = lease.held.nanos() < lease.amount.nanos() / DRAINED;
        if stops || is_unused || is_drained || now >= lease.usable_until {
            lease.is_open = false;
        }
        match lease.is_open || lease.parts > 0 || lease.is_changing {
            true => Look::InUse,
            false => Look::Over,
        }
    }

    /// Where a part's credit is held: one hold, or two of which it is one.
    pub(super) fn holds_of(&self, part: Part) -> Vec<TransferId> {
        let mut inner = self.lock();
        let lease = inner.find(part.account, part.lease);
        lease.map_or_else(Vec::new, |lease| {
            [Some(lease.hold), lease.or].into_iter().flatten().collect()
        })
    }

    /// Whether a posting of `charged` for a part can't be refused any more: the lease's hold is open, stays where it is
    /// until whoever asks is done, and has it.
    pub(super) fn covers(
        &self,
        part: Part,
        hold: TransferId,
        charged: Amount,
        now: Timestamp,
    ) -> bool {
        let mut inner = self.lock();
        let lease = inner.find(part.account, part.lease);
        lease.is_some_and(|lease| {
            let is_there = lease.hold == hold && lease.or.is_none() && !lease.is_changing;
            let is_enough =
                charged <= part.amount && part.amount <= lease.taken && lease.taken <= lease.held;
            is_there && is_enough && now < lease.expires_at
        })
    }

    /// Sends `entry` by `send` and answers nothing, where the account has no lease. Otherwise, which is decided in the
    /// same moment, hands it back: no lease is sent between the look and the sending.
    pub(super) fn unless_leased(
        &self,
        account: Option<AccountId>,
        entry: Entry,
        send: impl FnOnce(Entry),
    ) -> Option<(AccountId, Entry)> {
        let inner = self.lock();
        match account.filter(|account| inner.of.contains_key(account)) {
            Some(account) => Some((account, entry)),
            None => {
                send(entry);
                None
            }
        }
    }

    /// Sends what makes a lease; its number. Nothing where there is one already.
    pub(super) fn open(&self, wanted: &Wanted, send: impl FnOnce(Entry)) -> Option<u64> {
        let mut inner = self.lock();
        let leases = inner.of.entry(wanted.account).or_default();
        if leases
            .iter()
            .any(|lease| lease.is_open || lease.is_changing)
        {
            return None;
        }
        let number = inner.made + 1;
        inner.made = number;
        inner.of.entry(wanted.account).or_default().push(Lease {
            number,
            hold: wanted.hold,
            or: None,
            amount: wanted.amount,
            held: Amount::ZERO,
            taken: Amount::ZERO,
            parts: 0,
            is_open: false,
            is_changing: true,
            used_at: wanted.at,
            usable_until: wanted.usable_until,
            expires_at: wanted.expires_at,
        });
        let to = To::Open(wanted.amount);
        send(entry(
            vec![hold(
                wanted.hold,
                wanted.account,
                wanted.amount,
                wanted.expires_at,
            )],
            (wanted.account, number, to),
        ));
        Some(number)
    }

    /// Sends what gives back all that is idle in one of the account's leases, and closes it to new parts.
    pub(super) fn give_back(&self, account: AccountId, send: impl FnOnce(Entry)) -> Given {
        let mut inner = self.lock();
        let leases = || inner.of.get(&account).into_iter().flatten();
        if leases().any(|lease| lease.is_changing) {
            return Given::Later;
        }
        let leases = inner.of.get_mut(&account).into_iter().flatten();
        let mut idle = leases.filter(|lease| lease.or.is_none() && lease.idle().is_positive());
        let Some(lease) = idle.next() else {
            return Given::Nothing;
        };
        (lease.is_open, lease.is_changing) = (false, true);
        let mut operations = vec![void(lease, account)];
        let new = ids::transfer_for("lease moved", &lease.hold.to_string());
        if lease.taken.is_positive() {
            operations.push(hold(new, account, lease.taken, lease.expires_at));
            lease.or = Some(new);
        }
        let to = match lease.taken.is_positive() {
            true => To::Moved(new, lease.taken),
            false => To::Closed,
        };
        let given = Given::Sent(lease.number, lease.taken);
        send(entry(operations, (account, lease.number, to)));
        given
    }

    /// Whether so much of a lease is still taken.
    pub(super) fn is_taken(&self, account: AccountId, number: u64, taken: Amount) -> bool {
        let mut inner = self.lock();
        let lease = inner.find(account, number);
        lease.is_some_and(|lease| lease.taken == taken)
    }

    /// Sends what closes a lease that nobody uses. False where it is used, or not there.
    pub(super) fn close(&self, account: AccountId, number: u64, send: impl FnOnce(Entry)) -> bool {
        let mut inner = self.lock();
        let lease = inner.find(account, number);
        let unused = |lease: &&mut Lease| !lease.is_changing && lease.parts == 0;
        let Some(lease) = lease.filter(unused) else {
            return false;
        };
        (lease.is_open, lease.is_changing) = (false, true);
        send(entry(
            vec![void(lease, account)],
            (account, number, To::Closed),
        ));
        true
    }

    /// What has become of a change: told by the committer before anybody else hears of the group.
    pub(super) fn ended(&self, change: Change, end: End) {
        let mut inner = self.lock();
        let Some(lease) = inner.find(change.account, change.lease) else {
            return;
        };
        lease.is_changing = false;
        match (change.to, end) {
            (To::Open(amount), End::Done) => (lease.is_open, lease.held) = (true, amount),
            (To::Moved(hold, amount), End::Done) => {
                (lease.hold, lease.or, lease.held) = (hold, None, amount);
            }
            (To::Moved(..), End::Refused) => lease.or = None,
            // Nobody moves it again, and its parts are looked for in both holds.
            (To::Moved(..), End::Unknown) => lease.held = lease.taken,
            // It may be there: it takes no parts, and is closed until that is known.
            (To::Open(amount), End::Unknown) => lease.held = amount,
            // Asked again, with the same id.
            (To::Closed, End::Unknown) => {}
            // The hold has been moved, by a move of which that was unknown: the other one is to be closed.
            (To::Closed, End::Refused) if lease.or.is_some() => {
                lease.hold = lease.or.take().unwrap_or(lease.hold);
            }
            (To::Open(_) | To::Closed, _) => inner.remove(change.account, change.lease),
        }
    }
}

impl Inner {
    /// The lease of a part that is over.
    fn over(&mut self, part: Part) -> Option<&mut Lease> {
        let lease = self.find(part.account, part.lease)?;
        lease.parts = lease.parts.saturating_sub(1);
        lease.taken = rest(lease.taken, part.amount);
        Some(lease)
    }

    fn find(&mut self, account: AccountId, number: u64) -> Option<&mut Lease> {
        let leases = self.of.get_mut(&account)?;
        leases.iter_mut().find(|lease| lease.number == number)
    }

    fn usable(&mut self, account: AccountId, amount: Amount, now: Timestamp) -> Option<&mut Lease> {
        let mut leases = self.of.get_mut(&account)?.iter_mut();
        leases.find(|lease| lease.is_open && now < lease.usable_until && amount <= lease.idle())
    }

    fn remove(&mut self, account: AccountId, number: u64) {
        if let Some(leases) = self.of.get_mut(&account) {
            leases.retain(|lease| lease.number != number);
            if leases.is_empty() {
                self.of.remove(&account);
            }
        }
    }
}

fn rest(of: Amount, without: Amount) -> Amount {
    let rest = of.checked_sub(without).unwrap_or(Amount::ZERO);
    rest.max(Amount::ZERO)
}

fn entry(operations: Vec<Operation>, (account, lease, to): (AccountId, u64, To)) -> Entry {
    Entry {
        operations,
        attached: Some(Attached::Lease(Change { account, lease, to })),
    }
}

fn hold(id: TransferId, account: AccountId, amount: Amount, expires_at: Timestamp) -> Operation {
    Operation::Hold {
        id,
        account,
        credit: Account::Revenue,
        amount,
        code: Code::Usage,
        reference: REFERENCE.to_owned(),
        expires_at,
    }
}

fn void(lease: &Lease, account: AccountId) -> Operation {
    Operation::Void {
        id: released(lease.hold),
        account,
        hold: lease.hold,
    }
}

/// The transfer that releases a lease's hold.
pub fn released(hold: TransferId) -> TransferId {
    ids::transfer_for("lease released", &hold.to_string())
}

/// Whether the account may take parts now, read afresh for each call: nobody has stopped its spending or limited it,
/// and it owes nothing.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn may_take(db: &Db, account: AccountId) -> Result<bool, StoreError> {
    let Query { sql, params } = standing(account);
    Ok(db.query_opt(sql, &params).await?.is_some())
}

/// How [`may_take`] asks: a row if it may.
pub(super) fn standing(account: AccountId) -> Query<'static> {
    Query {
        sql: "SELECT 1 FROM balances WHERE account_id = $1 AND frozen = 0 \
             AND credits_posted - debits_posted - debits_pending >= 0 \
             AND NOT EXISTS (SELECT 1 FROM spending_limits WHERE account_id = $1)",
        params: vec![account.to_string().into()],
    }
}

/// The holds of leases that are open in the database: right after a start, those of a process that died.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn left_behind(db: &Db) -> Result<Vec<Hold>, StoreError> {
    let sql = format!(
        "{} WHERE state = 'open' AND \
         (SELECT reference FROM transfers WHERE transfers.id = holds.id) = '{REFERENCE}'",
        rows::SELECT_HOLDS
    );
    let found = db.query(&sql, &[]).await?;
    found.into_iter().map(rows::hold).collect()
}
