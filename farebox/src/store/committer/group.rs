//! One group: what it concerns is read, the rules of the `ledger` crate are applied, and everything is written in one
//! transaction. It decides nothing itself, and knows nobody who waits.

use std::sync::Arc;

use ledger::{
    AccountId, Amount, Balances, Book, Changes, Hold, HoldState, Limit, Operation, Timestamp,
};

use crate::store::buckets::{self, Working};
use crate::store::bulk::{Lock, Lookup, Write};
use crate::store::committer::{Answer, CommitError, Context, Done};
use crate::store::db::{Db, Tx};
use crate::store::entry::{Attached, Entry};
use crate::store::hours::{self, Hours};
use crate::store::leases::Leases;
use crate::store::noted::{self, Note};
use crate::store::value::Value;
use crate::store::{
    StoreError, auto_topups, charges, hold_requests, ledger_rows as rows, logs, reversals,
    spending, topups,
};

/// Commits a group, after what is noted. Where that fails, each entry is tried alone, so that one whose row clashes does
/// not take the others with it; a repeat is harmless, because the ids decide.
pub(super) async fn commit(context: &Context, notes: &[Note], entries: &[&Entry]) -> Vec<Answer> {
    let error = match try_group(context, notes, entries).await {
        Ok(answers) => {
            context.forget(notes);
            return answers;
        }
        Err(error) => error,
    };
    if let ([], [entry]) = (notes, entries) {
        return vec![alone_after(entry, error)];
    }
    tracing::warn!(%error, entries = entries.len(), "a group failed, its entries are tried one by one");
    if let Err(error) = book_one_by_one(context, notes).await {
        // Nothing is done before them.
        let error = Arc::new(error);
        let failed = || Err(CommitError::Store(error.clone()));
        return std::iter::repeat_with(failed).take(entries.len()).collect();
    }
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        let alone = try_group(context, &[], &[entry]).await;
        answers.push(match alone.map(|mut answers| answers.pop()) {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(StoreError::Closed.into()),
            Err(error) => alone_after(entry, error),
        });
    }
    answers
}

/// Books notes each in a transaction of its own. One that clashes with what is there stays in its table, for the operator.
async fn book_one_by_one(context: &Context, notes: &[Note]) -> Result<(), StoreError> {
    for note in notes {
        let alone = std::slice::from_ref(note);
        match try_group(context, alone, &[]).await {
            Ok(_) => {}
            Err(
                error
                @ (StoreError::Duplicate(_) | StoreError::Invalid(_) | StoreError::Corrupt(_)),
            ) => {
                tracing::error!(%error, call = ?note.call(), "a settlement that was noted can't be booked");
            }
            Err(error) => return Err(error),
        }
        context.forget(alone);
    }
    Ok(())
}

/// What becomes of an entry that failed with no other beside it.
fn alone_after(entry: &Entry, error: StoreError) -> Answer {
    if matches!(error, StoreError::Duplicate(_)) && entry.is_known_by_its_call() {
        // An earlier try has written it, whose answer was lost.
        let (outcomes, reserved) = (Vec::new(), None);
        return Ok(Done { outcomes, reserved });
    }
    tracing::error!(%error, "an entry could not be committed");
    Err(error.into())
}

async fn try_group(
    context: &Context,
    notes: &[Note],
    entries: &[&Entry],
) -> Result<Vec<Answer>, StoreError> {
    let noted = notes.iter().map(|note| &note.entry);
    let all: Vec<&Entry> = noted.chain(entries.iter().copied()).collect();
    let begun = begin(&context.db, &all).await?;
    let (mut tx, mut book, mut buckets) = (begun.tx, begun.book, begun.buckets);
    // Read after the rows are locked, so that on a busy server no hold is posted past its expiry.
    let now = (context.clock)();
    // After the lock too: what another node has settled is in the sums, and nobody can settle more
    // before this group is done.
    for (account, limit) in begun.limits {
        let spending = spending::spending(&mut tx, account, limit, now).await?;
        book.load_spending(account, spending);
    }
    let reserves = entries.iter().filter_map(|entry| entry.reserve());
    buckets.load(&mut tx, reserves, now).await?;
    let times = notes.iter().map(|note| note.at);
    let times = times.chain(std::iter::repeat(now));
    let mut answers = Vec::with_capacity(all.len());
    let mut attached = Vec::new();
    for (entry, at) in all.iter().zip(times) {
        let answer = apply(&mut book, &mut buckets, entry, at);
        if let (Ok(done), Some(row)) = (&answer, &entry.attached)
            && done.is_new()
        {
            attached.push(row);
        }
        answers.push(answer);
    }
    let new = answers.split_off(notes.len());
    noted::remove(&mut tx, booked(notes, &answers)).await?;
    let mut notes = Notes::default();
    for row in attached {
        write_attached(&mut tx, &mut notes, (&book, &context.leases), row, now).await?;
    }
    let counted = buckets.end(&mut tx).await?;
    let writes = writes(&book.take_changes(), begun.hours, notes, counted);
    tx.insert_and_commit(&writes).await?;
    Ok(new)
}

