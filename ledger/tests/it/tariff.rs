//! Which of a model's prices apply: by date, by hour, by terms.

use ledger::rates::{Card, Price, Tariff, TariffError, Window};
use ledger::{Term, Terms, Timestamp};

use crate::limit::at;
use crate::rates::card;

fn price(from: &str, window: Option<Window>, terms: &[(Term, &str)], rates: &str) -> Price {
    Price {
        valid_from: match from {
            "ever" => Timestamp::from_millis(i64::MIN),
            text => at(text),
        },
        window,
        terms: terms
            .iter()
            .map(|(term, value)| (*term, (*value).to_owned()))
            .collect(),
        card: card(rates),
    }
}

fn tariff(prices: Vec<Price>) -> Tariff {
    Tariff::new("v1".to_owned(), prices).unwrap()
}

fn terms(pairs: &[(Term, &str)]) -> Terms {
    let owned = pairs
        .iter()
        .map(|(term, value)| (*term, (*value).to_owned()));
    owned.collect()
}

fn in_force(tariff: &Tariff, moment: &str) -> Option<Card> {
    tariff.card(at(moment), &Terms::new())
}

const HOURS: fn(u16, u16) -> Option<Window> = |from, until| {
    Some(Window {
        from_minute: from * 60,
        until_minute: until * 60,
        days: Window::DAILY,
    })
};

#[test]
fn a_price_begins_on_its_day() {
    let tariff = tariff(vec![
        price("2026-01-01T00", None, &[], "input=1"),
        price("2026-08-17T00", None, &[], "input=2 output=3"),
    ]);
    assert_eq!(in_force(&tariff, "2025-12-31T23"), None);
    assert_eq!(in_force(&tariff, "2026-01-01T00"), Some(card("input=1")));
    assert_eq!(in_force(&tariff, "2026-08-16T23"), Some(card("input=1")));
    let second = Some(card("input=2 output=3"));
    assert_eq!(in_force(&tariff, "2026-08-17T00"), second);
    assert_eq!(tariff.version(), "v1");
}

/// DeepSeek's, as it published them: half of the peak rate off the peak and at weekends.
#[test]
fn a_price_has_its_hours_and_days() {
    let weekdays = [true, true, true, true, true, false, false];
    let peak = |from, until| {
        HOURS(from, until).map(|window| Window {
            days: weekdays,
            ..window
        })
    };
    let tariff = tariff(vec![
        price("ever", None, &[], "input=0.15 output=0.6"),
        price("ever", peak(1, 4), &[], "input=0.3 output=1.2"),
        price("ever", peak(6, 10), &[], "input=0.3 output=1.2"),
    ]);
    let (low, high) = (card("input=0.15 output=0.6"), card("input=0.3 output=1.2"));
    // 2026-11-23 is a Monday.
    let cases = [
        ("2026-11-23T00", &low),
        ("2026-11-23T01", &high),
        ("2026-11-23T03", &high),
        ("2026-11-23T04", &low),
        ("2026-11-23T06", &high),
        ("2026-11-23T10", &low),
        ("2026-11-27T09", &high),
        ("2026-11-28T09", &low),
        ("2026-11-29T02", &low),
    ];
    for (moment, expected) in cases {
        assert_eq!(
            in_force(&tariff, moment).as_ref(),
            Some(expected),
            "{moment}"
        );
    }
}

#[test]
fn a_window_may_pass_midnight() {
    let friday = [false, false, false, false, true, false, false];
    let night = HOURS(22, 6).map(|window| Window {
        days: friday,
        ..window
    });
    let tariff = tariff(vec![
        price("ever", None, &[], "input=2"),
        price("ever", night, &[], "input=1"),
    ]);
    let cases = [
        ("2026-11-27T21", "input=2"),
        ("2026-11-27T22", "input=1"),
        ("2026-11-28T05", "input=1"),
        ("2026-11-28T06", "input=2"),
        ("2026-11-28T22", "input=2"),
        ("2026-11-27T05", "input=2"),
    ];
    for (moment, expected) in cases {
        assert_eq!(in_force(&tariff, moment), Some(card(expected)), "{moment}");
    }
}

#[test]
fn terms_replace_the_rates_they_have() {
    let tier = |value| [(Term::ServiceTier, value)];
    let tariff = tariff(vec![
        price(
            "ever",
            None,
            &[],
            "input=2.5 cache_read=0.25 output=15 web_search=10",
        ),
        price(
            "ever",
            None,
            &tier("priority"),
            "input=5 cache_read=0.5 output=30",
        ),
        price(
            "2026-06-01T00",
            None,
            &tier("flex"),
            "input=1.25 output=7.5",
        ),
        price(
            "ever",
            None,
            &[(Term::Speed, "fast"), (Term::Geo, "us")],
            "output=99",
        ),
    ]);
    let now = at("2026-11-23T00");
    let with = |pairs: &[(Term, &str)]| tariff.card(now, &terms(pairs)).unwrap();
    assert_eq!(
        with(&tier("priority")),
        card("input=5 cache_read=0.5 output=30 web_search=10")
    );
    assert_eq!(
        with(&tier("flex")),
        card("input=1.25 cache_read=0.25 output=7.5 web_search=10")
    );
    let before = tariff
        .card(at("2026-05-01T00"), &terms(&tier("flex")))
        .unwrap();
    assert_eq!(before, with(&[]));
    assert_eq!(with(&tier("default")), with(&[]));
    // All of its terms, and not one of them.
    assert_eq!(with(&[(Term::Speed, "fast")]), with(&[]));
    let both = with(&[(Term::Speed, "fast"), (Term::Geo, "us")]);
    assert_eq!(
        both,
        card("input=2.5 cache_read=0.25 output=99 web_search=10")
    );

    assert!(tariff.knows(Term::ServiceTier, "priority"));
    assert!(!tariff.knows(Term::ServiceTier, "scale"));
    assert!(!tariff.knows(Term::Speed, "priority"));
}

#[test]
fn what_makes_no_tariff() {
    let new = |version: &str, prices| Tariff::new(version.to_owned(), prices).err();
    let plain = || price("ever", None, &[], "input=1");
    let special = || price("ever", None, &[(Term::Speed, "fast")], "input=2");
    assert_eq!(new("", vec![plain()]), Some(TariffError::NoVersion));
    assert_eq!(new("v", vec![]), Some(TariffError::NoStandard));
    assert_eq!(new("v", vec![special()]), Some(TariffError::NoStandard));
    assert_eq!(
        new("v", vec![plain(), special(), plain()]),
        Some(TariffError::StandardAfterTerms)
    );
    assert_eq!(new("v", vec![plain(), special()]), None);
}
