//! A catalogue seen through one policy.

mod build;
mod lineages;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use interdict_masking::{Mask, Subject};
use interdict_policy::{Effective, Predicates};
use interdict_sql::lineage::{ColumnId, Flow, How, Lineage, Routines, Stored};
use interdict_sql::{Analyzer, Relation};
use uuid::Uuid;

use self::lineages::Lineages;
use super::{Catalogue, FIRST_USER_OID, Map};
use crate::reading::Reading;

/// A mask on one column.
#[derive(Clone, Debug)]
pub struct MaskedColumn {
    /// What is done to its values.
    pub mask: Mask,
    /// `schema.table.column`; several, joined by commas, for a value that is made of several.
    pub origin: String,
    /// The policy entry that asked for it, for the audit.
    pub rule: String,
    /// What conditions on the column may say.
    pub predicates: Predicates,
    /// Whether the length of its values may be known.
    pub shows_length: bool,
}

/// What an output column's origin means for its values.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Nothing masked shows in it.
    Clear,
    /// A grant shows it as it is: detectors don't look at it either.
    Lifted,
    /// Values of a masked column, or something that is NULL where they are: NULL stays NULL.
    Masked(Arc<MaskedColumn>),
    /// Something computed from masked columns: even that it is NULL may say something.
    Derived(Arc<MaskedColumn>),
    /// A column of a view over masked columns whose own lineage is not known, or a relation that is not in the catalogue.
    Unknown,
}

/// A catalogue seen through one policy.
#[derive(Debug)]
pub struct MaskMap {
    catalogue: Arc<Catalogue>,
    columns: Map<(u32, i16), Arc<MaskedColumn>>,
    /// Columns that grants show as they are.
    lifted: HashSet<(u32, i16), RandomState>,
    /// Relations that have some, and the grant.
    lifts: Map<u32, Uuid>,
    /// What the columns of views show.
    flows: Map<(u32, i16), Flow>,
    /// Relations through which a masked value can be read.
    sensitive: HashSet<u32, RandomState>,
    /// Views over masked columns that can't be traced.
    untraced: HashSet<u32, RandomState>,
    routines: Map<u32, Routines>,
    routines_read: bool,
    /// The masked columns of a relation, as they are named in rules.
    labels: Map<u32, Arc<[String]>>,
    /// Names of all masked columns, and of those made of them.
    names: BTreeSet<String>,
    lineages: Lineages,
    purpose: Purpose,
    /// Of a map of subjects: what they are, by their numbers.
    bearers: Arc<[Arc<Subject>]>,
    /// The same catalogue through the policy's `subjects`, if it has any.
    subjects: Option<Arc<MaskMap>>,
}

/// What a map tells of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// How they are shown.
    Masks,
    /// Whose data they are.
    Subjects,
}

impl MaskMap {
    /// Applies a policy to a catalogue.
    pub fn new(
        catalogue: &Arc<Catalogue>,
        effective: &Effective,
        database: &str,
        analyzer: &Analyzer,
    ) -> Self {
        let mut map = Self::build(catalogue, effective, database, analyzer, Purpose::Masks);
        if effective.names_subjects() {
            let subjects = Self::build(catalogue, effective, database, analyzer, Purpose::Subjects);
            map.subjects = Some(Arc::new(subjects));
        }
        map
    }

    /// The map of the policy's `subjects`.
    pub(crate) fn subjects(&self) -> Option<&Arc<Self>> {
        self.subjects.as_ref()
    }

    /// Whether it tells whose data columns are, and not how they are shown.
    pub(crate) fn is_of_subjects(&self) -> bool {
        self.purpose == Purpose::Subjects
    }

    pub(super) fn subjects_by_number(&self) -> &[Arc<Subject>] {
        &self.bearers
    }

    pub(super) fn shared_catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    pub(super) fn routines_read(&self) -> bool {
        self.routines_read
    }

    pub(super) fn routine(&self, oid: u32) -> Routines {
        self.routines.get(&oid).cloned().unwrap_or_default()
    }

    pub(super) fn is_sensitive_oid(&self, oid: u32) -> bool {
        self.sensitive.contains(&oid)
    }

    pub(super) fn is_untraced(&self, oid: u32) -> bool {
        self.untraced.contains(&oid)
    }

    /// What a reader of a relation's column sees of masked columns.
    pub(super) fn flow(&self, oid: u32, attribute: i16) -> Flow {
        if self.columns.contains_key(&(oid, attribute)) {
            return Flow::of(ColumnId {
                relation: oid,
                attribute,
            });
        }
        self.flows.get(&(oid, attribute)).cloned().unwrap_or_default()
    }

