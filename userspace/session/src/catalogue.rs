//! What the database is made of: relations, their columns, views over them, tables under them, routines beside them.
//!
//! Masks follow a column's origin, which PostgreSQL names by table OID and attribute number. A [`Catalogue`] turns these
//! into names; a [`MaskMap`] is a catalogue seen through one policy, so that a result's plan costs one look-up a column.

mod carriers;
mod map;
pub mod mysql;
mod query;
mod routines;
mod schema;
mod store;
mod subjects;
mod views;

use std::collections::{HashMap, HashSet};

use ahash::RandomState;
use interdict_sql::Relation;

use crate::reading::Reading;

pub use map::{MaskMap, MaskedColumn, Origin};
pub use query::{COLUMNS, MARK_QUERY, Mark, QUERY, ReadError, Reader};
pub use store::{Catalogues, Key};
pub(crate) use subjects::Bearing;

/// Relations that PostgreSQL itself brings have OIDs below this (FirstNormalObjectId).
pub const FIRST_USER_OID: u32 = 16_384;

type Map<K, V> = HashMap<K, V, RandomState>;

/// One database's relations and routines at one moment.
#[derive(Debug, Default)]
pub struct Catalogue {
    relations: Map<u32, RelationEntry>,
    by_name: Map<String, Vec<u32>>,
    /// View or materialised view → (relation, attribute) that its definition mentions.
    dependencies: Map<u32, Vec<(u32, i16)>>,
    /// View or materialised view → its query.
    definitions: Map<u32, String>,
    /// Child or partition → parents.
    parents: Map<u32, Vec<u32>>,
    routines: routines::Routines,
    /// The names of all columns, of whatever relation.
    column_names: HashSet<String, RandomState>,
    mark: Mark,
    /// Where names without a schema are looked for; everywhere if there is none.
    default_schema: Option<String>,
    /// How the texts in it are read: queries of views, bodies of routines.
    reading: Reading,
}

#[derive(Debug)]
struct RelationEntry {
    schema: String,
    name: String,
    /// In the order of their numbers, which is that of a `*`.
    columns: Vec<ColumnEntry>,
}

#[derive(Debug)]
struct ColumnEntry {
    number: i16,
    name: String,
    /// The type's OID; a domain's base type.
    type_oid: u32,
    /// COPY leaves it out unless it is named.
    generated: bool,
    /// A `*` leaves it out.
    hidden: bool,
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

    /// What tells this schema from another.
    pub fn mark(&self) -> &Mark {
        &self.mark
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

    fn add_column(&mut self, oid: u32, column: ColumnEntry) {
        if let Some(relation) = self.relations.get_mut(&oid) {
            if !self.column_names.contains(&column.name) {
                self.column_names.insert(column.name.clone());
            }
            relation.columns.push(column);
        }
    }

    /// Puts what was read in any order into its own.
    fn settle(&mut self) {
        for relation in self.relations.values_mut() {
            relation.columns.sort_unstable_by_key(|column| column.number);
        }
    }

    /// `schema.table.column`, if known.
    pub fn label(&self, oid: u32, attribute: i16) -> Option<String> {
        let relation = self.relations.get(&oid)?;
        let column = self.column_name(oid, attribute)?;
        // One for each column of each result: without the machinery of format!.
        Some([&relation.schema, ".", &relation.name, ".", column].concat())
    }

    /// The OIDs a name in a statement may stand for. Without a schema every schema counts, because the search path
    /// belongs to the client.
    fn resolve<'a>(&'a self, schema: Option<&'a str>, name: &str) -> impl Iterator<Item = u32> + use<'a> {
        self.resolve_in(schema.or(self.default_schema.as_deref()), name)
    }

    fn resolve_in<'a>(&'a self, schema: Option<&'a str>, name: &str) -> impl Iterator<Item = u32> + use<'a> {
        let candidates = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        candidates.iter().copied().filter(move |oid| {
            schema.is_none_or(|schema| {
                self.relations.get(oid).is_some_and(|entry| {
                    entry.schema == schema || (schema == "pg_temp" && entry.schema.starts_with("pg_temp_"))
                })
            })
        })
    }

    fn resolve_relation<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = u32> + use<'a> {
        self.resolve(relation.schema.as_deref(), &relation.name)
    }

    /// Whether any relation has a column of this name.
    pub fn has_column(&self, name: &str) -> bool {
        self.column_names.contains(name)
    }

    /// The same where the text is not the session's: of a routine, whose names mean what they mean in its own place.
    fn resolve_anywhere<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = u32> + use<'a> {
        self.resolve_in(relation.schema.as_deref(), &relation.name)
    }

    fn column_name(&self, oid: u32, attribute: i16) -> Option<&str> {
        let relation = self.relations.get(&oid)?;
        relation
            .columns
            .iter()
            .find(|column| column.number == attribute)
            .map(|column| column.name.as_str())
    }

    fn column_number(&self, oid: u32, column: &str) -> Option<i16> {
        let relation = self.relations.get(&oid)?;
        relation
            .columns
            .iter()
            .find(|entry| entry.name == column)
            .map(|entry| entry.number)
    }
}
