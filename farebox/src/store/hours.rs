//! What accounts have used by the hour, so that a window of a month is a sum of hours.
//!
//! The hour that is running stands in the row of its account's totals, which a settlement writes anyway; it goes to
//! `usage_hours` when something is used in a later one. So what was used in an hour is what both say of it. All of it is
//! a view of the transfers, written with them.

use std::collections::BTreeMap;

use ledger::{AccountId, Transfer};

use crate::store::StoreError;
use crate::store::bulk::{Column, Insert};
use crate::store::db::Tx;
use crate::store::value::Value;

/// How long an hour is.
pub const HOUR_MILLIS: i64 = 3_600_000;

/// What is added to the sums of hours that aren't running.
pub static ADD: Insert = Insert::into(
    "usage_hours",
    &[
        Column::Text("account_id"),
        Column::Int("hour"),
        Column::Int("amount"),
    ],
)
.on_conflict(
    "ON CONFLICT (account_id, hour) DO UPDATE SET \
         amount = usage_hours.amount + excluded.amount",
);

/// The account `$1`'s hours from the hour `$2` on, in order, with what was used in each.
pub const SELECT: &str = "SELECT hour, CAST(SUM(amount) AS BIGINT) FROM (\
         SELECT hour, amount FROM usage_hours WHERE account_id = $1 AND hour >= $2 \
         UNION ALL \
         SELECT hour, used_in_hour FROM balances WHERE account_id = $1 AND hour >= $2 AND used_in_hour > 0\
     ) AS hours GROUP BY hour ORDER BY hour";

/// The sum of them.
pub const SUM: &str = "SELECT CAST(\
         (SELECT COALESCE(SUM(amount), 0) FROM usage_hours WHERE account_id = $1 AND hour >= $2) + \
         COALESCE((SELECT used_in_hour FROM balances WHERE account_id = $1 AND hour >= $2), 0) \
     AS BIGINT)";

/// An account's hour that is running, counted since the epoch, and what was used in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Which hour.
    pub hour: i64,
    /// Nano-units that `usage_hours` doesn't have.
    pub used: i64,
}

/// The running hours of the accounts that a group concerns.
#[derive(Debug, Default)]
pub struct Hours(BTreeMap<AccountId, Running>);

impl Hours {
    /// Takes over what is stored of an account.
    pub fn load(&mut self, account: AccountId, running: Running) {
        self.0.insert(account, running);
    }

    /// An account's running hour.
    pub fn running(&self, account: AccountId) -> Running {
        self.0.get(&account).copied().unwrap_or_default()
    }

    /// Counts what these transfers use; returns rows for [`ADD`], which are the hours that run no more.
    pub fn count(&mut self, transfers: &[Transfer]) -> Vec<Vec<Value>> {
        let mut over = BTreeMap::new();
        for transfer in transfers {
            let Some((account, hour)) = hour_of(transfer) else {
                continue;
            };
            let running = self.0.entry(account).or_default();
            if hour > running.hour {
                let ended = std::mem::replace(running, Running { hour, used: 0 });
                add(&mut over, (account, ended.hour), ended.used);
            }
            // A clock that was set back says an hour that is over already.
            if hour < running.hour {
                add(&mut over, (account, hour), transfer.amount.nanos());
            } else {
                running.used = running.used.saturating_add(transfer.amount.nanos());
            }
        }
        over.into_iter()
            .filter(|(_, used)| *used > 0)
            .map(|((account, hour), used)| {
                vec![account.to_string().into(), hour.into(), used.into()]
            })
            .collect()
    }
}

type Sums = BTreeMap<(AccountId, i64), i64>;

fn add(sums: &mut Sums, hour: (AccountId, i64), used: i64) {
    let sum = sums.entry(hour).or_default();
    *sum = sum.saturating_add(used);
}

/// Whose hour, and which, a transfer is used in; none for what is no debit of usage.
pub fn hour_of(transfer: &Transfer) -> Option<(AccountId, i64)> {
    // A last post of nothing moves nothing.
    let account = transfer
        .usage_of()
        .filter(|_| transfer.amount.is_positive())?;
    Some((account, transfer.at.millis().div_euclid(HOUR_MILLIS)))
}

/// What was used in every hour, of all accounts: for the audit.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn all(tx: &mut Tx) -> Result<Sums, StoreError> {
    let sql = "SELECT account_id, hour, amount FROM usage_hours \
         UNION ALL SELECT account_id, hour, used_in_hour FROM balances WHERE used_in_hour > 0";
    let mut sums = Sums::new();
    for mut row in tx.query(sql, &[]).await? {
        add(&mut sums, (row.parse()?, row.int()?), row.int()?);
    }
    Ok(sums)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ledger::{Account, Amount, Code, Phase, Timestamp};

    use super::*;

    /// What is used at each of these hours by one account, in two groups: what is left in its row, and what goes out.
    fn check(
        stored: (i64, i64),
        groups: &[&[(i64, i64)]],
        running: (i64, i64),
        over: &[(i64, i64)],
    ) {
        let account = crate::ids::account();
        let mut hours = Hours::default();
        hours.load(
            account,
            Running {
                hour: stored.0,
                used: stored.1,
            },
        );
        let mut rows = Vec::new();
        for group in groups {
            let transfers: Vec<_> = group
                .iter()
                .map(|(hour, used)| Transfer {
                    id: crate::ids::transfer_for("hours", &crate::ids::opaque()),
                    debit: Account::Customer(account),
                    credit: Account::Revenue,
                    amount: Amount::from_nanos(*used),
                    code: Code::Usage,
                    phase: Phase::Single,
                    reference: String::new(),
                    at: Timestamp::from_millis(hour * HOUR_MILLIS + 1),
                })
                .collect();
            rows.extend(hours.count(&transfers));
        }
        let left = hours.running(account);
        assert_eq!((left.hour, left.used), running);
        let expected = over
            .iter()
            .map(|(hour, used)| vec![account.to_string().into(), (*hour).into(), (*used).into()]);
        assert_eq!(
            format!("{rows:?}"),
            format!("{:?}", expected.collect::<Vec<Vec<Value>>>())
        );
    }

    #[test]
    fn an_hour_runs_until_something_is_used_in_a_later_one() {
        check((0, 0), &[&[(7, 1), (7, 2)], &[(7, 4)]], (7, 7), &[]);
        check((7, 5), &[&[(7, 1)], &[(9, 2), (9, 3)]], (9, 5), &[(7, 6)]);
        // Nothing used is no row.
        check((7, 0), &[&[(8, 1), (8, 0)]], (8, 1), &[]);
    }

    #[test]
    fn an_hour_that_is_over_is_added_to_when_a_clock_is_set_back() {
        check((9, 5), &[&[(8, 1), (8, 2), (9, 3)]], (9, 8), &[(8, 3)]);
        check((9, 5), &[&[(10, 1), (9, 2)]], (10, 1), &[(9, 7)]);
    }
}
