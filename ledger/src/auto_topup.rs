//! Automatic top-ups: whether one may start now, and what the end of one means for the next.
//!
//! Pure functions over facts that were read in one transaction, in which the top-up is then written
//! down. They never look at a card: whether it can be charged is Stripe's to say. What a payment at
//! Stripe means is decided in [`crate::topup`], as for every top-up.

use crate::amount::Amount;
use crate::id::Timestamp;
use crate::limit::{Limit, Period, Strategy};
use crate::names::named;
use crate::topup::CloseReason;

/// After how many failures in a row nothing is tried any more until the customer acts. The card
/// networks fine whoever charges a card again and again that says no.
pub const FAILURES_MAX: i64 = 3;

/// Stripe's word for a charge that the issuer takes only from a cardholder who is there.
pub const AUTHENTICATION_REQUIRED: &str = "authentication_required";

named! {
    /// Why an account does not top itself up just now: `disabledReason` on the wire.
    pub enum Reason {
        /// The card was declined.
        PaymentFailed = "payment_failed",
        /// The issuer wants the cardholder, who isn't there.
        AuthenticationRequired = "authentication_required",
        /// There is no card.
        NoPaymentMethod = "no_payment_method",
        /// A payment is disputed.
        Dispute = "dispute",
        /// A payment was refunded.
        Refund = "refund",
        /// As much was bought as the operator allows in a day or a month.
        Limit = "limit",
    }
}

impl Reason {
    /// Whether another card mends it.
    pub const fn is_about_the_card(self) -> bool {
        match self {
            Self::PaymentFailed | Self::AuthenticationRequired | Self::NoPaymentMethod => true,
            Self::Dispute | Self::Refund | Self::Limit => false,
        }
    }
}

/// What was bought in a stretch of time, or may be.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Volume {
    /// The credit, in cents.
    pub cents: i64,
    /// How many top-ups.
    pub count: i64,
}

/// What the operator allows.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// How long after one has started the next may, in milliseconds.
    pub cool_down_millis: i64,
    /// How long after one has failed the next may start, in milliseconds.
    pub retry_after_millis: i64,
    /// The most in a calendar day of UTC.
    pub daily: Volume,
    /// The most in a calendar month of UTC.
    pub monthly: Volume,
}

/// How things stand with an account that has set when to top up.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// What a hold could be made of.
    pub available: Amount,
    /// Below this a top-up starts, in cents.
    pub threshold_cents: i64,
    /// What it buys, in cents.
    pub amount_cents: i64,
    /// Whether a dispute or a refund forbids it.
    pub is_paused: bool,
    /// Whether the customer has to act before another attempt.
    pub is_off: bool,
    /// Whether one has started and nobody knows yet how it ends.
    pub is_under_way: bool,
    /// When the last one started, whatever has become of it.
    pub last_started_at: Option<Timestamp>,
    /// Before when the last end of one forbids the next.
    pub retry_at: Option<Timestamp>,
    /// Bought since the day began: all that have started and were not closed.
    pub today: Volume,
    /// The same since the month began.
    pub this_month: Volume,
}

/// Whether a top-up starts now, and why not.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It does.
    Start,
    /// There is enough.
    Enough,
    /// A dispute or a refund forbids it.
    Paused,
    /// The customer has to act first.
    Off,
    /// Another one has to end first.
    UnderWay,
    /// Not before this moment.
    Later(Timestamp),
    /// As much was bought as is allowed in this period, which ends at that moment.
    Limit(Period, Timestamp),
}

/// Whether a top-up starts `now`.
pub fn decide(facts: &Facts, rules: &Rules, now: Timestamp) -> Decision {
    if !is_low(facts) {
        return Decision::Enough;
    }
    if facts.is_paused {
        return Decision::Paused;
    }
    if facts.is_off {
        return Decision::Off;
    }
    if facts.is_under_way {
        return Decision::UnderWay;
    }
    let cooled_down = facts
        .last_started_at
        .map(|at| later(at, rules.cool_down_millis));
    if let Some(earliest) = cooled_down.max(facts.retry_at).filter(|at| now < *at) {
        return Decision::Later(earliest);
    }
    // The month first, because it lasts longer.
    for (period, bought, most) in [
        (Period::Monthly, facts.this_month, rules.monthly),
        (Period::Daily, facts.today, rules.daily),
    ] {
        if passes(bought, facts.amount_cents, most) {
            return Decision::Limit(period, window(period).frees_at(now));
        }
    }
    Decision::Start
}

fn is_low(facts: &Facts) -> bool {
    // A threshold that is no amount is above everything that there can be.
    Amount::from_cents(facts.threshold_cents).is_none_or(|threshold| facts.available < threshold)
}

/// Whether one more top-up would pass the most that is allowed.
fn passes(bought: Volume, cents: i64, most: Volume) -> bool {
    bought.count >= most.count || bought.cents.saturating_add(cents) > most.cents
}

/// When the calendar day and the calendar month began that `now` is in.
pub fn day_and_month(now: Timestamp) -> (Timestamp, Timestamp) {
    let start = |period| window(period).window_start(now);
    (start(Period::Daily), start(Period::Monthly))
}

/// A calendar period of UTC.
const fn window(period: Period) -> Limit {
    Limit {
        amount: Amount::ZERO,
        period,
        strategy: Strategy::Fixed,
    }
}

fn later(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(millis))
}

/// How one has ended that brought no credit.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// For a reason that is the customer's to mend.
    Failed(Reason),
    /// Stripe was down, the process died, somebody voided the invoice: nobody has said no.
    Interrupted,
}

/// What the close of a top-up says about the customer's card, given the reason for the last decline.
pub fn outcome(reason: CloseReason, declined: Option<&str>) -> Outcome {
    match (reason, declined) {
        (CloseReason::Declined, Some(AUTHENTICATION_REQUIRED)) => {
            Outcome::Failed(Reason::AuthenticationRequired)
        }
        (CloseReason::Declined, _) => Outcome::Failed(Reason::PaymentFailed),
        (CloseReason::Voided | CloseReason::Uncollectible | CloseReason::Abandoned, _) => {
            Outcome::Interrupted
        }
    }
}

/// How the last ones have gone, since one succeeded or the customer acted.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Failures in a row.
    pub failures: i64,
    /// Interruptions since the last failure.
    pub interruptions: i64,
    /// Whether there were too many failures for another attempt.
    pub is_off: bool,
    /// Before when none may start.
    pub retry_at: Option<Timestamp>,
}

impl Record {
    /// The record after one more has ended at `now`.
    #[must_use]
    pub fn after(self, outcome: Outcome, rules: &Rules, now: Timestamp) -> Self {
        match outcome {
            Outcome::Failed(_) => {
                let failures = self.failures.saturating_add(1);
                Self {
                    failures,
                    interruptions: 0,
                    is_off: failures >= FAILURES_MAX,
                    retry_at: Some(later(now, rules.retry_after_millis)),
                }
            }
            Outcome::Interrupted => Self {
                interruptions: self.interruptions.saturating_add(1),
                retry_at: Some(later(now, self.patience_millis(rules))),
                ..self
            },
        }
    }

    /// How long to wait after one more interruption: each time twice as long, because what lasts would
    /// otherwise leave a void invoice behind every minute.
    fn patience_millis(self, rules: &Rules) -> i64 {
        let doublings = u32::try_from(self.interruptions.clamp(0, 32)).unwrap_or(0);
        let doubled = 2i64.saturating_pow(doublings);
        let wait = rules.cool_down_millis.saturating_mul(doubled);
        wait.min(rules.retry_after_millis.max(rules.cool_down_millis))
    }
}
