//! A model's prices over time, and which of them apply to a call.

use std::fmt;

use crate::id::Timestamp;
use crate::rates::rate::Card;
use crate::usage::{Term, Terms};

const MINUTE: i64 = 60_000;
const MINUTES_PER_DAY: i64 = 1440;

/// When in the week a price applies, in UTC.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// The first minute of the day, from 0.
    pub from_minute: u16,
    /// The first minute after it, up to 1440. At or before `from_minute` it is one of the next day.
    pub until_minute: u16,
    /// On which days the window may begin, from Monday.
    pub days: [bool; 7],
}

impl Window {
    /// Every day of the week.
    pub const DAILY: [bool; 7] = [true; 7];

    fn contains(&self, at: Timestamp) -> bool {
        let minutes = at.millis().div_euclid(MINUTE);
        let day = minutes.div_euclid(MINUTES_PER_DAY);
        let minute = minutes.rem_euclid(MINUTES_PER_DAY);
        let (from, until) = (i64::from(self.from_minute), i64::from(self.until_minute));
        if from < until {
            return self.begins_on(day) && (from..until).contains(&minute);
        }
        let yesterday = day.saturating_sub(1);
        (minute >= from && self.begins_on(day)) || (minute < until && self.begins_on(yesterday))
    }

    /// The epoch's first day was a Thursday, three days after a Monday.
    fn begins_on(&self, day: i64) -> bool {
        let weekday = usize::try_from(day.saturating_add(3).rem_euclid(7)).ok();
        let begins = weekday.and_then(|weekday| self.days.get(weekday));
        begins.copied().unwrap_or_default()
    }
}

/// A list of rates with when, and for which calls, they apply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Price {
    /// From this moment on.
    pub valid_from: Timestamp,
    /// At these times of the week; always where there are none.
    pub window: Option<Window>,
    /// For calls with all of these terms; for any where there are none.
    pub terms: Vec<(Term, String)>,
    /// The rates.
    pub card: Card,
}

impl Price {
    fn applies(&self, at: Timestamp, terms: &Terms) -> bool {
        let has = |(term, value): &(Term, String)| terms.get(term) == Some(value);
        self.valid_from <= at
            && self.window.is_none_or(|window| window.contains(at))
            && self.terms.iter().all(has)
    }
}

/// All prices of a model, under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tariff {
    version: String,
    prices: Vec<Price>,
}

/// Why prices make no tariff.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum TariffError {
    /// It would not be known by which prices a charge was made.
    NoVersion,
    /// There is no price for a call without special terms.
    NoStandard,
    /// A price for any call stands after one for certain terms, and would replace it.
    StandardAfterTerms,
}

impl fmt::Display for TariffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoVersion => "the prices need a version",
            Self::NoStandard => "there is no price without terms: add one",
            Self::StandardAfterTerms => "put the prices with terms after those without",
        })
    }
}

impl std::error::Error for TariffError {}

impl Tariff {
    /// Prices in the order in which they override each other: of those without terms the last that
    /// applies stands alone, and of those with terms each that applies replaces the rates that it has.
    ///
    /// The version names exactly these prices for good, since charges are explained by it later.
    ///
    /// # Errors
    /// Where the version is empty or the order is not the one above.
    pub fn new(version: String, prices: Vec<Price>) -> Result<Self, TariffError> {
        if version.is_empty() {
            return Err(TariffError::NoVersion);
        }
        if !prices.iter().any(|price| price.terms.is_empty()) {
            return Err(TariffError::NoStandard);
        }
        if !prices.is_sorted_by_key(|price| !price.terms.is_empty()) {
            return Err(TariffError::StandardAfterTerms);
        }
        Ok(Self { version, prices })
    }

    /// The name of exactly these prices.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The prices, in the order in which they override each other.
    pub fn prices(&self) -> &[Price] {
        &self.prices
    }

    /// The rates for a call at that moment and under those terms; `None` before the first price.
    ///
    /// A term that no price knows leaves the rates as they are; [`Tariff::knows`] tells.
    pub fn card(&self, at: Timestamp, terms: &Terms) -> Option<Card> {
        let mut card: Option<Card> = None;
        for price in self.prices.iter().filter(|price| price.applies(at, terms)) {
            if price.terms.is_empty() {
                card = Some(price.card.clone());
            } else if let Some(card) = &mut card {
                card.overlay(&price.card);
            }
        }
        card
    }

    /// Whether some price names this value of this term. A call under terms that may cost more and that
    /// nothing here knows is better refused than sold at the standard rates.
    pub fn knows(&self, term: Term, value: &str) -> bool {
        let names = |(known, of): &(Term, String)| *known == term && of == value;
        self.prices
            .iter()
            .any(|price| price.terms.iter().any(names))
    }
}
