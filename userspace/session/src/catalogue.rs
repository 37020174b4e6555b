//! What the database is made of: relations, their columns, views over them and tables under them.
//!
//! Masks follow a column's origin, which PostgreSQL names by table OID and attribute number. A [`Catalogue`] turns these
//! into names; a [`MaskMap`] is a catalogue seen through one policy, so that a result's plan costs one look-up a column.

mod query;
mod store;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use interdict_masking::Mask;
use interdict_policy::Effective;
use interdict_sql::Relation;

pub use query::{COLUMNS, QUERY, ReadError, Reader};
pub use store::{Catalogues, Key};

/// Relations that PostgreSQL itself brings have OIDs below this (FirstNormalObjectId).
pub const FIRST_USER_OID: u32 = 16_384;

type Map<K, V> = HashMap<K, V, RandomState>;

/// One database's relations at one moment.
#[derive(Debug, Default)]
pub struct Catalogue {
    relations: Map<u32, RelationEntry>,
    by_name: Map<String, Vec<u32>>,
    /// View or materialised view → (relation, attribute) that its definition mentions.
    dependencies: Map<u32, Vec<(u32, i16)>>,
    /// Child or partition → parents.
    parents: Map<u32, Vec<u32>>,
}

#[derive(Debug)]
struct RelationEntry {
    schema: String,
    name: String,
    columns: Vec<(i16, String)>,
}

impl Catalogue {
    /// How many relations it holds.
    pub fn len(&self) -> usize {
        self.relations.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    fn add_relation(&mut self, oid: u32, schema: &str, name: &str) {
        self.by_name.entry(name.to_owned()).or_default().push(oid);
        let entry = RelationEntry {
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
        };
        self.relations.insert(oid, entry);
    }

    fn add_column(&mut self, oid: u32, attribute: i16, name: &str) {
        if let Some(relation) = self.relations.get_mut(&oid) {
            relation.columns.push((attribute, name.to_owned()));
        }
    }

    /// `schema.table.column`, if known.
    pub fn label(&self, oid: u32, attribute: i16) -> Option<String> {
        let relation = self.relations.get(&oid)?;
        let (_, column) = relation.columns.iter().find(|(number, _)| *number == attribute)?;
        Some(format!("{}.{}.{column}", relation.schema, relation.name))
    }

    /// The OIDs a name in a statement may stand for. Without a schema every schema counts, because the search path
    /// belongs to the client.
    fn resolve<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = u32> + 'a {
        let candidates = self
            .by_name
            .get(relation.name.as_str())
            .map_or(&[][..], Vec::as_slice);
        candidates.iter().copied().filter(move |oid| {
            relation.schema.as_ref().is_none_or(|schema| {
                self.relations.get(oid).is_some_and(|entry| {
                    &entry.schema == schema || (schema == "pg_temp" && entry.schema.starts_with("pg_temp_"))
                })
            })
        })
    }
}

/// A mask on one column.
#[derive(Debug)]
pub struct MaskedColumn {
    /// What is done to its values.
    pub mask: Mask,
    /// `schema.table.column`.
    pub origin: String,
    /// The policy entry that asked for it, for the audit.
    pub rule: String,
}

/// What an output column's origin means for its values.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A column that no policy masks.
    Clear,
    /// A masked column.
    Masked(Arc<MaskedColumn>),
    /// A column of a view over masked columns whose own lineage is not known, or a relation that is not in the catalogue.
    Unknown,
}

/// A catalogue seen through one policy.
#[derive(Debug)]
pub struct MaskMap {
    catalogue: Arc<Catalogue>,
    columns: Map<(u32, i16), Arc<MaskedColumn>>,
    /// Relations through which a masked value can be read.
    sensitive: HashSet<u32, RandomState>,
    /// Views over masked columns.
    derived: HashSet<u32, RandomState>,
    /// Names of all masked columns.
    names: BTreeSet<String>,
}

impl MaskMap {
    /// Applies a policy to a catalogue.
    pub fn new(catalogue: &Arc<Catalogue>, effective: &Effective, database: &str) -> Self {
        let mut map = Self {
            columns: Map::default(),
            sensitive: HashSet::default(),
            derived: HashSet::default(),
            names: BTreeSet::new(),
            catalogue: Arc::clone(catalogue),
        };
        for (&oid, relation) in &catalogue.relations {
            if !effective.may_mask_relation(database, Some(&relation.schema), &relation.name) {
                continue;
            }
            for (attribute, column) in &relation.columns {
                if let Some(found) = effective.column_mask(database, &relation.schema, &relation.name, column)
                {
                    let origin = format!("{}.{}.{column}", relation.schema, relation.name);
                    let masked = MaskedColumn {
                        mask: found.mask.clone(),
                        origin,
                        rule: found.rule.to_string(),
                    };
                    map.put(oid, *attribute, column, Arc::new(masked));
                }
            }
        }
        while map.spread() {}
        map
    }

