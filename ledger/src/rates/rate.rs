//! The rates of one model at one moment.

use std::collections::BTreeMap;

use crate::decimal::{self, DecimalError};
use crate::usage::{Kind, Unit};

/// Milliseconds in an hour.
const HOUR: u64 = 3_600_000;

/// The price of one unit: a number of pico-units for [`Unit::per`] of it, and other numbers from certain
/// lengths of context on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rate {
    base: u64,
    tiers: Vec<Tier>,
}

/// From a length of context on, all of a call's units cost this, and not only those beyond it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Tier {
    /// It applies to calls that read more tokens than this, cached ones included.
    pub above_input_tokens: u64,
    /// Pico-units.
    pub picos: u64,
}

impl Rate {
    /// The same at any length of context.
    pub const fn flat(picos: u64) -> Self {
        Self {
            base: picos,
            tiers: Vec::new(),
        }
    }

    /// One that changes with the length of the context; `None` where the tiers don't ascend.
    pub fn tiered(base: u64, tiers: Vec<Tier>) -> Option<Self> {
        let ascends = tiers.is_sorted_by(|a, b| a.above_input_tokens < b.above_input_tokens);
        ascends.then_some(Self { base, tiers })
    }

    /// The pico-units that apply to a call which reads that many tokens.
    pub fn picos(&self, input_tokens: u64) -> u64 {
        let reached = |tier: &&Tier| input_tokens > tier.above_input_tokens;
        let tier = self.tiers.iter().rev().find(reached);
        tier.map_or(self.base, |tier| tier.picos)
    }

    /// The pico-units before the first tier.
    pub const fn base(&self) -> u64 {
        self.base
    }

    /// The tiers, ascending.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }
}

/// For how many units a published price is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Per {
    /// One call, one image, one hour, or one token.
    One,
    /// A thousand calls.
    Thousand,
    /// A million tokens or characters.
    Million,
}

/// The pico-units of a published price, such as `1.25` per million.
///
/// # Errors
/// Where it is not a decimal number, is below zero, or is finer than a pico-unit.
pub fn picos(price: &str, per: Per) -> Result<u64, DecimalError> {
    let places = match per {
        Per::One => 12,
        Per::Thousand => 9,
        Per::Million => 6,
    };
    let picos = decimal::parse(price, places)?;
    u64::try_from(picos).map_err(|_| DecimalError::OutOfRange)
}

impl Unit {
    /// For how many of the unit its rate is: one, but an hour of sound, since a price by the hour is a
    /// whole number of pico-units and the same by the millisecond is not.
    pub const fn per(self) -> u64 {
        match self.kind() {
            Kind::Time => HOUR,
            Kind::InputToken | Kind::OutputToken | Kind::Character => 1,
            Kind::Call | Kind::Piece => 1,
        }
    }

    /// As what the unit is charged where a card has no rate of its own for it: as what it is a part of,
    /// by the first of these that has a rate. A published list leaves a class out where it costs the same.
    ///
    /// Keeping something in a cache for an hour is never sold at the price of five minutes, so it has no
    /// such list, and neither has what is not part of anything else.
    pub(crate) const fn fallbacks(self) -> &'static [Self] {
        match self {
            Self::CacheRead | Self::CacheWrite5m => &[Self::Input],
            Self::InputAudio | Self::InputImage | Self::InputVideo => &[Self::Input],
            Self::CacheReadAudio => &[Self::InputAudio, Self::CacheRead, Self::Input],
            Self::CacheReadImage => &[Self::InputImage, Self::CacheRead, Self::Input],
            Self::Reasoning | Self::Citation => &[Self::Output],
            Self::OutputAudio | Self::OutputImage | Self::OutputVideo => &[Self::Output],
            Self::Input | Self::CacheWrite1h | Self::Output => &[],
            Self::WebSearch | Self::SocialSearch | Self::FileSearch | Self::RerankSearch => &[],
            Self::CodeExecution | Self::Image | Self::Request => &[],
            Self::InputCharacters | Self::InputAudioMs => &[],
        }
    }
}

/// The rates of one model at one moment and under certain terms.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Card {
    rates: BTreeMap<Unit, Rate>,
}

impl Card {
    /// A card with these rates.
    pub fn new(rates: impl IntoIterator<Item = (Unit, Rate)>) -> Self {
        Self {
            rates: rates.into_iter().collect(),
        }
    }

    /// Its own rates, in the order of [`Unit::ALL`].
    pub fn rates(&self) -> impl Iterator<Item = (Unit, &Rate)> {
        self.rates.iter().map(|(unit, rate)| (*unit, rate))
    }

    /// The rate by which a unit is charged, and the unit whose rate it is: its own, or that of what it
    /// is a part of. `None` where there is neither.
    pub fn rate(&self, unit: Unit) -> Option<(Unit, &Rate)> {
        let candidates = [unit].into_iter().chain(unit.fallbacks().iter().copied());
        let mut priced =
            candidates.filter_map(|as_unit| Some((as_unit, self.rates.get(&as_unit)?)));
        priced.next()
    }

    /// The same with that rate, unless it has one of its own for the unit.
    pub fn or(mut self, unit: Unit, rate: &Rate) -> Self {
        self.rates.entry(unit).or_insert_with(|| rate.clone());
        self
    }

    /// Puts the other card's rates in the place of this one's.
    pub(crate) fn overlay(&mut self, other: &Self) {
        let rates = other.rates.iter().map(|(unit, rate)| (*unit, rate.clone()));
        self.rates.extend(rates);
    }
}