    /// The grant that shows columns of one of these relations as they are.
    pub(crate) fn lifted_of<'a>(&self, relations: impl Iterator<Item = &'a Relation>) -> Option<Uuid> {
        if self.lifts.is_empty() {
            return None;
        }
        let mut oids = relations.flat_map(|relation| self.catalogue.resolve_anywhere(relation));
        oids.find_map(|oid| self.lifts.get(&oid).copied())
    }

    /// The catalogue behind it.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The mask on a column of a flow.
    pub fn masked(&self, column: ColumnId) -> Option<&Arc<MaskedColumn>> {
        self.columns.get(&(column.relation, column.attribute))
    }

    /// What a result column's origin means. OID 0 (an expression) and attribute 0 (a whole row) are no origin and are
    /// judged by the caller.
    pub fn origin(&self, oid: u32, attribute: i16) -> Origin {
        if let Some(masked) = self.columns.get(&(oid, attribute)) {
            return Origin::Masked(Arc::clone(masked));
        }
        if self.lifted.contains(&(oid, attribute)) {
            return Origin::Lifted;
        }
        if let Some(flow) = self.flows.get(&(oid, attribute)) {
            return self.shown(flow);
        }
        // A column that the catalogue lacks was added after it was read.
        let known = oid < FIRST_USER_OID || self.catalogue.column_name(oid, attribute).is_some();
        if known && !self.untraced.contains(&oid) {
            Origin::Clear
        } else {
            Origin::Unknown
        }
    }

    /// What a result column's origin means where the server names it: its full name, if it is known, and what is to be done. A
    /// relation that is not known says nothing.
    pub fn origin_named(&self, schema: &str, relation: &str, column: &str) -> Option<(String, Origin)> {
        let oid = self.catalogue.resolve(Some(schema), relation).next()?;
        let label = format!("{schema}.{relation}.{column}");
        let origin = match self.catalogue.column_number(oid, column) {
            Some(number) => self.origin(oid, number),
            None => Origin::Unknown,
        };
        Some((label, origin))
    }

    /// What is to be done with a value that shows so much.
    pub fn shown(&self, flow: &Flow) -> Origin {
        if !flow.shows() {
            let denied = flow
                .iter()
                .find(|(column, _)| self.predicates(*column) == Predicates::Deny);
            return denied.map_or(Origin::Clear, |_| Origin::Derived(self.derived(flow)));
        }
        let mut masks = flow.shown().map(|column| self.masked(column));
        match flow.most() {
            Some(How::Computed) => Origin::Derived(self.derived(flow)),
            Some(How::Same) => match masks.next().flatten() {
                Some(first) if masks.next().is_none() => Origin::Masked(Arc::clone(first)),
                Some(first)
                    if flow
                        .shown()
                        .all(|column| self.masked(column).is_some_and(|other| other.mask == first.mask)) =>
                {
                    let derived = MaskedColumn {
                        mask: first.mask.clone(),
                        ..MaskedColumn::clone(&self.derived(flow))
                    };
                    Origin::Masked(Arc::new(derived))
                }
                _ => Origin::Masked(self.derived(flow)),
            },
            _ => Origin::Masked(self.derived(flow)),
        }
    }

    fn derived(&self, flow: &Flow) -> Arc<MaskedColumn> {
        let columns: Vec<_> = flow
            .iter()
            .filter_map(|(column, _)| self.masked(column))
            .collect();
        let origins: BTreeSet<&str> = columns.iter().map(|masked| masked.origin.as_str()).collect();
        let origin = origins.into_iter().collect::<Vec<_>>().join(",");
        Arc::new(MaskedColumn {
            mask: Mask::Redact,
            origin: if origin.is_empty() {
                "unknown".to_owned()
            } else {
                origin
            },
            rule: columns
                .first()
                .map_or_else(String::new, |masked| masked.rule.clone()),
            predicates: Predicates::Deny,
            shows_length: false,
        })
    }

    /// What conditions on a column may say.
    pub fn predicates(&self, column: ColumnId) -> Predicates {
        self.masked(column)
            .map_or(Predicates::Deny, |masked| masked.predicates)
    }

    /// `schema.table.column` of a column of a flow.
    pub fn label(&self, column: ColumnId) -> &str {
        self.masked(column)
            .map_or("a masked column", |masked| masked.origin.as_str())
    }

    /// The lineage of each statement of a text. `template`: of its analysis ([`Analysis::template`]).
    ///
    /// [`Analysis::template`]: interdict_sql::Analysis::template
    pub fn lineages(
        &self,
        analyzer: &Analyzer,
        text: &[u8],
        template: Option<&[u8]>,
        reading: &Reading,
    ) -> Arc<[Arc<Lineage>]> {
        let trace = || reading.trace(analyzer, text, self);
        self.lineages.of(text, template, reading, trace)
    }

    /// Whether a masked value can be read through a relation that a statement names.
    pub fn is_sensitive(&self, relation: &Relation) -> bool {
        self.catalogue
            .resolve_relation(relation)
            .any(|oid| self.sensitive.contains(&oid))
    }

    /// Whether a view that can't be traced is among what the name may stand for.
    pub fn may_be_untraced(&self, relation: &Relation) -> bool {
        self.catalogue
            .resolve_relation(relation)
            .any(|oid| self.untraced.contains(&oid))
    }

    /// Whether a routine of this name, as written, can read masked columns.
    pub fn routine_reads(&self, function: &str) -> bool {
        let (schema, name) = match function.rsplit_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, function),
        };
        self.routines_read
            && self.catalogue.routines.named(schema, name).any(|oid| {
                self.routines
                    .get(&oid)
                    .is_some_and(|routine| !routine.reads.is_clean())
            })
    }

    /// Whether an operator of the users' own can read masked columns: a statement does not say which it uses.
    pub fn operators_read(&self) -> bool {
        let routines = &self.catalogue.routines;
        self.routines_read
            && routines.symbols().any(|symbol| {
                routines.behind(symbol).any(|oid| {
                    self.routines
                        .get(&oid)
                        .is_some_and(|routine| !routine.reads.is_clean())
                })
            })
    }

    /// Whether the catalogue has a routine of this name, as written.
    pub fn knows_routine(&self, function: &str) -> bool {
        let (schema, name) = match function.rsplit_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, function),
        };
        self.catalogue.routines.named(schema, name).next().is_some()
    }

    /// Whether the name is in the catalogue at all.
    pub fn knows(&self, relation: &Relation) -> bool {
        self.catalogue.resolve_relation(relation).next().is_some()
    }

    /// Names of the masked columns, of all relations.
    pub fn masked_names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The columns that `COPY relation (columns) TO` sends: name, type, and what it shows. `None` if the relation is not
    /// certain or a column is not known.
    pub fn copied(
        &self,
        schema: Option<&str>,
        name: &str,
        columns: &[String],
    ) -> Option<Vec<(String, u32, Origin)>> {
        let mut candidates = self.catalogue.resolve(schema, name);
        let (oid, None) = (candidates.next()?, candidates.next()) else {
            return None;
        };
        let entry = self.catalogue.relations.get(&oid)?;
        let one = |column: &super::ColumnEntry| {
            (
                column.name.clone(),
                column.type_oid,
                self.origin(oid, column.number),
            )
        };
        if columns.is_empty() {
            return Some(
                entry
                    .columns
                    .iter()
                    .filter(|column| !column.generated)
                    .map(one)
                    .collect(),
            );
        }
        columns
            .iter()
            .map(|name| entry.columns.iter().find(|column| column.name == *name).map(one))
            .collect()
    }

    /// The columns that a stored value may end in; none if that is not certain.
    pub fn targets(&self, stored: &Stored) -> Vec<ColumnId> {
        let Some(name) = &stored.column else {
            return Vec::new();
        };
        let relations = self.catalogue.resolve(stored.schema.as_deref(), &stored.relation);
        let columns = relations.map(|oid| {
            let attribute = self.catalogue.column_number(oid, name)?;
            Some(ColumnId {
                relation: oid,
                attribute,
            })
        });
        columns.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    /// Masked columns of the relations that a statement names, as `schema.table.column`, sorted.
    pub fn masked_of<'a>(&'a self, relations: impl Iterator<Item = &'a Relation>) -> Arc<[String]> {
        let named = relations.flat_map(|relation| self.catalogue.resolve_relation(relation));
        let mut labels = named.filter_map(|oid| self.labels.get(&oid));
        let first = labels.next().cloned().unwrap_or_default();
        let mut others = labels.peekable();
        if others.peek().is_none() {
            return first;
        }
        let all: BTreeSet<&String> = others.flat_map(|labels| labels.iter()).chain(&*first).collect();
        all.into_iter().cloned().collect()
    }
}
