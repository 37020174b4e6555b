//! Rows as they complete, kept for a while: what streams read while they keep up. Who falls behind reads segments.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use interdict_audit::{Observer, Row, Table, Value};
use tokio::sync::watch;

use crate::ocsf::Mapper;

/// Memory for rows that streams have yet to take, of all tables together.
const BYTES: usize = 16 << 20;

/// The last rows of every table.
#[derive(Debug)]
pub struct Feed {
    rows: Mutex<Rows>,
    changes: watch::Sender<u64>,
    seals: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Rows {
    tables: BTreeMap<Table, VecDeque<Arc<Row>>>,
    /// Whose row came when, and its size, the oldest first.
    order: VecDeque<(Table, usize)>,
    bytes: usize,
}

/// What a table's reader meets.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Rows that follow what it has.
    Rows(Vec<Arc<Row>>),
    /// Nothing yet.
    Wait,
    /// The next row is no longer in memory: it is in a segment, or will be when the next one is sealed.
    Sealed,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            changes: watch::channel(0).0,
            seals: watch::channel(0).0,
        }
    }
}

impl Feed {
    /// The rows of a table after `after`, at most `most`.
    pub(crate) fn after(&self, table: Table, after: u64, most: usize) -> Next {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rows) = rows.tables.get(&table) else {
            return Next::Wait;
        };
        let (Some(first), Some(last)) = (rows.front(), rows.back()) else {
            return Next::Wait;
        };
        if after >= last.seq {
            return Next::Wait;
        }
        let Some(skip) = (after + 1).checked_sub(first.seq) else {
            return Next::Sealed;
        };
        Next::Rows(rows.iter().skip(skip as usize).take(most).cloned().collect())
    }

    /// The last row of a table that has been seen; 0 if none was since the start.
    pub(crate) fn last(&self, table: Table) -> u64 {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let last = rows.tables.get(&table).and_then(VecDeque::back);
        last.map_or(0, |row| row.seq)
    }

    /// Told of whenever something is sealed.
    pub(crate) fn seals(&self) -> watch::Receiver<u64> {
        self.seals.subscribe()
    }

    /// Told of whenever a row comes or a segment is sealed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Observer for Feed {
    fn row(&self, row: &Row) {
        if !Mapper::has(row.table) {
            return;
        }
        let size = size(row);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let table = rows.tables.entry(row.table).or_default();
        match table.back() {
            // It was seen already: the keeper started over.
            Some(last) if row.seq <= last.seq => return,
            // Never, but whoever reads relies on it.
            Some(last) if row.seq != last.seq + 1 => {
                rows.forget(row.table);
            }
            _ => {}
        }
        rows.tables
            .entry(row.table)
            .or_default()
            .push_back(Arc::new(row.clone()));
        rows.order.push_back((row.table, size));
        rows.bytes = rows.bytes.saturating_add(size);
        while rows.bytes > BYTES && rows.order.len() > 1 {
            rows.drop_oldest();
        }
        drop(rows);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn published(&self) {
        self.seals.send_modify(|count| *count = count.wrapping_add(1));
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Rows {
    fn drop_oldest(&mut self) {
        if let Some((table, size)) = self.order.pop_front() {
            self.bytes = self.bytes.saturating_sub(size);
            if let Some(rows) = self.tables.get_mut(&table) {
                // The last one stays: its number says how far the table is.
                if rows.len() > 1 {
                    rows.pop_front();
                } else {
                    self.order.push_back((table, 0));
                }
            }
        }
    }

    fn forget(&mut self, table: Table) {
        self.tables.remove(&table);
        self.order.retain(|(of, size)| {
            if *of == table {
                self.bytes = self.bytes.saturating_sub(*size);
            }
            *of != table
        });
    }
}

/// About how much memory a row takes.
fn size(row: &Row) -> usize {
    fn of(value: &Value) -> usize {
        32 + match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(values) => values.iter().map(of).sum(),
            Value::Map(entries) | Value::Struct(entries) => entries
                .iter()
                .map(|(key, value)| key.len() + 24 + of(value))
                .sum(),
            _ => 0,
        }
    }
    row.named().map(|(_, value)| of(value)).sum()
}
