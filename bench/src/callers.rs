//! Callers who each ask again as soon as they are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;

use crate::Failure;
use crate::clock::{Latencies, Round};

/// Lets `callers` do `work` (which is told its caller's number) one after the other for `round`, after
/// a tenth of it as a warm-up that does not count.
///
/// # Errors
/// The first failure of any of the work.
pub(crate) async fn closed_loop<Work, Done>(
    callers: usize,
    round: Duration,
    work: Arc<Work>,
) -> Result<Round, Failure>
where
    Work: Fn(usize) -> Done + Send + Sync + 'static,
    Done: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let tasks = TaskTracker::new();
    let begun = Instant::now() + round / 10;
    let calling: Vec<_> = (0..callers)
        .map(|number| tasks.spawn(call(number, begun, begun + round, work.clone())))
        .collect();
    let mut latencies = Vec::new();
    for caller in calling {
        latencies.append(&mut caller.await??);
    }
    Ok(Round::of(&Latencies::new(latencies), begun.elapsed()))
}

async fn call<Work, Done>(
    number: usize,
    begun: Instant,
    until: Instant,
    work: Arc<Work>,
) -> Result<Vec<Duration>, Failure>
where
    Work: Fn(usize) -> Done,
    Done: Future<Output = Result<(), Failure>>,
{
    let mut latencies = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(latencies);
        }
        work(number).await?;
        if asked >= begun {
            latencies.push(asked.elapsed());
        }
    }
}
