//! Times taken, and what is made of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The value in the middle of a few; zero of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The latencies of one round, to be asked for percentiles.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// All of them, in any order.
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds, the time that `percent` of them did not exceed; zero where there are none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let found = self.0.get(last * percent / 100);
        found.copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

/// What one round brought.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Round {
    /// How many a second.
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
}

impl Round {
    /// From every caller's latencies and the time that all of them took together.
    #[expect(clippy::cast_precision_loss, reason = "a count, for a rate")]
    pub(crate) fn of(latencies: &Latencies, took: Duration) -> Self {
        Self {
            per_second: latencies.count() as f64 / took.as_secs_f64(),
            p50: latencies.percentile(50),
            p99: latencies.percentile(99),
        }
    }

    /// Each figure's median over several rounds.
    pub(crate) fn median_of(rounds: &[Self]) -> Self {
        let over = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            per_second: over(|round| round.per_second),
            p50: over(|round| round.p50),
            p99: over(|round| round.p99),
        }
    }
}
