//! Faults that a test asks for: what goes wrong, on which request, how often.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Which requests go wrong, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// HTTP method; any, where absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Path pattern: `*` stands for one part (`/v1/invoices/*/pay`), a last `**` for all the rest.
    pub path: String,
    /// The first matching request that is hit, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many matching requests are hit from there on.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens to them.
    pub action: FaultAction,
}

fn one() -> u32 {
    1
}

/// What happens to a request that a fault hits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultAction {
    /// Answer with an error and do nothing. Nothing is stored under the idempotency key.
    Answer {
        /// HTTP status, such as 429 or 500.
        status: u16,
        /// Header `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Do the work, then answer with an error. The error is what the idempotency key replays.
    WorkThenAnswer {
        /// HTTP status, such as 500.
        status: u16,
    },
    /// Close the connection without a byte of answer, and do nothing.
    CloseBefore,
    /// Do the work, then close the connection without a byte of answer.
    CloseAfter,
    /// Wait before doing the work, until released. If the client goes away, nothing is done.
    HangBefore,
    /// Do the work, then wait with the answer until released or the client goes away.
    HangAfter,
    /// Wait this long before doing the work.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
}

/// Names a fault after it was added.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FaultId(pub u64);

struct Entry {
    id: FaultId,
    fault: Fault,
    seen: u32,
    hanging: u32,
    released: bool,
}

/// A fault and how it stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) id: FaultId,
    pub(crate) fault: Fault,
    /// Matching requests so far, hit or not.
    pub(crate) seen: u32,
    /// Requests that are hanging at it now.
    pub(crate) hanging: u32,
}

/// All faults. It has a lock of its own, since waiting is what many of them are about and nobody
/// may wait under the lock of the state.
pub(crate) struct Faults {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<u64>,
}

impl Faults {
    pub(crate) fn new() -> Faults {
        Faults {
            entries: Mutex::new(Vec::new()),
            changed: watch::Sender::new(0),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everyone who waits to look again. Also how ids are made: the count never repeats.
    fn touch(&self) -> u64 {
        self.changed.send_modify(|count| *count += 1);
        *self.changed.borrow()
    }

    pub(crate) fn add(&self, fault: Fault) -> FaultId {
        let mut entries = self.entries();
        let id = FaultId(self.touch());
        entries.push(Entry {
            id,
            fault,
            seen: 0,
            hanging: 0,
            released: false,
        });
        id
    }

    /// Removes every fault and lets go of whatever hangs at one.
    pub(crate) fn clear(&self) {
        self.entries().clear();
        self.touch();
    }

    pub(crate) fn standing(&self) -> Vec<Standing> {
        let entries = self.entries();
        let standing = entries.iter().map(|entry| Standing {
            id: entry.id,
            fault: entry.fault.clone(),
            seen: entry.seen,
            hanging: entry.hanging,
        });
        standing.collect()
    }

    /// Counts a request and says which fault hits it: of several, the one that was added first.
    pub(crate) fn hit(&self, method: &str, path: &str) -> Option<(FaultId, FaultAction)> {
        let mut hit = None;
        for entry in self
            .entries()
            .iter_mut()
            .filter(|entry| entry.matches(method, path))
        {
            entry.seen += 1;
            let first = entry.fault.nth;
            let hits = entry.seen >= first && entry.seen - first < entry.fault.times;
            if hits && hit.is_none() {
                hit = Some((entry.id, entry.fault.action.clone()));
            }
        }
        hit
    }

    /// Lets go of the requests that hang at a fault, now and later.
    pub(crate) fn release(&self, id: FaultId) -> bool {
        let mut entries = self.entries();
        let found = entries.iter_mut().find(|entry| entry.id == id);
        let known = found.map(|entry| entry.released = true).is_some();
        drop(entries);
        self.touch();
        known
    }

    /// Hangs at a fault until it is released or cleared. Safe to drop: it then counts no more.
    pub(crate) async fn hang(&self, id: FaultId) {
        let _hanging = Hanging::new(self, id);
        self.until(|| self.find(id, |entry| entry.released).unwrap_or(true))
            .await;
    }

    /// Waits until a request hangs at a fault.
    pub(crate) async fn hanging(&self, id: FaultId) {
        self.until(|| self.find(id, |entry| entry.hanging > 0).unwrap_or(true))
            .await;
    }

    fn find<T>(&self, id: FaultId, read: impl Fn(&Entry) -> T) -> Option<T> {
        self.entries().iter().find(|entry| entry.id == id).map(read)
    }

    async fn until(&self, done: impl Fn() -> bool) {
        let mut changes = self.changed.subscribe();
        // The sender lives in `self`, so `changed` cannot fail while we are here.
        while !done() && changes.changed().await.is_ok() {}
    }

    fn count(&self, id: FaultId, change: impl Fn(&mut u32)) {
        if let Some(entry) = self.entries().iter_mut().find(|entry| entry.id == id) {
            change(&mut entry.hanging);
        }
        self.touch();
    }
}

/// One request that hangs.
struct Hanging<'a> {
    faults: &'a Faults,
    id: FaultId,
}

impl Hanging<'_> {
    fn new(faults: &Faults, id: FaultId) -> Hanging<'_> {
        faults.count(id, |hanging| *hanging += 1);
        Hanging { faults, id }
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.faults
            .count(self.id, |hanging| *hanging = hanging.saturating_sub(1));
    }
}

impl Entry {
    fn matches(&self, method: &str, path: &str) -> bool {
        let wanted = self.fault.method.as_deref();
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path_matches(&self.fault.path, path)
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut given = path.split('/');
    for expected in pattern.split('/') {
        match (expected, given.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (literal, Some(part)) if literal == part => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::path_matches;

    #[test]
    fn paths_match_by_part() {
        for (pattern, path, expected) in [
            ("/v1/invoices", "/v1/invoices", true),
            ("/v1/invoices", "/v1/invoices/in_1", false),
            ("/v1/invoices/*", "/v1/invoices/in_1", true),
            ("/v1/invoices/*/pay", "/v1/invoices/in_1/pay", true),
            ("/v1/invoices/*/pay", "/v1/invoices/in_1/void", false),
            ("/v1/**", "/v1/invoices/in_1/void", true),
            ("**", "/v1/refunds", true),
        ] {
            assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
