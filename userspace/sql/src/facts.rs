//! What a walk over a tree gathers.

use std::collections::HashMap;
use std::hash::Hash;

use crate::effect::{Effect, Effects};
use crate::statement::{Access, Gap, References, Relation, Setting};

/// What is known so far of a statement.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) effects: Effects,
    pub(crate) relations: Ordered<Relation>,
    pub(crate) functions: Ordered<String>,
    pub(crate) gaps: Ordered<Gap>,
    pub(crate) settings: Vec<Setting>,
    /// Names that columns are referred to by.
    pub(crate) columns: Ordered<String>,
    /// Other names that relations are given.
    pub(crate) aliases: Ordered<String>,
    /// Whether columns are meant that are not named: a star, a renaming by position.
    pub(crate) wide: bool,
    /// How often the rows of a relation flow into the statement.
    pub(crate) reads: usize,
    /// Whether something derived from what flows in is put elsewhere than into the result.
    pub(crate) sink: bool,
    /// Whether rows become reachable in another way, without flowing through a query.
    pub(crate) exposes: bool,
}

impl Facts {
    pub(crate) fn does(&mut self, effect: Effect) {
        self.effects.insert(effect);
    }

    pub(crate) fn gap(&mut self, gap: Gap) {
        self.gaps.insert(gap);
    }

    pub(crate) fn relation(&mut self, schema: Option<&str>, name: &str, access: Access) {
        let schema = schema.map(str::to_owned);
        self.relations.insert(Relation {
            schema,
            name: name.to_owned(),
            access,
        });
    }

    /// Whether something that was read is stored.
    pub(crate) fn stores(&self) -> bool {
        self.exposes || (self.sink && self.reads > 0)
    }

    /// The columns that are meant. A name that is also a relation's may mean its whole row; a function's name may be a
    /// column's, since `name(row)` and `row.name` are the same.
    pub(crate) fn references(&self) -> References {
        let row = |name: &String| {
            self.aliases.contains(name) || self.relations.keys().any(|relation| relation.name == *name)
        };
        let wide = self.wide || self.columns.keys().any(row) || self.effects.contains(Effect::Code);
        let functions = self.functions.keys().filter_map(|name| name.rsplit('.').next());
        let mut columns: Vec<_> = self
            .columns
            .keys()
            .map(String::as_str)
            .chain(functions)
            .map(str::to_owned)
            .collect();
        columns.sort_unstable();
        columns.dedup();
        References { columns, wide }
    }

    /// Takes over what another walk gathered.
    pub(crate) fn absorb(&mut self, other: Self) {
        let Self {
            effects,
            relations,
            functions,
            gaps,
            settings,
            columns,
            aliases,
            wide,
            reads,
            sink,
            exposes,
        } = other;
        self.effects = self.effects.union(effects);
        relations
            .into_vec()
            .into_iter()
            .for_each(|relation| self.relations.insert(relation));
        functions
            .into_vec()
            .into_iter()
            .for_each(|function| self.functions.insert(function));
        gaps.into_vec().into_iter().for_each(|gap| self.gaps.insert(gap));
        self.settings.extend(settings);
        columns
            .into_vec()
            .into_iter()
            .for_each(|name| self.columns.insert(name));
        aliases
            .into_vec()
            .into_iter()
            .for_each(|name| self.aliases.insert(name));
        self.wide |= wide;
        self.reads = self.reads.saturating_add(reads);
        self.sink |= sink;
        self.exposes |= exposes;
    }
}

/// Values in the order of their first coming, each once, at a cost that stays linear for hostile texts.
#[derive(Debug)]
pub(crate) struct Ordered<T>(HashMap<T, usize>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Hash + Eq> Ordered<T> {
    pub(crate) fn insert(&mut self, value: T) {
        let next = self.0.len();
        self.0.entry(value).or_insert(next);
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.0.contains_key(value)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &T> {
        self.0.keys()
    }

    pub(crate) fn into_vec(self) -> Vec<T> {
        let mut values: Vec<_> = self.0.into_iter().collect();
        values.sort_unstable_by_key(|(_, position)| *position);
        values.into_iter().map(|(value, _)| value).collect()
    }
}