/// The notes that are booked. One that is refused, which can't be, stays in its table, for the operator.
fn booked<'a>(notes: &'a [Note], answers: &'a [Answer]) -> impl Iterator<Item = &'a Note> {
    let answered = notes.iter().zip(answers);
    answered.filter_map(|(note, answer)| match answer {
        Ok(_) => Some(note),
        Err(error) => {
            tracing::error!(%error, call = ?note.call(), "a settlement that was noted is refused");
            None
        }
    })
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
    // The hold is the last of them: what it replaces is released before.
    let held = outcomes.last().map(|outcome| outcome.transfer.amount);
    let done = Done {
        outcomes,
        reserved: Some(held.unwrap_or(granted)),
    };
    if done.is_new() {
        buckets.reserve(reserve, held.unwrap_or(granted), now);
    }
    Ok(done)
}

/// An open transaction, and what was found in it.
struct Begun {
    tx: Tx,
    book: Book,
    buckets: Working,
    hours: Hours,
    /// Of those who spend.
    limits: Vec<(AccountId, Limit)>,
}

/// Begins a transaction and reads what the operations need into a working set. On PostgreSQL the
/// customers' rows are locked, in the order of their ids, before anything else is read.
async fn begin(db: &Db, entries: &[&Entry]) -> Result<Begun, StoreError> {
    let operations = || entries.iter().flat_map(|entry| &entry.operations);
    let customers = texts(entries.iter().flat_map(|entry| entry.customers()));
    let ids = texts(operations().map(Operation::id));
    let holds = texts(operations().filter_map(Operation::hold));
    let spenders = texts(operations().filter_map(Operation::spender));
    let ended = entries.iter().filter_map(|entry| entry.ended());
    let replaced = entries.iter().filter_map(|entry| entry.reserve()?.replaces);
    let ended = ended.map(|(_, ended)| ended.id);
    let ended = texts(ended.chain(replaced.map(|replaced| replaced.id)));
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
    let (tx, found) = db.begin_unbooked_with(&lookups).await?;
    let mut found = found.into_iter();
    let mut next = || found.next().unwrap_or_default();
    let mut book = Book::new();
    let mut hours = Hours::default();
    for mut row in next() {
        let (account, balances, frozen) = rows::standing(&mut row)?;
        book.load_account(account, balances);
        book.set_frozen(account, frozen);
        hours.load(account, rows::running(row)?);
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
    Ok(Begun {
        tx,
        book,
        buckets,
        hours,
        limits,
    })
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

fn is_in_part(hold: &Hold) -> bool {
    hold.state == HoldState::Open && hold.posted.is_positive()
}

fn writes(
    changes: &Changes,
    mut hours: Hours,
    notes: Notes,
    counted: buckets::Written,
) -> [Write<'static>; 13] {
    let hours_over = hours.count(&changes.transfers);
    let transfers = changes.transfers.iter().map(rows::transfer_values);
    let holds = changes.holds.iter();
    let (in_part, holds): (Vec<_>, _) = holds.partition(|hold| is_in_part(hold));
    let hold_values = |holds: Vec<_>| holds.into_iter().map(rows::hold_values).collect();
    let balances = changes.balances.iter().map(|(account, balances)| {
        rows::balances_values(*account, balances, hours.running(*account))
    });
    let write = |insert, rows| Write { insert, rows };
    // In this order, because a hold refers to its transfer, and a note to its hold.
    [
        write(&rows::INSERT_TRANSFERS, transfers.collect()),
        write(&rows::UPSERT_HOLDS, hold_values(holds)),
        write(&rows::UPSERT_HOLDS_IN_PART, hold_values(in_part)),
        write(&rows::UPSERT_BALANCES, balances.collect()),
        write(&hours::ADD, hours_over),
        write(&buckets::ADD_SPEND, counted.spend),
        write(&buckets::INSERT_RESERVATIONS, counted.reservations),
        write(&hold_requests::INSERT_HOLDS, notes.holds),
        write(&hold_requests::INSERT_CAPTURES, notes.captures),
        write(&charges::INSERT, notes.charges),
        write(&logs::ADD_COUNTS, notes.logs.counts()),
        write(&logs::INSERT, notes.logs.logs),
        write(&logs::INSERT_METADATA, notes.logs.metadata),
    ]
}

async fn write_attached(
    tx: &mut Tx,
    notes: &mut Notes,
    (book, leases): (&Book, &Leases),
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
            let account = planned.after.account;
            let available = book
                .balances(account)
                .map_or(Amount::ZERO, Balances::available);
            let idle = leases.idle(account);
            let available = available.checked_add(idle).unwrap_or(available);
            reversals::write_move(tx, planned, now).await?;
            reversals::guard_auto_topup(tx, planned, available, now).await?;
        }
        Attached::Reserve(_) | Attached::Lease(_) => {}
        Attached::LeasedCall(None, _) => {}
        Attached::Call(call)
        | Attached::CountedCall(call, _)
        | Attached::LeasedCall(Some(call), _) => {
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
