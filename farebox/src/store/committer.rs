//! The only writer of money: one per process, it commits in groups.
//!
//! It drains what has queued while the last commit ran, reads the rows concerned, applies the pure
//! rules of the `ledger` crate, writes everything in one transaction and answers each caller after the
//! commit. Durability is never relaxed; the group is what makes it fast.
//!
//! It must not decide anything about money itself, and it never answers before the disk has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{
    AccountId, Amount, Balances, Book, Changes, Limit, Operation, Outcome, Over, Refused, Timestamp,
};
use tokio::sync::{mpsc, oneshot};

use crate::store::buckets::{self, Ended, Reserve, Working};
use crate::store::bulk::{Lock, Lookup, Write};
use crate::store::db::{Db, Tx};
use crate::store::hold_requests::{self, NewCapture, NewHold};
use crate::store::logs::{self, NewCall};
use crate::store::lowered::Lowered;
use crate::store::value::Value;
use crate::store::{
    StoreError, auto_topups, charges, ledger_rows as rows, reversals, spending, topups,
};

/// Why a group of operations did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The ledger's rules refuse it. Nothing of the group was written.
    #[error("{0}")]
    Refused(Refused),
    /// These spend rules of a gateway leave less than a call needs at least. Nothing was written.
    #[error("the spend rules of a gateway leave less than a call needs: {0:?}")]
    OverLimit(Vec<Over>),
    /// The store failed. Whether the group was written is unknown: ask again with the same ids.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

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
    Call(Box<NewCall>),
    /// The same of a call that has reserved something under its gateway's rules, and what it counts there.
    CountedCall(Box<NewCall>, Ended),
    /// What a call reserves under its gateway's rules: as much as they leave. What the entry's first operation
    /// holds is lowered to it; without one, no credit is held.
    Reserve(Box<Reserve>),
}

/// What one caller wants done, all or none.
#[derive(Debug)]
pub struct Entry {
    /// Operations on the ledger, linked: all or none.
    pub operations: Vec<Operation>,
    /// Written with them, unless every operation had been done before. Without an operation it is written
    /// as well: a call that was refused costs nothing and leaves a log.
    pub attached: Option<Attached>,
}

impl Entry {
    fn reserve(&self) -> Option<&Reserve> {
        match &self.attached {
            Some(Attached::Reserve(reserve)) => Some(reserve),
            _ => None,
        }
    }

    fn ended(&self) -> Option<(AccountId, &Ended)> {
        match &self.attached {
            Some(Attached::CountedCall(call, ended)) => Some((call.account, ended)),
            _ => None,
        }
    }

    /// Whose rows are locked: all that it changes is theirs.
    fn customers(&self) -> impl Iterator<Item = AccountId> {
        let counts = self.ended().map(|(account, _)| account);
        let reserves = self.reserve().map(|reserve| reserve.account);
        let operations = self.operations.iter().flat_map(Operation::customers);
        operations.chain(counts).chain(reserves)
    }
}

/// What has been done for an entry.
struct Done {
    outcomes: Vec<Outcome>,
    /// What was reserved, where that was asked for.
    reserved: Option<Amount>,
}

impl Done {
    /// Whether it was done now, and not by an earlier call.
    fn is_new(&self) -> bool {
        self.outcomes.is_empty() || self.outcomes.iter().any(Outcome::is_new)
    }
}

type Answer = Result<Done, CommitError>;

struct Waiting {
    entry: Entry,
    reply: oneshot::Sender<Answer>,
}

/// A handle on the committer; cheap to clone.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<Waiting>,
    lowered: Arc<Lowered>,
}

/// What the committer tells the metrics about one group.
#[derive(Debug, Clone, Copy)]
pub struct GroupReport {
    /// Callers answered by this commit.
    pub entries: usize,
    /// From the first statement to the commit.
    pub took: Duration,
}

