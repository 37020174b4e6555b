//! How a map is made: masks put on columns, spread to what shares their rows, and followed through views and routines.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use interdict_policy::Effective;
use interdict_sql::Analyzer;
use interdict_sql::lineage::{ColumnId, Flow, How, Routines};

use super::lineages::Lineages;
use super::{MaskMap, MaskedColumn, Purpose};
use crate::catalogue::routines::{Body, Inside};
use crate::catalogue::{Catalogue, Map};
use crate::reading::Reading;

/// Stands for columns that nobody can name: those that a routine reads which can't be looked into.
const ANY: ColumnId = ColumnId {
    relation: 0,
    attribute: 0,
};

impl MaskMap {
    pub(super) fn build(
        catalogue: &Arc<Catalogue>,
        effective: &Effective,
        database: &str,
        analyzer: &Analyzer,
        purpose: Purpose,
    ) -> Self {
        let mut map = Self {
            columns: Map::default(),
            lifted: HashSet::default(),
            lifts: Map::default(),
            flows: Map::default(),
            sensitive: HashSet::default(),
            untraced: HashSet::default(),
            routines: Map::default(),
            routines_read: false,
            labels: Map::default(),
            names: BTreeSet::new(),
            lineages: Lineages::default(),
            catalogue: Arc::clone(catalogue),
            purpose,
            bearers: match purpose {
                Purpose::Masks => Arc::default(),
                Purpose::Subjects => effective.subjects().cloned().collect(),
            },
            subjects: None,
        };
        for (&oid, relation) in &catalogue.relations {
            // What MySQL calls a database is what PostgreSQL calls a schema.
            let database = match catalogue.reading {
                Reading::Postgres(_) => database,
                Reading::Mysql(_) => &relation.schema,
            };
            if purpose == Purpose::Subjects {
                map.take_subjects(oid, database, effective);
                continue;
            }
            map.carriers(oid, &relation.schema, &relation.name, effective);
            if effective.lifts_masks() {
                for column in &relation.columns {
                    let grant = effective.lifted(database, &relation.schema, &relation.name, &column.name);
                    if let Some(grant) = grant {
                        map.lifted.insert((oid, column.number));
                        map.lifts.insert(oid, grant);
                    }
                }
            }
            if !effective.may_mask_relation(database, Some(&relation.schema), &relation.name) {
                continue;
            }
            for column in &relation.columns {
                let name = &column.name;
                if let Some(found) = effective.column_mask(database, &relation.schema, &relation.name, name) {
                    let masked = MaskedColumn {
                        mask: found.mask.clone(),
                        origin: format!("{}.{}.{name}", relation.schema, relation.name),
                        rule: found.rule.to_string(),
                        predicates: found.predicates,
                        shows_length: found.shows_length,
                    };
                    map.put(oid, column.number, name, Arc::new(masked));
                }
            }
        }
        while map.spread() {}
        // A view's query may call routines, and a routine read views: what a routine reads is known by names alone, and those
        // of views are not complete before they are traced. A second round settles both.
        map.read_routines();
        map.expand_views(analyzer);
        map.read_routines();
        map.label_relations();
        map
    }

    fn label_relations(&mut self) {
        let mut labels = Map::default();
        for oid in &self.sensitive {
            let Some(entry) = self.catalogue.relations.get(oid) else {
                continue;
            };
            let flows = entry.columns.iter().map(|column| self.flow(*oid, column.number));
            let flows: Vec<Flow> = flows.collect();
            let shown = flows.iter().flat_map(Flow::shown);
            let sorted: BTreeSet<&str> = shown.map(|column| self.label(column)).collect();
            labels.insert(*oid, sorted.into_iter().map(str::to_owned).collect());
        }
        self.labels = labels;
    }

    pub(in crate::catalogue) fn put(
        &mut self,
        oid: u32,
        attribute: i16,
        column: &str,
        masked: Arc<MaskedColumn>,
    ) {
        self.columns.insert((oid, attribute), masked);
        self.sensitive.insert(oid);
        self.names.insert(column.to_owned());
    }

    /// A view whose columns can't be traced.
    pub(in crate::catalogue) fn lose(&mut self, view: u32) {
        self.untraced.insert(view);
        self.sensitive.insert(view);
    }

