//! Counting the requests that a test wants to go wrong, and hanging at a fault until let go.
//!
//! What goes wrong is each server's own: it brings a type of fault with a [`Window`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Names a fault after it was added.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FaultId(pub u64);

/// Which of the matching requests are hit.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// The first, counted from 1.
    pub(crate) nth: u32,
    /// How many from there on.
    pub(crate) times: u32,
}

impl Window {
    fn has(self, seen: u32) -> bool {
        seen >= self.nth && seen - self.nth < self.times
    }
}

/// The default of `nth` and `times`.
pub(crate) fn one() -> u32 {
    1
}

/// A kind of fault.
pub(crate) trait Hits: Clone {
    fn window(&self) -> Window;
}

struct Entry<F> {
    id: FaultId,
    fault: F,
    seen: u32,
    hanging: u32,
    released: bool,
}

/// A fault and how it stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Standing<F> {
    pub(crate) id: FaultId,
    pub(crate) fault: F,
    /// Matching requests so far, hit or not.
    pub(crate) seen: u32,
    /// Requests that are hanging at it now.
    pub(crate) hanging: u32,
}

/// All faults. It has a lock of its own, since waiting is what many of them are about and nobody
/// may wait under the lock of the state.
pub(crate) struct Faults<F> {
    entries: Mutex<Vec<Entry<F>>>,
    changed: watch::Sender<u64>,
}

impl<F: Hits> Faults<F> {
    pub(crate) fn new() -> Faults<F> {
        Faults {
            entries: Mutex::new(Vec::new()),
            changed: watch::Sender::new(0),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry<F>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everyone who waits to look again. Also how ids are made: the count never repeats.
    fn touch(&self) -> u64 {
        self.changed.send_modify(|count| *count += 1);
        *self.changed.borrow()
    }

    pub(crate) fn add(&self, fault: F) -> FaultId {
        self.add_to(&mut self.entries(), fault)
    }

    /// Adds a fault in the place of all others, with nothing in between.
    pub(crate) fn replace(&self, fault: F) -> FaultId {
        let mut entries = self.entries();
        entries.clear();
        self.add_to(&mut entries, fault)
    }

    fn add_to(&self, entries: &mut Vec<Entry<F>>, fault: F) -> FaultId {
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

    pub(crate) fn standing(&self) -> Vec<Standing<F>> {
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
    pub(crate) fn hit(&self, is_meant: impl Fn(&F) -> bool) -> Option<(FaultId, F)> {
        let mut hit = None;
        for entry in self.entries().iter_mut().filter(|e| is_meant(&e.fault)) {
            entry.seen += 1;
            if hit.is_none() && entry.fault.window().has(entry.seen) {
                hit = Some((entry.id, entry.fault.clone()));
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

    fn find<T>(&self, id: FaultId, read: impl Fn(&Entry<F>) -> T) -> Option<T> {
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
struct Hanging<'a, F: Hits> {
    faults: &'a Faults<F>,
    id: FaultId,
}

impl<F: Hits> Hanging<'_, F> {
    fn new(faults: &Faults<F>, id: FaultId) -> Hanging<'_, F> {
        faults.count(id, |hanging| *hanging += 1);
        Hanging { faults, id }
    }
}

impl<F: Hits> Drop for Hanging<'_, F> {
    fn drop(&mut self) {
        self.faults
            .count(self.id, |hanging| *hanging = hanging.saturating_sub(1));
    }
}

/// Whether a fault for this method, or any, and this pattern of paths means the request.
pub(crate) fn names_path(wanted: Option<&str>, pattern: &str, method: &str, path: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(method)) && path_matches(pattern, path)
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
