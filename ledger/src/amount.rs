//! Amounts of the ledger's one currency.

use std::fmt;
use std::str::FromStr;

use crate::decimal::{self, DecimalError};

/// An amount of money in nano-units of the ledger's currency: 1 cent is 10⁷ nanos.
///
/// Signed, because a balance may be below zero by rule (a refund of credits already spent). There
/// is no `+` or `-`: every calculation is checked, and its caller says what an overflow means.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Amount(i64);

/// Digits after the point when an amount is written in cents.
const PLACES: usize = 7;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Nano-units in one cent.
    pub const NANOS_PER_CENT: i64 = 10_000_000;

    /// The amount of that many nano-units.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-units.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The amount of that many cents, or `None` where it does not fit.
    pub fn from_cents(cents: i64) -> Option<Self> {
        cents.checked_mul(Self::NANOS_PER_CENT).map(Self)
    }

    /// The amount in whole cents, or `None` where it is not a whole number of them.
    pub fn to_cents(self) -> Option<i64> {
        let rest = self.0.checked_rem(Self::NANOS_PER_CENT)?;
        if rest == 0 {
            self.0.checked_div(Self::NANOS_PER_CENT)
        } else {
            None
        }
    }

    /// The sum, or `None` where it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The amount with the other sign, or `None` where it does not fit.
    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }
}

/// Cents as an exact decimal number with no trailing zeros, as the API writes money (contract
/// section 1, "Units"): `640.19`, `5000`, `-0.0000001`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.0, PLACES)
    }
}

/// Reads cents with up to seven digits after the point; the exact inverse of `Display`.
impl FromStr for Amount {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        decimal::parse(text, PLACES).map(Self)
    }
}
