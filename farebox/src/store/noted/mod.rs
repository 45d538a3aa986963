//! Settlements that come alone, on SQLite: noted in one row, and booked a moment later.
//!
//! To book a settlement changes a dozen pages of the file, and a call that is alone would wait for all of them. So what is
//! posted, its charge and its log are written down in one row, as durably as everything; the committer books it with
//! whatever it does next, before that, by the same rules and at the time of the note. Only what can't be refused any more
//! is noted: a posting that a lease's hold covers (`Leases::covers`).
//!
//! Nobody who asks this process sees a difference. Whoever reads has what is noted booked first ([`Noted::booked`]), but for
//! calls, which read nothing that booking changes: to post what is held leaves what is available as it is. No money
//! moves before it, nor after a start.

mod row;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ledger::{AccountId, Amount, Timestamp, TransferId};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::ids::LogId;
use crate::store::bulk::Write;
use crate::store::charges::Charge;
use crate::store::committer::Waiting;
use crate::store::db::{Db, Tx};
use crate::store::entry::{Attached, Entry};
use crate::store::logs::NewCall;
use crate::store::value::Value;
use crate::store::{StoreError, ledger_rows as rows};

/// How many are noted: the call after them books them.
const MOST: usize = 16;

/// How long a note waits for somebody to book it.
const MOMENT: Duration = Duration::from_millis(100);

/// A settlement that is noted.
#[derive(Clone, Debug)]
pub struct Note {
    seq: i64,
    /// When it was settled.
    pub at: Timestamp,
    /// What is booked.
    pub entry: Entry,
}

/// What is noted.
#[derive(Debug, Default)]
pub struct Noted {
    /// With one that is being written. It grows only while whoever writes has the connection that writes.
    count: AtomicUsize,
    inner: Mutex<Inner>,
    /// Told of the first one.
    bell: Notify,
    committer: OnceLock<mpsc::WeakSender<Waiting>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The greatest number that was used.
    last: i64,
    notes: Vec<Note>,
}

impl Note {
    /// Whose note it is, for the log: its call's id.
    pub(super) fn call(&self) -> Option<LogId> {
        match &self.entry.attached {
            Some(Attached::Call(call)) => Some(call.id),
            _ => None,
        }
    }
}

impl Noted {
    /// Whom to ask to book.
    pub(super) fn is_booked_by(&self, committer: mpsc::WeakSender<Waiting>) {
        // It is said once, when the committer starts.
        let _ = self.committer.set(committer);
    }

    /// Whether there is anything.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Comes back when all that was noted before is booked. False where that failed: it stays noted, and the committer has
    /// said why.
    pub async fn booked(&self) -> bool {
        if self.is_empty() {
            return true;
        }
        let committer = self.committer.get().and_then(mpsc::WeakSender::upgrade);
        let Some(committer) = committer else {
            return false;
        };
        let (reply, answer) = oneshot::channel();
        let entry = Entry::default();
        let sent = committer.send(Waiting { entry, reply }).await;
        sent.is_ok() && matches!(answer.await, Ok(Ok(_)))
    }

    /// Comes back a moment after there was something for the first time since it was last asked.
    pub(super) async fn a_moment_after_one(&self) {
        self.bell.notified().await;
        tokio::time::sleep(MOMENT).await;
    }

    /// Whether another may be noted.
    pub(super) fn has_room(&self) -> bool {
        self.lock().notes.len() < MOST
    }

    /// All that is to be booked, in the order in which it was noted.
    pub(super) fn waiting(&self) -> Vec<Note> {
        self.lock().notes.clone()
    }

    /// These are booked, or never will be.
    pub(super) fn forget(&self, done: &[Note]) {
        let mut inner = self.lock();
        let before = inner.notes.len();
        let is_done = |note: &Note| done.iter().any(|one| one.seq == note.seq);
        inner.notes.retain(|note| !is_done(note));
        let forgotten = before - inner.notes.len();
        self.count.fetch_sub(forgotten, Ordering::SeqCst);
    }

