//! What a charge is made of, as a line of text that stands beside it for good.
//!
//! It has everything that the arithmetic needs: what was used, the rate of each unit, the markup, and the
//! version of the prices. So a charge can be explained when those prices are long gone, and held against
//! others. The text is JSON that people can read as well:
//!
//! ```json
//! {"v":1,"rate":"genai-prices-0.2.3:13fbc88d8587+5%","use":[["input",1000,2500000],["reasoning",20,10000000,"output"],["request",1]],"markup":"5","nanos":2835000}
//! ```
//!
//! Each of `use` is a unit, how much of it, the pico-units for [`Unit::per`] of it, and as what it is
//! charged, if as another unit; without a rate it wasn't charged. `nanos` is the charge. What other models
//! used in the same call comes on top, each in `also` in the same form with its `model`.

use ledger::rates::{Card, Charge, Line, Markup, Rate, charge};
use ledger::{Amount, Basis, Term, Terms, Unit, Usage};
use serde::{Deserialize, Serialize};

use crate::catalog::{Part, Priced};

/// Which version of the format is written. One that is read stays readable.
const FORMAT: u8 = 1;

/// What is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    v: u8,
    rate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basis: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    terms: Vec<(String, String)>,
    #[serde(rename = "use")]
    used: Vec<Used>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    markup: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<PartText>,
    nanos: i64,
}

/// What another model used.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartText {
    model: String,
    rate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basis: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    terms: Vec<(String, String)>,
    #[serde(rename = "use")]
    used: Vec<Used>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    markup: Option<String>,
    nanos: i64,
}

/// A unit that was used.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Used {
    As(String, u64, u64, String),
    Charged(String, u64, u64),
    Counted(String, u64),
}

/// Why a text explains no charge.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExplanationError {
    /// It is not in the format.
    #[error("not an explanation of a charge: {0}")]
    Malformed(String),
    /// Its lines don't make its sum.
    #[error("the lines make {lines} nano-units, and the charge is {charge}")]
    Wrong {
        /// In nano-units.
        lines: i64,
        /// In nano-units.
        charge: i64,
    },
}

/// The text that explains a charge.
pub fn encode(priced: &Priced) -> String {
    let also = priced.also.iter().map(|part| PartText {
        model: part.model.clone(),
        rate: part.priced.version.clone(),
        basis: basis_text(&part.priced),
        terms: terms_text(&part.priced),
        used: used_text(&part.priced),
        markup: markup_text(&part.priced),
        nanos: part.priced.charge.amount.nanos(),
    });
    let text = Text {
        v: FORMAT,
        rate: priced.version.clone(),
        basis: basis_text(priced),
        terms: terms_text(priced),
        used: used_text(priced),
        markup: markup_text(priced),
        also: also.collect(),
        nanos: priced.charge.amount.nanos(),
    };
    // Numbers and texts are always JSON.
    serde_json::to_string(&text).unwrap_or_default()
}

fn basis_text(priced: &Priced) -> Option<String> {
    let estimated = priced.usage.basis != Basis::Reported;
    estimated.then(|| priced.usage.basis.name().to_owned())
}

fn terms_text(priced: &Priced) -> Vec<(String, String)> {
    let terms = priced.usage.terms.iter();
    terms
        .map(|(term, value)| (term.name().to_owned(), value.clone()))
        .collect()
}

fn used_text(priced: &Priced) -> Vec<Used> {
    let line = |unit: Unit| priced.charge.lines.iter().find(|line| line.unit == unit);
    let used = priced.usage.iter().map(|(unit, quantity)| {
        let name = unit.name().to_owned();
        match line(unit) {
            None => Used::Counted(name, quantity),
            Some(line) if line.priced_as == unit => Used::Charged(name, quantity, line.picos),
            Some(line) => Used::As(name, quantity, line.picos, line.priced_as.name().to_owned()),
        }
    });
    used.collect()
}

fn markup_text(priced: &Priced) -> Option<String> {
    let marked_up = priced.charge.markup != Markup::NONE;
    marked_up.then(|| priced.charge.markup.to_string())
}

/// The charge that a text explains, whose lines make its sum.
///
/// # Errors
/// [`ExplanationError`].
pub fn decode(text: &str) -> Result<Priced, ExplanationError> {
    let text: Text = serde_json::from_str(text).map_err(malformed)?;
    if text.v != FORMAT {
        let why = format!("its format is {}, known is {FORMAT}", text.v);
        return Err(malformed(why));
    }
    let also = text.also.into_iter().map(|part| {
        let model = part.model.clone();
        part.priced().map(|priced| Part { model, priced })
    });
    let also = also.collect::<Result<_, _>>()?;
    let main = PartText {
        model: String::new(),
        rate: text.rate,
        basis: text.basis,
        terms: text.terms,
        used: text.used,
        markup: text.markup,
        nanos: text.nanos,
    };
    Ok(Priced {
        also,
        ..main.priced()?
    })
}

