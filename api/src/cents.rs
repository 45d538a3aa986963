//! Money in answers: a decimal number of cents, exact from the ledger to the wire and back.
//!
//! A JSON number passes through `f64` in almost every library, and `640.19` has no exact `f64`.
//! So the digits are written and read as raw JSON text; no float occurs anywhere in this file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// Nano-units of the currency in one cent.
const NANOS_PER_CENT: i64 = 10_000_000;
/// Decimal places that a cent has in nano-units.
const PLACES: i64 = 7;
/// The most decimal digits that an `i64` has.
const MAX_DIGITS: usize = 19;

/// An exact decimal number of cents, with up to seven decimals: `640.19` is $6.40 and 19 % of a
/// cent.
///
/// It holds nano-units of the currency in an `i64` (one cent is 10⁷), the ledger's own unit. On
/// the wire it is a JSON *number*, as Cloudflare's `balance` is. It must be read and written with
/// `serde_json`, whose raw values carry the digits; a detour through `serde_json::Value` keeps
/// only what an `f64` keeps.
///
/// ```
/// let balance: api::Cents = serde_json::from_str("640.19")?;
/// assert_eq!(balance.nanos(), 6_401_900_000);
/// assert_eq!(serde_json::to_string(&balance)?, "640.19");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(i64);

impl Cents {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// From nano-units of the currency (10⁷ to a cent).
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole cents; `None` where the amount doesn't fit (above about $9.2 billion).
    #[must_use]
    pub const fn from_whole(cents: i64) -> Option<Self> {
        match cents.checked_mul(NANOS_PER_CENT) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The amount in nano-units of the currency (10⁷ to a cent).
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

/// The digits as they stand on the wire: no exponent, no trailing zeros.
impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let per_cent = NANOS_PER_CENT.unsigned_abs();
        let (whole, fraction) = (magnitude / per_cent, magnitude % per_cent);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:07}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cents({self})")
    }
}

/// Why a text is not an amount in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseCentsError {
    /// It is not a number as JSON writes one.
    Syntax,
    /// It is finer than the seventh decimal of a cent, so it can't be held exactly.
    TooPrecise,
    /// It doesn't fit into an `i64` of nano-units.
    OutOfRange,
}

impl fmt::Display for ParseCentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a decimal number of cents",
            Self::TooPrecise => "more than seven decimals of a cent",
            Self::OutOfRange => "an amount of cents out of range",
        })
    }
}

impl std::error::Error for ParseCentsError {}

/// Reads a number as JSON writes one (RFC 8259, section 6). Exactness decides: `1.00000000` and
/// `6.4019e2` are exact and read, `0.00000001` is not and is refused, never rounded.
impl FromStr for Cents {
    type Err = ParseCentsError;

    fn from_str(text: &str) -> Result<Self, ParseCentsError> {
        let number = Number::split(text).ok_or(ParseCentsError::Syntax)?;
        number.scaled(PLACES).map(Self)
    }
}

/// The parts of a JSON number, checked for syntax and nothing else.
pub(crate) struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// `None` where the exponent itself is beyond an `i64`.
    exponent: Option<i64>,
    exponent_negative: bool,
}

impl<'a> Number<'a> {
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !is_digits(whole) || leading_zero {
            return None;
        }
        let (exponent_negative, exponent) = split_exponent(exponent)?;
        Some(Self {
            negative,
            whole,
            fraction,
            exponent,
            exponent_negative,
        })
    }

    /// The number times 10 to the `places`, where that is whole and fits.
    pub(crate) fn scaled(&self, places: i64) -> Result<i64, ParseCentsError> {
        let all = format!("{}{}", self.whole, self.fraction);
        let digits = all.trim_end_matches('0');
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(0);
        }
        let dropped = all.len() - digits.len();
        let shift = self.shift(places, dropped)?;
        if significant.len() > MAX_DIGITS || shift > MAX_DIGITS {
            return Err(ParseCentsError::OutOfRange);
        }
        // Both factors are below 10¹⁹, so their product fits into an `i128`.
        let power = (0..shift).fold(1_i128, |power, _| power * 10);
        let magnitude: i128 = significant
            .parse()
            .map_err(|_| ParseCentsError::OutOfRange)?;
        let signed = if self.negative {
            -magnitude * power
        } else {
            magnitude * power
        };
        i64::try_from(signed).map_err(|_| ParseCentsError::OutOfRange)
    }

    /// How many zeros follow the significant digits once the amount is counted in its smallest unit.
    fn shift(&self, places: i64, dropped_zeros: usize) -> Result<usize, ParseCentsError> {
        let too_far = match self.exponent_negative {
            true => ParseCentsError::TooPrecise,
            false => ParseCentsError::OutOfRange,
        };
        let fraction = i64::try_from(self.fraction.len()).map_err(|_| too_far)?;
        let dropped = i64::try_from(dropped_zeros).map_err(|_| too_far)?;
        let shift = self
            .exponent
            .and_then(|exponent| exponent.checked_add(places - fraction + dropped))
            .ok_or(too_far)?;
        usize::try_from(shift).map_err(|_| ParseCentsError::TooPrecise)
    }
}

/// The sign and value of what follows the `e`; `None` where it is no exponent.
fn split_exponent(text: Option<&str>) -> Option<(bool, Option<i64>)> {
    let Some(text) = text else {
        return Some((false, Some(0)));
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // `parse` takes a leading `+` or `-` as JSON does.
    is_digits(digits).then(|| (text.starts_with('-'), text.parse().ok()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?;
        digits.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Cents {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Number)
            .description(Some(
                "Cents, exact, with up to seven decimals: 640.19 is $6.4019.",
            ))
            .examples([serde_json::json!(5000)])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Cents {}
