//! Lineage of protected columns through PostgreSQL's statements.
//!
//! The tree is bound to a [`Schema`] the way the server's parser binds it: scopes from `FROM`, `WITH` and sub-queries, stars
//! expanded in order, names looked up from the inside out. Where the server could bind a name in more than one way, all of
//! them count. What is not known here by name is a gap if a protected column reaches it.

mod call;
mod change;
mod expression;
mod from;
mod outline;
mod predicate;
mod scope;
mod select;
mod total;

use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_query::{NodeEnum as N, protobuf as pb};

use super::text::Tokens;
use super::{PostgresSettings, name};
use crate::lineage::trace::Trace;
use crate::lineage::{Flow, Lineage, Schema, Stored};
use scope::Column;

/// Traces each statement of a text; the answers are in the order of the statements. Never fails and never panics.
pub(crate) fn trace(text: &str, settings: PostgresSettings, schema: &dyn Schema) -> Vec<Lineage> {
    catch_unwind(AssertUnwindSafe(|| dissect(text, settings, schema)))
        .unwrap_or_else(|_| vec![lost("the analysis failed")])
}

fn dissect(text: &str, settings: PostgresSettings, schema: &dyn Schema) -> Vec<Lineage> {
    let tokens = Tokens::scan(text, settings);
    let tree = match super::parse(text, settings.options(), tokens.as_ref()) {
        Ok(tree) => tree,
        Err(gap) => return vec![lost(&gap.to_string())],
    };
    let statements = tree.stmts.iter();
    statements
        .map(|raw| match raw.stmt.as_deref() {
            Some(statement) => Tracer::new(schema).run(statement),
            None => lost("an empty statement"),
        })
        .collect()
}

fn lost(why: &str) -> Lineage {
    Lineage {
        gap: Some(why.to_owned()),
        ..Lineage::default()
    }
}

/// The way through one statement.
struct Tracer<'a, 's> {
    trace: Trace<'s>,
    /// Common table expressions in sight, the nearest last.
    expressions: Vec<(&'a str, Vec<Column>)>,
}

impl<'s> Deref for Tracer<'_, 's> {
    type Target = Trace<'s>;

    fn deref(&self) -> &Self::Target {
        &self.trace
    }
}

impl DerefMut for Tracer<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.trace
    }
}

impl<'a, 's> Tracer<'a, 's> {
    fn new(schema: &'s dyn Schema) -> Self {
        Self {
            trace: Trace::new(schema),
            expressions: Vec::new(),
        }
    }

    fn run(mut self, statement: &'a pb::Node) -> Lineage {
        let outputs = self.statement(statement);
        self.trace.finish(outputs, Vec::new())
    }

    /// A statement; its result's columns.
    fn statement(&mut self, node: &'a pb::Node) -> Vec<Column> {
        let Some(statement) = node.node.as_ref() else {
            self.lose("an empty statement");
            return Vec::new();
        };
        match statement {
            N::SelectStmt(x) => {
                let columns = self.select(x);
                match outline::target(x) {
                    Some(into) => {
                        self.creates(into, columns);
                        Vec::new()
                    }
                    None => columns,
                }
            }
            N::InsertStmt(x) => self.insert(x),
            N::UpdateStmt(x) => self.update(x),
            N::DeleteStmt(x) => self.delete(x),
            N::MergeStmt(x) => self.merge(x),
            N::CopyStmt(x) => self.copy(x),
            N::ExplainStmt(x) => {
                if let Some(query) = x.query.as_deref() {
                    self.statement(query);
                }
                if self.routines_read {
                    self.lose("a plan may show what a routine gave when it was planned");
                }
                // A plan names columns and quotes the text's own constants.
                vec![Column::named("QUERY PLAN", Flow::CLEAN)]
            }
            N::PrepareStmt(x) => self.inner(x.query.as_deref()),
            N::DeclareCursorStmt(x) => self.inner(x.query.as_deref()),
            N::CreateTableAsStmt(x) => {
                let columns = self.inner(x.query.as_deref());
                match x.into.as_deref() {
                    Some(into) => self.creates(into, columns),
                    None => self.lose("a table without a name"),
                }
                Vec::new()
            }
            N::ViewStmt(x) => {
                let columns = self.inner(x.query.as_deref());
                match x.view.as_ref() {
                    Some(view) => self.makes(view, &x.aliases, columns),
                    None => self.lose("a view without a name"),
                }
                Vec::new()
            }
            _ => {
                self.lose("this kind of statement is not traced");
                Vec::new()
            }
        }
    }

    fn inner(&mut self, query: Option<&'a pb::Node>) -> Vec<Column> {
        if let Some(query) = query {
            self.statement(query)
        } else {
            self.lose("a statement without its query");
            Vec::new()
        }
    }

    fn copy(&mut self, x: &'a pb::CopyStmt) -> Vec<Column> {
        if x.is_from {
            // What comes in is the client's own; the condition is about it.
            return Vec::new();
        }
        let Some(relation) = x.relation.as_ref() else {
            return self.inner(x.query.as_deref());
        };
        let all = self.relation_columns(relation);
        if x.attlist.is_empty() {
            return all;
        }
        let names = name::parts(&x.attlist);
        names
            .into_iter()
            .map(|wanted| {
                let flow = self.pick(&all, wanted);
                Column::named(wanted, flow)
            })
            .collect()
    }

    /// The columns of that name in a list; none of that name is a gap.
    fn pick(&mut self, columns: &[Column], wanted: &str) -> Flow {
        let mut found = columns.iter().filter(|column| column.may_be(wanted)).peekable();
        if found.peek().is_none() && !scope::is_system_column(wanted) {
            self.lose("a column that is not in the catalogue");
        }
        found.map(|column| column.flow.clone()).collect()
    }

    fn creates(&mut self, into: &'a pb::IntoClause, columns: Vec<Column>) {
        match into.rel.as_ref() {
            Some(relation) => self.makes(relation, &into.col_names, columns),
            None => self.lose("a table without a name"),
        }
    }

    fn makes(&mut self, relation: &'a pb::RangeVar, names: &'a [pb::Node], columns: Vec<Column>) {
        let names = name::parts(names);
        for (index, column) in columns.into_iter().enumerate() {
            if !column.flow.is_clean() {
                self.stores.push(Stored {
                    schema: name::schema(relation).map(str::to_owned),
                    relation: relation.relname.clone(),
                    column: names.get(index).map(|name| (*name).to_owned()).or(column.name),
                    flow: column.flow,
                    new: true,
                });
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