impl PartText {
    fn priced(self) -> Result<Priced, ExplanationError> {
        let basis = match &self.basis {
            Some(name) => {
                Basis::from_name(name).ok_or_else(|| malformed(format!("basis {name:?}")))?
            }
            None => Basis::Reported,
        };
        let mut usage = Usage::new(basis);
        usage.terms = terms(self.terms)?;
        let mut lines = Vec::new();
        for used in self.used {
            let (unit, quantity, line) = read(used)?;
            usage.add(unit, quantity);
            lines.extend(line);
        }
        let markup = match &self.markup {
            Some(percent) => Markup::parse(percent).map_err(malformed)?,
            None => Markup::NONE,
        };
        let charge = Charge {
            amount: Amount::from_nanos(self.nanos),
            lines,
            markup,
        };
        check(&charge)?;
        Ok(Priced {
            charge,
            version: self.rate,
            usage,
            also: Vec::new(),
            model: None,
        })
    }
}

/// The arithmetic of a charge in lines for people, in the currency's main unit.
pub fn explain(priced: &Priced) -> Vec<String> {
    let mut lines = vec![format!("rates: {}", priced.version)];
    if !priced.usage.terms.is_empty() {
        let terms = priced.usage.terms.iter();
        let terms = terms.map(|(term, value)| format!("{term}={value}"));
        let terms: Vec<_> = terms.collect();
        lines.push(format!("terms: {}", terms.join(", ")));
    }
    if priced.usage.basis == Basis::Estimated {
        lines.push("estimated: the provider has not told all of what was used".to_owned());
    }
    lines.extend(priced.charge.to_string().lines().map(str::to_owned));
    for part in &priced.also {
        lines.push(format!("and {}:", part.model));
        let part = explain(&part.priced);
        lines.extend(part.into_iter().map(|line| format!("  {line}")));
    }
    lines
}

fn malformed(why: impl std::fmt::Display) -> ExplanationError {
    ExplanationError::Malformed(why.to_string())
}

fn terms(written: Vec<(String, String)>) -> Result<Terms, ExplanationError> {
    let known = written.into_iter().map(|(name, value)| {
        let term = Term::from_name(&name).ok_or_else(|| malformed(format!("term {name:?}")))?;
        Ok((term, value))
    });
    known.collect()
}

fn read(used: Used) -> Result<(Unit, u64, Option<Line>), ExplanationError> {
    let (name, quantity, rate) = match used {
        Used::Counted(name, quantity) => (name, quantity, None),
        Used::Charged(name, quantity, picos) => (name, quantity, Some((picos, None))),
        Used::As(name, quantity, picos, other) => (name, quantity, Some((picos, Some(other)))),
    };
    let unit = named(&name)?;
    let line = match rate {
        None => None,
        Some((picos, priced_as)) => Some(Line {
            unit,
            priced_as: priced_as.map_or(Ok(unit), |name| named(&name))?,
            quantity,
            picos,
        }),
    };
    Ok((unit, quantity, line))
}

fn named(unit: &str) -> Result<Unit, ExplanationError> {
    Unit::from_name(unit).ok_or_else(|| malformed(format!("unit {unit:?}")))
}

