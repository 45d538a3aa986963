//! `[jobs]`

use std::time::Duration;

use super::reader::Reader;

/// What happens by itself.
#[derive(Debug, Clone)]
pub struct JobsConfig {
    /// How often the queue is looked at.
    pub poll: Duration,
    /// How old a pending top-up is before it is read from Stripe again.
    pub reconcile: Duration,
    /// How often Stripe's events are listed.
    pub events: Duration,
    /// How often Stripe and the ledger are compared.
    pub compare: Duration,
}

impl JobsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            poll: reader.seconds("jobs.poll_seconds", 1..=60),
            reconcile: reader.seconds("jobs.reconcile_seconds", 10..=86_400),
            events: reader.seconds("jobs.events_seconds", 30..=86_400),
            compare: Duration::from_secs(3600 * reader.number("jobs.compare_hours", 1..=720_u64)),
        }
    }
}
