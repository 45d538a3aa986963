//! What a test can do to a running provider that a client of it cannot. `control_http` has the
//! same for those outside this process.

use super::behaviour::Behaviour;
use super::faults::Fault;
use super::journal::{Counts, Recorded};
use super::server::Provider;
use crate::faults::FaultId;

impl Provider {
    /// Sets how requests are answered that no fault hits and whose model has no say in it.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.shared.set_usual(behaviour);
    }

    /// Makes requests go wrong, or otherwise than usual.
    pub fn add_fault(&self, fault: Fault) -> FaultId {
        self.shared.faults.add(fault)
    }

    /// Removes all faults and lets go of every request that hangs or stalls at one.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Waits until a request hangs or stalls at this fault. Comes back at once if the fault is
    /// gone.
    pub async fn hanging(&self, fault: FaultId) {
        self.shared.faults.hanging(fault).await;
    }

    /// Lets go of the requests that hang or stall at this fault, now and later. False for an
    /// unknown one.
    pub fn release(&self, fault: FaultId) -> bool {
        self.shared.faults.release(fault)
    }

    /// The latest requests, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.journal().all()
    }

    /// Forgets the requests so far. Their counts stay.
    pub fn clear_requests(&self) {
        self.shared.journal().clear();
    }

    /// Has every request that follows searched for these texts, such as credentials that are not
    /// the provider's business; `Recorded::watched` tells where one was found. Replaces those
    /// watched for before.
    pub fn watch_for(&self, texts: Vec<String>) {
        self.shared.watch_for(texts);
    }

    /// How many requests came to what.
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are as wanted, and gives them back.
    pub async fn until(&self, is_wanted: impl Fn(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives as long as this, so there is always another value to wait for.
        match counts.wait_for(is_wanted).await {
            Ok(counts) => *counts,
            Err(_) => self.counts(),
        }
    }
}
