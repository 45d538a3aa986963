//! A gateway's own rate limit (contract: section 4.5): so many calls in so many seconds, on all nodes together.
//!
//! Calls are counted by slices of time. A fixed window is one slice. A sliding one has 600, each of which counts
//! until all of it is out of the window: never are there more calls than may be in any such time, and one that
//! comes back after `Retry-After` finds room.

use http::StatusCode;
use ledger::Timestamp;

use crate::app::App;
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::store::gateways::{Settings, Technique};
use crate::store::rates::{self, Admission, Slice};

/// Into how many slices a sliding window is cut.
const SLICES: i64 = 600;

/// Lets the call through, where its gateway takes another one now. Everything that comes this far counts,
/// whatever becomes of it.
///
/// # Errors
/// [`codes::RATE_LIMITED`] with when there will be room.
pub async fn admit(app: &App, call: &Call) -> Result<(), ProxyError> {
    let settings = &call.gateway.settings;
    let Some(window) = Window::of(settings, call.at) else {
        return Ok(());
    };
    let (db, gateway) = (&app.store.db, call.gateway.seq);
    let limit = settings.rate_limiting_limit;
    if rates::admit(db, &window.admission(gateway, limit)).await? {
        return Ok(());
    }
    let counted = rates::slices(db, gateway, window.since()).await?;
    Err(refused(settings, window.wait(&counted, limit)))
}

fn refused(settings: &Settings, millis: i64) -> ProxyError {
    let message = format!(
        "Rate limited: this gateway takes {} calls in {} seconds. Send the call again after the seconds in \
         Retry-After.",
        settings.rate_limiting_limit, settings.rate_limiting_interval
    );
    let seconds = u64::try_from(millis).unwrap_or_default().div_ceil(1000);
    let error = ProxyError::new(StatusCode::TOO_MANY_REQUESTS, codes::RATE_LIMITED, message);
    error.after(seconds.max(1))
}

/// The time in which calls are counted together. In milliseconds.
#[derive(Clone, Copy, Debug)]
struct Window {
    now: i64,
    length: i64,
    /// How long a slice is.
    width: i64,
    slides: bool,
}

impl Window {
    /// The window that `now` is in; none where calls aren't limited.
    fn of(settings: &Settings, now: Timestamp) -> Option<Self> {
        let length = settings.rate_limiting_interval.saturating_mul(1000);
        if settings.rate_limiting_limit <= 0 || length <= 0 {
            return None;
        }
        let slides = settings.rate_limiting_technique == Technique::Sliding;
        let width = if slides { length / SLICES } else { length };
        Some(Self {
            now: now.millis(),
            length,
            width,
            slides,
        })
    }

    /// Where the slice begins that is now.
    fn slice(&self) -> i64 {
        self.now.saturating_sub(self.now.rem_euclid(self.width))
    }

    /// The first beginning of a slice that counts now.
    fn since(&self) -> i64 {
        match self.slides {
            true => self.now - self.length - self.width + 1,
            false => self.slice(),
        }
    }

    /// When a slice will count no more.
    fn gone_at(&self, slice: i64) -> i64 {
        let slides = if self.slides { self.width } else { 0 };
        slice.saturating_add(self.length).saturating_add(slides)
    }

    fn admission(&self, gateway: i64, limit: i64) -> Admission {
        Admission {
            gateway,
            slice: self.slice(),
            since: self.since(),
            gone_at: self.gone_at(self.slice()),
            limit,
        }
    }

    /// How long until so many of the calls are gone that there is room for one.
    fn wait(&self, counted: &[Slice], limit: i64) -> i64 {
        let mut left: i64 = counted.iter().map(|slice| slice.calls).sum();
        for slice in counted {
            left = left.saturating_sub(slice.calls);
            if left < limit {
                return self.gone_at(slice.start).saturating_sub(self.now);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn window(technique: Technique, seconds: i64, now: i64) -> Window {
        let settings = Settings {
            rate_limiting_limit: 1,
            rate_limiting_interval: seconds,
            rate_limiting_technique: technique,
            ..Settings::default()
        };
        Window::of(&settings, Timestamp::from_millis(now)).unwrap()
    }

    /// A call counts for exactly as long as its slice says that it does.
    #[test]
    fn a_slice_counts_until_it_is_gone() {
        for technique in [Technique::Fixed, Technique::Sliding] {
            for seconds in [1, 7, 60, 3600, 86_400] {
                let at = 1_800_000_000_123;
                let slice = window(technique, seconds, at).slice();
                let gone = window(technique, seconds, at).gone_at(slice);
                assert!(slice <= at && at < gone);
                assert!(window(technique, seconds, gone - 1).since() <= slice);
                assert!(window(technique, seconds, gone).since() > slice);
                if technique == Technique::Sliding {
                    let late = gone - (at + seconds * 1000);
                    assert!((0..=seconds * 1000 / SLICES).contains(&late), "{late}");
                }
            }
        }
    }

    #[test]
    fn the_wait_is_until_there_is_room() {
        let slice = |start, calls| Slice { start, calls };
        let counted = [slice(1000, 2), slice(2000, 1), slice(30_000, 2)];
        let window = window(Technique::Sliding, 60, 40_000);
        assert_eq!(window.wait(&counted, 5), 61_100 - 40_000);
        // As many as may was lowered.
        assert_eq!(window.wait(&counted, 3), 62_100 - 40_000);
        assert_eq!(window.wait(&counted, 2), 90_100 - 40_000);
        assert_eq!(window.wait(&[], 2), 0);
    }

    #[test]
    fn without_a_limit_or_a_time_nothing_is_counted() {
        let now = Timestamp::from_millis(0);
        for (limit, interval) in [(0, 60), (60, 0), (0, 0)] {
            let settings = Settings {
                rate_limiting_limit: limit,
                rate_limiting_interval: interval,
                ..Settings::default()
            };
            assert!(Window::of(&settings, now).is_none());
        }
    }
}
