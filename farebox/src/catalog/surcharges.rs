//! What a provider charges besides a model's own prices: for its tools, and for where a model runs. It is the same for all
//! of its models, so that it stands once in a list and not at each of them.

use ledger::rates::{Card, Rate, Tariff, Tier};
use ledger::{Kind, Term, Terms, Unit};

use super::file::PriceList;
use super::{rate, read};

/// The largest surcharge, in percent.
const PERCENT_MAX: u64 = 1000;

/// One provider's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Surcharges {
    tools: Vec<(Unit, Rate)>,
    /// A term, its value, and how many hundredths a token then costs of its rate.
    terms: Vec<(Term, String, u64)>,
}

impl Surcharges {
    /// Those of a list; the other's come after them.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn read(list: &PriceList, other: Option<&Self>) -> Result<Self, String> {
        let tools = list.tools.iter().map(|(name, written)| {
            let unit = read::unit(name)?;
            let rate = rate::parse(unit, written).map_err(|why| format!("tools {name}: {why}"))?;
            Ok((unit, rate))
        });
        let mut found = Self {
            tools: tools.collect::<Result<_, String>>()?,
            terms: Vec::new(),
        };
        for text in &list.surcharges {
            let percent: u64 = text
                .percent
                .parse()
                .ok()
                .filter(|percent| *percent <= PERCENT_MAX)
                .ok_or_else(|| {
                    format!(
                        "surcharges: {:?} is no whole number of percent up to {PERCENT_MAX}",
                        text.percent
                    )
                })?;
            for (name, value) in &text.when {
                found
                    .terms
                    .push((read::term(name)?, value.clone(), 100 + percent));
            }
        }
        if let Some(other) = other {
            found.tools.extend(other.tools.iter().cloned());
            found.terms.extend(other.terms.iter().cloned());
        }
        Ok(found)
    }

    /// How many hundredths of its rate a token costs under the term.
    pub(super) fn factor(&self, term: Term, value: &str) -> Option<u64> {
        let mut known = self.terms.iter();
        let found = known.find(|(own, of, _)| *own == term && of == value);
        found.map(|(_, _, hundredths)| *hundredths)
    }

    /// The card with these on it. `None` if a rate no longer fits.
    pub(super) fn on(&self, card: Card, tariff: &Tariff, terms: &Terms) -> Option<Card> {
        let factor = terms
            .iter()
            .filter(|(term, value)| !tariff.knows(**term, value))
            .find_map(|(term, value)| self.factor(*term, value));
        let tools = self.tools.iter();
        let card = tools.fold(card, |card, (unit, rate)| card.or(*unit, rate));
        let Some(hundredths) = factor else {
            return Some(card);
        };
        let own = card.rates().map(|(unit, rate)| {
            let is_token = matches!(unit.kind(), Kind::InputToken | Kind::OutputToken);
            match is_token {
                true => Some((unit, times(rate, hundredths)?)),
                false => Some((unit, rate.clone())),
            }
        });
        own.collect::<Option<Vec<_>>>().map(Card::new)
    }
}

/// Rounded up to a trillionth, which no rate so far needs.
fn times(rate: &Rate, hundredths: u64) -> Option<Rate> {
    let scaled = |picos: u64| Some(picos.checked_mul(hundredths)?.div_ceil(100));
    let tiers = rate.tiers().iter().map(|tier| {
        Some(Tier {
            above_input_tokens: tier.above_input_tokens,
            picos: scaled(tier.picos)?,
        })
    });
    Rate::tiered(scaled(rate.base())?, tiers.collect::<Option<_>>()?)
}
