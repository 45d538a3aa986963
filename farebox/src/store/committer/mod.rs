//! The only writer of money: one per process, it commits in groups.
//!
//! It drains what has queued while the last commit ran, reads the rows concerned, applies the pure
//! rules of the `ledger` crate, writes everything in one transaction and answers each caller after the
//! commit. Durability is never relaxed; the group is what makes it fast.
//!
//! It must not decide anything about money itself, and it never answers before the disk has.

mod group;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{AccountId, Amount, Hold, Operation, Outcome, Over, Refusal, Refused, Timestamp};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::store::StoreError;
use crate::store::buckets::Reserve;
use crate::store::db::Db;
pub use crate::store::entry::{Attached, Entry};
use crate::store::leases::{self, End, Given, Leases, Part, Wanted};
use crate::store::logs::NewCall;
use crate::store::lowered::Lowered;
use crate::store::noted::{Note, Noted};

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

/// What has been done for an entry.
pub(super) struct Done {
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

/// What somebody wants done, and how to tell that it is.
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// A handle on the committer; cheap to clone.
#[derive(Debug, Clone)]
pub struct Committer {
    queue: mpsc::Sender<Waiting>,
    context: Arc<Context>,
}

/// How long somebody waits for a lease that is being changed.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What the committer tells the metrics about one group.
#[derive(Debug, Clone, Copy)]
pub struct GroupReport {
    /// What was asked for that this commit has done, and settlements that were noted before.
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
        report: impl Fn(GroupReport) + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(group_max.max(1) * 4);
        if let Db::Sqlite(sqlite) = &*db {
            sqlite.noted.is_booked_by(queue.downgrade());
        }
        let context = Arc::new(Context {
            db,
            clock,
            report: Box::new(report),
            lowered: Lowered::default(),
            leases: Leases::default(),
            turn: AsyncMutex::new(()),
        });
        let runtime = tokio::runtime::Handle::current();
        let own = context.clone();
        std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || runtime.block_on(run(&own, waiting, group_max.max(1))))
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { queue, context })
    }

    /// The accounts that have less available since somebody last took them from there.
    pub fn lowered(&self) -> &Lowered {
        &self.context.lowered
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
    /// is credit for. Returns how much that is, and what the account has available after it.
    ///
    /// # Errors
    /// [`CommitError`]; with [`CommitError::OverLimit`] and [`CommitError::Refused`] nothing is held or reserved.
    pub async fn reserve(
        &self,
        reserve: Reserve,
        hold: Option<Operation>,
    ) -> Result<(Amount, Option<Amount>), CommitError> {
        let entry = Entry {
            operations: hold.into_iter().collect(),
            attached: Some(Attached::Reserve(Box::new(reserve))),
        };
        let done = self.ask(entry).await?;
        let available = done.outcomes.last().and_then(|outcome| outcome.available);
        let reserved = done.reserved.ok_or(StoreError::Closed)?;
        Ok((reserved, available))
    }

    /// Replaces a hold by another: `operations` are the release of the one and the other. Returns how much the other one holds.
    ///
    /// # Errors
    /// [`CommitError`]; if it is refused, the hold is as it was.
    pub async fn extend(
        &self,
        operations: Vec<Operation>,
        reserve: Option<Reserve>,
    ) -> Result<Amount, CommitError> {
        let entry = Entry {
            operations,
            attached: reserve.map(|reserve| Attached::Reserve(Box::new(reserve))),
        };
        held(&self.ask(entry).await?)
    }

    /// Holds credit for a call by itself, in the place of its part of a lease. Returns how much.
    ///
    /// # Errors
    /// [`CommitError`]; the part is as it was then.
    pub async fn leave_lease(&self, part: Part, hold: Operation) -> Result<Amount, CommitError> {
        let entry = Entry {
            operations: vec![hold],
            attached: Some(Attached::LeasedCall(None, part)),
        };
        held(&self.ask(entry).await?)
    }

    /// The leases that there are.
    pub fn leases(&self) -> &Leases {
        &self.context.leases
    }

    /// Opens a lease; its number. `None` if the account has one. If the store fails, the lease may be open: it takes no
    /// parts, and has to be closed by its number.
    ///
    /// # Errors
    /// [`CommitError::Refused`].
    pub async fn open_lease(&self, wanted: &Wanted) -> Result<Option<u64>, CommitError> {
        let permit = self.permit().await?;
        let (send, answer) = sending(permit);
        let number = self.leases().open(wanted, send);
        if number.is_some() {
            match received(answer).await {
                Err(CommitError::Store(error)) => {
                    tracing::warn!(account = %wanted.account, %error, "a lease may be open: it is closed again");
                }
                answer => drop(answer?),
            }
        }
        Ok(number)
    }

    /// Releases a lease that nobody uses. False if it is used, or not there.
    ///
    /// # Errors
    /// As [`Committer::commit`]; after [`CommitError::Store`] the lease is still there, to be closed again.
    pub async fn close_lease(&self, account: AccountId, number: u64) -> Result<bool, CommitError> {
        let permit = self.permit().await?;
        let (send, answer) = sending(permit);
        if !self.leases().close(account, number, send) {
            return Ok(false);
        }
        match received(answer).await {
            // Posted to its last nano, or expired: there is nothing to release.
            Ok(_) | Err(CommitError::Refused(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Releases a lease that a process which is gone has left.
    ///
    /// # Errors
    /// [`CommitError::Store`].
    pub(super) async fn release_lease(&self, left: &Hold) -> Result<(), StoreError> {
        let operation = Operation::Void {
            id: leases::released(left.id),
            account: left.account,
            hold: left.id,
        };
        match self.commit_one(operation).await {
            // One whose time is over is released by whoever expires holds.
            Ok(_) | Err(CommitError::Refused(_) | CommitError::OverLimit(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(StoreError::Database(error.to_string())),
        }
    }

    /// Settles a part of a lease: posts out of the lease's hold, wherever that is by then, and writes the call's rows. The
    /// part is over with it; after an error it is not. Answers what the account has available, idle lease credit included, if
    /// anything was posted.
    ///
    /// # Errors
    /// As [`Committer::commit`].
    pub async fn commit_part(
        &self,
        part: Part,
        operations: Vec<Operation>,
        call: Option<Arc<NewCall>>,
    ) -> Result<Option<Amount>, CommitError> {
        let entry = Entry {
            operations,
            attached: Some(Attached::LeasedCall(call, part)),
        };
        let mut tried = Vec::new();
        loop {
            // Where it was taken first: an earlier try, of which nobody knows whether it was written, was there.
            let mut holds = vec![part.hold];
            holds.extend(self.leases().holds_of(part));
            let Some(hold) = holds.into_iter().find(|hold| !tried.contains(hold)) else {
                let refusal = Refusal::HoldNotFound;
                return Err(CommitError::Refused(Refused { index: 0, refusal }));
            };
            tried.push(hold);
            match self.note_or_put(entry.out_of(hold)).await {
                // It has been moved since.
                Err(CommitError::Refused(Refused {
                    refusal: Refusal::HoldAlreadyVoided | Refusal::HoldNotFound,
                    ..
                })) => {}
                answer => return answer,
            }
        }
    }

    /// Where credit is wanted that isn't there but for what is idle in leases, that is given back first.
    async fn ask(&self, entry: Entry) -> Answer {
        let permit = self.permit().await?;
        let (send, answer) = sending(permit);
        let leased = self.leases().unless_leased(entry.taker(), entry, send);
        let Some((account, entry)) = leased else {
            return received(answer).await;
        };
        // Under spend rules a call may get less than all for another reason.
        if entry.reserve().is_none() {
            match self.put(entry.whole()).await {
                Err(CommitError::Refused(Refused {
                    refusal: Refusal::InsufficientCredit | Refusal::SpendingLimitExceeded,
                    ..
                })) => {}
                answer => return answer,
            }
        }
        self.make_room(account).await?;
        self.put(entry).await
    }

    /// Gives back what is idle in the account's leases.
    async fn make_room(&self, account: AccountId) -> Result<(), CommitError> {
        loop {
            let (send, answer) = sending(self.permit().await?);
            let (lease, taken) = match self.leases().give_back(account, send) {
                Given::Nothing => return Ok(()),
                Given::Later => {
                    tokio::time::sleep(A_MOMENT).await;
                    continue;
                }
                Given::Sent(lease, taken) => (lease, taken),
            };
            match received(answer).await {
                Ok(_) => {}
                // A part that was settled before it would have been held for again.
                Err(CommitError::Refused(_)) if !self.leases().is_taken(account, lease, taken) => {}
                // Its account owes more than is idle, or may not spend.
                Err(CommitError::Refused(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    async fn put(&self, entry: Entry) -> Answer {
        let (send, answer) = sending(self.permit().await?);
        send(entry);
        received(answer).await
    }

    /// Notes or does what comes alone on this thread: where no other call is under way nobody is kept waiting by it, and
    /// handing it over would take as long as the disk. On PostgreSQL a caller who leaves could end it half-way.
    async fn note_or_put(&self, entry: Entry) -> Result<Option<Amount>, CommitError> {
        let available = |done: Done| done.outcomes.first().and_then(|outcome| outcome.available);
        let context = &self.context;
        let is_alone = matches!(&*context.db, Db::Sqlite(sqlite) if sqlite.calls.count() == 1)
            && self.queue.capacity() == self.queue.max_capacity();
        let turn = is_alone.then(|| context.turn.try_lock().ok()).flatten();
        if turn.is_none() {
            return self.put(entry).await.map(available);
        }
        if let Some(noted) = note(context, &entry).await? {
            return Ok(Some(noted));
        }
        let answer = do_group(context, &[&entry]).await.pop();
        context.lowered.add(entry.payers());
        answer
            .unwrap_or_else(|| Err(StoreError::Closed.into()))
            .map(available)
    }

    async fn permit(&self) -> Result<mpsc::Permit<'_, Waiting>, CommitError> {
        let permit = self.queue.reserve().await;
        permit.map_err(|_| StoreError::Closed.into())
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

/// How much the last operation holds.
fn held(done: &Done) -> Result<Amount, CommitError> {
    let last = done.outcomes.last().ok_or(StoreError::Closed)?;
    Ok(last.transfer.amount)
}

/// A way to send one entry, and to hear of it.
fn sending(permit: mpsc::Permit<'_, Waiting>) -> (impl FnOnce(Entry), oneshot::Receiver<Answer>) {
    let (reply, answer) = oneshot::channel();
    (move |entry| permit.send(Waiting { entry, reply }), answer)
}

async fn received(answer: oneshot::Receiver<Answer>) -> Answer {
    answer
        .await
        .map_err(|_| CommitError::from(StoreError::Closed))?
}

struct Context {
    db: Arc<Db>,
    clock: Clock,
    report: Box<dyn Fn(GroupReport) + Send + Sync>,
    lowered: Lowered,
    leases: Leases,
    /// Groups are done one after the other, whoever does them.
    turn: AsyncMutex<()>,
}

impl Context {
    fn noted(&self) -> Option<&Noted> {
        match &*self.db {
            Db::Sqlite(sqlite) => Some(&sqlite.noted),
            Db::Postgres(_) => None,
        }
    }

    /// Comes back when what is noted has waited for long enough for others to book it.
    async fn a_moment_after_a_note(&self) {
        match self.noted() {
            Some(noted) => noted.a_moment_after_one().await,
            None => std::future::pending().await,
        }
    }

    /// Where what is noted could not be booked.
    fn try_again_in_a_moment(&self) {
        if let Some(noted) = self.noted().filter(|noted| !noted.is_empty()) {
            noted.ring();
        }
    }

    /// Nobody has to book these any more.
    fn forget(&self, notes: &[Note]) {
        if let Some(noted) = self.noted() {
            noted.forget(notes);
        }
        let payers = notes.iter().flat_map(|note| note.entry.payers());
        self.lowered.add(payers);
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

async fn run(context: &Context, mut waiting: mpsc::Receiver<Waiting>, group_max: usize) {
    let mut group = Vec::with_capacity(group_max);
    loop {
        let come = tokio::select! {
            biased;
            come = waiting.recv_many(&mut group, group_max) => come,
            () = context.a_moment_after_a_note() => 1,
        };
        let entries: Vec<&Entry> = group.iter().map(|one| &one.entry).collect();
        let turn = context.turn.lock().await;
        let answers = do_group(context, &entries).await;
        drop(turn);
        context.try_again_in_a_moment();
        let mut lowered = Vec::new();
        for (one, answer) in group.drain(..).zip(answers) {
            if answer.is_ok() {
                lowered.extend(one.entry.payers());
            }
            // A caller that has left learns of it by asking again with the same ids.
            let _ = one.reply.send(answer);
        }
        // After the answers, so that nobody waits for it.
        context.lowered.add(lowered);
        if come == 0 {
            return;
        }
    }
}

/// Notes a settlement that nothing can refuse any more; answers what its account has available.
async fn note(context: &Context, entry: &Entry) -> Result<Option<Amount>, StoreError> {
    let (Db::Sqlite(sqlite), Some((part, Some(hold), charged))) = (&*context.db, entry.part())
    else {
        return Ok(None);
    };
    let now = (context.clock)();
    if !sqlite.noted.has_room() || !context.leases.covers(part, hold, charged, now) {
        return Ok(None);
    }
    let mut available = sqlite.noted.note(&context.db, entry, now).await?;
    if available.is_some() {
        context.leases.settled(part, Some(hold), charged);
        add_idle(context, part.account, available.as_mut());
    }
    Ok(available)
}

/// Commits a group, and notes what has become of leases before anybody is answered.
async fn do_group(context: &Context, entries: &[&Entry]) -> Vec<Answer> {
    let notes = context.noted().map_or_else(Vec::new, Noted::waiting);
    if entries.is_empty() && notes.is_empty() {
        return Vec::new();
    }
    let begun = Instant::now();
    let mut answers = group::commit(context, &notes, entries).await;
    (context.report)(GroupReport {
        entries: notes.len() + entries.len(),
        took: begun.elapsed(),
    });
    // In their order: what an entry has available follows from those before it.
    for (entry, answer) in entries.iter().zip(&mut answers) {
        if let Some(change) = entry.lease() {
            context.leases.ended(change, end_of(answer));
        }
        if let (Some((part, out_of, charged)), Ok(_)) = (entry.part(), &answer) {
            context.leases.settled(part, out_of, charged);
        }
        if let (Some(account), Ok(done)) = (entry.settles_for(), answer) {
            let outcome = done.outcomes.first_mut();
            add_idle(
                context,
                account,
                outcome.and_then(|outcome| outcome.available.as_mut()),
            );
        }
    }
    answers
}

/// Counts idle lease credit as available.
fn add_idle(context: &Context, account: AccountId, available: Option<&mut Amount>) {
    if let Some(available) = available {
        let idle = context.leases.idle(account);
        *available = available.checked_add(idle).unwrap_or(*available);
    }
}

fn end_of(answer: &Answer) -> End {
    match answer {
        Ok(_) => End::Done,
        Err(CommitError::Refused(_) | CommitError::OverLimit(_)) => End::Refused,
        Err(CommitError::Store(_)) => End::Unknown,
    }
}
