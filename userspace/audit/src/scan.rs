//! Reading back.
use std::path::Path;
use uuid::Uuid;
use interdict_record::Micros;
use crate::{AuditError, Table};
/// Which rows to read.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The table.
    pub table: Table,
    /// Rows at or after this (`requested_at`, `started_at` or `at`).
    pub from: Option<Micros>,
    /// Rows before this.
    pub until: Option<Micros>,
    /// Rows of this session only.
    pub session_id: Option<Uuid>,
    /// This statement only.
    pub statement_id: Option<Uuid>,
    /// Text columns that must equal a value: `("decision", "deny")`.
    pub equal: Vec<(String, String)>,
    /// Only the last so many of the rows that match.
    pub last: Option<usize>,
    /// Also what has started and not ended yet (no `seq`, no `hash`).
    pub open: bool,
}
impl Filter { /// All rows of a table.
    pub fn new(table: Table) -> Self { Self { table, from: None, until: None, session_id: None, statement_id: None, equal: Vec::new(), last: None, open: false } } }
/// Rows as JSON objects, oldest first.
pub struct Scan {}
impl Iterator for Scan { type Item = Result<serde_json::Map<String, serde_json::Value>, AuditError>; fn next(&mut self) -> Option<Self::Item> { todo!() } }
/// Reads rows back, sealed and journalled, without DuckDB.
pub fn scan(_directory: &Path, _filter: Filter) -> Result<Scan, AuditError> { todo!() }
