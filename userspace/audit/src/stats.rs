//! What a directory holds, in numbers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::segment::{self, read};
use crate::table::Table;
use crate::{AuditError, view};

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableStats {
    /// Parquet files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// Complete rows that are only in the journal.
    pub unsealed_rows: u64,
    /// The last row's number, the journal included.
    pub last_seq: u64,
    /// The first and last day with rows in segments.
    pub days: Option<(String, String)>,
}

/// A directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// By the table's name.
    pub tables: BTreeMap<&'static str, TableStats>,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Sessions without an end.
    pub open_sessions: u64,
    /// Statements without an outcome.
    pub open_statements: u64,
}

/// Counts what a directory holds; reads the journal and the segments' footers.
///
/// # Errors
/// Something can't be read.
pub fn stats(directory: &Path) -> Result<Stats, AuditError> {
    std::fs::read_dir(directory).map_err(AuditError::io("read", directory))?;
    let mut stats = Stats::default();
    let view = view::read(directory, |row| Some((row.table, row.seq)))?;
    for table in Table::ALL {
        let mut numbers = TableStats::default();
        let segments = segment::list(directory, table)?.0;
        let mut last_published = 0;
        for segment in &segments {
            numbers.segments = numbers.segments.saturating_add(1);
            let facts = std::fs::metadata(&segment.path).map_err(AuditError::io("inspect", &segment.path))?;
            numbers.bytes = numbers.bytes.saturating_add(facts.len());
            let rows = u64::try_from(read::metadata(&segment.path)?.1).unwrap_or(0);
            numbers.rows = numbers.rows.saturating_add(rows);
            last_published = segment.last.max(last_published);
        }
        let days = segments.iter().map(|segment| &segment.date);
        numbers.days = days.clone().min().cloned().zip(days.max().cloned());
        numbers.last_seq = last_published;
        if let Some(view) = &view {
            let later = view
                .rows
                .iter()
                .filter(|(of, seq)| *of == table && *seq > last_published);
            numbers.unsealed_rows = later.count() as u64;
            numbers.last_seq = last_published.max(view.fold.head(table).seq);
        }
        stats.tables.insert(table.name(), numbers);
    }
    if let Some(view) = view {
        stats.journal_bytes = view.bytes;
        stats.open_sessions = view.fold.sessions.len() as u64;
        stats.open_statements = view.fold.statements.len() as u64;
    }
    Ok(stats)
}
