//! Providers, their models and what these cost: data, and how to find something in it.
//!
//! Prices come in layers. The operator's file goes before our corrections, and those before the list
//! that is compiled from PyPI's `genai-prices`; the first layer that knows a model says what it costs.
//! What no layer knows has no price, which is never the same as costing nothing.
//!
//! Nothing here knows an account, a request or the network. How money is computed from rates is said in
//! `ledger::rates`; here is which rates apply.

mod custom;
pub mod diff;
pub mod edit;
mod file;
mod images;
pub mod import;
mod layer;
mod limits;
mod listing;
mod live;
mod model;
mod number;
mod pairs;
mod pattern;
mod providers;
mod rate;
mod read;
mod surcharges;
mod tokenizer;

use std::path::Path;
use std::sync::{Arc, LazyLock};

pub use custom::{CustomCost, CustomCostError};
pub use file::FileError;
pub use images::image_tokens;
pub use limits::output_tokens_max;
pub use live::{Live, Reloaded};
pub use model::{Model, Part, PriceError, Priced};
pub use providers::{
    Api, BaseUrl, Cached, Credential, PathError, Provider, custom_provider, provider, providers,
};
pub use rate::{per, text as published};
pub use tokenizer::{Family, Text, Tokenizer, Tokens, tokenizer};

use file::PriceFile;
use layer::Layer;

/// In which currency the compiled-in prices are.
const CURRENCY: &str = "usd";

/// Compiled from PyPI's `genai-prices` by `scripts/prices`.
const GENAI_PRICES: &str = include_str!("genai-prices.json");

/// Ours: what that list has wrong or doesn't know, each with the reason.
const CORRECTIONS: &str = include_str!("corrections.json");

/// Who holds the rights in the compiled-in list, for whoever shows it.
pub const NOTICE: &str =
    "genai-prices is Copyright (c) Pydantic Services Inc., under the MIT licence.";

/// The compiled-in layers, read once in a process.
static BUILT_IN: LazyLock<Result<[Arc<Layer>; 2], FileError>> = LazyLock::new(|| {
    let corrections = read::layer(&PriceFile::parse(CORRECTIONS)?, None)?;
    let list = read::layer(&PriceFile::parse(GENAI_PRICES)?, Some(&corrections))?;
    Ok([Arc::new(corrections), Arc::new(list)])
});

/// Everything that is known about prices.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The first that knows a model counts.
    layers: Vec<Arc<Layer>>,
    is_in_dollars: bool,
}

/// There is no price, so prepaid credit can't pay for a call.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "there is no price for {provider}/{model}{}. The operator can add one to the file that [prices] file \
     names, by hand or with `farebox prices import`. With your own provider key a call needs no price.",
    .why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
)]
pub struct Unpriced {
    /// The provider's slug.
    pub provider: String,
    /// The model, as it was called.
    pub model: String,
    /// Why that is so, where the catalogue says.
    pub why: Option<String>,
}

impl Catalog {
    /// The compiled-in prices, and before them those of the operator's file, if there is one.
    ///
    /// The compiled-in ones are in dollars. With a ledger in another currency they are left out, and only
    /// what the operator's file says has a price.
    ///
    /// # Errors
    /// [`FileError`] where the file can't be read, is no list of prices, or is in another currency than
    /// the ledger.
    pub fn open(currency: &str, operators: Option<&Path>) -> Result<Self, FileError> {
        let mut layers = Vec::new();
        if let Some(path) = operators {
            let named = |error: FileError| FileError(format!("{}: {error}", path.display()));
            let file = PriceFile::open(path)?;
            if file.currency != currency {
                let why = format!(
                    "its prices are in {}, and the ledger's currency ([topup] currency) is {currency}",
                    file.currency
                );
                return Err(named(FileError(why)));
            }
            let built_in = BUILT_IN.clone()?;
            let below = built_in.first().filter(|_| currency == CURRENCY);
            let own = read::layer(&file, below.map(Arc::as_ref));
            layers.push(Arc::new(own.map_err(named)?));
        }
        let is_in_dollars = currency == CURRENCY;
        if is_in_dollars {
            layers.extend(BUILT_IN.clone()?);
        }
        Ok(Self {
            layers,
            is_in_dollars,
        })
    }

