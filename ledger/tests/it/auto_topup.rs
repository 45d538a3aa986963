//! When an account tops itself up, as text tables.

use ledger::auto_topup::{
    FAILURES_MAX, Facts, Outcome, Reason, Record, Rules, Volume, day_and_month, decide, outcome,
};
use ledger::topup::CloseReason;
use ledger::{Amount, Timestamp};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// 2026-11-24 12:00 UTC.
const NOW: i64 = 1_795_521_600_000;

const RULES: Rules = Rules {
    cool_down_millis: MINUTE,
    retry_after_millis: HOUR,
    daily: Volume {
        cents: 10_000,
        count: 3,
    },
    monthly: Volume {
        cents: 50_000,
        count: 20,
    },
};

/// `start`, `retry`: by how many seconds before (-) or after now the last one started, and none may.
/// `today`, `month`: cents in so many top-ups. Amount 5000, threshold 1000.
const TABLE: &str = "
    available    what      start  retry  today     month      | decision

    # It is the threshold that starts it, to the last nano.
    999.9999999  -         -      -      0/0       0/0        | start
    1000         -         -      -      0/0       0/0        | enough
    1000.0000001 -         -      -      0/0       0/0        | enough
    0            -         -      -      0/0       0/0        | start
    -20          -         -      -      0/0       0/0        | start

    # What forbids it, in the order in which it is told.
    1000         paused    -      -      0/0       0/0        | enough
    0            paused    -      -      0/0       0/0        | paused
    0            off       -      -      0/0       0/0        | off
    0            under_way -      -      0/0       0/0        | under_way
    0            under_way -5     -      10000/3   50000/20   | under_way

    # Not at once after another, and not at once after a failure.
    0            -         -59    -      5000/1    5000/1     | later +1
    0            -         -60    -      5000/1    5000/1     | start
    0            -         -      +1     0/0       0/0        | later +1
    0            -         -      0      0/0       0/0        | start
    0            -         -10    +5     0/0       0/0        | later +50
    0            -         -10    +500   0/0       0/0        | later +500
    # Another node's clock is ahead.
    0            -         +5     -      0/0       0/0        | later +65

    # Ceilings: the next one must fit as a whole.
    0            -         -      -      5000/1    5000/1     | start
    0            -         -      -      5001/1    5001/1     | limit daily
    0            -         -      -      2000/2    2000/2     | start
    0            -         -      -      2000/3    2000/3     | limit daily
    0            -         -      -      0/0       45000/9    | start
    0            -         -      -      0/0       45001/9    | limit monthly
    0            -         -      -      0/0       20000/20   | limit monthly
    0            -         -      -      10000/3   50000/20   | limit monthly
    0            -         -10    -      10000/3   50000/20   | later +50
";

fn seconds(word: &str) -> Option<Timestamp> {
    let seconds: i64 = word.parse().ok()?;
    Some(Timestamp::from_millis(NOW + seconds * 1000))
}

fn volume(word: &str) -> Volume {
    let (cents, count) = word.split_once('/').unwrap();
    Volume {
        cents: cents.parse().unwrap(),
        count: count.parse().unwrap(),
    }
}

fn facts(words: &[&str]) -> Facts {
    Facts {
        available: words[0].parse().unwrap(),
        threshold_cents: 1000,
        amount_cents: 5000,
        is_paused: words[1] == "paused",
        is_off: words[1] == "off",
        is_under_way: words[1] == "under_way",
        last_started_at: seconds(words[2]),
        retry_at: seconds(words[3]),
        today: volume(words[4]),
        this_month: volume(words[5]),
    }
}

fn told(facts: &Facts) -> String {
    use ledger::auto_topup::Decision::{Enough, Later, Limit, Off, Paused, Start, UnderWay};
    match decide(facts, &RULES, Timestamp::from_millis(NOW)) {
        Start => "start".to_owned(),
        Enough => "enough".to_owned(),
        Paused => "paused".to_owned(),
        Off => "off".to_owned(),
        UnderWay => "under_way".to_owned(),
        Later(at) => format!("later +{}", (at.millis() - NOW) / 1000),
        Limit(period, _) => format!("limit {period}"),
    }
}

