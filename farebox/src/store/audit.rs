//! Do the books add up? Everything that is kept beside the transfers is recomputed from them alone and
//! compared, in one consistent picture of the database.

mod reversals;

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Account, AccountId, Amount, Code, Hold, HoldState, Phase, Replay, Replayed, Transfer,
    TransferId,
};
use serde::Serialize;

use crate::ids;
use crate::store::db::{Db, Tx};
use crate::store::{StoreError, buckets, charges, hours, journal, ledger_rows as rows, noted};

/// What was looked at and what was found wrong.
#[derive(Debug, Default, Serialize)]
pub struct Audit {
    /// Transfers read.
    pub transfers: u64,
    /// Customers whose totals were compared.
    pub customers: u64,
    /// Holds compared.
    pub holds: u64,
    /// Completed top-ups compared with their credits.
    pub completed_topups: u64,
    /// Refunds and disputes compared with what they have taken.
    pub reversals: u64,
    /// Charges of calls compared with what was taken for them.
    pub charges: u64,
    /// The sum of all accounts in nano-units: zero, or the books do not add up.
    pub sum: i128,
    /// Rows that are not as the transfers say. Empty: the books are right.
    pub problems: Vec<Finding>,
    /// Payments that match no top-up as it was asked for: money has arrived that isn't credited. The
    /// books are right, and an operator has to look.
    pub for_review: Vec<Finding>,
}

/// One row, and what is the matter with it.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Which table and row.
    pub row: String,
    /// What is the matter.
    pub what: String,
}

impl Audit {
    /// Whether every check held.
    pub fn is_right(&self) -> bool {
        self.problems.is_empty()
    }

    fn wrong(&mut self, row: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Finding {
            row: row.into(),
            what: what.into(),
        });
    }
}

/// Checks the whole database.
///
/// # Errors
/// [`StoreError::Database`]; what is wrong with the content is in the [`Audit`].
pub async fn check(db: &Db) -> Result<Audit, StoreError> {
    let mut tx = db.begin_snapshot().await?;
    let mut audit = Audit::default();
    let (mut replay, mut credits) = (Replay::default(), BTreeMap::new());
    let (mut used, mut taken) = (BTreeMap::new(), reversals::Taken::default());
    journal::read_all(&mut tx, |_, transfer| -> Result<(), StoreError> {
        audit.transfers += 1;
        replay.push(&transfer);
        taken.count(&transfer);
        if let Some(hour) = hours::hour_of(&transfer) {
            let sum: &mut i64 = used.entry(hour).or_default();
            *sum = sum.saturating_add(transfer.amount.nanos());
        }
        if transfer.code == Code::TopUp && transfer.phase == Phase::Single {
            credits.insert(transfer.id, transfer);
        }
        Ok(())
    })
    .await?;
    let replayed = replay.finish();
    for problem in &replayed.problems {
        audit.wrong(
            format!("transfers {}", problem.transfer),
            problem.kind.name(),
        );
    }
    compare_balances(&mut tx, &mut audit, &replayed).await?;
    compare_holds(&mut tx, &mut audit, &replayed).await?;
    compare_noted(&mut tx, &mut audit, &replayed).await?;
    compare_hours(&mut tx, &mut audit, used).await?;
    compare_buckets(&mut tx, &mut audit).await?;
    compare_topups(&mut tx, &mut audit, credits).await?;
    taken.compare(&mut tx, &mut audit).await?;
    compare_charges(&mut tx, &mut audit).await?;
    list_reviews(&mut tx, &mut audit).await?;
    Ok(audit)
}

/// Every customer's four totals, and the sum over all accounts: of customers as they are stored, of
/// system accounts as the transfers make them.
async fn compare_balances(
    tx: &mut Tx,
    audit: &mut Audit,
    replayed: &Replayed,
) -> Result<(), StoreError> {
    let mut unseen: BTreeSet<Account> = replayed.balances.keys().copied().collect();
    for mut row in tx.query(rows::SELECT_BALANCES, &[]).await? {
        let (id, stored, _) = rows::standing(&mut row)?;
        let account = Account::Customer(id);
        unseen.remove(&account);
        audit.customers += 1;
        audit.sum += i128::from(stored.posted().nanos());
        let expected = replayed.balances.get(&account).copied().unwrap_or_default();
        if !expected.agrees_with(&stored) {
            let what = format!("stored {stored:?}, but the transfers make {expected:?}");
            audit.wrong(format!("balances {id}"), what);
        }
    }
    for account in unseen {
        match account.customer() {
            Some(id) => audit.wrong(format!("balances {id}"), "there are transfers and no row"),
            None => {
                audit.sum += replayed
                    .balances
                    .get(&account)
                    .map_or(0, |totals| totals.posted())
            }
        }
    }
    if audit.sum != 0 {
        let sum = audit.sum;
        audit.wrong(
            "all accounts",
            format!("the books sum to {sum} nano-units instead of zero"),
        );
    }
    Ok(())
}