    /// Whether prices, and so the ledger, are in US dollars.
    pub const fn is_in_dollars(&self) -> bool {
        self.is_in_dollars
    }

    /// The model that a provider means by a name, with a price or left out on purpose.
    pub fn lookup(&self, provider: &str, name: &str) -> Option<Arc<Model>> {
        let name = name.to_lowercase();
        if let Some(own) = self.in_list(provider, &name) {
            return Some(own.clone());
        }
        let also = self.lists(provider).flat_map(|list| &list.also);
        let lent = also.filter_map(|other| self.in_list(other, &name)).next();
        lent.map(|model| Arc::new(model.lent_to(provider)))
    }

    /// The model that goes by that id in the books now: the one of that id, unless a layer before it has put another
    /// in its place, under one of its names. Not every model is called by its id.
    pub fn of_id(&self, provider: &str, id: &str) -> Option<Arc<Model>> {
        if let Some(own) = self.by_id(provider, id) {
            return Some(own.clone());
        }
        let also = self.lists(provider).flat_map(|list| &list.also);
        let lent = also.filter_map(|other| self.by_id(other, id)).next();
        let lent = lent.map(|model| Arc::new(model.lent_to(provider)));
        lent.or_else(|| self.lookup(provider, id))
    }

    fn by_id(&self, provider: &str, id: &str) -> Option<&Arc<Model>> {
        let of_id = |list: &layer::List| list.models().iter().position(|model| model.id == id);
        let (list, at) = self
            .lists(provider)
            .find_map(|list| Some((list, of_id(list)?)))?;
        let known = list.models().get(at)?;
        // What callers call it: others of its names may mean another by now.
        let names = [&known.id].into_iter().chain(&known.names);
        let name = names
            .map(|name| name.to_lowercase())
            .find(|name: &String| list.find(name).is_some_and(|found| found.id == id));
        let before = self
            .lists(provider)
            .take_while(|list| of_id(list).is_none());
        let instead = name.and_then(|name| before.filter_map(|list| list.find(&name)).next());
        Some(instead.unwrap_or(known))
    }

    /// The model that a provider means by a name, which has a price.
    ///
    /// # Errors
    /// [`Unpriced`] where it has none.
    pub fn find(&self, provider: &str, name: &str) -> Result<Arc<Model>, Unpriced> {
        match self.lookup(provider, name) {
            Some(model) if model.tariff().is_some() => Ok(self.with_context(provider, name, model)),
            other => Err(Unpriced {
                provider: provider.to_owned(),
                model: name.to_owned(),
                why: other.and_then(|model| model.why.clone()),
            }),
        }
    }

    /// A list that corrects a price needn't repeat the context window that the next one has.
    fn with_context(&self, provider: &str, name: &str, model: Arc<Model>) -> Arc<Model> {
        if model.context.is_some() {
            return model;
        }
        let name = name.to_lowercase();
        let mut lists = self.lists(provider);
        match lists.find_map(|list| list.find(&name)?.context) {
            Some(context) => Arc::new(Model {
                context: Some(context),
                ..Model::clone(&model)
            }),
            None => model,
        }
    }

    fn lists(&self, provider: &str) -> impl Iterator<Item = &layer::List> {
        let layers = self.layers.iter();
        let provider = provider.to_owned();
        layers.filter_map(move |layer| layer.list(&provider))
    }

    fn in_list(&self, provider: &str, name: &str) -> Option<&Arc<Model>> {
        self.lists(provider).find_map(|list| list.find(name))
    }
}

#[cfg(test)]
mod tests;
