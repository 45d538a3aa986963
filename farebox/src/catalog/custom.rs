//! What a caller says that a call costs: `cf-aig-custom-cost` (contract: section 4.3).
//!
//! It counts for what the log and the limits of a gateway say of a call on the caller's own key. What a
//! call on the operator's key is charged, no caller decides.

use ledger::rates::{Card, Charge, ChargeError, Markup, Rate, charge};
use ledger::{Amount, Kind, Unit, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::number::{Decimal, NumberError};
use super::providers::Cached;

/// A token's price is a whole number of these to the currency's unit.
const PICO_PLACES: i32 = 12;
/// And an amount of these.
const NANO_PLACES: i32 = 9;

/// A cost that the request brings along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CustomCost {
    /// This much, whatever is used.
    Total(Amount),
    /// By the token, in pico-units. What is not given costs nothing.
    PerToken {
        /// For what is read.
        input: u64,
        /// For what is written.
        output: u64,
        /// For what is read from a cache and what is written to one; none where the cost knows no cache.
        cache: Option<(u64, u64)>,
    },
}

/// Why a header is no cost.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cf-aig-custom-cost: {0}")]
pub struct CustomCostError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    per_token_in: Option<&'a RawValue>,
    #[serde(borrow)]
    per_token_out: Option<&'a RawValue>,
    #[serde(borrow)]
    per_cache_read_token: Option<&'a RawValue>,
    #[serde(borrow)]
    per_cache_write_token: Option<&'a RawValue>,
    #[serde(borrow)]
    total_cost: Option<&'a RawValue>,
}

impl CustomCost {
    /// The version that a charge by it records.
    pub const VERSION: &'static str = "custom";

    /// Reads the header.
    ///
    /// # Errors
    /// [`CustomCostError`] where it is no JSON object with these fields, has both a total and a price by
    /// the token or neither, or a number is below zero or finer than what is counted.
    pub fn parse(header: &str) -> Result<Self, CustomCostError> {
        let example = r#"send {"per_token_in":…,"per_token_out":…} or {"total_cost":…}"#;
        if !header.trim_start().starts_with('{') {
            return refused(example);
        }
        let header: Header<'_> = serde_json::from_str(header)
            .map_err(|error| CustomCostError(format!("{error}; {example}")))?;
        let by_token = [
            parts("per_token_in", header.per_token_in, PICO_PLACES)?,
            parts("per_token_out", header.per_token_out, PICO_PLACES)?,
            parts(
                "per_cache_read_token",
                header.per_cache_read_token,
                PICO_PLACES,
            )?,
            parts(
                "per_cache_write_token",
                header.per_cache_write_token,
                PICO_PLACES,
            )?,
        ];
        let total = parts("total_cost", header.total_cost, NANO_PLACES)?;
        match (total, by_token.iter().any(Option::is_some)) {
            (Some(_), true) => refused("send total_cost or prices by the token, not both"),
            (Some(nanos), false) => i64::try_from(nanos)
                .map(|nanos| Self::Total(Amount::from_nanos(nanos)))
                .or_else(|_| refused("total_cost: the number is out of range")),
            (None, true) => Ok(Self::per_token(by_token)),
            (None, false) => refused("send total_cost, per_token_in or per_token_out"),
        }
    }

    /// Where one rate for caches is given, the other is that of the input.
    fn per_token([input, output, read, write]: [Option<u64>; 4]) -> Self {
        let input = input.unwrap_or_default();
        let cache = read.is_some() || write.is_some();
        Self::PerToken {
            input,
            output: output.unwrap_or_default(),
            cache: cache.then(|| (read.unwrap_or(input), write.unwrap_or(input))),
        }
    }

    /// What the usage then costs. `cached` is where the provider counts cached tokens.
    ///
    /// # Errors
    /// [`ChargeError::TooLarge`].
    pub fn charge(&self, usage: &Usage, cached: Cached) -> Result<Charge, ChargeError> {
        match self {
            Self::Total(amount) => Ok(Charge {
                amount: *amount,
                lines: Vec::new(),
                markup: Markup::NONE,
            }),
            Self::PerToken {
                input,
                output,
                cache,
            } => {
                let (read, write) = cache.unwrap_or(match cached {
                    // As before there were rates for caches: the provider's own count of the input.
                    Cached::Inside => (*input, *input),
                    Cached::Beside => (0, 0),
                });
                charge(&card(*input, *output, read, write), usage, Markup::NONE)
            }
        }
    }
}

/// Only tokens cost something.
fn card(input: u64, output: u64, read: u64, write: u64) -> Card {
    let rates = Unit::ALL.iter().map(|unit| {
        let picos = match unit {
            Unit::CacheRead | Unit::CacheReadAudio | Unit::CacheReadImage => read,
            Unit::CacheWrite5m | Unit::CacheWrite1h => write,
            other => match other.kind() {
                Kind::InputToken => input,
                Kind::OutputToken => output,
                Kind::Call | Kind::Character | Kind::Time | Kind::Piece => 0,
            },
        };
        (*unit, Rate::flat(picos))
    });
    Card::new(rates)
}

