//! The users' own routines: what their bodies read and do.

use interdict_sql::{Access, Analyzer, Effect, Effects, Relation, Statement};

use super::Map;
use crate::reading::Reading;

/// Every routine and operator that the server does not ship.
#[derive(Debug, Default)]
pub(super) struct Routines {
    by_oid: Map<u32, Routine>,
    by_name: Map<String, Vec<u32>>,
    operators: Map<String, Vec<u32>>,
}

#[derive(Debug)]
pub(super) struct Routine {
    schema: String,
    body: Body,
}

/// What a routine is made of.
#[derive(Debug)]
pub(super) enum Body {
    /// Not looked into yet.
    Text(String),
    /// Looked into.
    Known(Box<Inside>),
    /// Of an extension, in C: it computes. Those that do more are known by name.
    Extension,
    /// An aggregate of other routines.
    Aggregate(Vec<u32>),
    /// In a language that is not read here.
    Unknown,
}

/// What a body says.
#[derive(Debug)]
pub(super) struct Inside {
    /// Relations whose rows flow into it.
    pub(super) relations: Vec<Relation>,
    /// Routines that it calls, as written.
    pub(super) functions: Vec<String>,
    pub(super) references: interdict_sql::References,
    /// It can put what it is given elsewhere than into its result.
    pub(super) keeps: bool,
    /// Not everything that it does is known.
    pub(super) incomplete: bool,
}

/// What a routine may do with its arguments and still only compute.
const HARMLESS: Effects = Effects::of(&[Effect::Read, Effect::Create, Effect::Code, Effect::Call]);

impl Routines {
    /// Takes a row of the catalogue's query; `None` if it is none.
    pub(super) fn add(&mut self, oid: u32, schema: &str, name: &str, known: &str) -> Option<()> {
        let (kind, rest) = known.split_at_checked(1)?;
        let body = match kind {
            "x" => Body::Extension,
            "a" => {
                let parts = rest.split(',').filter(|part| !part.is_empty());
                Body::Aggregate(parts.map(|part| part.parse().ok()).collect::<Option<_>>()?)
            }
            "s" => Body::Text(rest.to_owned()),
            "u" => Body::Unknown,
            _ => return None,
        };
        self.by_name.entry(name.to_owned()).or_default().push(oid);
        let schema = schema.to_owned();
        self.by_oid.insert(oid, Routine { schema, body });
        Some(())
    }

    pub(super) fn add_operator(&mut self, symbol: &str, routine: u32) {
        self.operators.entry(symbol.to_owned()).or_default().push(routine);
    }

    /// Looks into the bodies that are there as text.
    pub(super) fn analyse(&mut self, analyzer: &Analyzer, reading: &Reading) {
        for routine in self.by_oid.values_mut() {
            if let Body::Text(text) = &routine.body {
                let analysis = reading.analyse(analyzer, text.as_bytes());
                let inside = match analysis.statements.as_slice() {
                    [statement] => Body::Known(Box::new(inside(statement))),
                    _ => Body::Unknown,
                };
                routine.body = inside;
            }
        }
    }

    /// Those that a name may stand for.
    pub(super) fn named<'a>(
        &'a self,
        schema: Option<&'a str>,
        name: &str,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let candidates = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        candidates.iter().copied().filter(move |oid| {
            schema.is_none_or(|schema| {
                self.by_oid.get(oid).is_some_and(|routine| {
                    routine.schema == schema
                        || (schema == "pg_temp" && routine.schema.starts_with("pg_temp_"))
                })
            })
        })
    }

    /// The routines behind the operators written so; those of extensions are not among them.
    pub(super) fn behind<'a>(&'a self, symbol: &str) -> impl Iterator<Item = u32> + use<'a> {
        let routines = self.operators.get(symbol).map_or(&[][..], Vec::as_slice);
        routines.iter().copied().filter(|oid| {
            self.by_oid
                .get(oid)
                .is_some_and(|routine| !matches!(routine.body, Body::Extension))
        })
    }

    pub(super) fn body(&self, oid: u32) -> Option<&Body> {
        self.by_oid.get(&oid).map(|routine| &routine.body)
    }

    pub(super) fn oids(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_oid.keys().copied()
    }

    /// Whether there is any operator of the users' own.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.operators.keys().map(String::as_str)
    }
}

fn inside(statement: &Statement) -> Inside {
    let relations = statement.relations.iter();
    Inside {
        relations: relations
            .filter(|relation| relation.access != Access::Define)
            .cloned()
            .collect(),
        functions: statement.functions.clone(),
        references: statement.references.clone(),
        keeps: !statement.effects.without(HARMLESS).is_empty() || !statement.complete(),
        incomplete: !statement.complete(),
    }
}
