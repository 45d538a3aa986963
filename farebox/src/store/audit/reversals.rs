//! What refunds and disputes have taken, recomputed from their transfers.

use std::collections::BTreeMap;

use ledger::reversal::Shares;
use ledger::{Account, AccountId, Amount, Code, Phase, Transfer};

use super::Audit;
use crate::store::StoreError;
use crate::store::db::Tx;
use crate::store::reversals;

/// What the transfers of one reversal have taken and not given back, by its id, which is their reference.
#[derive(Debug, Default)]
pub(super) struct Taken {
    by_reversal: BTreeMap<String, Sums>,
}

/// In nano-units, each below zero where more was given back than taken.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    account: Option<AccountId>,
    credit: i64,
    fee: i64,
    loss: i64,
}

impl Taken {
    /// Counts a transfer, if it is a reversal's.
    pub(super) fn count(&mut self, transfer: &Transfer) {
        let is_one = matches!(
            transfer.code,
            Code::Reversal | Code::Refund | Code::Reinstatement
        );
        if !is_one || transfer.phase != Phase::Single {
            return;
        }
        let (who, nanos) = match (transfer.debit, transfer.credit) {
            (who, Account::Clearing) => (who, transfer.amount.nanos()),
            (Account::Clearing, who) => (who, transfer.amount.nanos().saturating_neg()),
            // Money that goes back goes through the clearing account; the comparison will miss it.
            _ => return,
        };
        let sums = self
            .by_reversal
            .entry(transfer.reference.clone())
            .or_default();
        let sum = match who {
            Account::Customer(account) => {
                sums.account = Some(account);
                &mut sums.credit
            }
            Account::Fees => &mut sums.fee,
            _ => &mut sums.loss,
        };
        *sum = sum.saturating_add(nanos);
    }

    /// Compares every row with its transfers, and finds transfers that no row explains, and top-ups of which
    /// more credit was taken than they gave.
    pub(super) async fn compare(
        mut self,
        tx: &mut Tx,
        audit: &mut Audit,
    ) -> Result<(), StoreError> {
        for row in reversals::all(tx).await? {
            audit.reversals += 1;
            let made = self.by_reversal.remove(&row.id).unwrap_or_default();
            let name = format!("reversals {}", row.id);
            if !made.agrees_with(&row.away.shares) {
                let stored = row.away.shares;
                audit.wrong(
                    &name,
                    format!("stored {stored:?}, but the transfers make {made:?}"),
                );
            }
            if made.account.is_some_and(|account| account != row.account) {
                audit.wrong(&name, "its transfers are another account's");
            }
        }
        for (reference, made) in self.by_reversal {
            let what = format!("money went back by transfers and there is no row: {made:?}");
            audit.wrong(format!("reversals {reference}"), what);
        }
        refuse_more_than_sold(tx, audit).await
    }
}

impl Sums {
    fn agrees_with(&self, stored: &Shares) -> bool {
        let same = |sum: i64, stored: Amount| sum == stored.nanos();
        same(self.credit, stored.credit)
            && same(self.fee, stored.fee)
            && same(self.loss, stored.loss)
    }
}

async fn refuse_more_than_sold(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    let sql = "SELECT t.id, t.amount_cents, CAST(SUM(r.taken_credit) AS BIGINT) \
         FROM topups t JOIN reversals r ON r.topup_id = t.id GROUP BY t.id, t.amount_cents ORDER BY t.id";
    for mut row in tx.query(sql, &[]).await? {
        let (id, cents, taken) = (row.text()?, row.int()?, row.int()?);
        let sold = Amount::from_cents(cents).map_or(0, Amount::nanos);
        if taken > sold {
            let what = format!("{taken} nano-units were taken back of {sold}");
            audit.wrong(format!("topups {id}"), what);
        }
    }
    Ok(())
}
