//! A model and its prices: what a call to it costs, and by which version of the prices.

use std::sync::Arc;

use ledger::rates::{Card, Charge, ChargeError, Markup, Price, Tariff, charge};
use ledger::{Amount, Kind, Term, Terms, Timestamp, Unit, Usage};

use super::Unpriced;
use super::file::PriceText;
use super::surcharges::Surcharges;

/// A model of a provider, as the catalogue has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Model {
    /// The slug of the list that it stands in.
    pub provider: String,
    /// The name it goes by in the books, whatever name it was called by.
    pub id: String,
    /// What it is called by; the id, where there is nothing here.
    pub names: Vec<String>,
    /// Why the prices are so, or why there are none.
    pub why: Option<String>,
    /// How much of a unit is charged at least, where any of it is used.
    pub least: Vec<(Unit, u64)>,
    /// The context window in tokens, input and output together, if the list says.
    pub context: Option<u64>,
    /// The prices as the list has them.
    pub(crate) texts: Vec<PriceText>,
    pub(super) tariff: Option<Tariff>,
    /// What its provider charges besides, whichever of its models is called.
    pub(super) surcharges: Arc<Surcharges>,
}

/// What a call costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Priced {
    /// The money and the arithmetic.
    pub charge: Charge,
    /// By which prices, with the markup.
    pub version: String,
    /// What is charged: what was used, or the least that is charged.
    pub usage: Usage,
    /// What is charged besides, each by prices of its own.
    pub also: Vec<Part>,
    /// The model by whose prices, if it is another than the requested one.
    pub model: Option<String>,
}

/// A part of a call that is charged apart from the rest: another model's, or one with a context of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The model.
    pub model: String,
    /// What it costs.
    pub priced: Priced,
}

impl Priced {
    /// What all of it costs; the most that there can be where that is more.
    pub fn amount(&self) -> Amount {
        let parts = self.also.iter().map(|part| part.priced.amount());
        parts.fold(self.charge.amount, |sum, part| {
            sum.checked_add(part)
                .unwrap_or(Amount::from_nanos(i64::MAX))
        })
    }

    /// What all of it used.
    pub fn used(&self) -> Usage {
        let mut used = self.usage.clone();
        for part in &self.also {
            for (unit, quantity) in part.priced.used().iter() {
                used.add(unit, quantity);
            }
        }
        used
    }
}

/// Why a usage has no price.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PriceError {
    /// The model, or the call's terms, have none.
    #[error(transparent)]
    Unpriced(#[from] Unpriced),
    /// A unit that was used has none.
    #[error("{provider}/{model}: {error}")]
    Charge {
        /// The list.
        provider: String,
        /// The model's id.
        model: String,
        /// What the ledger says.
        error: ChargeError,
    },
}

/// Values of terms with which a call is an ordinary one, whatever the list says: that is what the
/// providers' documentation calls their defaults. `auto` leaves it to the provider, whose answer names the
/// tier that it took.
const ORDINARY: &[(Term, &[&str])] = &[
    (
        Term::ServiceTier,
        &["auto", "default", "standard", "standard_only", "on_demand"],
    ),
    (Term::Speed, &["standard"]),
    (Term::Geo, &["global", "not_available"]),
];

/// At the end of the version of prices that another provider's list has.
const LENT: &str = ":tokens";

fn is_token(unit: Unit) -> bool {
    matches!(unit.kind(), Kind::InputToken | Kind::OutputToken)
}

fn lent_text(text: &PriceText) -> Option<PriceText> {
    let mut lent = text.clone();
    lent.rates
        .retain(|(unit, _)| Unit::from_name(unit).is_some_and(is_token));
    lent.when.is_empty().then_some(lent)
}

fn tokens_only(card: &Card) -> Card {
    let rates = card.rates().filter(|(unit, _)| is_token(*unit));
    Card::new(rates.map(|(unit, rate)| (unit, rate.clone())))
}

/// Whether the term can decide what a call to the model costs. An image's size and quality do if it is sold by the
/// image; if by tokens, they are in the number of these.
fn decides(tariff: &Tariff, term: Term) -> bool {
    let sells_images = || {
        let mut prices = tariff.prices().iter();
        prices.any(|price| price.card.rates().any(|(unit, _)| unit == Unit::Image))
    };
    !matches!(term, Term::Size | Term::Quality) || sells_images()
}

