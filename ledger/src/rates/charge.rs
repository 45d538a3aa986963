//! What a call costs, with the arithmetic to show for it.

use std::fmt;

use crate::amount::Amount;
use crate::decimal::{self, DecimalError};
use crate::rates::rate::Card;
use crate::usage::{Kind, Unit, Usage};

/// The common denominator of all rates: a multiple of every [`Unit::per`].
const PARTS_PER_PICO: i128 = 3_600_000;
const PICOS_PER_NANO: i128 = 1000;
const MILLION: i128 = 1_000_000;

/// What is added to the providers' prices, or taken off them: a percentage with up to four digits after
/// the point, kept in parts per million.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Markup(i64);

/// Digits after the point in a percentage.
const PERCENT_PLACES: usize = 4;

impl Markup {
    /// The providers' prices as they are.
    pub const NONE: Self = Self(0);

    /// Reads a percentage such as `20` or `-2.5`.
    ///
    /// # Errors
    /// Where it is not a decimal number, has more than four digits after the point, or lies outside
    /// −100 to 10,000.
    pub fn parse(percent: &str) -> Result<Self, DecimalError> {
        let parts = decimal::parse(percent, PERCENT_PLACES)?;
        let range = -1_000_000..=100_000_000;
        range
            .contains(&parts)
            .then_some(Self(parts))
            .ok_or(DecimalError::OutOfRange)
    }

    /// By how many millionths a cost is multiplied; never below zero.
    pub(crate) fn factor(self) -> i128 {
        MILLION.saturating_add(i128::from(self.0))
    }
}

/// The percentage with no trailing zeros; `parse` reads it back.
impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.0, PERCENT_PLACES)
    }
}

/// Why a usage has no price.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ChargeError {
    /// The card has no rate for a unit that was used. It is never taken to be free.
    NoRate(Unit),
    /// The sum does not fit into an amount; the quantities can't be true.
    TooLarge,
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRate(unit) => write!(
                f,
                "there is no rate for {unit}: add one to the model's prices"
            ),
            Self::TooLarge => f.write_str("the usage is too large to be priced"),
        }
    }
}

impl std::error::Error for ChargeError {}

/// One unit's part of a charge.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What was used.
    pub unit: Unit,
    /// Whose rate it was charged by.
    pub priced_as: Unit,
    /// How much was used.
    pub quantity: u64,
    /// Pico-units for [`Unit::per`] of it.
    pub picos: u64,
}

impl Line {
    /// The cost in parts of a pico-unit, exactly.
    pub(crate) fn parts(&self) -> Option<i128> {
        let parts = PARTS_PER_PICO.checked_div(i128::from(self.unit.per()))?;
        i128::from(self.quantity)
            .checked_mul(i128::from(self.picos))?
            .checked_mul(parts)
    }

    /// The cost in pico-units, rounded up; only time can have a fraction of one.
    pub fn cost_picos(&self) -> Option<i128> {
        divide_up(self.parts()?, PARTS_PER_PICO)
    }
}

/// What a call costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// The sum of the lines with the markup, rounded up to a nano-unit.
    pub amount: Amount,
    /// A line for each unit that was used, in the order of [`Unit::ALL`]. A call that has no price of
    /// its own has no line for the request.
    pub lines: Vec<Line>,
    /// What was added to the lines.
    pub markup: Markup,
}

impl Charge {
    /// A charge whose cost is given, in pico-units, with the markup and rounded up to a nano-unit. It has no lines. `None`
    /// if it doesn't fit.
    pub fn of_cost(picos: u64, markup: Markup) -> Option<Self> {
        let parts = i128::from(picos).checked_mul(PARTS_PER_PICO)?;
        Some(Self {
            amount: amount(parts, markup)?,
            lines: Vec::new(),
            markup,
        })
    }