/// The source of the ledger's time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Committer {
    /// Starts the committer on a thread of its own, because it waits for the disk. It ends when every
    /// handle is gone, after it has answered whoever was waiting.
    ///
    /// # Errors
    /// [`StoreError::Database`] where the system gives no thread.
    pub fn start(
        db: Arc<Db>,
        group_max: usize,
        clock: Clock,
        report: impl Fn(GroupReport) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(group_max.max(1) * 4);
        let lowered = Arc::new(Lowered::default());
        let told = lowered.clone();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || {
                let context = Context {
                    db,
                    clock,
                    lowered: told,
                };
                runtime.block_on(run(context, waiting, group_max.max(1), report));
            })
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { queue, lowered })
    }

    /// The accounts that have less available since somebody last took them from there.
    pub fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    /// Whether it can still be asked.
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Does all of the entry's operations, or none, and answers when that is durable.
    ///
    /// # Errors
    /// [`CommitError`]; after [`CommitError::Store`] the same entry may be asked again.
    pub async fn commit(&self, entry: Entry) -> Result<Vec<Outcome>, CommitError> {
        Ok(self.ask(entry).await?.outcomes)
    }

    /// Reserves as much as a call's rules leave and, with a [`Operation::HoldUpTo`], holds as much of it as there
    /// is credit for. Answers how much that is.
    ///
    /// # Errors
    /// [`CommitError`]; with [`CommitError::OverLimit`] and [`CommitError::Refused`] nothing is held or reserved.
    pub async fn reserve(
        &self,
        reserve: Reserve,
        hold: Option<Operation>,
    ) -> Result<Amount, CommitError> {
        let entry = Entry {
            operations: hold.into_iter().collect(),
            attached: Some(Attached::Reserve(Box::new(reserve))),
        };
        let done = self.ask(entry).await?;
        done.reserved.ok_or_else(|| StoreError::Closed.into())
    }

    async fn ask(&self, entry: Entry) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Waiting { entry, reply })
            .await
            .map_err(|_| CommitError::from(StoreError::Closed))?;
        answer
            .await
            .map_err(|_| CommitError::from(StoreError::Closed))?
    }

    /// Does one operation; see [`Committer::commit`].
    ///
    /// # Errors
    /// As [`Committer::commit`].
    pub async fn commit_one(&self, operation: Operation) -> Result<Outcome, CommitError> {
        let entry = Entry {
            operations: vec![operation],
            attached: None,
        };
        let mut outcomes = self.commit(entry).await?;
        outcomes.pop().ok_or_else(|| StoreError::Closed.into())
    }
}

struct Context {
    db: Arc<Db>,
    clock: Clock,
    lowered: Arc<Lowered>,
}

async fn run(
    context: Context,
    mut waiting: mpsc::Receiver<Waiting>,
    group_max: usize,
    report: impl Fn(GroupReport),
) {
    let mut group = Vec::with_capacity(group_max);
    while waiting.recv_many(&mut group, group_max).await > 0 {
        let begun = Instant::now();
        let entries: Vec<&Entry> = group.iter().map(|one| &one.entry).collect();
        let answers = commit_group(&context, &entries).await;
        report(GroupReport {
            entries: entries.len(),
            took: begun.elapsed(),
        });
        let mut lowered = Vec::new();
        for (one, answer) in group.drain(..).zip(answers) {
            if answer.is_ok() {
                lowered.extend(one.entry.operations.iter().filter_map(Operation::payer));
            }
            // A caller that has left learns of it by asking again with the same ids.
            let _ = one.reply.send(answer);
        }
        // After the answers, so that nobody waits for it.
        context.lowered.add(lowered);
    }
}

/// Commits a group. Where that fails, each entry is tried alone, so that one whose row clashes does
/// not take the others with it; a repeat is harmless, because the ids decide.
async fn commit_group(context: &Context, entries: &[&Entry]) -> Vec<Answer> {
    let error = match try_group(context, entries).await {
        Ok(answers) => return answers,
        Err(error) => error,
    };
    if let [_] = entries {
        tracing::error!(%error, "a group could not be committed");
        return vec![Err(error.into())];
    }
    tracing::warn!(%error, entries = entries.len(), "a group failed, its entries are tried one by one");
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        let alone = try_group(context, &[entry])
            .await
            .map(|mut answers| answers.pop());
        answers.push(match alone {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(StoreError::Closed.into()),
            Err(error) => Err(error.into()),
        });
    }
    answers
}