#[test]
fn it_starts_when_it_should_and_not_otherwise() {
    let mut cases = 0;
    for line in TABLE.lines().filter(|line| !line.trim().starts_with('#')) {
        let Some((conditions, expected)) = line.split_once('|') else {
            continue;
        };
        let words: Vec<&str> = conditions.split_whitespace().collect();
        if words[0] == "available" {
            continue;
        }
        assert_eq!(told(&facts(&words)), expected.trim(), "{line}");
        cases += 1;
    }
    assert_eq!(cases, 26, "the table was not read");
}

#[test]
fn a_limit_ends_with_its_day_or_its_month() {
    let (day, month) = day_and_month(Timestamp::from_millis(NOW));
    assert_eq!(day.millis(), NOW - 12 * HOUR);
    assert_eq!(month.millis(), NOW - 23 * DAY - 12 * HOUR);
    let until = |today: &str, this_month: &str| {
        let facts = facts(&["0", "-", "-", "-", today, this_month]);
        match decide(&facts, &RULES, Timestamp::from_millis(NOW)) {
            ledger::auto_topup::Decision::Limit(_, until) => until.millis() - NOW,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(until("10000/3", "10000/3"), 12 * HOUR, "tomorrow");
    assert_eq!(until("0/0", "50000/9"), 6 * DAY + 12 * HOUR, "in December");
}

#[test]
fn a_threshold_that_no_balance_reaches_and_the_ends_of_time_are_no_panic() {
    for (threshold_cents, millis) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
        let at = Timestamp::from_millis(millis);
        let facts = Facts {
            available: Amount::from_nanos(millis),
            threshold_cents,
            last_started_at: Some(at),
            retry_at: Some(at),
            today: Volume {
                cents: i64::MAX,
                count: i64::MAX,
            },
            ..facts(&["0", "-", "-", "-", "0/0", "0/0"])
        };
        let _ = decide(&facts, &RULES, at);
        let full = Record {
            failures: i64::MAX,
            interruptions: i64::MAX,
            ..Record::default()
        };
        for ended in [Outcome::Interrupted, Outcome::Failed(Reason::PaymentFailed)] {
            let _ = full.after(ended, &RULES, at);
        }
    }
}

#[test]
fn what_a_close_says_about_the_card() {
    use CloseReason::{Abandoned, Declined, Uncollectible, Voided};
    use Outcome::{Failed, Interrupted};
    for (reason, declined, expected) in [
        (
            Declined,
            Some("insufficient_funds"),
            Failed(Reason::PaymentFailed),
        ),
        (Declined, None, Failed(Reason::PaymentFailed)),
        (
            Declined,
            Some("authentication_required"),
            Failed(Reason::AuthenticationRequired),
        ),
        (Voided, None, Interrupted),
        (Uncollectible, None, Interrupted),
        (Abandoned, None, Interrupted),
    ] {
        assert_eq!(outcome(reason, declined), expected, "{reason} {declined:?}");
    }
}

/// What follows on the events of a line, one after the other: after how many seconds it may be tried
/// again, or that it is off.
#[test]
fn failures_turn_it_off_and_interruptions_wait_longer_each_time() {
    for (events, expected) in [
        ("f", "3600"),
        ("ff", "3600"),
        ("fff", "off"),
        ("i", "60"),
        ("ii", "120"),
        ("iii", "240"),
        ("iiiiiii", "3600"),
        ("iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii", "3600"),
        ("fi", "60"),
        // What is interrupted says nothing about the card: the failures before it still count.
        ("fifif", "off"),
        ("iif", "3600"),
        ("iifi", "60"),
    ] {
        let now = Timestamp::from_millis(NOW);
        let record = events
            .chars()
            .fold(Record::default(), |record, event| match event {
                'f' => record.after(Outcome::Failed(Reason::PaymentFailed), &RULES, now),
                _ => record.after(Outcome::Interrupted, &RULES, now),
            });
        let waits = record.retry_at.unwrap().millis() - NOW;
        let told = match record.is_off {
            true => "off".to_owned(),
            false => (waits / 1000).to_string(),
        };
        assert_eq!(told, expected, "{events}");
    }
    assert_eq!(FAILURES_MAX, 3);
}

#[test]
fn names_and_what_another_card_mends() {
    let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(
        names,
        [
            "payment_failed",
            "authentication_required",
            "no_payment_method",
            "dispute",
            "refund",
            "limit"
        ]
    );
    let about_the_card = |reason: &&Reason| reason.is_about_the_card();
    assert_eq!(Reason::ALL.iter().filter(about_the_card).count(), 3);
}
