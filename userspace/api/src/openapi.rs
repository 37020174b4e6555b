//! An API described by an operator's OpenAPI document, version 3.0 or 3.1.
//!
//! An operation's name, path and answers come from the document; its effects are those of its method. Both can be said
//! better by an extension in an operation or, the relation, in a schema:
//!
//! ```yaml
//! x-interdict: { effects: [read], relation: patients }
//! ```
//!
//! A request that no path of the document matches is a gap.

mod answer;
mod document;
mod route;
mod tree;

use interdict_sql::{Access, Effect, Effects};

use crate::analysis::{Analysis, Reads};
use crate::call::Call;
use crate::{path, plain};
use route::Routes;

/// A document that was read and checked.
#[derive(Debug)]
pub struct Document {
    routes: Routes<Operation>,
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {message}", .column.map(|column| format!(", column {column}")).unwrap_or_default())]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What the document says of an operation.
#[derive(Debug)]
struct Operation {
    /// In snake case.
    kind: String,
    /// Instead of what the method says.
    effects: Option<Effects>,
    relation: String,
    template: String,
    /// Names of header parameters, in lower case.
    headers: Vec<String>,
    reads: Vec<Reads>,
}

impl Document {
    /// Reads a document. What is wrong with it is told as a whole where its form allows that.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self, Vec<Problem>> {
        let root = tree::read(text, syntax).map_err(|problem| vec![problem])?;
        let routes = document::routes(&root)?;
        Ok(Self { routes })
    }

    /// How many operations it has.
    pub fn operations(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn analyse(&self, call: &Call<'_>) -> Analysis {
        let mut analysis = Analysis::default();
        path::check(call.path, &mut analysis);
        let found = self.routes.find(call.method, call.path).or_else(|| {
            // What answers GET answers HEAD.
            let head = call.method == "HEAD";
            head.then(|| self.routes.find("GET", call.path)).flatten()
        });
        let Some((operation, variables)) = found else {
            let gaps = std::mem::take(&mut analysis.gaps);
            let mut analysis = plain::analyse(call);
            for gap in gaps {
                analysis.gap(gap);
            }
            analysis.unknown("no operation of the document has this method and path");
            return analysis;
        };
        operation.kind.clone_into(&mut analysis.kind);
        operation.template.clone_into(&mut analysis.template);
        analysis.reads.clone_from(&operation.reads);
        match operation.effects {
            Some(effects) => {
                plain::overridden(call, &mut analysis);
                analysis.effects = effects;
            }
            None => {
                plain::method(call, &mut analysis);
            }
        }
        let effects = analysis.effects;
        if effects.intersects(CHANGES) {
            analysis.relation(None, &operation.relation, Access::Write);
        }
        if effects.contains(Effect::Read) || !operation.reads.is_empty() {
            analysis.relation(None, &operation.relation, Access::Read);
        }
        if analysis.relations.is_empty() {
            analysis.relation(None, &operation.relation, Access::Define);
        }
        for reads in &operation.reads {
            analysis.relation(None, &reads.relation, Access::Read);
        }
        for (name, value) in variables {
            analysis.argument(name, Some(value.to_owned()));
        }
        analysis.query(call);
        for name in &operation.headers {
            if let Some(value) = call.header(name) {
                analysis.argument(name, Some(value.to_owned()));
            }
        }
        analysis
    }
}

/// Effects that change rows.
const CHANGES: Effects = Effects::of(&[
    Effect::Write,
    Effect::Insert,
    Effect::Update,
    Effect::UpdateWithoutWhere,
    Effect::Delete,
    Effect::DeleteWithoutWhere,
    Effect::Truncate,
]);

#[cfg(test)]
mod tests;
