//! Rows as they complete, for whoever sends them on or counts them; and those that are in segments already, from any number on.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::AuditError;
use crate::row::Row;
use crate::segment::read::{Cells, Rows};
use crate::segment::{self, Segment};
use crate::table::Table;
use crate::value::Value;

/// Sees every row when it is complete and on record.
///
/// It is called on the thread that makes segments: what takes time belongs elsewhere. After a start or an error rows
/// since the last segment come again, with the same `seq` and hash.
pub trait Observer: Send + Sync {
    /// A row is complete.
    fn row(&self, row: &Row);

    /// What was complete is in segments.
    fn published(&self) {}
}

/// Those who see rows.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Adds one.
    pub fn add(&mut self, observer: Arc<dyn Observer>) {
        self.0.push(observer);
    }

    pub(crate) fn row(&self, row: &Row) {
        for observer in &self.0 {
            observer.row(row);
        }
    }

    pub(crate) fn published(&self) {
        for observer in &self.0 {
            observer.published();
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} observers", self.0.len())
    }
}

/// The rows of a table that are in segments and have a `seq` above `after`, ascending.
///
/// # Errors
/// The directory can't be read. What is wrong with a segment comes as an item.
pub fn published_after(directory: &Path, table: Table, after: u64) -> Result<Published, AuditError> {
    let mut segments: VecDeque<Segment> = segment::list(directory, table)?.0.into();
    segments.retain(|segment| segment.last > after);
    Ok(Published {
        table,
        after,
        segments,
        open: Vec::new(),
    })
}

/// Rows of segments by their `seq`: files of one table interleave where rows of two days completed in turn.
pub struct Published {
    table: Table,
    after: u64,
    segments: VecDeque<Segment>,
    /// Files that are being read, each with its next row.
    open: Vec<(Row, Rows)>,
}

impl Published {
    fn step(&mut self) -> Result<Option<Row>, AuditError> {
        loop {
            let next = self.open.iter().enumerate().min_by_key(|(_, (row, _))| row.seq);
            let next = next.map(|(index, (row, _))| (index, row.seq));
            // A file whose rows may come earlier is opened first; they are in the order of their first row.
            let earlier = |segment: &Segment| next.is_none_or(|(_, seq)| segment.first <= seq);
            if self.segments.front().is_some_and(earlier) {
                if let Some(segment) = self.segments.pop_front() {
                    let mut rows = Rows::open(&segment.path, None)?;
                    if let Some(row) = following(self.table, self.after, &mut rows)? {
                        self.open.push((row, rows));
                    }
                }
                continue;
            }
            let Some((index, seq)) = next else { return Ok(None) };
            let (row, mut rows) = self.open.swap_remove(index);
            self.after = seq;
            if let Some(row) = following(self.table, seq, &mut rows)? {
                self.open.push((row, rows));
            }
            return Ok(Some(row));
        }
    }
}

fn following(table: Table, after: u64, rows: &mut Rows) -> Result<Option<Row>, AuditError> {
    for cells in rows {
        let row = from_cells(table, cells?);
        if row.seq > after {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// A row with all the columns that this version knows.
fn from_cells(table: Table, cells: Cells) -> Row {
    let mut cells = cells.into_iter().map(Some).collect::<Vec<_>>();
    let mut take = |name: &str| {
        let cell = cells
            .iter_mut()
            .find(|cell| cell.as_ref().is_some_and(|(of, _)| of == name));
        cell.and_then(Option::take)
            .map_or(Value::Null, |(_, value)| value)
    };
    let values: Vec<Value> = table.columns().iter().map(|column| take(column.name)).collect();
    let mut row = Row {
        table,
        seq: 0,
        hash: [0; 32],
        at: 0,
        values,
    };
    row.seq = row
        .get("seq")
        .as_integer()
        .and_then(|seq| u64::try_from(seq).ok())
        .unwrap_or(0);
    row.hash = row
        .get("hash")
        .as_bytes()
        .and_then(|hash| hash.try_into().ok())
        .unwrap_or_default();
    row.at = row.get(table.time_column()).as_integer().unwrap_or(0);
    row
}

impl Iterator for Published {
    type Item = Result<Row, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