async fn try_group(context: &Context, entries: &[&Entry]) -> Result<Vec<Answer>, StoreError> {
    let (mut tx, mut book, mut buckets, limits) = begin(&context.db, entries).await?;
    // Read after the rows are locked, so that on a busy server no hold is posted past its expiry.
    let now = (context.clock)();
    // After the lock too: what another node has settled is in the sums, and nobody can settle more
    // before this group is done.
    for (account, limit) in limits {
        let spending = spending::spending(&mut tx, account, limit, now).await?;
        book.load_spending(account, spending);
    }
    let reserves = entries.iter().filter_map(|entry| entry.reserve());
    buckets.load(&mut tx, reserves, now).await?;
    let mut answers = Vec::with_capacity(entries.len());
    let mut attached = Vec::new();
    for entry in entries {
        let answer = apply(&mut book, &mut buckets, entry, now);
        if let (Ok(done), Some(row)) = (&answer, &entry.attached)
            && done.is_new()
        {
            attached.push(row);
        }
        answers.push(answer);
    }
    let mut notes = Notes::default();
    for row in attached {
        write_attached(&mut tx, &mut notes, &book, row, now).await?;
    }
    let counted = buckets.end(&mut tx).await?;
    tx.insert_and_commit(&writes(&book.take_changes(), notes, counted))
        .await?;
    Ok(answers)
}

/// Applies one entry, all or none: what a call's rules leave first, then the book's own rules.
fn apply(book: &mut Book, buckets: &mut Working, entry: &Entry, now: Timestamp) -> Answer {
    let Some(reserve) = entry.reserve() else {
        let outcomes = book.apply(&entry.operations, now);
        let done = Done {
            outcomes: outcomes.map_err(CommitError::Refused)?,
            reserved: None,
        };
        if let Some((_, ended)) = entry.ended().filter(|_| done.is_new()) {
            buckets.settle(ended, now);
        }
        return Ok(done);
    };
    let granted = buckets.grant(reserve, now);
    let granted = granted.map_err(CommitError::OverLimit)?;
    let operations = entry.operations.iter();
    let lowered: Vec<_> = operations
        .map(|operation| operation.clone().lowered_to(granted))
        .collect();
    let outcomes = book.apply(&lowered, now).map_err(CommitError::Refused)?;
    let held = outcomes.first().map(|outcome| outcome.transfer.amount);
    let done = Done {
        outcomes,
        reserved: Some(held.unwrap_or(granted)),
    };
    if done.is_new() {
        buckets.reserve(reserve, held.unwrap_or(granted));
    }
    Ok(done)
}

/// An open transaction, what was found in it, and the limits of those who spend.
type Begun = (Tx, Book, Working, Vec<(AccountId, Limit)>);

/// Begins a transaction and reads what the operations need into a working set. On PostgreSQL the
/// customers' rows are locked, in the order of their ids, before anything else is read.
async fn begin(db: &Db, entries: &[&Entry]) -> Result<Begun, StoreError> {
    let operations = || entries.iter().flat_map(|entry| &entry.operations);
    let customers = texts(entries.iter().flat_map(|entry| entry.customers()));
    let ids = texts(operations().map(Operation::id));
    let holds = texts(operations().filter_map(Operation::hold));
    let spenders = texts(operations().filter_map(Operation::spender));
    let ended = entries.iter().filter_map(|entry| entry.ended());
    let ended = texts(ended.map(|(_, ended)| ended.id));
    let lookup = |select, key, ids, lock| Lookup {
        select,
        key,
        ids,
        lock,
    };
    let lookups = [
        lookup(
            rows::SELECT_BALANCES,
            "account_id",
            customers,
            Lock::ForUpdate,
        ),
        lookup(rows::SELECT_TRANSFERS, "id", ids, Lock::No),
        lookup(rows::SELECT_HOLDS, "id", holds, Lock::No),
        lookup(spending::SELECT, "account_id", spenders, Lock::No),
        lookup(buckets::SELECT_RESERVED, "id", ended, Lock::No),
    ];
    let (tx, found) = db.begin_with(&lookups).await?;
    let mut found = found.into_iter();
    let mut next = || found.next().unwrap_or_default();
    let mut book = Book::new();
    for row in next() {
        let (account, balances, frozen) = rows::standing(row)?;
        book.load_account(account, balances);
        book.set_frozen(account, frozen);
    }
    for row in next() {
        book.load_transfer(rows::transfer(row)?);
    }
    for row in next() {
        book.load_hold(rows::hold(row)?);
    }
    let limits = next().into_iter().map(spending::limit);
    let limits = limits.collect::<Result<_, _>>()?;
    let mut buckets = Working::default();
    for row in next() {
        buckets.load_reserved(row)?;
    }
    Ok((tx, book, buckets, limits))
}

