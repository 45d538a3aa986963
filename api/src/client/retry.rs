//! When to try again, and how long to wait before it: the rules of the official SDKs.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::Error;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(8);
/// A server that asks for longer is not waited for; the client's own delay applies.
const LONGEST_REQUESTED: Duration = Duration::from_secs(60);

/// Whether an answer that is no success is worth another attempt.
pub(super) fn is_worthwhile(status: StatusCode, headers: &HeaderMap) -> bool {
    match text(headers, "x-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status.as_u16(), 408 | 409 | 429 | 500..),
    }
}

/// How long to wait after `attempt` (0 is the first) failed; `headers` are empty where there was
/// no answer. `jitter` lies between 0 and 1 and takes off up to a quarter of the client's own
/// delay, so that many clients don't return at the same moment.
pub(super) fn delay(attempt: u32, headers: &HeaderMap, now: SystemTime, jitter: f64) -> Duration {
    if let Some(requested) = requested(headers, now)
        && !requested.is_zero()
        && requested <= LONGEST_REQUESTED
    {
        return requested;
    }
    let doubled = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(attempt));
    doubled.min(LONGEST_DELAY).mul_f64(1.0 - 0.25 * jitter)
}

/// What the server asks for: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date
/// (RFC 9110, section 10.2.3).
fn requested(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let milliseconds = text(headers, "retry-after-ms").and_then(|text| text.parse::<f64>().ok());
    if let Some(milliseconds) = milliseconds {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let after = text(headers, RETRY_AFTER.as_str())?;
    if let Ok(seconds) = after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    httpdate::parse_http_date(after)
        .ok()?
        .duration_since(now)
        .ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A random number from 0 to 1. Without randomness the client waits the full delay.
pub(super) fn jitter() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}

/// A key that names one purchase through all its attempts.
pub(super) fn idempotency_key() -> Result<String, Error> {
    let random = || {
        getrandom::u64().map_err(|error| {
            Error::Invalid(format!("no randomness for an idempotency key: {error}"))
        })
    };
    Ok(format!("farebox-rust-{:016x}{:016x}", random()?, random()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second before the date that the table's `retry-after` names.
    const NOW: u64 = 784_111_776;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).try_into().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[track_caller]
    fn check(attempt: u32, pairs: &[(&'static str, &str)], jitter: f64, milliseconds: u64) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        let delay = delay(attempt, &headers(pairs), now, jitter);
        assert_eq!(delay, Duration::from_millis(milliseconds), "{pairs:?}");
    }

    #[test]
    fn the_delay_doubles_from_half_a_second_to_eight_less_a_quarter_at_random() {
        for (attempt, milliseconds) in [(0, 500), (1, 1000), (3, 4000), (4, 8000), (40, 8000)] {
            check(attempt, &[], 0.0, milliseconds);
            check(attempt, &[], 1.0, milliseconds * 3 / 4);
        }
    }

    #[test]
    fn the_server_says_how_long_to_wait() {
        check(
            0,
            &[("retry-after-ms", "250"), ("retry-after", "3")],
            1.0,
            250,
        );
        check(0, &[("retry-after", "3")], 1.0, 3000);
        check(0, &[("retry-after", "1.5")], 1.0, 1500);
        check(0, &[("retry-after", "60")], 1.0, 60_000);
        check(
            0,
            &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")],
            1.0,
            1000,
        );
    }

    #[test]
    fn an_unreasonable_wish_is_not_followed() {
        let past = "Sun, 06 Nov 1994 08:49:30 GMT";
        for value in ["0", "-1", "61", "NaN", "inf", "soon", past] {
            check(0, &[("retry-after", value)], 0.0, 500);
        }
        check(0, &[("retry-after-ms", "60001")], 0.0, 500);
    }

    #[test]
    fn the_status_decides_unless_the_server_says_so_itself() {
        let worthwhile = |status: u16, pairs: &[(&'static str, &str)]| {
            is_worthwhile(StatusCode::from_u16(status).unwrap(), &headers(pairs))
        };
        for status in [408, 409, 429, 500, 503, 599] {
            assert!(worthwhile(status, &[]), "{status}");
            assert!(
                !worthwhile(status, &[("x-should-retry", "false")]),
                "{status}"
            );
        }
        for status in [301, 400, 401, 403, 404, 422] {
            assert!(!worthwhile(status, &[]), "{status}");
            assert!(
                worthwhile(status, &[("x-should-retry", "true")]),
                "{status}"
            );
        }
    }
}
