//! What a balance pays for, held against the charge itself.

use ledger::rates::{Card, ChargeError, Markup, Rate, affordable, charge, dearest};
use ledger::{Amount, Basis, Unit, Usage};

use crate::generate::Random;
use crate::rates::{card, usage};

#[test]
fn the_last_affordable_token_can_be_bought() {
    let card = card("input=2.5 output=10");
    let afford = |used: &str, nanos| {
        let budget = Amount::from_nanos(nanos);
        affordable(&card, &usage(used), Unit::Output, budget, Markup::NONE).unwrap()
    };
    // A token of output is 10,000 nanos, one of input 2,500.
    assert_eq!(afford("input=100", 250_000), Some(0));
    assert_eq!(afford("input=100", 259_999), Some(0));
    assert_eq!(afford("input=100", 260_000), Some(1));
    assert_eq!(afford("input=100", 249_999), None);
    assert_eq!(afford("", 0), Some(0));
    assert_eq!(afford("", -1), None);
}

#[test]
fn what_is_free_is_bought_without_end() {
    let free = card("input=0 output=0");
    let afford = |card: &Card, percent| {
        let markup = Markup::parse(percent).unwrap();
        affordable(card, &usage("input=5"), Unit::Output, Amount::ZERO, markup)
    };
    assert_eq!(afford(&free, "0"), Ok(Some(u64::MAX)));
    assert_eq!(
        afford(&card("input=1 output=1"), "-100"),
        Ok(Some(u64::MAX))
    );
    assert_eq!(
        afford(&card("input=1"), "0"),
        Err(ChargeError::NoRate(Unit::Output))
    );
}

/// One token more must cost more than the budget, and so many no more, whatever the rates.
#[test]
fn no_more_and_no_less_than_a_budget_pays() {
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let rates = [Unit::Input, Unit::CacheRead, Unit::Output];
        let card = Card::new(rates.map(|unit| (unit, Rate::flat(random.below(1 << 40)))));
        let used = Usage::new(Basis::Estimated).with(&[
            (Unit::Input, random.below(1 << 20)),
            (Unit::CacheRead, random.below(1 << 20)),
        ]);
        let percent = i64::try_from(random.below(300)).unwrap() - 99;
        let markup = Markup::parse(&percent.to_string()).unwrap();
        let nanos = i64::try_from(random.below(1 << 50)).unwrap();
        let budget = Amount::from_nanos(nanos);
        let cost = |output| {
            let used = used.clone().with(&[(Unit::Output, output)]);
            charge(&card, &used, markup).unwrap().amount
        };
        match affordable(&card, &used, Unit::Output, budget, markup).unwrap() {
            None => assert!(cost(0) > budget, "seed {seed}"),
            Some(u64::MAX) => assert_eq!(cost(1 << 20), cost(0), "seed {seed}"),
            Some(most) => {
                assert!(cost(most) <= budget, "seed {seed}");
                assert!(cost(most + 1) > budget, "seed {seed}");
            }
        }
    }
}

#[test]
fn the_dearest_of_what_may_happen() {
    let card = card("input=3@200000:6 cache_read=0.3 cache_write_5m=3.75");
    let units = [Unit::CacheRead, Unit::Input, Unit::CacheWrite5m];
    assert_eq!(dearest(&card, &units, 10), Ok(Unit::CacheWrite5m));
    assert_eq!(dearest(&card, &units, 200_001), Ok(Unit::Input));
    assert_eq!(
        dearest(&card, &[Unit::Input, Unit::CacheWrite1h], 10),
        Err(ChargeError::NoRate(Unit::CacheWrite1h))
    );
    assert!(dearest(&card, &[], 10).is_err());
}
