//! How near a statement comes to masked values.

use std::sync::Arc;

use interdict_sql::lineage::Lineage;
use interdict_sql::{Access, Relation, Statement};

use super::{Dialect, Session};
use crate::catalogue::MaskMap;

/// A first look, by names alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// Masked values are within reach.
    pub(crate) sensitive: bool,
    /// Something without an origin could carry one.
    pub(crate) carries: bool,
}

impl Reach {
    pub(crate) const ALL: Self = Self {
        sensitive: true,
        carries: true,
    };

    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            sensitive: self.sensitive || other.sensitive,
            carries: self.carries || other.carries,
        }
    }
}

impl Session {
    /// What a statement reaches by the names in it.
    pub(crate) fn reach(&self, statement: &Statement, map: &MaskMap) -> Reach {
        let mut reach = Reach::default();
        for relation in &statement.relations {
            let known = map.knows(relation);
            let by_name = known && map.is_sensitive(relation);
            let by_pattern = !known
                && !self.dialect.is_system(relation)
                && relation.access != Access::Define
                && self.may_mask(relation, map);
            if by_name || by_pattern {
                reach.sensitive = true;
                reach.carries |= by_pattern || map.may_be_untraced(relation);
            }
        }
        let routines = statement
            .functions
            .iter()
            .any(|function| map.routine_reads(function))
            || map.operators_read();
        if routines || self.may_be_hidden(statement, map) {
            reach = Reach::ALL;
        }
        reach.carries |= reach.sensitive
            && map
                .masked_names()
                .iter()
                .any(|name| statement.references.may_mean(name));
        reach
    }

    /// Whether the policy may mean columns of a relation that is not in the catalogue.
    fn may_mask(&self, relation: &Relation, map: &MaskMap) -> bool {
        let schema = relation.schema.as_deref();
        let (database, schema) = match self.dialect {
            Dialect::Postgres => (self.database.as_str(), schema),
            // What MySQL calls a database is what PostgreSQL calls a schema.
            Dialect::Mysql(_) => {
                let database = schema.unwrap_or(&self.database);
                (database, Some(database))
            }
        };
        if map.is_of_subjects() {
            self.effective.may_have_subjects(database, schema, &relation.name)
        } else {
            self.effective.may_mask_relation(database, schema, &relation.name)
        }
    }

    /// Functions of a statement that neither the server ships nor the catalogue has.
    pub(super) fn unknown_routines<'a>(
        &self,
        statement: &'a Statement,
        map: &'a MaskMap,
    ) -> impl Iterator<Item = &'a String> {
        let dialect = self.dialect;
        statement
            .functions
            .iter()
            .filter(move |function| !dialect.ships(function) && !map.knows_routine(function))
    }
}

/// The lineage of what can't be followed.
pub(crate) fn lost(why: &str) -> Arc<Lineage> {
    Arc::new(Lineage {
        gap: Some(why.to_owned()),
        ..Lineage::default()
    })
}
