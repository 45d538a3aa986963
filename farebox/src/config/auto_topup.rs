//! `[auto_topup]`

use std::time::Duration;

use super::reader::Reader;

/// How accounts top themselves up.
#[derive(Debug, Clone, Copy)]
pub struct AutoTopupConfig {
    /// How long after one has started the next may.
    pub cool_down: Duration,
    /// How long after one has failed the next may start.
    pub retry_after: Duration,
    /// How often all accounts are looked at.
    pub sweep: Duration,
    /// The most in a day.
    pub day: Ceiling,
    /// The most in a month.
    pub month: Ceiling,
}

/// The most that an account buys automatically in a stretch of time.
#[derive(Debug, Clone, Copy)]
pub struct Ceiling {
    /// The credit, in cents.
    pub cents: i64,
    /// How many top-ups.
    pub count: i64,
}

/// The largest ceiling, in cents: a hundred of the largest charges that Stripe takes.
const CENTS_MAX: i64 = 9_999_999_900;

impl AutoTopupConfig {
    /// `smallest` is the smallest top-up, in cents.
    pub(super) fn read(reader: &mut Reader, smallest: i64) -> Self {
        let config = Self {
            cool_down: reader.seconds("auto_topup.cool_down_seconds", 10..=86_400),
            retry_after: reader.seconds("auto_topup.retry_after_seconds", 600..=604_800),
            sweep: reader.seconds("auto_topup.sweep_seconds", 5..=3600),
            day: Ceiling {
                cents: reader.number("auto_topup.day_max_cents", 1000..=CENTS_MAX),
                count: reader.number("auto_topup.day_max_count", 0..=1000),
            },
            month: Ceiling {
                cents: reader.number("auto_topup.month_max_cents", 1000..=CENTS_MAX),
                count: reader.number("auto_topup.month_max_count", 0..=10_000),
            },
        };
        let wrong = "a month's is smaller than a day's";
        if config.month.cents < config.day.cents {
            let instead = "raise it or lower auto_topup.day_max_cents";
            reader.fail("auto_topup.month_max_cents", wrong, instead);
        }
        if config.month.count < config.day.count {
            let instead = "raise it or lower auto_topup.day_max_count";
            reader.fail("auto_topup.month_max_count", wrong, instead);
        }
        if config.day.cents < smallest {
            let wrong = "not even the smallest top-up could be made";
            let instead =
                "raise it to topup.min_cents, or set auto_topup.day_max_count to 0 to have none";
            reader.fail("auto_topup.day_max_cents", wrong, instead);
        }
        config
    }
}
