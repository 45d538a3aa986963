//! Everything that is in the catalogue, for whoever wants to see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Catalog, Model};

impl Catalog {
    /// The lists of prices by the provider's slug, with how many models have a price in each.
    pub fn lists_with_sizes(&self) -> Vec<(String, usize)> {
        let names: BTreeSet<&str> = self
            .layers
            .iter()
            .flat_map(|layer| layer.lists().map(|(name, _)| name))
            .collect();
        let size = |name: &str| {
            let models = self.models(name);
            models
                .iter()
                .filter(|model| model.tariff().is_some())
                .count()
        };
        names
            .iter()
            .map(|name| ((*name).to_owned(), size(name)))
            .collect()
    }

    /// A provider's own models by their ids, each as the first layer has it that has it.
    pub fn models(&self, provider: &str) -> Vec<Arc<Model>> {
        let mut models: BTreeMap<&str, &Arc<Model>> = BTreeMap::new();
        for list in self.lists(provider) {
            for model in list.models() {
                models.entry(&model.id).or_insert(model);
            }
        }
        // One that is hidden by a pattern of a layer before it can't be meant by its own name.
        let mut models: Vec<_> = models.into_values().cloned().collect();
        models.retain(|model| {
            self.lookup(provider, &model.id)
                .is_none_or(|found| found.id == model.id)
        });
        models
    }

    /// The names by which a provider's model is called: its id, and the others that are no patterns, but for those
    /// that mean another model.
    pub fn called<'a>(
        &'a self,
        provider: &'a str,
        model: &'a Model,
    ) -> impl Iterator<Item = String> + 'a {
        let exact = |name: &&String| !name.contains(['*', '#', '!']);
        let others = model.names.iter().filter(exact);
        let names: BTreeSet<&String> = [&model.id].into_iter().chain(others).collect();
        let means = |name: &&String| {
            let found = self.lookup(provider, name);
            found.is_some_and(|found| found.id == model.id)
        };
        names.into_iter().filter(means).cloned()
    }

    /// Providers whose lists are looked into for what this one's doesn't have.
    pub fn also(&self, provider: &str) -> Vec<String> {
        let also = self.lists(provider).flat_map(|list| list.also.clone());
        also.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Where the prices are from, the first that counts first.
    pub fn sources(&self) -> Vec<&str> {
        self.layers
            .iter()
            .map(|layer| layer.source.as_str())
            .collect()
    }
}
