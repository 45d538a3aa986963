//! Spending limits: how much usage may cost a customer in a stretch of time, and which stretch that is.
//!
//! Fixed windows are UTC's calendar day, ISO week (from Monday) and calendar month. Sliding ones are the
//! last 24 hours, 7 days and 30 days, to the millisecond (contract: section 1, `spending-limit`).

use crate::amount::Amount;
use crate::id::Timestamp;
use crate::names::named;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

named! {
    /// How long a window is.
    pub enum Period {
        /// A day, or 24 hours.
        Daily = "daily",
        /// A week from Monday on, or 7 days.
        Weekly = "weekly",
        /// A calendar month, or 30 days.
        Monthly = "monthly",
    }
}

named! {
    /// How windows follow each other.
    pub enum Strategy {
        /// One begins where the last one ends, with nothing spent.
        Fixed = "fixed",
        /// Each moment has its own: what was spent leaves it one by one.
        Sliding = "sliding",
    }
}

/// What a customer may spend in a window.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limit {
    /// The most that is settled and held together.
    pub amount: Amount,
    /// How long a window is.
    pub period: Period,
    /// How windows follow each other.
    pub strategy: Strategy,
}

impl Limit {
    /// The first moment whose spending counts at `now`.
    pub fn window_start(&self, now: Timestamp) -> Timestamp {
        let now = now.millis();
        let start = match self.strategy {
            Strategy::Fixed => self.calendar_start(now),
            // What is exactly as old as the window is long has left it.
            Strategy::Sliding => now.saturating_sub(self.length()).saturating_add(1),
        };
        Timestamp::from_millis(start)
    }

    /// The first moment at which what was spent at `at` counts no more.
    pub fn frees_at(&self, at: Timestamp) -> Timestamp {
        let at = at.millis();
        let end = match self.strategy {
            Strategy::Sliding => at.saturating_add(self.length()),
            Strategy::Fixed => {
                let start = self.calendar_start(at);
                match self.period {
                    Period::Daily | Period::Weekly => start.saturating_add(self.length()),
                    // 31 days after a month begins it is the next month, whatever the month.
                    Period::Monthly => month_start(start.saturating_add(DAY.saturating_mul(31))),
                }
            }
        };
        Timestamp::from_millis(end)
    }

    fn length(&self) -> i64 {
        match self.period {
            Period::Daily => DAY,
            Period::Weekly => DAY.saturating_mul(7),
            Period::Monthly => DAY.saturating_mul(30),
        }
    }

    fn calendar_start(&self, at: i64) -> i64 {
        let days = at.div_euclid(DAY);
        match self.period {
            Period::Daily => days.saturating_mul(DAY),
            // The epoch's first day was a Thursday, three days after a Monday.
            Period::Weekly => days
                .saturating_sub(days.saturating_add(3).rem_euclid(7))
                .saturating_mul(DAY),
            Period::Monthly => month_start(at),
        }
    }
}

/// The first moment of the calendar month, by Howard Hinnant's `civil_from_days`
/// (howardhinnant.github.io/date_algorithms.html): years are counted from March, so that the day which a
/// leap year has more is the last.
fn month_start(at: i64) -> i64 {
    let days = at.div_euclid(DAY);
    let day_of_era = days.saturating_add(719_468).rem_euclid(146_097);
    let year_of_era = day_of_era
        .saturating_sub(day_of_era.div_euclid(1460))
        .saturating_add(day_of_era.div_euclid(36_524))
        .saturating_sub(day_of_era.div_euclid(146_096))
        .div_euclid(365);
    let days_before_year = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.div_euclid(4))
        .saturating_sub(year_of_era.div_euclid(100));
    let day_of_year = day_of_era.saturating_sub(days_before_year);
    let month = day_of_year
        .saturating_mul(5)
        .saturating_add(2)
        .div_euclid(153);
    let days_before_month = month.saturating_mul(153).saturating_add(2).div_euclid(5);
    let day_of_month = day_of_year.saturating_sub(days_before_month);
    days.saturating_sub(day_of_month).saturating_mul(DAY)
}

/// A customer's limit and what counts against it at the moment for which it was loaded.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spending {
    /// The limit.
    pub limit: Limit,
    /// Usage that was debited in the window.
    pub settled: Amount,
}

impl Spending {
    /// What may still be held beside what is; below zero where the limit was lowered since.
    pub fn left(&self, held: Amount) -> Amount {
        let left = self.limit.amount.checked_sub(self.settled);
        left.and_then(|left| left.checked_sub(held))
            .unwrap_or(Amount::from_nanos(i64::MIN))
    }

    /// Whether the amount may be held or debited beside what is held. What is free always may.
    pub fn admits(&self, held: Amount, amount: Amount) -> bool {
        !amount.is_positive() || amount <= self.left(held)
    }

    /// The same with one debit more; `None` where the sum does not fit.
    pub(crate) fn with_settled(self, amount: Amount) -> Option<Self> {
        let settled = self.settled.checked_add(amount)?;
        Some(Self { settled, ..self })
    }
}
