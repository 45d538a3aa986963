//! Lists of prices in the formats of others, made into ours.
//!
//! What can't be told exactly in our terms is left out, with the reason; nothing is rounded, converted
//! or guessed. A model that is left out has no price.

mod genai;
mod litellm;
mod matches;

use std::collections::BTreeMap;

use super::file::{Entry, FileError, PriceFile, PriceList};
use super::pattern::Pattern;
use super::read;

/// What a file has brought.
#[derive(Debug)]
pub struct Imported {
    /// In which currency its prices are.
    pub currency: String,
    /// Whether it says all that it knows of a model: dates, hours, terms. One that isn't so is only
    /// compared in what it says.
    pub complete: bool,
    /// What is left out, as `provider/model` with the reason.
    pub left_out: Vec<(String, String)>,
    pub(crate) providers: BTreeMap<String, PriceList>,
}

impl Imported {
    fn new(complete: bool) -> Self {
        Self {
            currency: super::CURRENCY.to_owned(),
            complete,
            left_out: Vec::new(),
            providers: BTreeMap::new(),
        }
    }

    fn leave_out(&mut self, provider: &str, model: &str, why: impl Into<String>) {
        self.left_out
            .push((format!("{provider}/{model}"), why.into()));
    }

    /// Adds a model, or leaves it out where it makes no prices.
    fn add(&mut self, provider: &str, entry: Entry) {
        match read::model("-", provider, &entry) {
            Ok(_) => {
                let list = self.providers.entry(provider.to_owned()).or_default();
                list.models.push(entry);
            }
            Err(why) => self.leave_out(provider, &entry.id, why),
        }
    }

    /// Keeps only the models that one of the patterns means, of the form `provider/model`.
    pub fn keep(&mut self, patterns: &[String]) {
        if patterns.is_empty() {
            return;
        }
        let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::new(text)).collect();
        let meant = |name: &str| {
            let name = name.to_lowercase();
            patterns.iter().any(|pattern| pattern.matches(&name))
        };
        for (provider, list) in &mut self.providers {
            let named = |entry: &Entry| format!("{provider}/{}", entry.id);
            list.models.retain(|entry| meant(&named(entry)));
        }
        self.providers.retain(|_, list| !list.models.is_empty());
        self.left_out.retain(|(name, _)| meant(name));
    }
}

/// Reads a file in any of the formats: genai-prices' `data.json`, LiteLLM's
/// `model_prices_and_context_window.json`, or ours.
///
/// # Errors
/// Where it is none of them.
pub fn read(text: &str) -> Result<Imported, FileError> {
    let beginning = text.trim_start();
    if beginning.starts_with('[') {
        return genai::read(text);
    }
    if !beginning.starts_with('{') {
        return Err(FileError(NO_LIST.to_owned()));
    }
    if text.contains("\"litellm_provider\"") {
        return litellm::read(text);
    }
    ours(text)
}

const NO_LIST: &str = "not a list of prices: genai-prices' data.json, LiteLLM's \
     model_prices_and_context_window.json or a file of Farebox's are read";

fn ours(text: &str) -> Result<Imported, FileError> {
    let file = PriceFile::parse(text).map_err(|error| FileError(format!("{NO_LIST} ({error})")))?;
    read::layer(&file, None)?;
    let mut imported = Imported::new(true);
    imported.currency = file.currency;
    imported.providers = file.providers;
    for entry in imported
        .providers
        .values_mut()
        .flat_map(|list| &mut list.models)
    {
        entry.source.get_or_insert_with(|| file.source.clone());
    }
    Ok(imported)
}