async fn compare_holds(
    tx: &mut Tx,
    audit: &mut Audit,
    replayed: &Replayed,
) -> Result<(), StoreError> {
    let mut unseen: BTreeMap<TransferId, Hold> = replayed.holds.clone();
    for row in tx.query(rows::SELECT_HOLDS, &[]).await? {
        let stored = rows::hold(row)?;
        audit.holds += 1;
        let what = match unseen.remove(&stored.id) {
            Some(expected) if expected == stored => continue,
            Some(expected) => format!("stored {stored:?}, but the transfers make {expected:?}"),
            None => "there is no such pending transfer".to_owned(),
        };
        audit.wrong(format!("holds {}", stored.id), what);
    }
    for id in unseen.into_keys() {
        audit.wrong(
            format!("holds {id}"),
            "there is a pending transfer and no row",
        );
    }
    Ok(())
}

/// What is noted and not booked yet can be posted out of the hold that it names.
async fn compare_noted(
    tx: &mut Tx,
    audit: &mut Audit,
    replayed: &Replayed,
) -> Result<(), StoreError> {
    for (hold, amount) in noted::by_hold(tx).await? {
        let left = replayed.holds.get(&hold).and_then(|found| {
            let is_open = found.state == HoldState::Open;
            found.amount.checked_sub(found.posted).filter(|_| is_open)
        });
        if left.is_none_or(|left| left < amount) {
            let what = format!("{amount} of it is to be posted, and {left:?} can be");
            audit.wrong(format!("noted, hold {hold}"), what);
        }
    }
    Ok(())
}

/// Every hour's usage of every customer, which spending limits are held against.
async fn compare_hours(
    tx: &mut Tx,
    audit: &mut Audit,
    mut expected: BTreeMap<(AccountId, i64), i64>,
) -> Result<(), StoreError> {
    for ((account, hour), stored) in hours::all(tx).await? {
        let made = expected.remove(&(account, hour)).unwrap_or_default();
        if made != stored {
            let what = format!("stored {stored}, but the transfers make {made}");
            audit.wrong(format!("usage_hours {account} {hour}"), what);
        }
    }
    for (account, hour) in expected.into_keys() {
        let row = format!("usage_hours {account} {hour}");
        audit.wrong(row, "there are transfers and no row");
    }
    Ok(())
}

/// Every sum of a spend rule's bucket is the one before with what was spent, and no call that is over has
/// anything reserved.
async fn compare_buckets(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    for row in buckets::broken_sums(tx).await? {
        let what = "its total is not the one before with its amount";
        audit.wrong(format!("bucket_spend {row}"), what);
    }
    for row in buckets::left_over(tx).await? {
        let what = "its call is over and still has it reserved";
        audit.wrong(format!("bucket_reservations {row}"), what);
    }
    Ok(())
}

/// Every completed top-up has exactly one credit, of its amount and to its account; and every credit
/// belongs to a completed top-up. A transfer's id derives from its top-up's, so there can't be two.
async fn compare_topups(
    tx: &mut Tx,
    audit: &mut Audit,
    mut credits: BTreeMap<TransferId, Transfer>,
) -> Result<(), StoreError> {
    let sql =
        "SELECT id, account_id, amount_cents FROM topups WHERE state = 'completed' ORDER BY id";
    for mut row in tx.query(sql, &[]).await? {
        let (id, account, cents) = (row.text()?, row.parse()?, row.int()?);
        audit.completed_topups += 1;
        let Some(credit) = credits.remove(&ids::transfer_for("topup", &id)) else {
            audit.wrong(format!("topups {id}"), "it is completed and has no credit");
            continue;
        };
        let expected = (
            Account::Clearing,
            Account::Customer(account),
            Amount::from_cents(cents),
        );
        if (credit.debit, credit.credit, Some(credit.amount)) != expected {
            audit.wrong(
                format!("topups {id}"),
                format!("its credit is not its own: {credit:?}"),
            );
        }
    }
    for id in credits.into_keys() {
        audit.wrong(
            format!("transfers {id}"),
            "it is a top-up's credit and no completed top-up has it",
        );
    }
    Ok(())
}

/// Every charge says what its transfer has taken.
async fn compare_charges(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    let (count, unlike) = charges::unlike_transfers(tx).await?;
    audit.charges = count;
    for id in unlike {
        let what = "it is not what its transfer has taken from its account";
        audit.wrong(format!("charges {id}"), what);
    }
    Ok(())
}

async fn list_reviews(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    let sql = "SELECT id, account_id, invoice_id, mismatch FROM topups WHERE state = 'review' ORDER BY id";
    for mut row in tx.query(sql, &[]).await? {
        let (id, account) = (row.text()?, row.text()?);
        let (invoice, mismatch) = (
            row.opt_text()?,
            row.named(ledger::topup::Mismatch::from_name)?,
        );
        let invoice = invoice.unwrap_or_default();
        audit.for_review.push(Finding {
            row: format!("topups {id} (account {account}, invoice {invoice})"),
            what: mismatch.sentence().to_owned(),
        });
    }
    Ok(())
}
