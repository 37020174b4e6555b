//! What a walk over a tree gathers.

use std::collections::HashMap;
use std::hash::Hash;

use crate::effect::{Effect, Effects};
use crate::statement::{Access, Gap, Relation, Setting};

/// What is known so far of a statement.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) effects: Effects,
    pub(super) relations: Ordered<Relation>,
    pub(super) functions: Ordered<String>,
    pub(super) gaps: Ordered<Gap>,
    pub(super) settings: Vec<Setting>,
    /// How often the rows of a relation flow into the statement.
    pub(super) reads: usize,
    /// Whether something derived from what flows in is put elsewhere than into the result.
    pub(super) sink: bool,
    /// Whether rows become reachable in another way, without flowing through a query.
    pub(super) exposes: bool,
}

impl Facts {
    pub(super) fn does(&mut self, effect: Effect) {
        self.effects.insert(effect);
    }

    pub(super) fn gap(&mut self, gap: Gap) {
        self.gaps.insert(gap);
    }

    pub(super) fn relation(&mut self, schema: Option<&str>, name: &str, access: Access) {
        let schema = schema.map(str::to_owned);
        self.relations.insert(Relation { schema, name: name.to_owned(), access });
    }

    /// Whether something that was read is stored.
    pub(super) fn stores(&self) -> bool {
        self.exposes || (self.sink && self.reads > 0)
    }

    /// Takes over what another walk gathered.
    pub(super) fn absorb(&mut self, other: Self) {
        let Self { effects, relations, functions, gaps, settings, reads, sink, exposes } = other;
        self.effects = self.effects.union(effects);
        relations.into_vec().into_iter().for_each(|relation| self.relations.insert(relation));
        functions.into_vec().into_iter().for_each(|function| self.functions.insert(function));
        gaps.into_vec().into_iter().for_each(|gap| self.gaps.insert(gap));
        self.settings.extend(settings);
        self.reads = self.reads.saturating_add(reads);
        self.sink |= sink;
        self.exposes |= exposes;
    }
}

/// Values in the order of their first coming, each once, at a cost that stays linear for hostile texts.
#[derive(Debug)]
pub(super) struct Ordered<T>(HashMap<T, usize>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Hash + Eq> Ordered<T> {
    pub(super) fn insert(&mut self, value: T) {
        let next = self.0.len();
        self.0.entry(value).or_insert(next);
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        let mut values: Vec<_> = self.0.into_iter().collect();
        values.sort_unstable_by_key(|(_, position)| *position);
        values.into_iter().map(|(value, _)| value).collect()
    }
}
