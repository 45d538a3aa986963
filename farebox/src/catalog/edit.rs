//! Prices that the operator sets one by one, in the text of the operator's file.

use super::file::{Entry, FileError, PriceFile, PriceText};
use super::read;

/// Where prices are from that were set by hand.
const SOURCE: &str = "operator";

/// A model's prices, each in the ledger's currency by how its unit is published (dollars per million tokens).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// The provider's slug.
    pub provider: String,
    /// The model, by the name that calls give it.
    pub model: String,
    /// By the unit's name.
    pub rates: Vec<(String, String)>,
}

/// The file's text with these prices in the place of all that the model had in it. Other models stay as they
/// are.
///
/// # Errors
/// [`FileError`] if the text is no list of prices or in another currency, or a price can't be read.
pub fn set(into: Option<&str>, currency: &str, set: &Set) -> Result<String, FileError> {
    let mut file = match into {
        Some(text) => PriceFile::parse(text)?,
        None => PriceFile::empty(SOURCE, currency),
    };
    if file.currency != currency {
        return Err(FileError(format!(
            "its prices are in {}, and the ledger's currency ([topup] currency) is {currency}",
            file.currency
        )));
    }
    let entry = entry(set, &file.source);
    read::model(&file.source, &set.provider, &entry).map_err(FileError)?;
    let list = file.providers.entry(set.provider.clone()).or_default();
    match list.models.iter_mut().find(|known| known.id == set.model) {
        Some(known) => *known = entry,
        // Before those whose patterns may mean it as well.
        None => list.models.insert(0, entry),
    }
    file.to_text().map_err(|error| FileError(error.to_string()))
}

fn entry(set: &Set, source: &str) -> Entry {
    Entry {
        id: set.model.clone(),
        names: Vec::new(),
        source: (source != SOURCE).then(|| SOURCE.to_owned()),
        why: None,
        least: Vec::new(),
        context: None,
        prices: vec![PriceText {
            rates: set.rates.clone(),
            ..PriceText::default()
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str, rates: &[(&str, &str)]) -> Set {
        let rates = rates
            .iter()
            .map(|(unit, rate)| ((*unit).to_owned(), (*rate).to_owned()));
        Set {
            provider: "vllm".to_owned(),
            model: model.to_owned(),
            rates: rates.collect(),
        }
    }

    #[test]
    fn a_models_prices_are_replaced_and_others_stay() {
        let llama = of("our-llama", &[("input", "0.2"), ("output", "0.8")]);
        let first = set(None, "usd", &llama).unwrap();
        let other = of("org/big", &[("input", "1")]);
        let second = set(Some(&first), "usd", &other).unwrap();
        let dearer = of("our-llama", &[("input", "0.3")]);
        let third = set(Some(&second), "usd", &dearer).unwrap();
        assert_eq!(
            third,
            r#"{
"source": "operator",
"providers": {
"vllm": {"models": [
{"id":"org/big","prices":[{"rates":{"input":"1"}}]},
{"id":"our-llama","prices":[{"rates":{"input":"0.3"}}]}
]}
}
}
"#
        );
    }

    #[test]
    fn what_is_no_price_changes_nothing() {
        for (into, currency, rates, why) in [
            (None, "usd", ("input", "x"), "input"),
            (None, "usd", ("inptu", "1"), "inptu"),
            (Some("7"), "usd", ("input", "1"), "not a list of prices"),
            (
                Some(r#"{"source":"x","currency":"eur","providers":{}}"#),
                "usd",
                ("input", "1"),
                "eur",
            ),
        ] {
            let error = set(into, currency, &of("m", &[rates])).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