fn parts(
    name: &str,
    value: Option<&RawValue>,
    places: i32,
) -> Result<Option<u64>, CustomCostError> {
    let Some(value) = value else { return Ok(None) };
    let number = Decimal::parse(value.get()).and_then(|number| number.parts(places));
    number.map(Some).map_err(|error| {
        let why = match error {
            NumberError::TooFine => format!("more than {places} digits after the decimal point"),
            NumberError::NotANumber => "not a number: write it without quotes".to_owned(),
            other => other.to_string(),
        };
        CustomCostError(format!("{name}: {why}"))
    })
}

fn refused<T>(why: &str) -> Result<T, CustomCostError> {
    Err(CustomCostError(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use ledger::Basis;

    use super::*;

    fn cost(header: &str, cached: Cached, used: &[(Unit, u64)]) -> String {
        let usage = Usage::new(Basis::Reported).with(used);
        let charge = CustomCost::parse(header).unwrap().charge(&usage, cached);
        let text = charge.unwrap().to_string();
        text.rsplit("total: ").next().unwrap().to_owned()
    }

    /// Cloudflare's "Custom costs", with its change of 2026-09-09.
    #[test]
    fn what_a_custom_cost_makes() {
        let used = [
            (Unit::Input, 1000),
            (Unit::CacheRead, 8000),
            (Unit::CacheWrite5m, 500),
            (Unit::Output, 100),
            (Unit::Reasoning, 20),
            (Unit::WebSearch, 3),
            (Unit::Request, 1),
        ];
        let both = r#"{"per_token_in":0.000001,"per_token_out":0.000002,"per_cache_read_token":0.0000001,"per_cache_write_token":0.0000005}"#;
        let read_only = r#"{"per_token_in":1e-6,"per_token_out":2e-6,"per_cache_read_token":1e-7}"#;
        let write_only =
            r#"{"per_token_in":1e-6,"per_token_out":2e-6,"per_cache_write_token":5e-7}"#;
        let no_cache = r#"{"per_token_in":1e-6,"per_token_out":2e-6}"#;
        for (header, cached, expected) in [
            (both, Cached::Inside, "0.00229"),
            (both, Cached::Beside, "0.00229"),
            // An omitted rate of two is that of the input.
            (read_only, Cached::Inside, "0.00254"),
            (write_only, Cached::Inside, "0.00949"),
            // Without any, the provider's own count of the input costs what it says.
            (no_cache, Cached::Inside, "0.00974"),
            (no_cache, Cached::Beside, "0.00124"),
            (r#"{"per_token_out":0.00001}"#, Cached::Inside, "0.0012"),
            (r#"{"total_cost":0.05}"#, Cached::Inside, "0.05"),
            (r#"{"total_cost":0}"#, Cached::Beside, "0"),
            (
                r#"{"per_token_in":null,"total_cost":1.25}"#,
                Cached::Beside,
                "1.25",
            ),
        ] {
            assert_eq!(cost(header, cached, &used), expected, "{header} {cached:?}");
        }
    }

    #[test]
    fn what_is_no_cost_is_refused() {
        for (header, why) in [
            ("", "send {\"per_token_in\":"),
            ("0.5", "send {\"per_token_in\":"),
            ("[1,2,3,4,null]", "send {\"per_token_in\":"),
            ("{", "EOF while parsing"),
            ("{}", "send total_cost, per_token_in or per_token_out"),
            (r#"{"per_token":1}"#, "unknown field `per_token`"),
            (
                r#"{"per_token_in":"1"}"#,
                "per_token_in: not a number: write it without quotes",
            ),
            (
                r#"{"per_token_in":-1}"#,
                "per_token_in: a price can't be below zero",
            ),
            (r#"{"per_token_in":[1]}"#, "per_token_in: not a number"),
            (
                r#"{"per_token_in":1e-13}"#,
                "per_token_in: more than 12 digits after the decimal point",
            ),
            (
                r#"{"total_cost":0.0000000001}"#,
                "total_cost: more than 9 digits after the decimal point",
            ),
            (
                r#"{"total_cost":1e10}"#,
                "total_cost: the number is out of range",
            ),
            (
                r#"{"total_cost":1e99}"#,
                "total_cost: the number is out of range",
            ),
            (r#"{"total_cost":1,"per_token_in":1}"#, "not both"),
            (r#"{"total_cost":1,"total_cost":2}"#, "duplicate field"),
        ] {
            let error = CustomCost::parse(header).unwrap_err().to_string();
            assert!(error.starts_with("cf-aig-custom-cost: "), "{error}");
            assert!(error.contains(why), "{header}: {error}");
        }
        let vast = CustomCost::parse(r#"{"per_token_in":18000000}"#).unwrap();
        let usage = Usage::new(Basis::Reported).with(&[(Unit::Input, u64::MAX)]);
        assert_eq!(
            vast.charge(&usage, Cached::Inside),
            Err(ChargeError::TooLarge)
        );
    }
}
