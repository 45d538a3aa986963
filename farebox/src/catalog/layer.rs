//! Lists of models, and which of them a name means.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::model::Model;
use super::pattern::Pattern;
use super::surcharges::Surcharges;

/// The lists of one source, by the provider's slug.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) source: String,
    lists: BTreeMap<String, List>,
}

/// One provider's models.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) also: Vec<String>,
    pub(super) surcharges: Arc<Surcharges>,
    models: Vec<Arc<Model>>,
    /// The first model of each exact name.
    exact: HashMap<String, usize>,
    /// In the order of the models.
    loose: Vec<Loose>,
}

/// The patterns of a model.
#[derive(Debug)]
struct Loose {
    model: usize,
    meant: Vec<Pattern>,
    not_meant: Vec<Pattern>,
}

impl Layer {
    pub(crate) fn new(source: String) -> Self {
        Self {
            source,
            lists: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, provider: String, list: List) {
        self.lists.insert(provider, list);
    }

    pub(crate) fn list(&self, provider: &str) -> Option<&List> {
        self.lists.get(provider)
    }

    pub(crate) fn lists(&self) -> impl Iterator<Item = (&str, &List)> {
        self.lists.iter().map(|(name, list)| (name.as_str(), list))
    }
}

impl List {
    pub(super) fn new(also: Vec<String>, surcharges: Arc<Surcharges>) -> Self {
        Self {
            also,
            surcharges,
            ..Self::default()
        }
    }

    /// Adds a model that is called by these names, or by its id where there are none.
    pub(crate) fn add(&mut self, model: Arc<Model>, names: &[String]) {
        let index = self.models.len();
        let id = [model.id.clone()];
        let names = if names.is_empty() { &id } else { names };
        let (not_meant, names): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| name.starts_with('!'));
        let names = names.into_iter().map(|name| Pattern::new(name));
        let (exact, meant): (Vec<_>, Vec<_>) = names.partition(Pattern::is_exact);
        for name in exact {
            self.exact.entry(name.text().to_owned()).or_insert(index);
        }
        if !meant.is_empty() {
            let not_meant = not_meant
                .iter()
                .map(|name| Pattern::new(name.trim_start_matches('!')));
            self.loose.push(Loose {
                model: index,
                meant,
                not_meant: not_meant.collect(),
            });
        }
        self.models.push(model);
    }

    pub(crate) fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// The first model, in the order of the list, that this name means. The name is in lower case.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Model>> {
        let exact = self.exact.get(name).copied();
        let before = exact.unwrap_or(usize::MAX);
        let candidates = self.loose.iter().take_while(|loose| loose.model < before);
        let loose = candidates
            .filter(|loose| loose.means(name))
            .map(|loose| loose.model)
            .next();
        self.models.get(loose.or(exact)?)
    }
}

impl Loose {
    fn means(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        any(&self.meant) && !any(&self.not_meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(models: &[(&str, &[&str])]) -> List {
        let mut list = List::default();
        for (id, names) in models {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            list.add(Arc::new(Model::without_price("p", id, "-")), &names);
        }
        list
    }

    #[test]
    fn the_first_model_that_is_meant_counts() {
        let list = list(&[
            ("latest", &["x-latest"]),
            ("pro", &["x-pro*", "!*-tts", "!*-tts-*"]),
            ("x", &["x*", "y"]),
            ("late", &["x-pro-9", "x-latest", "z"]),
            ("Plain", &[]),
        ]);
        for (name, id) in [
            ("x-latest", Some("latest")),
            ("x-pro", Some("pro")),
            ("x-pro-9", Some("pro")),
            ("x-pro-tts", Some("x")),
            ("x-pro-tts-1", Some("x")),
            ("y", Some("x")),
            ("z", Some("late")),
            ("plain", Some("Plain")),
            ("w", None),
        ] {
            let found = list.find(name).map(|model| model.id.as_str());
            assert_eq!(found, id, "{name}");
        }
    }
}