    /// What a view's column shows.
    pub(in crate::catalogue) fn add_flow(&mut self, view: u32, attribute: i16, flow: Flow) {
        if flow.is_clean() {
            return;
        }
        self.sensitive.insert(view);
        if let Some(name) = self.catalogue.column_name(view, attribute) {
            self.names.insert(name.to_owned());
        }
        self.flows.insert((view, attribute), flow);
    }

    /// Carries masks one step further, from parents to children and back. True if anything changed.
    fn spread(&mut self) -> bool {
        let catalogue = Arc::clone(&self.catalogue);
        let before = self.columns.len();
        for (&child, parents) in &catalogue.parents {
            for &parent in parents {
                // A parent's rows include its children's: a mask on either side holds on both.
                self.copy_by_name(parent, child);
                self.copy_by_name(child, parent);
            }
        }
        before != self.columns.len()
    }

    fn copy_by_name(&mut self, from: u32, to: u32) {
        if !self.sensitive.contains(&from) {
            return;
        }
        let catalogue = Arc::clone(&self.catalogue);
        let Some(relation) = catalogue.relations.get(&from) else {
            return;
        };
        for column in &relation.columns {
            let Some(masked) = self.columns.get(&(from, column.number)).cloned() else {
                continue;
            };
            if let Some(own) = catalogue.column_number(to, &column.name)
                && !self.columns.contains_key(&(to, own))
            {
                self.put(to, own, &column.name, masked);
            }
        }
    }

    /// What each of the users' routines can read of masked columns, by itself and through others that it calls.
    fn read_routines(&mut self) {
        let catalogue = Arc::clone(&self.catalogue);
        let routines = &catalogue.routines;
        for oid in routines.oids() {
            let own = routines
                .body(oid)
                .map(|body| self.own_reads(body))
                .unwrap_or_default();
            self.routines.insert(oid, own);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for oid in routines.oids() {
                let called: Vec<u32> = match routines.body(oid) {
                    Some(Body::Aggregate(parts)) => parts.clone(),
                    Some(Body::Known(inside)) => inside
                        .functions
                        .iter()
                        .flat_map(|function| match function.rsplit_once('.') {
                            Some((schema, name)) => routines.named(Some(schema), name).collect::<Vec<_>>(),
                            None => routines.named(None, function).collect(),
                        })
                        .collect(),
                    _ => continue,
                };
                let mut all = self.routine(oid);
                let before = (all.reads.clone(), all.keeps_arguments);
                for other in called.into_iter().filter(|other| *other != oid) {
                    let other = self.routine(other);
                    all.reads.merge(&other.reads);
                    all.keeps_arguments |= other.keeps_arguments;
                }
                if before != (all.reads.clone(), all.keeps_arguments) {
                    changed = true;
                    self.routines.insert(oid, all);
                }
            }
        }
        self.routines_read = self.routines.values().any(|routine| !routine.reads.is_clean());
    }

    fn own_reads(&self, body: &Body) -> Routines {
        match body {
            Body::Extension | Body::Aggregate(_) => Routines::default(),
            Body::Unknown | Body::Text(_) => Routines {
                reads: Flow::of(ANY).through(How::Computed),
                keeps_arguments: true,
            },
            Body::Known(inside) => Routines {
                reads: self.reads_of(inside),
                keeps_arguments: inside.keeps,
            },
        }
    }

    fn reads_of(&self, inside: &Inside) -> Flow {
        if inside.incomplete {
            return Flow::of(ANY).through(How::Computed);
        }
        let mut reads = Flow::default();
        for relation in &inside.relations {
            for oid in self.catalogue.resolve_anywhere(relation) {
                if self.untraced.contains(&oid) {
                    reads.merge(&Flow::of(ANY).through(How::Computed));
                }
                let columns = self
                    .catalogue
                    .relations
                    .get(&oid)
                    .map_or(&[][..], |entry| &entry.columns);
                for column in columns
                    .iter()
                    .filter(|column| inside.references.may_mean(&column.name))
                {
                    reads.merge(&self.flow(oid, column.number).through(How::Computed));
                }
            }
        }
        reads
    }
}
