//! Decimal text to a scaled integer and back, exactly.

use std::fmt;

/// Why a text is not an exact decimal number of the kind asked for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum DecimalError {
    /// Not of the form `-12.34`: digits, at most one point with digits on both sides of it.
    NotADecimal,
    /// More digits after the point than the unit can hold.
    TooManyPlaces,
    /// The number does not fit.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADecimal => "not a decimal number: write digits, as in 12 or 12.34",
            Self::TooManyPlaces => "too many digits after the decimal point",
            Self::OutOfRange => "the number is out of range",
        })
    }
}

impl std::error::Error for DecimalError {}

/// The number in `text` times ten to the power of `places`.
pub(crate) fn parse(text: &str, places: usize) -> Result<i64, DecimalError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(DecimalError::NotADecimal);
    }
    let padding = places
        .checked_sub(fraction.len())
        .ok_or(DecimalError::TooManyPlaces)?;
    let zeros = std::iter::repeat_n('0', padding);
    let magnitude = integer(whole.chars().chain(fraction.chars()).chain(zeros))?;
    let value = if negative {
        magnitude.checked_neg()
    } else {
        Some(magnitude)
    };
    value
        .and_then(|value| i64::try_from(value).ok())
        .ok_or(DecimalError::OutOfRange)
}

/// Writes `value` divided by ten to the power of `places`, with no trailing zeros.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, value: i64, places: usize) -> fmt::Result {
    let width = places.saturating_add(1);
    let digits = format!("{:0width$}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    let sign = if value < 0 { "-" } else { "" };
    match fraction.trim_end_matches('0') {
        "" => write!(f, "{sign}{whole}"),
        fraction => write!(f, "{sign}{whole}.{fraction}"),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn integer(digits: impl Iterator<Item = char>) -> Result<i128, DecimalError> {
    let mut value: i128 = 0;
    for digit in digits {
        let digit = i128::from(digit.to_digit(10).ok_or(DecimalError::NotADecimal)?);
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(digit))
            .ok_or(DecimalError::OutOfRange)?;
    }
    Ok(value)
}
