//! Lineage of protected columns through MySQL's and MariaDB's statements.
//!
//! The tree is bound to a [`Schema`] the way the server does it: scopes from `FROM`, `WITH` and sub-queries, stars expanded in order, names
//! looked up from the inside out, output columns by their aliases where MySQL lets them be named. Where the server could bind a name in
//! more than one way, all of them count. What is not known here by name is a gap if a protected column reaches it.

mod call;
mod change;
mod expression;
mod from;
mod predicate;
mod scope;
mod select;
mod session;
mod total;

#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};

use super::ast::Statement;
use super::parser::Found;
use super::settings::Flavour;
use crate::lineage::scope::Column;
use crate::lineage::trace::Trace;
use crate::lineage::{Flow, Lineage, Schema, Stored};

/// How often a statement is gone through whose variables feed itself.
const ROUNDS: usize = 8;

pub(super) fn lost(why: &str) -> Lineage {
    Lineage {
        gap: Some(why.to_owned()),
        ..Lineage::default()
    }
}

pub(super) fn trace(found: &[Found], flavour: Flavour, schema: &dyn Schema) -> Vec<Lineage> {
    let mut session = Session::default();
    found
        .iter()
        .map(|found| match &found.statement {
            Ok(statement) => session.trace(statement, flavour, schema),
            Err((gap, _)) => lost(&gap.to_string()),
        })
        .collect()
}

/// What statements of one text leave for those after them.
#[derive(Debug, Default)]
struct Session {
    database: Option<String>,
    held: Vec<(String, Flow)>,
    handlers: Vec<(String, (Option<String>, String))>,
}

impl Session {
    fn trace(&mut self, statement: &Statement, flavour: Flavour, schema: &dyn Schema) -> Lineage {
        let mut held = self.held.clone();
        for _ in 0..ROUNDS {
            let before = held.clone();
            let mut tracer = Tracer::new(self, before.clone(), flavour, schema);
            let outputs = tracer.statement(statement);
            for (name, flow) in &tracer.variables {
                hold(&mut held, name, flow);
            }
            let lineage = tracer.finish(outputs);
            // What a row leaves in a variable is there for the next.
            if held == before {
                self.held = held;
                if let Statement::Command(command) = statement {
                    self.follow(&command.control);
                }
                return lineage;
            }
        }
        lost("variables that do not settle")
    }

    fn follow(&mut self, control: &crate::Control) {
        match control {
            crate::Control::Use { database } => self.database = Some(database.clone()),
            crate::Control::OpenHandler { name, relation } => {
                self.handlers.push((name.clone(), relation.clone()));
            }
            _ => {}
        }
    }
}

/// Notes that a variable may hold something more.
fn hold(held: &mut Vec<(String, Flow)>, name: &str, flow: &Flow) {
    match held.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => known.merge(flow),
        None => held.push((name.to_owned(), flow.clone())),
    }
}

/// The way through one statement.
struct Tracer<'s> {
    trace: Trace<'s>,
    session: &'s Session,
    flavour: Flavour,
    /// What user variables may hold.
    held: Vec<(String, Flow)>,
    /// Common table expressions in sight, the nearest last.
    expressions: Vec<(String, Vec<Column>)>,
    /// What `VALUES(c)` of an insert stands for.
    inserted: Vec<Column>,
    variables: Vec<(String, Flow)>,
}

impl<'s> Deref for Tracer<'s> {
    type Target = Trace<'s>;

    fn deref(&self) -> &Self::Target {
        &self.trace
    }
}

impl DerefMut for Tracer<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.trace
    }
}

impl<'s> Tracer<'s> {
    fn new(
        session: &'s Session,
        held: Vec<(String, Flow)>,
        flavour: Flavour,
        schema: &'s dyn Schema,
    ) -> Self {
        Self {
            trace: Trace::new(schema),
            session,
            flavour,
            held,
            expressions: Vec::new(),
            inserted: Vec::new(),
            variables: Vec::new(),
        }
    }

    fn finish(self, outputs: Vec<Column>) -> Lineage {
        self.trace.finish(outputs, self.variables)
    }

    /// Whether something can be computed from a value shows: an error or a warning quotes it.
    fn may_fail(&mut self, flow: &Flow) {
        if flow.shows() {
            self.decides(flow);
        }
    }

    /// A user variable takes a value.
    fn takes(&mut self, name: &str, flow: &Flow) {
        if !flow.is_clean() {
            self.variables.push((name.to_owned(), flow.clone()));
        }
    }

    /// Something is put where no mask can be.
    fn puts(&mut self, place: &str, flow: &Flow) {
        if !flow.is_clean() {
            self.stores.push(Stored {
                schema: None,
                relation: place.to_owned(),
                column: None,
                flow: flow.clone(),
                new: true,
            });
        }
    }

    /// What a user variable may hold.
    fn variable(&self, name: &str) -> Flow {
        let mut flow = self.schema.variable(name);
        if let Some((_, known)) = self.held.iter().find(|(known, _)| known == name) {
            flow.merge(known);
        }
        flow
    }
}
