//! Money in the main unit of the ledger's currency, as the gateways' endpoints write it: a call's `cost`,
//! a spend rule's `limit`. Exact, as [`crate::Cents`] is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use crate::cents::{Number, ParseCentsError};

/// Nano-units of the currency in one of its main unit.
const NANOS: u64 = 1_000_000_000;
/// Decimal places that the main unit has in nano-units.
const PLACES: i64 = 9;

/// An exact decimal number of dollars, or of whatever the ledger's currency is, with up to nine decimals.
///
/// ```
/// let cost: api::Dollars = serde_json::from_str("0.0023")?;
/// assert_eq!(cost.nanos(), 2_300_000);
/// assert_eq!(serde_json::to_string(&cost)?, "0.0023");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dollars(i64);

impl Dollars {
    /// From nano-units of the currency.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-units of the currency.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

/// The digits as they stand on the wire: no exponent, no trailing zeros.
impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.unsigned_abs() / NANOS, self.0.unsigned_abs() % NANOS);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dollars({self})")
    }
}

/// Why a text is not an amount in dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseDollarsError {
    /// It is not a number as JSON writes one.
    Syntax,
    /// It is finer than the ninth decimal, so it can't be held exactly.
    TooPrecise,
    /// It doesn't fit into an `i64` of nano-units.
    OutOfRange,
}

impl fmt::Display for ParseDollarsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a decimal number",
            Self::TooPrecise => "more than nine decimals",
            Self::OutOfRange => "out of range",
        })
    }
}

impl std::error::Error for ParseDollarsError {}

impl FromStr for Dollars {
    type Err = ParseDollarsError;

    fn from_str(text: &str) -> Result<Self, ParseDollarsError> {
        let number = Number::split(text).ok_or(ParseDollarsError::Syntax)?;
        let nanos = number.scaled(PLACES).map_err(|error| match error {
            ParseCentsError::Syntax => ParseDollarsError::Syntax,
            ParseCentsError::TooPrecise => ParseDollarsError::TooPrecise,
            ParseCentsError::OutOfRange => ParseDollarsError::OutOfRange,
        })?;
        Ok(Self(nanos))
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?;
        digits.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Dollars {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Number)
            .description(Some("Dollars, exact, with up to nine decimals."))
            .examples([serde_json::json!(0.5)])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Dollars {}
