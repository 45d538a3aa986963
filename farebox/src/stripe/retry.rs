//! When a failed attempt is repeated, and after how long.
//!
//! Every POST carries an idempotency key and every GET is harmless, so repeating is safe; what
//! is left to decide is whether it helps. Stripe's own hint wins (`stripe-should-retry`).

use std::time::Duration;

use super::StripeError;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(1);
/// Past this a caller is better served by the error, which says how long Stripe wants to wait.
const LONGEST_WAIT_FOR_STRIPE: Duration = Duration::from_secs(5);

/// An attempt that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StripeError,
    /// The header `stripe-should-retry`.
    pub(super) hint: Option<bool>,
    /// The header `retry-after`.
    pub(super) retry_after: Option<Duration>,
    /// The header `idempotent-replayed`: the answer is the stored one of an earlier attempt.
    pub(super) replayed: bool,
}

impl From<StripeError> for Failure {
    fn from(error: StripeError) -> Self {
        Self {
            error,
            hint: None,
            retry_after: None,
            replayed: false,
        }
    }
}

/// How long to wait before the next attempt; `None` when there is to be none.
///
/// `retries_done` counts from zero; `random` spreads the callers over half of the delay, so that
/// those which failed together do not return together.
pub(super) fn delay(
    failure: &Failure,
    retries_done: u32,
    max: u32,
    random: u32,
) -> Option<Duration> {
    if retries_done >= max || !is_worthwhile(failure) {
        return None;
    }
    let asked = failure.retry_after.unwrap_or_default();
    (asked <= LONGEST_WAIT_FOR_STRIPE).then(|| asked.max(backoff(retries_done, random)))
}

fn is_worthwhile(failure: &Failure) -> bool {
    // A stored answer stays what it is for as long as the key lives.
    !failure.replayed && failure.hint.unwrap_or_else(|| failure.error.is_transient())
}

fn backoff(retries_done: u32, random: u32) -> Duration {
    let full = FIRST_DELAY
        .saturating_mul(1 << retries_done.min(8))
        .min(LONGEST_DELAY);
    let half = full / 2;
    let spread = half.as_millis().saturating_mul(random.into()) >> 32;
    half + Duration::from_millis(u64::try_from(spread).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: StripeError) -> Failure {
        Failure::from(error)
    }

    fn invalid() -> StripeError {
        StripeError::Invalid {
            status: 400,
            code: None,
            param: None,
            message: String::new(),
        }
    }

    #[test]
    fn what_may_pass_is_repeated_and_what_is_judged_is_not() {
        for error in [
            StripeError::TimedOut,
            StripeError::RateLimited { retry_after: None },
            StripeError::Idempotency { in_use: true },
            StripeError::Unavailable {
                status: Some(500),
                may_have_run: true,
                detail: String::new(),
            },
        ] {
            assert!(
                delay(&failed(error.clone()), 0, 2, 0).is_some(),
                "{error:?}"
            );
        }
        for error in [
            invalid(),
            StripeError::Authentication,
            StripeError::Idempotency { in_use: false },
            StripeError::Decode {
                detail: String::new(),
            },
        ] {
            assert!(
                delay(&failed(error.clone()), 0, 2, 0).is_none(),
                "{error:?}"
            );
        }
    }

    #[test]
    fn stripes_hint_wins_both_ways() {
        let stop = Failure {
            hint: Some(false),
            ..failed(StripeError::TimedOut)
        };
        assert!(delay(&stop, 0, 2, 0).is_none());
        let go = Failure {
            hint: Some(true),
            ..failed(invalid())
        };
        assert!(delay(&go, 0, 2, 0).is_some());
    }

    #[test]
    fn a_replayed_failure_is_not_asked_for_again() {
        let stored = Failure {
            replayed: true,
            ..failed(StripeError::TimedOut)
        };
        assert!(delay(&stored, 0, 2, 0).is_none());
    }

    #[test]
    fn the_number_of_attempts_and_the_waiting_are_bounded() {
        let failure = failed(StripeError::TimedOut);
        assert!(delay(&failure, 1, 2, 0).is_some());
        assert!(delay(&failure, 2, 2, 0).is_none());
        for retries_done in 0..40 {
            for random in [0, u32::MAX] {
                let wait = backoff(retries_done, random);
                assert!(wait >= Duration::from_millis(100) && wait <= Duration::from_secs(1));
            }
        }
        assert!(backoff(0, u32::MAX) <= Duration::from_millis(200));
    }

    #[test]
    fn retry_after_is_obeyed_or_handed_up_never_shortened() {
        let asks = |seconds| Failure {
            retry_after: Some(Duration::from_secs(seconds)),
            ..failed(StripeError::RateLimited { retry_after: None })
        };
        assert_eq!(delay(&asks(2), 0, 2, 0), Some(Duration::from_secs(2)));
        assert_eq!(delay(&asks(30), 0, 2, 0), None);
    }
}
