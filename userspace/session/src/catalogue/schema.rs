//! A mask map as lineage sees it.

use std::borrow::Cow;

use interdict_sql::lineage::{ColumnId, Flow, Routines, Schema, SchemaColumn, Untraced};

use super::MaskMap;

impl Schema for MaskMap {
    fn relations(&self, schema: Option<&str>, name: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        self.columns_of(self.catalogue().resolve(schema, name))
    }

    fn routines(&self, schema: Option<&str>, name: &str) -> Option<Routines> {
        self.routines_of(self.catalogue().routines.named(schema, name))
    }

    fn operators(&self, symbol: &str) -> Option<Routines> {
        self.routines_of(self.catalogue().routines.behind(symbol))
    }

    fn shows_length(&self, column: ColumnId) -> bool {
        self.masked(column).is_some_and(|masked| masked.shows_length)
    }

    fn hides(&self, schema: Option<&str>, relation: &str, column: &str) -> bool {
        let catalogue = self.catalogue();
        catalogue
            .resolve(schema, relation)
            .filter_map(|number| catalogue.relations.get(&number))
            .flat_map(|relation| &relation.columns)
            .any(|entry| entry.hidden && entry.name == column)
    }
}

/// The same for a view's own query: its names stand for what the view depends on, whatever the search path was.
pub(super) struct Inside<'a> {
    pub(super) map: &'a MaskMap,
    pub(super) relations: &'a [u32],
}

impl Schema for Inside<'_> {
    fn relations(&self, schema: Option<&str>, name: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        let candidates = self.map.catalogue().resolve(schema, name);
        self.map
            .columns_of(candidates.filter(|oid| self.relations.contains(oid)))
    }

    fn routines(&self, schema: Option<&str>, name: &str) -> Option<Routines> {
        self.map.routines(schema, name)
    }

    fn operators(&self, symbol: &str) -> Option<Routines> {
        self.map.operators(symbol)
    }

    fn shows_length(&self, column: ColumnId) -> bool {
        self.map.shows_length(column)
    }

    fn hides(&self, schema: Option<&str>, relation: &str, column: &str) -> bool {
        self.map.hides(schema, relation, column)
    }
}

impl MaskMap {
    fn columns_of(
        &self,
        candidates: impl Iterator<Item = u32>,
    ) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        let mut found = Vec::new();
        for oid in candidates {
            if self.is_untraced(oid) {
                return Err(Untraced);
            }
            let Some(relation) = self.catalogue().relations.get(&oid) else {
                continue;
            };
            let columns = relation.columns.iter().map(|column| SchemaColumn {
                name: column.name.clone(),
                flow: self.flow(oid, column.number),
            });
            found.push(Cow::Owned(columns.collect()));
        }
        Ok(found)
    }

    fn routines_of(&self, candidates: impl Iterator<Item = u32>) -> Option<Routines> {
        let mut all: Option<Routines> = None;
        for oid in candidates {
            let one = self.routine(oid);
            let all = all.get_or_insert_default();
            all.reads = [std::mem::take(&mut all.reads), one.reads]
                .into_iter()
                .collect::<Flow>();
            all.keeps_arguments |= one.keeps_arguments;
        }
        all
    }
}
