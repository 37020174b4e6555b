//! Building segments: rows go to files in `building/` as they complete, and appear under their names when sealed.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use super::layout::Layout;
use super::{SCHEMA_VERSION, date, key};
use crate::AuditError;
use crate::arrow;
use crate::arrow::columns::Columns;
use crate::canonical::GENESIS;
use crate::journal::file::sync_directory;
use crate::row::Row;
use crate::table::Table;
use crate::value::Hash;

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// Rows that are turned into one Arrow batch.
const BATCH: usize = 256;
/// Bytes of texts and payloads in one.
const BATCH_BYTES: usize = 1 << 20;

/// The segments that are being built: one a table and day.
#[derive(Debug)]
pub(crate) struct Builder {
    directory: PathBuf,
    host: String,
    /// The host as the end of a file name.
    suffix: String,
    pub(super) layout: Layout,
    /// By table and day since the epoch.
    parts: BTreeMap<(Table, i64), Part>,
    pub(crate) rows: u64,
    /// When the first of the rows came.
    pub(crate) since: Option<Instant>,
}

#[derive(Debug)]
struct Part {
    table: Table,
    writer: ArrowWriter<File>,
    path: PathBuf,
    /// Rows that were not given to the writer yet.
    pending: Columns,
    first: u64,
    last: u64,
    rows: u64,
    first_previous: Hash,
    last_hash: Hash,
}

/// Where unfinished segments are: no reader's glob meets them.
fn building(directory: &Path) -> PathBuf {
    directory.join("building")
}

/// Makes a directory and its name durable. `mode` as for `mkdir`.
pub(crate) fn make_directory(path: &Path, mode: u32) -> Result<(), AuditError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(AuditError::io("create", path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

impl Builder {
    /// Starts with nothing; what an earlier run left unfinished is removed (the journal still has it).
    pub(crate) fn new(directory: &Path, host: &str) -> Result<Self, AuditError> {
        let building = building(directory);
        if building.exists() {
            std::fs::remove_dir_all(&building).map_err(AuditError::io("clear", &building))?;
        }
        make_directory(&building, 0o700)?;
        let safe = |letter: char| {
            if letter.is_ascii_alphanumeric() || letter == '.' || letter == '_' {
                letter
            } else {
                '_'
            }
        };
        let suffix = host.chars().take(64).map(safe).collect();
        Ok(Self {
            directory: directory.to_owned(),
            host: host.to_owned(),
            suffix,
            layout: Layout::default(),
            parts: BTreeMap::new(),
            rows: 0,
            since: None,
        })
    }

    pub(crate) fn push(&mut self, row: &Row) -> Result<(), AuditError> {
        let slot = (row.table, row.at.div_euclid(DAY));
        let part = match self.parts.entry(slot) {
            std::collections::btree_map::Entry::Occupied(part) => part.into_mut(),
            std::collections::btree_map::Entry::Vacant(slot) => {
                let (table, date) = (slot.key().0, date(row.at));
                let path = building(&self.directory).join(format!("{table}-{date}.parquet"));
                let part = Part::create(table, path, row, &self.layout)?;
                slot.insert(part)
            }
        };
        part.push(row)?;
        self.rows = self.rows.saturating_add(1);
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Finishes every file and puts it under its name. After an error the builder is of no more use: what was
    /// published stays, the rest is built anew from the journal. Gives the files.
    pub(crate) fn publish(&mut self) -> Result<Vec<(Table, PathBuf)>, AuditError> {
        self.rows = 0;
        self.since = None;
        let mut published = Vec::new();
        for ((table, day), part) in std::mem::take(&mut self.parts) {
            let date = date(day.saturating_mul(DAY));
            let day = self.directory.join(table.name()).join(format!("date={date}"));
            make_directory(&self.directory.join(table.name()), 0o750)?;
            make_directory(&day, 0o750)?;
            let name = day.join(format!(
                "{:012}-{:012}-{}.parquet",
                part.first, part.last, self.suffix
            ));
            if name.exists() {
                return Err(AuditError::damaged(
                    &name,
                    "a segment of this name exists already",
                ));
            }
            let built = part.finish(&self.host)?;
            std::fs::rename(&built, &name).map_err(AuditError::io("rename", &built))?;
            sync_directory(&day)?;
            published.push((table, name));
        }
        Ok(published)
    }
}

impl Part {
    fn create(table: Table, path: PathBuf, first: &Row, layout: &Layout) -> Result<Self, AuditError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o640)
            .open(&path)
            .map_err(AuditError::io("create", &path))?;
        let schema = arrow::schema(table);
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(layout.properties(table)?))
            .map_err(AuditError::segment("create", &path))?;
        let previous = first.named().find(|(name, _)| *name == "previous_hash");
        let first_previous = previous
            .and_then(|(_, value)| value.as_bytes()?.try_into().ok())
            .unwrap_or(GENESIS);
        Ok(Self {
            table,
            writer,
            path,
            pending: Columns::new(table, schema),
            first: first.seq,
            last: first.seq,
            rows: 0,
            first_previous,
            last_hash: first.hash,
        })
    }

    fn push(&mut self, row: &Row) -> Result<(), AuditError> {
        self.last = row.seq;
        self.rows = self.rows.saturating_add(1);
        self.last_hash = row.hash;
        self.pending
            .push(row)
            .map_err(ParquetError::from)
            .map_err(AuditError::segment("write", &self.path))?;
        if self.pending.rows() >= BATCH || self.pending.bytes() >= BATCH_BYTES {
            self.write()
        } else {
            Ok(())
        }
    }

    fn write(&mut self) -> Result<(), AuditError> {
        if self.pending.rows() == 0 {
            return Ok(());
        }
        self.pending
            .finish()
            .map_err(ParquetError::from)
            .and_then(|batch| self.writer.write(&batch))
            .map_err(AuditError::segment("write", &self.path))
    }

    fn finish(mut self, host: &str) -> Result<PathBuf, AuditError> {
        self.write()?;
        let facts = [
            (key::SCHEMA, SCHEMA_VERSION.to_owned()),
            (key::TABLE, self.table.name().to_owned()),
            (key::HOST, host.to_owned()),
            (key::FIRST_SEQ, self.first.to_string()),
            (key::LAST_SEQ, self.last.to_string()),
            (key::ROWS, self.rows.to_string()),
            (key::FIRST_PREVIOUS_HASH, hex::encode(self.first_previous)),
            (key::LAST_HASH, hex::encode(self.last_hash)),
        ];
        for (name, value) in facts {
            self.writer
                .append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        let file = self
            .writer
            .into_inner()
            .map_err(AuditError::segment("finish", &self.path))?;
        file.sync_all()
            .map_err(AuditError::io("make durable", &self.path))?;
        Ok(self.path)
    }
}
