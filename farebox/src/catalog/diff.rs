//! What an import would change.

use std::collections::BTreeSet;

use ledger::rates::{Card, Price, Tariff};
use ledger::{Terms, Timestamp, Unit};

use super::file::{Entry, FileError, PriceFile, PriceList};
use super::import::Imported;
use super::model::Model;
use super::{Catalog, rate, read};

/// A model of an import, beside what the catalogue has.
#[derive(Debug)]
pub struct Difference {
    /// The list.
    pub provider: String,
    /// The model, as the import names it.
    pub model: String,
    /// How it differs.
    pub kind: Kind,
    /// Unit by unit, for an ordinary call at that moment: what differs, or all of a new one.
    pub rows: Vec<Row>,
    /// How many prices it has and would have, with all dates, hours and terms.
    pub prices: (usize, usize),
    /// Why the catalogue has what it has, where that is said.
    pub why: Option<String>,
    entry: Entry,
}

/// How a model of an import differs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It has no price yet.
    New,
    /// It has other prices.
    Changed,
    /// It has the same.
    Same,
}

/// One unit's price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Of what.
    pub unit: Unit,
    /// The published price that counts; none, where there is none.
    pub now: Option<String>,
    /// And that would.
    pub then: Option<String>,
}

/// Compares every model of an import with the catalogue, by the prices of that moment and, where the
/// import tells them, by those of any other.
///
/// # Errors
/// Where an entry makes no prices, which an import has looked at.
pub fn compare(
    catalog: &Catalog,
    imported: &Imported,
    at: Timestamp,
) -> Result<Vec<Difference>, FileError> {
    let mut differences = Vec::new();
    for (provider, list) in &imported.providers {
        for entry in &list.models {
            let model = read::model("-", provider, entry).map_err(FileError)?;
            let known = catalog.lookup(provider, &entry.id);
            let why = known.as_ref().and_then(|model| model.why.clone());
            let known = known.filter(|model| model.tariff().is_some());
            let (kind, rows) = beside(known.as_deref(), &model, imported.complete, at);
            differences.push(Difference {
                provider: provider.clone(),
                model: entry.id.clone(),
                kind,
                rows,
                prices: (known.as_deref().map_or(0, count), count(&model)),
                why,
                entry: entry.clone(),
            });
        }
    }
    Ok(differences)
}

fn beside(known: Option<&Model>, new: &Model, complete: bool, at: Timestamp) -> (Kind, Vec<Row>) {
    let card = ordinary(new, at);
    let Some(known) = known else {
        return (Kind::New, rows(&Card::default(), &card));
    };
    let old = ordinary(known, at);
    let same = if complete {
        prices(known) == prices(new)
    } else {
        // It says nothing of what it doesn't name.
        let counts = |unit| old.rate(unit).map(|(_, rate)| rate);
        card.rates().all(|(unit, rate)| counts(unit) == Some(rate))
    };
    match same {
        true => (Kind::Same, Vec::new()),
        false => (Kind::Changed, rows(&old, &card)),
    }
}

fn prices(model: &Model) -> &[Price] {
    model.tariff().map_or(&[], Tariff::prices)
}

fn count(model: &Model) -> usize {
    prices(model).len()
}

fn ordinary(model: &Model, at: Timestamp) -> Card {
    model.own_card(at, &Terms::new()).unwrap_or_default()
}

/// The units whose own rates differ.
fn rows(now: &Card, then: &Card) -> Vec<Row> {
    let own = |card: &Card, unit: Unit| {
        let mut rates = card.rates();
        let found = rates.find(|(known, _)| *known == unit);
        found.map(|(unit, found)| rate::text(unit, found))
    };
    let units: BTreeSet<Unit> = now
        .rates()
        .chain(then.rates())
        .map(|(unit, _)| unit)
        .collect();
    let rows = units.into_iter().map(|unit| Row {
        unit,
        now: own(now, unit),
        then: own(then, unit),
    });
    rows.filter(|row| row.now != row.then).collect()
}

/// The operator's file with these models in it, in place of those of the same ids.
///
/// # Errors
/// Where it is in another currency than the import.
pub fn merge(
    into: Option<&str>,
    imported: &Imported,
    differences: &[&Difference],
    source: &str,
) -> Result<String, FileError> {
    let mut file = match into {
        Some(text) => PriceFile::parse(text)?,
        None => PriceFile::empty(source, &imported.currency),
    };
    if file.currency != imported.currency {
        return Err(FileError(format!(
            "its prices are in {}, and those of the import in {}",
            file.currency, imported.currency
        )));
    }
    for difference in differences {
        let mut entry = difference.entry.clone();
        let from = entry.source.take().unwrap_or_else(|| source.to_owned());
        entry.source = (from != file.source).then_some(from);
        let provider = difference.provider.clone();
        let list = file.providers.entry(provider).or_insert_with(|| {
            let also = imported.providers.get(&difference.provider);
            PriceList {
                also: also.map(|list| list.also.clone()).unwrap_or_default(),
                ..PriceList::default()
            }
        });
        list.models.retain(|known| known.id != entry.id);
        list.models.push(entry);
    }
    let written = file.to_text();
    written.map_err(|error| FileError(error.to_string()))
}
