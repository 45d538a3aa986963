//! Rows by key, with two memories: what the current group did, to undo it, and what has changed
//! since the last write, to write it. Both cost in proportion to what changed, not to what is held.

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Clone, Debug)]
struct Row<V> {
    value: V,
    changed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Shelf<K, V> {
    rows: HashMap<K, Row<V>>,
    /// The keys of changed rows, once each, in the order in which they first changed.
    changed: Vec<K>,
    /// What each write of the current group replaced, in order.
    journal: Vec<(K, Option<Row<V>>)>,
}

impl<K: Copy + Eq + Hash, V: Clone> Shelf<K, V> {
    pub(super) fn new() -> Self {
        Self {
            rows: HashMap::new(),
            changed: Vec::new(),
            journal: Vec::new(),
        }
    }

    /// Adds a row as it is on disk. A row that is here already is kept, because it is newer.
    pub(super) fn load(&mut self, key: K, value: V) {
        self.rows.entry(key).or_insert(Row {
            value,
            changed: false,
        });
    }

    /// Sets a row as it is on disk, whatever is here.
    pub(super) fn replace(&mut self, key: K, value: V) {
        let changed = self.rows.get(&key).is_some_and(|row| row.changed);
        self.rows.insert(key, Row { value, changed });
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.rows.get(&key).map(|row| &row.value)
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let before = self.rows.insert(
            key,
            Row {
                value,
                changed: true,
            },
        );
        if !before.as_ref().is_some_and(|row| row.changed) {
            self.changed.push(key);
        }
        self.journal.push((key, before));
    }

    /// Starts a group: what was written until now stays.
    pub(super) fn begin(&mut self) {
        self.journal.clear();
    }

    /// Undoes everything since `begin`, newest first.
    pub(super) fn roll_back(&mut self) {
        while let Some((key, before)) = self.journal.pop() {
            // The newest first change is the last of `changed`, so that undoing it is a pop.
            if !before.as_ref().is_some_and(|row| row.changed) {
                self.changed.pop();
            }
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    /// The changed rows with their final values. They stay here, as rows that are on disk.
    pub(super) fn take_changed(&mut self) -> Vec<(K, V)> {
        self.journal.clear();
        let mut taken = Vec::with_capacity(self.changed.len());
        for key in self.changed.drain(..) {
            if let Some(row) = self.rows.get_mut(&key) {
                row.changed = false;
                taken.push((key, row.value.clone()));
            }
        }
        taken
    }
}
