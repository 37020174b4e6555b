//! The journal's end, followed: what is in no segment yet.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::entry::Entry;
use crate::fold::Fold;
use crate::journal::reader::{Item, Reader};
use crate::row::{self, Row};
use crate::segment::read::Cells;
use crate::table::Table;
use crate::value::Value;
use crate::{AuditError, checkpoint, journal};

/// Rows of one table that are kept. A daemon that writes more between two seals shows the newest of them.
const MOST: usize = 50_000;
/// Bytes of text of one table that are kept, about.
const LARGEST: usize = 64 << 20;
/// Tables that people look through; others would only take memory.
const KEPT: [Table; 7] = [
    Table::Sessions,
    Table::Statements,
    Table::Policies,
    Table::Admin,
    Table::Ledger,
    Table::Approvals,
    Table::Grants,
];

#[derive(Debug, Default)]
pub(super) struct Tail {
    /// As of the last entry that was read; `None`: nothing was read yet.
    fold: Option<Fold>,
    reader: Option<Reader>,
    /// The checkpoint that the rows start from: what changes with it is a new file.
    seal: Option<(u64, std::time::SystemTime)>,
    tables: BTreeMap<Table, Kept>,
    looked: Option<Instant>,
}

#[derive(Debug, Default)]
struct Kept {
    rows: VecDeque<Row>,
    bytes: usize,
    /// Rows that were let go before they were sealed: up to this number.
    lost: u64,
    /// Rows up to this number are in segments.
    sealed: u64,
}

impl Kept {
    fn push(&mut self, row: Row) {
        self.bytes = self.bytes.saturating_add(size(&row));
        self.rows.push_back(row);
        while self.rows.len() > MOST || (self.bytes > LARGEST && self.rows.len() > 1) {
            if let Some(gone) = self.rows.pop_front() {
                self.bytes = self.bytes.saturating_sub(size(&gone));
                self.lost = gone.seq;
            }
        }
    }

    fn seal(&mut self, until: u64) {
        self.sealed = until;
        while self.rows.front().is_some_and(|row| row.seq <= until) {
            if let Some(gone) = self.rows.pop_front() {
                self.bytes = self.bytes.saturating_sub(size(&gone));
            }
        }
    }
}

fn size(row: &Row) -> usize {
    let of = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len().saturating_mul(64),
        Value::Map(entries) | Value::Struct(entries) => entries.len().saturating_mul(128),
        _ => 0,
    };
    row.values.iter().map(of).sum::<usize>().saturating_add(1024)
}

fn seal_of(journal: &Path) -> Option<(u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt as _;
    let facts = std::fs::metadata(checkpoint::path(journal)).ok()?;
    Some((facts.ino(), facts.modified().ok()?))
}

impl Tail {
    /// Reads what came since the last time, unless that is so recent.
    pub(super) fn follow(&mut self, directory: &Path, fresh: Duration) -> Result<(), AuditError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < fresh) {
            return Ok(());
        }
        let journal = journal::directory(directory);
        if !journal.is_dir() {
            *self = Self::default();
            self.looked = Some(Instant::now());
            return Ok(());
        }
        if let Err(error) = self.read(&journal) {
            // Files may have gone while they were read: once more, from the beginning.
            tracing::debug!(%error, "the journal is read anew");
            *self = Self::default();
            self.read(&journal)?;
        }
        self.looked = Some(Instant::now());
        Ok(())
    }

    fn read(&mut self, journal: &Path) -> Result<(), AuditError> {
        let seal = seal_of(journal);
        if self.fold.is_none() || seal != self.seal {
            let point = checkpoint::read(journal)?.map_or_else(Fold::default, |point| point.fold);
            for table in KEPT {
                let kept = self.tables.entry(table).or_default();
                kept.seal(point.head(table).seq);
            }
            // A daemon that recovered may have gone back behind what was read: never acknowledged, never so.
            if self
                .fold
                .as_ref()
                .is_none_or(|fold| fold.sequence < point.sequence)
            {
                self.reader = None;
                for kept in self.tables.values_mut() {
                    kept.rows.clear();
                    kept.bytes = 0;
                }
                self.fold = Some(point);
            }
            self.seal = seal;
        }
        let fold = self.fold.get_or_insert_default();
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(Reader::open(journal, fold.sequence.saturating_add(1))?),
        };
        let mut rows = Vec::new();
        let torn = loop {
            match reader.next(None)? {
                Item::Entry(sequence) => {
                    if sequence > fold.sequence {
                        let entry = Entry::decode(reader.body()).map_err(|what| {
                            AuditError::damaged(journal, format!("sequence {sequence} is {what}"))
                        })?;
                        fold.apply(sequence, entry, &mut rows);
                    }
                }
                Item::Gap(gap) => fold.gap(&gap, &mut rows),
                // It is being written at this moment, as a rule: it is read again.
                Item::Torn { .. } => break true,
                Item::End => break false,
            }
            for row in rows.drain(..).filter(|row| KEPT.contains(&row.table)) {
                self.tables.entry(row.table).or_default().push(row);
            }
        };
        if torn {
            self.reader = None;
        }
        Ok(())
    }

    pub(super) fn rows(&self, table: Table) -> impl Iterator<Item = &Row> {
        self.tables.get(&table).into_iter().flat_map(|kept| &kept.rows)
    }

    /// Rows up to this number are in segments; `None`: there is no journal, so all are.
    pub(super) fn sealed(&self, table: Table) -> Option<u64> {
        self.fold.as_ref()?;
        Some(self.tables.get(&table).map_or(0, |kept| kept.sealed))
    }

    /// Rows that are neither kept nor in segments.
    pub(super) fn unseen(&self, table: Table) -> u64 {
        self.tables
            .get(&table)
            .map_or(0, |kept| kept.lost.saturating_sub(kept.sealed))
    }

    pub(super) fn open_sessions(&self) -> Vec<Map<String, Json>> {
        let open = self.fold.iter().flat_map(|fold| fold.sessions.values());
        let mut rows: Vec<_> = open
            .map(|open| {
                let [statements, read, masked] = open.totals;
                let cells = row::session(
                    &open.host,
                    &open.boot_id,
                    (*open.started).clone(),
                    open.described.clone(),
                    None,
                );
                let mut row = named(Table::Sessions, cells);
                for (name, value) in [
                    ("statements", statements),
                    ("rows", read),
                    ("masked_cells", masked),
                ] {
                    row.insert(name.to_owned(), Json::from(value));
                }
                (open.started.started_at, row)
            })
            .collect();
        rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    pub(super) fn open_statements(&self, session: Uuid) -> Vec<Map<String, Json>> {
        let Some(fold) = &self.fold else {
            return Vec::new();
        };
        let open = fold
            .statements
            .values()
            .filter(|started| started.session_id == session);
        let mut rows: Vec<_> = open.map(|started| (started.requested_at, started)).collect();
        rows.sort_by_key(|(at, _)| *at);
        rows.into_iter()
            .map(|(_, started)| {
                named(
                    Table::Statements,
                    row::statement(&fold.opened.host, (**started).clone(), None),
                )
            })
            .collect()
    }
}

/// Cells without a number and hashes as JSON.
fn named(table: Table, cells: Vec<Value>) -> Map<String, Json> {
    let names = table.columns().iter().map(|column| column.name.to_owned());
    let cells: Cells = names.zip(std::iter::once(Value::Null).chain(cells)).collect();
    cells
        .into_iter()
        .map(|(name, value)| (name, value.to_json()))
        .collect()
}
