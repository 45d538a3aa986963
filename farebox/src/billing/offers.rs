//! Which models an account can call from its credit, and at which price.

use std::collections::BTreeMap;

use api::Dollars;
use ledger::rates::{Card, Markup, Rate, charge};
use ledger::{AccountId, Basis, Kind, Terms, Unit, Usage};
use serde::Serialize;

use crate::app::App;
use crate::billing::BillingError;
use crate::catalog::{self, Provider};
use crate::store::markups;

/// A model under one of the names that it is called by.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The provider's slug.
    pub provider: &'static str,
    /// What a call has as its model.
    pub name: String,
    /// The prices now, with the account's markup; nothing for a unit that only some calls have a price for.
    pub prices: BTreeMap<&'static str, UnitPrice>,
    /// The most output tokens, if it is known.
    pub output_tokens_max: Option<u64>,
    /// Whether it writes text, and is not only read for an embedding.
    pub writes: bool,
}

/// What a unit costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitPrice {
    /// In the currency's main unit.
    pub price: Dollars,
    /// For how much of it: `million`, `thousand`, `hour` or `each`.
    pub per: &'static str,
    /// Other prices for calls that read more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<Above>,
}

/// The price for calls that read more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Above {
    /// Input tokens.
    pub input_tokens: u64,
    /// In the currency's main unit.
    pub price: Dollars,
}

/// The models of these providers that have a price now, by provider and name.
///
/// # Errors
/// [`BillingError::Store`], or [`BillingError::Internal`] if a stored markup is no percentage.
pub async fn offers(
    app: &App,
    account: AccountId,
    providers: &[&'static Provider],
) -> Result<Vec<Offer>, BillingError> {
    let markups = markups::of(&app.store.db, account).await?;
    let (catalog, now) = (app.catalog.current(), app.now());
    let mut offers = Vec::new();
    for provider in providers {
        for model in catalog.models(provider.slug) {
            if model.tariff().is_none() {
                continue;
            }
            let card = model.own_card(now, &Terms::default()).ok();
            let markup = match markups.nearest(&model.provider, &model.id) {
                None => app.config.prices.markup,
                Some(set) => Markup::parse(&set.percent).map_err(|error| {
                    BillingError::Internal(format!("markup {:?}: {error}", set.scope))
                })?,
            };
            let names = catalog.called(provider.slug, &model);
            offers.extend(names.map(|name| offer(provider.slug, name, card.as_ref(), markup)));
        }
    }
    Ok(offers)
}

fn offer(provider: &'static str, name: String, card: Option<&Card>, markup: Markup) -> Offer {
    let rates = || card.into_iter().flat_map(Card::rates);
    let prices = rates().filter_map(|(unit, rate)| Some((unit.name(), price(unit, rate, markup)?)));
    Offer {
        provider,
        prices: prices.collect(),
        output_tokens_max: catalog::output_tokens_max(provider, &name),
        writes: rates().any(|(unit, _)| unit.kind() == Kind::OutputToken),
        name,
    }
}

fn price(unit: Unit, rate: &Rate, markup: Markup) -> Option<UnitPrice> {
    let above = rate.tiers().iter().map(|tier| {
        Some(Above {
            input_tokens: tier.above_input_tokens,
            price: with_markup(unit, tier.picos, markup)?,
        })
    });
    Some(UnitPrice {
        price: with_markup(unit, rate.base(), markup)?,
        per: catalog::per(unit).trim_start_matches("per "),
        above: above.collect::<Option<_>>()?,
    })
}

/// What that much of a unit is charged for which its price is published.
fn with_markup(unit: Unit, picos: u64, markup: Markup) -> Option<Dollars> {
    let card = Card::new([(unit, Rate::flat(picos))]);
    let mut usage = Usage::new(Basis::Reported);
    usage.add(unit, published_for(unit));
    let charged = charge(&card, &usage, markup).ok()?;
    Some(Dollars::from_nanos(charged.amount.nanos()))
}

/// How much of the unit [`catalog::per`] means.
fn published_for(unit: Unit) -> u64 {
    match unit.kind() {
        Kind::InputToken | Kind::OutputToken | Kind::Character => 1_000_000,
        Kind::Call => 1000,
        Kind::Time => 3_600_000,
        Kind::Piece => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_price_is_what_that_much_is_charged() {
        let twenty = Markup::parse("20").unwrap();
        for (unit, picos, expected, per) in [
            (Unit::Input, 2_500_000, "3", "million"),
            (Unit::Output, 10_000_000, "12", "million"),
            (Unit::WebSearch, 10_000_000_000, "12", "thousand"),
        ] {
            let price = price(unit, &Rate::flat(picos), twenty).unwrap();
            assert_eq!(
                (price.price.to_string().as_str(), price.per),
                (expected, per)
            );
        }
    }
}
