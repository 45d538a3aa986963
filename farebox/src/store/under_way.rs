//! How many calls are under way. One that is alone keeps nobody waiting, whatever it does on its own thread and with the
//! one connection that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The calls that are under way.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<AtomicUsize>);

/// A call that is under way, until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Calls);

impl Calls {
    /// One more.
    pub fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
