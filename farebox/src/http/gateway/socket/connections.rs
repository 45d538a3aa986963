//! How many WebSockets each account has open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use ledger::AccountId;

type Counts = Mutex<HashMap<AccountId, usize>>;

/// Counts open connections by account.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Counts>);

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub struct Counted {
    counts: Arc<Counts>,
    account: AccountId,
}

impl Connections {
    /// Counts one more, unless the account has `max` already.
    pub fn take(&self, account: AccountId, max: usize) -> Option<Counted> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(&account).copied().unwrap_or_default();
        if count >= max {
            return None;
        }
        counts.insert(account, count.saturating_add(1));
        Some(Counted {
            counts: self.0.clone(),
            account,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.account) {
            match count.get().checked_sub(1) {
                Some(left @ 1..) => *count.get_mut() = left,
                Some(0) | None => drop(count.remove()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_and_a_closed_one_makes_room() {
        let account = |digit: char| String::from(digit).repeat(32).parse().unwrap();
        let connections = Connections::default();
        let first = connections.take(account('a'), 2);
        let second = connections.take(account('a'), 2);
        assert!(first.is_some() && second.is_some());
        assert!(connections.take(account('a'), 2).is_none());
        assert!(connections.take(account('b'), 2).is_some());
        drop(first);
        assert!(connections.take(account('a'), 2).is_some());
        drop(second);
        assert!(
            connections.0.lock().unwrap().is_empty(),
            "nothing is left of them"
        );
    }
}