impl Model {
    /// One that is known to have no price.
    #[cfg(test)]
    pub(crate) fn without_price(provider: &str, id: &str, why: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            id: id.to_owned(),
            names: Vec::new(),
            why: Some(why.to_owned()),
            least: Vec::new(),
            context: None,
            texts: Vec::new(),
            tariff: None,
            surcharges: Arc::default(),
        }
    }

    /// All its prices; none where the list leaves it out on purpose.
    pub fn tariff(&self) -> Option<&Tariff> {
        self.tariff.as_ref()
    }

    /// The rates for a call that begins at that moment under those terms, with those of the provider's tools and its
    /// surcharges.
    ///
    /// # Errors
    /// [`Unpriced`] if there are none yet, or a term may make the call dearer and has no price.
    pub fn card(&self, at: Timestamp, terms: &Terms) -> Result<Card, Unpriced> {
        let card = self.own_card(at, terms)?;
        let tariff = self.tariff.as_ref().ok_or_else(|| self.left_out())?;
        self.surcharges.on(card, tariff, terms).ok_or_else(|| {
            self.unpriced("a surcharge makes one that can't be told exactly".to_owned())
        })
    }

    /// The model's own rates alone, as a list has them.
    ///
    /// # Errors
    /// As [`Model::card`].
    pub fn own_card(&self, at: Timestamp, terms: &Terms) -> Result<Card, Unpriced> {
        let tariff = self.tariff.as_ref().ok_or_else(|| self.left_out())?;
        let stranger = terms.iter().find(|(term, value)| {
            let ordinary = ORDINARY.iter().find(|(known, _)| known == *term);
            let ordinary = ordinary.is_some_and(|(_, values)| values.contains(&value.as_str()));
            !ordinary
                && decides(tariff, **term)
                && !tariff.knows(**term, value)
                && self.surcharges.factor(**term, value).is_none()
        });
        if let Some((term, value)) = stranger {
            return Err(self.unpriced(format!("none for calls with {term} {value:?}")));
        }
        let card = tariff.card(at, terms);
        card.ok_or_else(|| self.unpriced("none for that time yet".to_owned()))
    }

    /// What a usage costs that began at that moment.
    ///
    /// # Errors
    /// [`PriceError`].
    pub fn charge(
        &self,
        at: Timestamp,
        usage: &Usage,
        markup: Markup,
    ) -> Result<Priced, PriceError> {
        let card = self.card(at, &usage.terms)?;
        let usage = self.charged(usage);
        let charge = charge(&card, &usage, markup).map_err(|error| PriceError::Charge {
            provider: self.provider.clone(),
            model: self.id.clone(),
            error,
        })?;
        Ok(Priced {
            charge,
            version: self.version(markup),
            usage,
            also: Vec::new(),
            model: None,
        })
    }

    /// The name of exactly these prices with this markup, for good: `genai-prices-0.2.3:1f0c9a3b77d2+20%`.
    pub fn version(&self, markup: Markup) -> String {
        let version = self.tariff.as_ref().map_or("", Tariff::version);
        if markup == Markup::NONE {
            return version.to_owned();
        }
        format!("{version}{}", Self::markup_text(markup))
    }

    /// A markup as the name of prices has it: `+20%`.
    pub fn markup_text(markup: Markup) -> String {
        let percent = markup.to_string();
        let sign = if percent.starts_with('-') { "" } else { "+" };
        format!("{sign}{percent}%")
    }

    /// The usage with at least as much of each unit as is charged at least.
    pub fn charged(&self, usage: &Usage) -> Usage {
        let mut charged = usage.clone();
        for (unit, least) in &self.least {
            let used = usage.get(*unit);
            if used > 0 {
                charged.add(*unit, least.saturating_sub(used));
            }
        }
        charged
    }

    /// The same model at another provider, which has no list of its own for it: tokens cost the same there.
    /// What else the first one sells, and under which terms, is not known of the other.
    pub(crate) fn lent_to(&self, provider: &str) -> Self {
        let lent = |tariff: &Tariff| {
            let prices = tariff
                .prices()
                .iter()
                .filter(|price| price.terms.is_empty());
            let prices = prices.map(|price| Price {
                card: tokens_only(&price.card),
                ..price.clone()
            });
            let version = format!("{}{LENT}", tariff.version());
            Tariff::new(version, prices.collect()).ok()
        };
        Self {
            provider: provider.to_owned(),
            texts: self.texts.iter().filter_map(lent_text).collect(),
            tariff: self.tariff.as_ref().and_then(lent),
            surcharges: Arc::default(),
            ..self.clone()
        }
    }

    fn left_out(&self) -> Unpriced {
        self.unpriced(self.why.clone().unwrap_or_default())
    }

    fn unpriced(&self, why: String) -> Unpriced {
        Unpriced {
            provider: self.provider.clone(),
            model: self.id.clone(),
            why: Some(why),
        }
    }
}
