//! What is under way, counted: calls, and transactions that may write. A call that is alone keeps nobody waiting, whatever
//! it does on its own thread and with the one connection that writes; and while nobody writes, what was read stays true.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many have begun, and how many of them have ended.
#[derive(Debug, Default)]
pub struct Counter {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// One that is under way, until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<Counter>);

impl Counter {
    /// To be called before one begins.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::SeqCst);
        UnderWay(self.clone())
    }

    /// How many are under way; rather one too many than one too few.
    pub fn count(&self) -> u64 {
        let ended = self.ended.load(Ordering::SeqCst);
        self.begun.load(Ordering::SeqCst).saturating_sub(ended)
    }

    /// How many there have been, where all have ended. The same twice: none was under way in between.
    pub fn settled(&self) -> Option<u64> {
        let begun = self.begun.load(Ordering::SeqCst);
        (self.ended.load(Ordering::SeqCst) == begun).then_some(begun)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}
