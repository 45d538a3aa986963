//! The accounts that may have less available than before: what the committer tells whoever looks after
//! them.
//!
//! A set, so that a thousand settlements of one account are one look at it, and not a queue that could
//! grow. It lives in memory and may be lost: a pass over all accounts finds the same.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use ledger::AccountId;
use tokio::sync::Notify;

/// The set, and a bell that rings when it gets something.
#[derive(Debug, Default)]
pub struct Lowered {
    accounts: Mutex<HashSet<AccountId>>,
    bell: Notify,
}

impl Lowered {
    /// Puts accounts in.
    pub fn add(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let mut accounts = accounts.into_iter().peekable();
        if accounts.peek().is_some() {
            self.lock().extend(accounts);
            self.bell.notify_one();
        }
    }

    /// Takes everything out, once there is something.
    pub async fn next(&self) -> Vec<AccountId> {
        loop {
            let accounts = std::mem::take(&mut *self.lock());
            if !accounts.is_empty() {
                return accounts.into_iter().collect();
            }
            self.bell.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<AccountId>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
