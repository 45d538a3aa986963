//! Numbers as their text says them: decimal, with an exponent or without, and never through a float.

use std::fmt;

/// A decimal number that is not below zero, exactly.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decimal {
    /// Without zeros at the end.
    digits: u128,
    /// By which power of ten the digits are multiplied; zero for zero.
    exponent: i32,
}

/// No price has so many digits before or after its point.
const EXPONENT_MAX: i32 = 40;

/// Why a text is no number of the kind asked for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum NumberError {
    NotANumber,
    Negative,
    TooFine,
    OutOfRange,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "not a number: write digits, as in 12, 12.34 or 1.2e-6",
            Self::Negative => "a price can't be below zero",
            Self::TooFine => "too many digits after the decimal point",
            Self::OutOfRange => "the number is out of range",
        })
    }
}

impl std::error::Error for NumberError {}

impl Decimal {
    /// Reads `12`, `12.34` or `1.2e-6`, as JSON has them.
    pub(crate) fn parse(text: &str) -> Result<Self, NumberError> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return Err(NumberError::NotANumber),
            None => (mantissa, ""),
        };
        if !is_digits(whole) {
            return Err(NumberError::NotANumber);
        }
        let places = i32::try_from(fraction.len()).map_err(|_| NumberError::OutOfRange)?;
        let digits = integer(whole.bytes().chain(fraction.bytes()))?;
        let exponent = exponent
            .checked_sub(places)
            .ok_or(NumberError::OutOfRange)?;
        let number = Self::normal(digits, exponent)?;
        if negative && number.digits != 0 {
            return Err(NumberError::Negative);
        }
        Ok(number)
    }

    fn normal(mut digits: u128, mut exponent: i32) -> Result<Self, NumberError> {
        if digits == 0 {
            return Ok(Self {
                digits: 0,
                exponent: 0,
            });
        }
        while digits.is_multiple_of(10) {
            digits /= 10;
            exponent = exponent.saturating_add(1);
        }
        let fits = (-EXPONENT_MAX..=EXPONENT_MAX).contains(&exponent);
        fits.then_some(Self { digits, exponent })
            .ok_or(NumberError::OutOfRange)
    }

    /// So many times as much.
    pub(crate) fn times(self, factor: u128) -> Result<Self, NumberError> {
        let digits = self.digits.checked_mul(factor);
        Self::normal(digits.ok_or(NumberError::OutOfRange)?, self.exponent)
    }

    /// Multiplied by a power of ten.
    pub(crate) fn shifted(self, places: i32) -> Result<Self, NumberError> {
        Self::normal(self.digits, self.exponent.saturating_add(places))
    }

    /// The whole number of parts of which ten to the power of `places` make one.
    pub(crate) fn parts(self, places: i32) -> Result<u64, NumberError> {
        let exponent = self.exponent.saturating_add(places);
        if exponent < 0 && self.digits != 0 {
            return Err(NumberError::TooFine);
        }
        let factor = 10u128.checked_pow(exponent.unsigned_abs());
        let parts = factor.and_then(|factor| self.digits.checked_mul(factor));
        let parts = if self.digits == 0 { Some(0) } else { parts };
        parts
            .and_then(|parts| u64::try_from(parts).ok())
            .ok_or(NumberError::OutOfRange)
    }

    /// The number of which `parts` are counted, ten to the power of `places` to the one.
    pub(crate) fn of_parts(parts: u64, places: i32) -> Result<Self, NumberError> {
        Self::normal(u128::from(parts), places.saturating_neg())
    }
}

/// Without an exponent and without zeros at the end.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zeros = usize::try_from(self.exponent).unwrap_or(0);
        let places = usize::try_from(self.exponent.saturating_neg()).unwrap_or(0);
        let width = places.saturating_add(1);
        let digits = format!("{:0width$}{}", self.digits, "0".repeat(zeros));
        match digits.split_at(digits.len().saturating_sub(places)) {
            (whole, "") => f.write_str(whole),
            (whole, fraction) => write!(f, "{whole}.{fraction}"),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_exponent(text: &str) -> Result<i32, NumberError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(unsigned) {
        return Err(NumberError::NotANumber);
    }
    text.parse().map_err(|_| NumberError::OutOfRange)
}

fn integer(digits: impl Iterator<Item = u8>) -> Result<u128, NumberError> {
    let mut value: u128 = 0;
    for digit in digits {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u128::from(digit.wrapping_sub(b'0'))))
            .ok_or(NumberError::OutOfRange)?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Decimal::parse(text) {
            Ok(number) => number.to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        let cases = [
            ("0", "0"),
            ("-0.0", "0"),
            ("0e99", "0"),
            ("2.50", "2.5"),
            ("1200", "1200"),
            ("1.25e-06", "0.00000125"),
            ("1E+2", "100"),
            ("1e2", "100"),
            ("0.1", "0.1"),
            ("9.499999999999999e-07", "0.0000009499999999999999"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1", "1"),
            ("-1", "Negative"),
            ("1e41", "OutOfRange"),
            ("1e-41", "OutOfRange"),
            ("1e99999999999", "OutOfRange"),
            ("99999999999999999999999999999999999999999", "OutOfRange"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
        for wrong in [
            "", ".", "1.", ".5", "+1", "1e", "1e+", "e1", "NaN", "1,5", "0x1", " 1", "1 ", "--1",
            "1.2.3", "1e1.5",
        ] {
            assert_eq!(shown(wrong), "NotANumber", "{wrong:?}");
        }
    }

    #[test]
    fn parts_are_whole_or_refused() {
        let parts = |text: &str, places| Decimal::parse(text).unwrap().parts(places);
        assert_eq!(parts("2.5", 6), Ok(2_500_000));
        assert_eq!(parts("1.25e-6", 12), Ok(1_250_000));
        assert_eq!(parts("0.0000001", 6), Err(NumberError::TooFine));
        assert_eq!(
            parts("9.499999999999999e-07", 12),
            Err(NumberError::TooFine)
        );
        assert_eq!(parts("18446744073709551615", 0), Ok(u64::MAX));
        assert_eq!(
            parts("18446744073709551616", 0),
            Err(NumberError::OutOfRange)
        );
        assert_eq!(parts("1e40", 12), Err(NumberError::OutOfRange));
        assert_eq!(parts("0", -40), Ok(0));
        assert_eq!(Decimal::of_parts(2_500_000, 6).unwrap().to_string(), "2.5");
        let hours = Decimal::parse("0.0001").unwrap().times(3600).unwrap();
        assert_eq!(hours.to_string(), "0.36");
        assert_eq!(hours.shifted(3).unwrap().to_string(), "360");
    }
}