/// The ids as they are stored, once each and in order.
fn texts<Id: Ord + ToString>(ids: impl Iterator<Item = Id>) -> Vec<String> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids.iter().map(Id::to_string).collect()
}

/// Rows about what was done, which go with it.
#[derive(Default)]
struct Notes {
    holds: Vec<Vec<Value>>,
    captures: Vec<Vec<Value>>,
    charges: Vec<Vec<Value>>,
    logs: logs::Rows,
}

fn writes(changes: &Changes, notes: Notes, counted: buckets::Written) -> [Write<'static>; 13] {
    let transfers = changes.transfers.iter().map(rows::transfer_values);
    let holds = changes.holds.iter().map(rows::hold_values);
    let balances = changes.balances.iter().map(rows::balances_values);
    let write = |insert, rows| Write { insert, rows };
    // In this order, because a hold refers to its transfer, and a note to its hold.
    [
        write(&rows::INSERT_TRANSFERS, transfers.collect()),
        write(&rows::UPSERT_HOLDS, holds.collect()),
        write(&rows::UPSERT_BALANCES, balances.collect()),
        write(
            &spending::ADD_HOURS,
            spending::hours_values(&changes.transfers),
        ),
        write(&buckets::ADD_SPEND, counted.spend),
        write(&buckets::INSERT_RESERVATIONS, counted.reservations),
        write(&hold_requests::INSERT_HOLDS, notes.holds),
        write(&hold_requests::INSERT_CAPTURES, notes.captures),
        write(&charges::INSERT, notes.charges),
        write(&logs::ADD_COUNTS, notes.logs.counts()),
        write(&logs::INSERT, notes.logs.logs),
        write(&logs::INSERT_METADATA, notes.logs.metadata),
        write(&logs::INSERT_PAYLOADS, notes.logs.payloads),
    ]
}

async fn write_attached(
    tx: &mut Tx,
    notes: &mut Notes,
    book: &Book,
    row: &Attached,
    now: Timestamp,
) -> Result<(), StoreError> {
    match row {
        Attached::CompleteTopup { topup_id } => topups::complete(tx, topup_id, now).await?,
        Attached::CompleteAutoTopup { topup_id, account } => {
            topups::complete(tx, topup_id, now).await?;
            auto_topups::succeeded(tx, *account).await?;
        }
        Attached::Hold(hold) => notes.holds.push(hold_requests::hold_values(hold, now)),
        Attached::Capture(capture) => {
            notes.captures.push(hold_requests::capture_values(capture));
        }
        Attached::Reversal(planned) => {
            let balances = book.balances(planned.after.account);
            let available = balances.map_or(Amount::ZERO, Balances::available);
            reversals::write_move(tx, planned, now).await?;
            reversals::guard_auto_topup(tx, planned, available, now).await?;
        }
        Attached::Reserve(_) => {}
        Attached::Call(call) | Attached::CountedCall(call, _) => {
            if let Some(charge) = &call.charge {
                notes.charges.push(charges::values(call, charge)?);
            }
            if let Some(log) = &call.log {
                notes.logs.add(tx, call, log).await?;
            }
        }
    }
    Ok(())
}
