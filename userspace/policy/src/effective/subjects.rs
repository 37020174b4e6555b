//! Which columns and values of bodies say whose data it is.

use std::sync::Arc;

use interdict_masking::Subject;

use super::Effective;
use crate::pattern::Pattern;

impl Effective {
    /// Whether columns, or values of bodies, are named whose values say whose data it is.
    pub fn names_subjects(&self) -> bool {
        !self.0.subjects.is_empty()
    }

    /// What says whose data it is, by its number: what [`Self::subject_of`] answers with.
    pub fn subjects(&self) -> impl Iterator<Item = &Arc<Subject>> {
        self.0.subjects.iter().map(|rule| &rule.subject)
    }

    /// The number of the first entry of `subjects` that names a column.
    pub fn subject_of(&self, database: &str, schema: &str, table: &str, column: &str) -> Option<usize> {
        self.0.subjects.iter().position(|rule| match &rule.pattern {
            Pattern::Column(pattern) => pattern.matches(database, schema, table, column),
            Pattern::Json(_) => false,
        })
    }

    /// Whether an entry of `subjects` could name a column of this relation; without a schema, of any relation of that name.
    pub fn may_have_subjects(&self, database: &str, schema: Option<&str>, table: &str) -> bool {
        self.0.subjects.iter().any(|rule| match &rule.pattern {
            Pattern::Column(pattern) => pattern.could_match(database, schema, table),
            Pattern::Json(_) => false,
        })
    }

    /// What says in bodies whose data it is, by path (`$.patient.mrn`, `**.mrn`).
    pub fn json_subjects(&self) -> impl Iterator<Item = (&str, &Arc<Subject>)> {
        self.0.subjects.iter().filter_map(|rule| match &rule.pattern {
            Pattern::Json(pattern) => Some((pattern.text(), &rule.subject)),
            Pattern::Column(_) => None,
        })
    }

    /// Columns of any relation (`*.mrn`) whose values say whose data it is, as the policy has them: they hold for what an API calls
    /// so, too.
    pub fn subjects_anywhere(&self) -> impl Iterator<Item = (&str, &Arc<Subject>)> {
        self.0.subjects.iter().filter_map(|rule| match &rule.pattern {
            Pattern::Column(pattern) if pattern.is_anywhere() => Some((pattern.column(), &rule.subject)),
            Pattern::Column(_) | Pattern::Json(_) => None,
        })
    }

    /// What says whose data the cells of a relation are that an API tells (`profile`), each with its column as the policy has it.
    pub fn subjects_of(&self, table: &str) -> impl Iterator<Item = (&str, &Arc<Subject>)> {
        self.0
            .subjects
            .iter()
            .filter_map(move |rule| match &rule.pattern {
                Pattern::Column(pattern) if pattern.could_match("", None, table) => {
                    Some((pattern.column(), &rule.subject))
                }
                Pattern::Column(_) | Pattern::Json(_) => None,
            })
    }
}
