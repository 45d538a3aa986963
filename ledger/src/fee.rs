//! The fee on top of a purchase of credits.

use std::fmt;

use crate::decimal::{self, DecimalError};

/// A fee in percent with up to four digits after the point, kept as an integer number of
/// ten-thousandths of a percent, which is the same as parts per million.
///
/// Cloudflare charges 5%: "a $100 credit purchase will result in a $105 charge" (contract section
/// 1, "Fee"), so the fee is added to the charge and never taken out of the credits.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FeeRate(i64);

/// Digits after the point in a percentage.
const PLACES: usize = 4;
const PARTS_PER_WHOLE: i64 = 1_000_000;
const HALF: i128 = 500_000;

impl FeeRate {
    /// No fee.
    pub const NONE: Self = Self(0);

    /// Reads a percentage such as `5` or `2.9`.
    ///
    /// # Errors
    /// Where it is not a decimal number, has more than four digits after the point, or lies
    /// outside 0 to 100.
    pub fn parse(percent: &str) -> Result<Self, DecimalError> {
        let parts = decimal::parse(percent, PLACES)?;
        if !(0..=PARTS_PER_WHOLE).contains(&parts) {
            return Err(DecimalError::OutOfRange);
        }
        Ok(Self(parts))
    }

    /// The fee in cents on a purchase of `amount_cents`, rounded half up to a whole cent, because
    /// a card is charged in whole cents. `None` where the amount is below zero.
    pub fn fee_cents(self, amount_cents: i64) -> Option<i64> {
        if amount_cents < 0 {
            return None;
        }
        let parts = i128::from(amount_cents).checked_mul(i128::from(self.0))?;
        let cents = parts
            .checked_add(HALF)?
            .checked_div(i128::from(PARTS_PER_WHOLE))?;
        i64::try_from(cents).ok()
    }
}

/// The percentage with no trailing zeros; `parse` reads it back.
impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.0, PLACES)
    }
}