/// A charge without lines is one whose sum was given.
fn check(told: &Charge) -> Result<(), ExplanationError> {
    if told.lines.is_empty() {
        return Ok(());
    }
    let rates = told.lines.iter();
    let card = Card::new(rates.map(|line| (line.unit, Rate::flat(line.picos))));
    let mut used = Usage::new(Basis::Reported);
    for line in &told.lines {
        used.add(line.unit, line.quantity);
    }
    let made = charge(&card, &used, told.markup).map_err(malformed)?;
    if made.amount != told.amount {
        return Err(ExplanationError::Wrong {
            lines: made.amount.nanos(),
            charge: told.amount.nanos(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(markup: &str, basis: Basis, terms: &[(Term, &str)]) -> Priced {
        let rates = [(Unit::Input, 2_500_000), (Unit::Output, 10_000_000)];
        let card = Card::new(rates.map(|(unit, picos)| (unit, Rate::flat(picos))));
        let mut usage = Usage::new(basis).with(&[
            (Unit::Input, 1000),
            (Unit::Reasoning, 20),
            (Unit::Request, 1),
        ]);
        let owned = terms.iter();
        usage.terms = owned
            .map(|(term, value)| (*term, (*value).to_owned()))
            .collect();
        Priced {
            charge: charge(&card, &usage, Markup::parse(markup).unwrap()).unwrap(),
            version: "list:0123456789ab".to_owned(),
            usage,
            also: Vec::new(),
            model: None,
        }
    }

    /// With another model, which has a price of its own.
    fn with_another(markup: &str) -> Priced {
        let mut whole = priced(markup, Basis::Reported, &[]);
        whole.also.push(Part {
            model: "small".to_owned(),
            priced: priced(markup, Basis::Reported, &[(Term::Speed, "fast")]),
        });
        whole
    }

    /// What has been written must be read for good.
    #[test]
    fn the_text_of_a_charge() {
        let plain = priced("0", Basis::Reported, &[]);
        assert_eq!(
            encode(&plain),
            r#"{"v":1,"rate":"list:0123456789ab","use":[["input",1000,2500000],["reasoning",20,10000000,"output"],["request",1]],"nanos":2700000}"#
        );
        let all = priced(
            "5",
            Basis::Estimated,
            &[(Term::ServiceTier, "flex"), (Term::Speed, "fast")],
        );
        assert_eq!(
            encode(&all),
            r#"{"v":1,"rate":"list:0123456789ab","basis":"estimated","terms":[["service_tier","flex"],["speed","fast"]],"use":[["input",1000,2500000],["reasoning",20,10000000,"output"],["request",1]],"markup":"5","nanos":2835000}"#
        );
        let both = with_another("0");
        assert_eq!(
            encode(&both),
            r#"{"v":1,"rate":"list:0123456789ab","use":[["input",1000,2500000],["reasoning",20,10000000,"output"],["request",1]],"also":[{"model":"small","rate":"list:0123456789ab","terms":[["speed","fast"]],"use":[["input",1000,2500000],["reasoning",20,10000000,"output"],["request",1]],"nanos":2700000}],"nanos":2700000}"#
        );
        assert_eq!(both.amount(), Amount::from_nanos(5_400_000));
        assert_eq!(both.used().get(Unit::Input), 2000);
        for priced in [plain, all, both, with_another("5")] {
            assert_eq!(decode(&encode(&priced)), Ok(priced));
        }
    }

    #[test]
    fn a_charge_is_explained() {
        let all = priced("5", Basis::Estimated, &[(Term::ServiceTier, "flex")]);
        assert_eq!(
            explain(&decode(&encode(&all)).unwrap()),
            [
                "rates: list:0123456789ab",
                "terms: service_tier=flex",
                "estimated: the provider has not told all of what was used",
                "input: 1000 x 2.5 per million = 0.0025",
                "reasoning as output: 20 x 10 per million = 0.0002",
                "markup: 5%",
                "total: 0.002835",
            ]
        );
        let given = Priced {
            charge: Charge {
                amount: Amount::from_nanos(50_000_000),
                lines: Vec::new(),
                markup: Markup::NONE,
            },
            version: "custom".to_owned(),
            usage: Usage::new(Basis::Reported).with(&[(Unit::Input, 3)]),
            also: Vec::new(),
            model: None,
        };
        assert_eq!(decode(&encode(&given)), Ok(given.clone()));
        let told = explain(&given);
        assert_eq!(told, ["rates: custom", "total: 0.05"]);
        let both = explain(&with_another("0"));
        assert_eq!(
            both[4..6],
            ["and small:", "  rates: list:0123456789ab"],
            "{both:?}"
        );
        assert_eq!(both.last().unwrap(), "  total: 0.0027");
    }

    #[test]
    fn what_explains_nothing() {
        let good = encode(&priced("0", Basis::Reported, &[]));
        for (from, to, why) in [
            ("{", "", "invalid type"),
            ("\"v\":1", "\"v\":2", "its format is 2, known is 1"),
            ("\"input\"", "\"inputs\"", "unit \"inputs\""),
            ("\"output\"", "\"outputs\"", "unit \"outputs\""),
            ("\"nanos\"", "\"amount\"", "unknown field"),
            ("1000,", "-1,", "did not match"),
            (
                "2700000",
                "2700001",
                "the lines make 2700000 nano-units, and the charge is 2700001",
            ),
            (
                "2500000",
                "2500001",
                "the lines make 2700001 nano-units, and the charge is 2700000",
            ),
            ("\"use\"", "\"terms\":[[\"x\",\"y\"]],\"use\"", "term \"x\""),
            (
                "\"use\"",
                "\"basis\":\"guessed\",\"use\"",
                "basis \"guessed\"",
            ),
            (
                "\"nanos\"",
                "\"markup\":\"x\",\"nanos\"",
                "not a decimal number",
            ),
        ] {
            let error = decode(&good.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(why), "{from} {to}: {error}");
        }
    }
}
