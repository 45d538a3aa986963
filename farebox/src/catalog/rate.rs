//! A rate as it is published: per million tokens or characters, per thousand calls, per hour, per piece.
//!
//! `2.5` is one that is the same at any length of context; `2.5 >200000:5` is another from calls on that
//! read more than 200,000 tokens.

use ledger::rates::{Rate, Tier};
use ledger::{Kind, Unit};

use super::number::{Decimal, NumberError};

/// To how many places a published price is a whole number of pico-units.
pub(crate) fn places(unit: Unit) -> i32 {
    match unit.kind() {
        Kind::InputToken | Kind::OutputToken | Kind::Character => 6,
        Kind::Call => 9,
        Kind::Time | Kind::Piece => 12,
    }
}

/// For how many of the unit a published price is, in words.
pub fn per(unit: Unit) -> &'static str {
    match unit.kind() {
        Kind::InputToken | Kind::OutputToken | Kind::Character => "per million",
        Kind::Call => "per thousand",
        Kind::Time => "per hour",
        Kind::Piece => "each",
    }
}

/// Reads a rate.
pub(crate) fn parse(unit: Unit, text: &str) -> Result<Rate, String> {
    let mut words = text.split(' ');
    let base = picos(unit, words.next().unwrap_or_default())?;
    let tiers: Result<_, String> = words.map(|word| tier(unit, word)).collect();
    Rate::tiered(base, tiers?).ok_or_else(|| "the lengths of context must ascend".to_owned())
}

fn tier(unit: Unit, word: &str) -> Result<Tier, String> {
    let parts = word.strip_prefix('>').and_then(|word| word.split_once(':'));
    let (above, price) = parts.ok_or_else(|| {
        format!("{word:?} is no price from a length of context on: write it as in >200000:5")
    })?;
    let above = above.parse();
    Ok(Tier {
        above_input_tokens: above.map_err(|_| format!("{word:?}: no number of tokens"))?,
        picos: picos(unit, price)?,
    })
}

fn picos(unit: Unit, text: &str) -> Result<u64, String> {
    let parts = Decimal::parse(text).and_then(|price| price.parts(places(unit)));
    parts.map_err(|error| match error {
        NumberError::TooFine => format!(
            "{text:?}: finer than a trillionth of the currency's unit; {} digits after the point are \
             the most for a price {}",
            places(unit),
            per(unit)
        ),
        other => format!("{text:?}: {other}"),
    })
}

/// The rate as `parse` reads it.
pub fn text(unit: Unit, rate: &Rate) -> String {
    let mut text = published(unit, rate.base());
    for tier in rate.tiers() {
        let price = published(unit, tier.picos);
        text.push_str(&format!(" >{}:{price}", tier.above_input_tokens));
    }
    text
}

fn published(unit: Unit, picos: u64) -> String {
    let price = Decimal::of_parts(picos, places(unit));
    price.map_or_else(|_| picos.to_string(), |price| price.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_back() {
        for (unit, written) in [
            (Unit::Input, "2.5"),
            (Unit::Input, "0"),
            (Unit::Output, "15 >200000:22.5 >1000000:30"),
            (Unit::WebSearch, "10"),
            (Unit::InputAudioMs, "0.0555"),
            (Unit::CodeExecution, "0.03"),
            (Unit::Request, "0.000000001"),
        ] {
            let rate = parse(unit, written).unwrap();
            assert_eq!(text(unit, &rate), written);
        }
        let rate = parse(Unit::Input, "3 >200000:6").unwrap();
        assert_eq!(
            (rate.picos(200_000), rate.picos(200_001)),
            (3_000_000, 6_000_000)
        );
    }

    #[test]
    fn what_is_no_rate() {
        for (wrong, why) in [
            (
                "",
                "\"\": not a number: write digits, as in 12, 12.34 or 1.2e-6",
            ),
            (
                "free",
                "\"free\": not a number: write digits, as in 12, 12.34 or 1.2e-6",
            ),
            ("-1", "\"-1\": a price can't be below zero"),
            (
                "0.0000001",
                "\"0.0000001\": finer than a trillionth of the currency's unit; 6 digits after the point are \
                 the most for a price per million",
            ),
            (
                "1 2",
                "\"2\" is no price from a length of context on: write it as in >200000:5",
            ),
            (
                "1 >2",
                "\">2\" is no price from a length of context on: write it as in >200000:5",
            ),
            ("1 >x:2", "\">x:2\": no number of tokens"),
            ("1 >5:2 >5:3", "the lengths of context must ascend"),
        ] {
            assert_eq!(parse(Unit::Input, wrong).unwrap_err(), why);
        }
    }
}
