//! Waiting for a top-up's money.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{Error, TopupStatusParams, Topups};
use crate::{TopupStatus, TopupStatusResponse};

/// The longest wait that a server is asked for at once; proxies cut longer ones off.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// What is left for the answer's way back before the caller's limit.
const MARGIN: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn until_completed(
    topups: Topups<'_>,
    params: &TopupStatusParams,
    limit: Duration,
) -> Result<TopupStatusResponse, Error> {
    match timeout(limit, poll(topups, params, limit)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::Timeout),
    }
}

/// Asks until the credit is there or an error comes. It has no end of its own.
async fn poll(
    topups: Topups<'_>,
    params: &TopupStatusParams,
    limit: Duration,
) -> Result<TopupStatusResponse, Error> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = Instant::now();
        let wait = wait_seconds(limit.saturating_sub(started.elapsed()));
        let answer = topups.ask_status(params, wait).await?;
        if answer.status == TopupStatus::Completed {
            return Ok(answer);
        }
        // An answer that comes sooner than it had to is from a server that doesn't wait, or from
        // one that has more to do than to keep callers waiting. Either way the client pauses.
        if wait == 0 || asked.elapsed() < Duration::from_secs(wait) {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn wait_seconds(remaining: Duration) -> u64 {
    remaining.saturating_sub(MARGIN).min(LONGEST_WAIT).as_secs()
}