    fn put(&mut self, oid: u32, attribute: i16, column: &str, masked: Arc<MaskedColumn>) {
        self.columns.insert((oid, attribute), masked);
        self.sensitive.insert(oid);
        self.names.insert(column.to_owned());
    }

    /// Carries masks one step further, from parents to children, from children to parents, and from relations to views
    /// over them. True if anything changed.
    fn spread(&mut self) -> bool {
        let catalogue = Arc::clone(&self.catalogue);
        let before = (self.columns.len(), self.sensitive.len(), self.derived.len());
        for (&child, parents) in &catalogue.parents {
            for &parent in parents {
                // A parent's rows include its children's: a mask on either side holds on both.
                self.copy_by_name(parent, child);
                self.copy_by_name(child, parent);
            }
        }
        for (&view, uses) in &catalogue.dependencies {
            for &(relation, attribute) in uses {
                let masked = self.columns.get(&(relation, attribute)).cloned();
                // Attribute 0 is the whole row.
                if masked.is_none()
                    && !(attribute == 0 && self.sensitive.contains(&relation))
                    && !self.derived.contains(&relation)
                {
                    continue;
                }
                self.sensitive.insert(view);
                self.derived.insert(view);
                if let (Some(masked), Some(name)) = (masked, catalogue.column_name(relation, attribute))
                    && let Some(own) = catalogue.column_number(view, name)
                {
                    self.columns.entry((view, own)).or_insert(masked);
                }
            }
        }
        before != (self.columns.len(), self.sensitive.len(), self.derived.len())
    }

    fn copy_by_name(&mut self, from: u32, to: u32) {
        if !self.sensitive.contains(&from) {
            return;
        }
        let catalogue = Arc::clone(&self.catalogue);
        let Some(relation) = catalogue.relations.get(&from) else {
            return;
        };
        for (attribute, name) in &relation.columns {
            let Some(masked) = self.columns.get(&(from, *attribute)).cloned() else {
                continue;
            };
            if let Some(own) = catalogue.column_number(to, name)
                && !self.columns.contains_key(&(to, own))
            {
                self.put(to, own, name, masked);
            }
        }
    }

    /// The catalogue behind it.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What a result column's origin means. OID 0 (an expression) and attribute 0 (a whole row) are no origin and are
    /// judged by the caller.
    pub fn origin(&self, oid: u32, attribute: i16) -> Origin {
        if let Some(masked) = self.columns.get(&(oid, attribute)) {
            return Origin::Masked(Arc::clone(masked));
        }
        let known = oid < FIRST_USER_OID || self.catalogue.relations.contains_key(&oid);
        if known && !self.derived.contains(&oid) {
            Origin::Clear
        } else {
            Origin::Unknown
        }
    }

    /// Whether a masked value can be read through a relation that a statement names.
    pub fn is_sensitive(&self, relation: &Relation) -> bool {
        self.catalogue
            .resolve(relation)
            .any(|oid| self.sensitive.contains(&oid))
    }

    /// Whether a view over masked columns is among what the name may stand for.
    pub fn is_derived(&self, relation: &Relation) -> bool {
        self.catalogue
            .resolve(relation)
            .any(|oid| self.derived.contains(&oid))
    }

    /// Whether the name is in the catalogue at all.
    pub fn knows(&self, relation: &Relation) -> bool {
        self.catalogue.resolve(relation).next().is_some()
    }

    /// Names of the masked columns, of all relations.
    pub fn masked_names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Masked columns of the relations that a statement names, as `schema.table.column`.
    pub fn masked_of<'a>(&'a self, relations: impl Iterator<Item = &'a Relation>) -> Vec<String> {
        let mut found = BTreeSet::new();
        for relation in relations {
            for oid in self
                .catalogue
                .resolve(relation)
                .filter(|oid| self.sensitive.contains(oid))
            {
                let Some(entry) = self.catalogue.relations.get(&oid) else {
                    continue;
                };
                for (attribute, _) in &entry.columns {
                    if let Some(masked) = self.columns.get(&(oid, *attribute)) {
                        found.insert(masked.origin.clone());
                    }
                }
            }
        }
        found.into_iter().collect()
    }
}

impl Catalogue {
    fn column_name(&self, oid: u32, attribute: i16) -> Option<&str> {
        let relation = self.relations.get(&oid)?;
        relation
            .columns
            .iter()
            .find(|(number, _)| *number == attribute)
            .map(|(_, name)| name.as_str())
    }

    fn column_number(&self, oid: u32, column: &str) -> Option<i16> {
        let relation = self.relations.get(&oid)?;
        relation
            .columns
            .iter()
            .find(|(_, name)| name == column)
            .map(|(number, _)| *number)
    }
}
