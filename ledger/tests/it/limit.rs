//! Which stretch of time a spending limit looks at.

use ledger::{Amount, Limit, Period, Spending, Strategy, Timestamp};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Counted day by day, which nobody has to believe an algorithm for. `2024-02-29T13`.
pub(crate) fn at(text: &str) -> Timestamp {
    let number = |part: &str| part.parse::<i64>().unwrap();
    let (date, hour) = text.split_once('T').unwrap();
    let parts: Vec<i64> = date.split('-').map(number).collect();
    let years = (1970..parts[0]).map(|year| (1..=12).map(|month| days(year, month)).sum::<i64>());
    let months = (1..parts[1]).map(|month| days(parts[0], month));
    let day = years.sum::<i64>() + months.sum::<i64>() + parts[2] - 1;
    Timestamp::from_millis(day * DAY + number(hour) * HOUR)
}

fn days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn limit(period: Period, strategy: Strategy) -> Limit {
    Limit {
        amount: Amount::from_nanos(100),
        period,
        strategy,
    }
}

#[test]
fn fixed_windows_are_days_weeks_and_months_of_utc() {
    use Period::{Daily, Monthly, Weekly};
    let cases = [
        (Daily, "2026-11-23T00", "2026-11-23T00", "2026-11-24T00"),
        (Daily, "2026-12-31T23", "2026-12-31T00", "2027-01-01T00"),
        // 2026-11-23 is a Monday.
        (Weekly, "2026-11-23T00", "2026-11-23T00", "2026-11-30T00"),
        (Weekly, "2026-11-22T23", "2026-11-16T00", "2026-11-23T00"),
        (Weekly, "2027-01-01T12", "2026-12-28T00", "2027-01-04T00"),
        (Weekly, "1970-01-05T00", "1970-01-05T00", "1970-01-12T00"),
        (Monthly, "2026-11-30T23", "2026-11-01T00", "2026-12-01T00"),
        (Monthly, "2024-02-29T12", "2024-02-01T00", "2024-03-01T00"),
        (Monthly, "2023-02-28T12", "2023-02-01T00", "2023-03-01T00"),
        (Monthly, "2000-02-29T01", "2000-02-01T00", "2000-03-01T00"),
        (Monthly, "2100-03-01T00", "2100-03-01T00", "2100-04-01T00"),
        (Monthly, "2026-12-31T23", "2026-12-01T00", "2027-01-01T00"),
    ];
    for (period, now, start, end) in cases {
        let limit = limit(period, Strategy::Fixed);
        assert_eq!(limit.window_start(at(now)), at(start), "{period} {now}");
        assert_eq!(limit.frees_at(at(now)), at(end), "{period} {now}");
    }
}

#[test]
fn every_day_of_four_hundred_years_is_in_its_month() {
    let limit = limit(Period::Monthly, Strategy::Fixed);
    let mut start = 0;
    for (year, month) in (1970..2370).flat_map(|year| (1..=12).map(move |month| (year, month))) {
        let end = start + days(year, month) * DAY;
        for now in [start, start + DAY, end - DAY, end - 1] {
            let now = Timestamp::from_millis(now);
            assert_eq!(limit.window_start(now).millis(), start, "{year}-{month}");
            assert_eq!(limit.frees_at(now).millis(), end, "{year}-{month}");
        }
        start = end;
    }
}

#[test]
fn sliding_windows_are_exact_to_the_millisecond() {
    for (period, length) in [
        (Period::Daily, DAY),
        (Period::Weekly, 7 * DAY),
        (Period::Monthly, 30 * DAY),
    ] {
        let limit = limit(period, Strategy::Sliding);
        let spent = at("2026-11-23T07");
        let frees = limit.frees_at(spent);
        assert_eq!(frees.millis() - spent.millis(), length);
        let before = frees.checked_sub_millis(1).unwrap();
        assert!(limit.window_start(before) <= spent, "{period}: it counts");
        assert!(limit.window_start(frees) > spent, "{period}: it has left");
    }
}

#[test]
fn the_ends_of_time_are_no_panic() {
    for (period, strategy) in Period::ALL.iter().flat_map(|period| {
        Strategy::ALL
            .iter()
            .map(move |strategy| (*period, *strategy))
    }) {
        for millis in [i64::MIN, i64::MAX] {
            let now = Timestamp::from_millis(millis);
            let limit = limit(period, strategy);
            assert!(limit.window_start(now) <= now || millis == i64::MIN);
            let _ = limit.frees_at(now);
        }
    }
}

#[test]
fn what_is_free_is_admitted_and_a_lowered_limit_owes() {
    let spending = Spending {
        limit: limit(Period::Daily, Strategy::Fixed),
        settled: Amount::from_nanos(90),
    };
    let nanos = Amount::from_nanos;
    assert_eq!(spending.left(nanos(4)), nanos(6));
    assert!(spending.admits(nanos(4), nanos(6)));
    assert!(!spending.admits(nanos(4), nanos(7)));
    assert_eq!(spending.left(nanos(20)), nanos(-10));
    assert!(spending.admits(nanos(20), Amount::ZERO));
    assert!(!spending.admits(nanos(20), nanos(1)));
}