    /// Notes a settlement, durably, on this thread; answers what its account has available. Nothing where it is too long.
    ///
    /// # Errors
    /// [`StoreError::Database`]: whether it is noted is unknown. If it is, it is booked after the next start, where a
    /// repeat of it changes nothing.
    pub(super) async fn note(
        &self,
        db: &Db,
        entry: &Entry,
        at: Timestamp,
    ) -> Result<Option<Amount>, StoreError> {
        let Some((posting, values)) = row::posting(entry).zip(row::values(entry)?) else {
            return Ok(None);
        };
        let tx = db.begin_unbooked().await?;
        // Before it is there, so that nobody who reads it is there misses that it is to be booked; and not before nobody
        // else may write, who would wait for this one.
        let counted = Counted::new(self);
        let seq = self.next();
        let new = row::row(seq, at, posting, values);
        let available = write(tx, posting.account, new).await?;
        self.lock().notes.push(Note {
            seq,
            at,
            entry: entry.settled(),
        });
        counted.stays();
        Ok(Some(available))
    }

    /// Takes up what a process that is gone has noted. What can't be read, as another version may have written it, stays
    /// in its table, for the operator.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(super) async fn take_up(&self, db: &Db) -> Result<(), StoreError> {
        let found = db
            .query(&format!("{} ORDER BY seq", row::SELECT), &[])
            .await?;
        let mut inner = self.lock();
        for found in found {
            inner.last = found.clone().int()?;
            match row::note(found) {
                Ok(note) => inner.notes.push(note),
                Err(error) => {
                    let seq = inner.last;
                    tracing::error!(%error, seq, "a settlement that was noted can't be read");
                }
            }
        }
        self.count.fetch_add(inner.notes.len(), Ordering::SeqCst);
        Ok(())
    }

    /// Says that there is something to be booked in a moment.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    fn next(&self) -> i64 {
        let mut inner = self.lock();
        inner.last += 1;
        inner.last
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is being written, counted until it is given up.
struct Counted<'a>(&'a Noted);

impl<'a> Counted<'a> {
    fn new(noted: &'a Noted) -> Self {
        if noted.count.fetch_add(1, Ordering::SeqCst) == 0 {
            noted.ring();
        }
        Self(noted)
    }

    fn stays(self) {
        std::mem::forget(self);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Removes the rows of notes, in the transaction in which they are booked.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn remove(
    tx: &mut Tx,
    notes: impl Iterator<Item = &Note>,
) -> Result<(), StoreError> {
    for note in notes {
        let sql = "DELETE FROM noted WHERE seq = $1";
        tx.execute(sql, &[note.seq.into()]).await?;
    }
    Ok(())
}

/// The charge of a call that is noted: for whoever reads beside the process that will book it.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Corrupt`].
pub async fn charge(db: &Db, id: LogId) -> Result<Option<Charge>, StoreError> {
    let sql = format!("{} WHERE call = $1", row::SELECT);
    let found = db.query_opt(&sql, &[id.into()]).await?;
    let Some(Attached::Call(call)) = found
        .map(row::note)
        .transpose()?
        .and_then(|note| note.entry.attached)
    else {
        return Ok(None);
    };
    let NewCall {
        account,
        gateway,
        charge,
        ..
    } = std::sync::Arc::unwrap_or_clone(call);
    Ok(charge.map(|charge| Charge {
        id,
        account,
        gateway,
        charge,
    }))
}

/// What is noted and not booked, by hold: for the audit.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_hold(tx: &mut Tx) -> Result<BTreeMap<TransferId, Amount>, StoreError> {
    let sql = "SELECT hold, CAST(SUM(amount) AS BIGINT) FROM noted GROUP BY hold";
    let mut sums = BTreeMap::new();
    for mut row in tx.query(sql, &[]).await? {
        sums.insert(row.parse()?, Amount::from_nanos(row.int()?));
    }
    Ok(sums)
}

/// Writes a note's row, and answers what its account has available.
async fn write(mut tx: Tx, account: AccountId, new: Vec<Value>) -> Result<Amount, StoreError> {
    let customer = [account.to_string().into()];
    let found = tx.query_opt(rows::SELECT_BALANCES_OF_ONE, &customer);
    let found = found.await?;
    let mut found = found.ok_or_else(|| StoreError::corrupt("an account has no totals"))?;
    let (_, balances, _) = rows::standing(&mut found)?;
    let write = Write {
        insert: &row::INSERT,
        rows: vec![new],
    };
    tx.insert_and_commit(&[write]).await?;
    Ok(balances.available())
}