    /// By how much the sum was rounded up, in pico-units, itself rounded up; nothing where the sum was given
    /// and has no lines.
    pub fn rounding_picos(&self) -> Option<i128> {
        if self.lines.is_empty() {
            return None;
        }
        let exactly = total_parts(&self.lines)?.checked_mul(self.markup.factor())?;
        let charged = i128::from(self.amount.nanos()).checked_mul(PARTS_PER_NANO)?;
        divide_up(charged.checked_sub(exactly)?, PARTS_PER_PICO * MILLION)
    }
}

/// Prices a usage.
///
/// # Errors
/// Where something was used that has no rate, or the sum does not fit.
pub fn charge(card: &Card, usage: &Usage, markup: Markup) -> Result<Charge, ChargeError> {
    let lines = lines(card, usage)?;
    let parts = total_parts(&lines).ok_or(ChargeError::TooLarge)?;
    let amount = amount(parts, markup).ok_or(ChargeError::TooLarge)?;
    Ok(Charge {
        amount,
        lines,
        markup,
    })
}

pub(crate) fn lines(card: &Card, usage: &Usage) -> Result<Vec<Line>, ChargeError> {
    let input_tokens = usage.input_tokens();
    let mut lines = Vec::new();
    for (unit, quantity) in usage.iter() {
        match card.rate(unit) {
            Some((priced_as, rate)) => lines.push(Line {
                unit,
                priced_as,
                quantity,
                picos: rate.picos(input_tokens),
            }),
            // Few models have a price for the call itself, beside that of its tokens.
            None if unit == Unit::Request => {}
            None => return Err(ChargeError::NoRate(unit)),
        }
    }
    Ok(lines)
}

pub(crate) fn total_parts(lines: &[Line]) -> Option<i128> {
    lines
        .iter()
        .try_fold(0_i128, |total, line| total.checked_add(line.parts()?))
}

/// How many parts, markup included, make a nano-unit.
pub(crate) const PARTS_PER_NANO: i128 = PARTS_PER_PICO * PICOS_PER_NANO * MILLION;

fn amount(parts: i128, markup: Markup) -> Option<Amount> {
    let nanos = divide_up(parts.checked_mul(markup.factor())?, PARTS_PER_NANO)?;
    i64::try_from(nanos).ok().map(Amount::from_nanos)
}

/// For what is not below zero.
fn divide_up(value: i128, by: i128) -> Option<i128> {
    value.checked_add(by.checked_sub(1)?)?.checked_div(by)
}

/// The arithmetic, a line for each unit, in the currency's main unit:
///
/// ```text
/// input: 1000 x 2.5 per million = 0.0025
/// reasoning as output: 20 x 10 per million = 0.0002
/// markup: 5%
/// total: 0.002835
/// ```
///
/// What was rounded up stands before the total, as in `rounded up by: 0.0000000005`.
impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        if self.markup != Markup::NONE {
            writeln!(f, "markup: {}%", self.markup)?;
        }
        let rounding = self.rounding_picos().filter(|picos| *picos > 0);
        if let Some(picos) = rounding.and_then(|picos| i64::try_from(picos).ok()) {
            f.write_str("rounded up by: ")?;
            decimal::write(f, picos, 12)?;
            f.write_str("\n")?;
        }
        f.write_str("total: ")?;
        decimal::write(f, self.amount.nanos(), 9)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unit.name())?;
        if self.priced_as != self.unit {
            write!(f, " as {}", self.priced_as)?;
        }
        write!(f, ": {} x ", self.quantity)?;
        let (places, per) = match self.unit.kind() {
            Kind::InputToken | Kind::OutputToken | Kind::Character => (6, " per million"),
            Kind::Call => (9, " per thousand"),
            Kind::Time => (12, " per hour"),
            Kind::Piece => (12, " each"),
        };
        decimal::write(f, i64::try_from(self.picos).unwrap_or(i64::MAX), places)?;
        write!(f, "{per} = ")?;
        let cost = self.cost_picos().and_then(|cost| i64::try_from(cost).ok());
        decimal::write(f, cost.unwrap_or(i64::MAX), 12)
    }
}
