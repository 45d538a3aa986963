//! What an account has used, hour by hour or day by day (contract: section 1, `GET usage-history`).

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Cents, UsageHistory, UsageWindow};
use ledger::{AccountId, Amount, Timestamp};

use crate::app::App;
use crate::billing::BillingError;
use crate::store::usage;

/// The most windows in one answer: six weeks of hours, almost three years of days.
pub const WINDOWS_MAX: i64 = 1000;

/// How usage is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// By hours that begin with minute 0.
    Hour,
    /// By days of UTC.
    Day,
}

impl Grouping {
    const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// How many windows there are where nobody says since when.
    const fn usual_count(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
        }
    }
}

/// Why a span of time can't be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanFault {
    /// It ends before it begins, or as it begins.
    Empty,
    /// It has so many windows.
    TooLong(i64),
}

/// Whole windows, one after the other. They are numbered from the epoch, so that a window is the same
/// one whoever asks for it and however the span around it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    grouping: Grouping,
    first: i64,
    end: i64,
}

impl Windows {
    /// The windows that `start` (inclusive) to `end` (exclusive) touches, both in milliseconds since the
    /// epoch and not below zero. Without `end` it is up to and with the running window; without
    /// `start`, the last 24 hours or 30 days of that.
    ///
    /// # Errors
    /// [`SpanFault`].
    pub fn new(
        grouping: Grouping,
        start: Option<i64>,
        end: Option<i64>,
        now: Timestamp,
    ) -> Result<Self, SpanFault> {
        let size = grouping.millis();
        let until = end.unwrap_or(now.millis().saturating_add(1));
        if start.is_some_and(|start| start >= until) || until <= 0 {
            return Err(SpanFault::Empty);
        }
        let end = (until - 1).div_euclid(size) + 1;
        let usual = (end - grouping.usual_count()).max(0);
        let first = start.map_or(usual, |start| start.div_euclid(size));
        if end - first > WINDOWS_MAX {
            return Err(SpanFault::TooLong(end - first));
        }
        Ok(Self {
            grouping,
            first,
            end,
        })
    }

    fn begin(&self, window: i64) -> Timestamp {
        Timestamp::from_millis(window * self.grouping.millis())
    }

    /// Every window with its sum, oldest first; those without usage have zero.
    fn fill(&self, sums: &BTreeMap<i64, Amount>) -> Vec<UsageWindow> {
        let windows = self.first..self.end;
        let filled = windows.map(|window| {
            let sum = sums.get(&window).copied().unwrap_or_default();
            let begin = self.begin(window).secs();
            UsageWindow {
                id: format!("usage_{}_{begin}", self.grouping.name()),
                aggregated_value: Cents::from_nanos(sum.nanos()),
                start_time: begin,
                end_time: self.begin(window + 1).secs(),
            }
        });
        filled.collect()
    }
}

/// The account's usage in each of the windows.
///
/// # Errors
/// [`BillingError::Store`].
pub async fn usage_history(
    app: &Arc<App>,
    account: AccountId,
    windows: &Windows,
) -> Result<UsageHistory, BillingError> {
    let (start, end) = (windows.begin(windows.first), windows.begin(windows.end));
    let size = windows.grouping.millis();
    let sums = usage::by_window(&app.store.db, account, size, start, end).await?;
    Ok(UsageHistory {
        history: windows.fill(&sums.into_iter().collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 86_400_000;
    /// 2023-11-14, 22:13:20 UTC.
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn span(
        grouping: Grouping,
        start: Option<i64>,
        end: Option<i64>,
    ) -> Result<(i64, i64), SpanFault> {
        Windows::new(grouping, start, end, NOW).map(|windows| (windows.first, windows.end))
    }

    #[test]
    fn without_times_it_is_up_to_the_running_window() {
        let hour = NOW.millis() / HOUR;
        assert_eq!(span(Grouping::Hour, None, None), Ok((hour - 23, hour + 1)));
        let day = NOW.millis() / DAY;
        assert_eq!(span(Grouping::Day, None, None), Ok((day - 29, day + 1)));
    }

    #[test]
    fn the_start_is_inclusive_and_the_end_exclusive() {
        for (start, end, expected) in [
            (10 * HOUR, 12 * HOUR, Ok((10, 12))),
            (10 * HOUR, 12 * HOUR + 1, Ok((10, 13))),
            (11 * HOUR - 1, 12 * HOUR, Ok((10, 12))),
            (10 * HOUR, 10 * HOUR + 1, Ok((10, 11))),
            (0, 1, Ok((0, 1))),
            (0, 0, Err(SpanFault::Empty)),
            (12 * HOUR, 12 * HOUR, Err(SpanFault::Empty)),
            (12 * HOUR, 11 * HOUR, Err(SpanFault::Empty)),
            (0, WINDOWS_MAX * HOUR, Ok((0, WINDOWS_MAX))),
            (
                0,
                WINDOWS_MAX * HOUR + 1,
                Err(SpanFault::TooLong(WINDOWS_MAX + 1)),
            ),
        ] {
            let found = span(Grouping::Hour, Some(start), Some(end));
            assert_eq!(found, expected, "{start} to {end}");
        }
    }

    #[test]
    fn one_time_alone_is_completed_by_the_other() {
        assert_eq!(span(Grouping::Day, None, Some(40 * DAY)), Ok((10, 40)));
        assert_eq!(
            span(Grouping::Day, None, Some(3 * DAY)),
            Ok((0, 3)),
            "not before the epoch"
        );
        let today = NOW.millis() / DAY;
        let yesterday = Some((today - 1) * DAY);
        assert_eq!(
            span(Grouping::Day, yesterday, None),
            Ok((today - 1, today + 1))
        );
    }

    #[test]
    fn windows_without_usage_are_there_and_zero() {
        let windows = Windows::new(Grouping::Hour, Some(0), Some(3 * HOUR), NOW).unwrap();
        let filled = windows.fill(&BTreeMap::from([(1, Amount::from_nanos(25_000_000))]));
        let values: Vec<_> = filled
            .iter()
            .map(|one| one.aggregated_value.to_string())
            .collect();
        assert_eq!(values, ["0", "2.5", "0"]);
        let times: Vec<_> = filled
            .iter()
            .map(|one| (one.start_time, one.end_time))
            .collect();
        assert_eq!(times, [(0, 3600), (3600, 7200), (7200, 10800)]);
        assert_eq!(filled[1].id, "usage_hour_3600");
    }
}
