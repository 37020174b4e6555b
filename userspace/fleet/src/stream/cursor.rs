//! Where a stream stands: the last row of each table that was acknowledged, in a file.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use interdict_audit::Table;

use crate::error::FleetError;

#[derive(Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    places: BTreeMap<Table, u64>,
}

/// A table, what was sent of it, and where its record ends.
pub(super) type Lost = (Table, u64, u64);

impl Cursor {
    /// Reads the file, or starts one. Also what was sent and is no longer on record (a power cut with `batch`, or a
    /// directory that was put back from a copy): the table, what was sent, where the record ends.
    pub(super) fn open(
        path: PathBuf,
        tables: &[Table],
        beginning: bool,
        heads: impl Fn(Table) -> u64,
    ) -> Result<(Self, Vec<Lost>), FleetError> {
        let mut places: BTreeMap<Table, u64> = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                FleetError::Settings(format!(
                    "{} is damaged ({error}): remove it, and the stream starts anew",
                    path.display()
                ))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(FleetError::io("read", &path)(error)),
        };
        let mut lost = Vec::new();
        for table in tables {
            let head = heads(*table);
            let place = places.entry(*table).or_insert(if beginning { 0 } else { head });
            if *place > head {
                lost.push((*table, *place, head));
                *place = head;
            }
        }
        let cursor = Self { path, places };
        // Now, so that a stream that starts `now` goes on from here after a crash.
        cursor.write()?;
        Ok((cursor, lost))
    }

    pub(super) fn of(&self, table: Table) -> u64 {
        self.places.get(&table).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, table: Table, seq: u64) -> Result<(), FleetError> {
        self.places.insert(table, seq);
        self.write()
    }

    fn write(&self) -> Result<(), FleetError> {
        let text = serde_json::to_vec(&self.places).unwrap_or_default();
        replace(&self.path, &text)
    }
}

/// Puts a file in the place of another, whole or not at all.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), FleetError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(FleetError::io("make", directory))?;
    let new = path.with_extension("new");
    let mut file = File::create(&new).map_err(FleetError::io("write", &new))?;
    file.write_all(content)
        .and_then(|()| file.sync_data())
        .map_err(FleetError::io("write", &new))?;
    std::fs::rename(&new, path).map_err(FleetError::io("write", path))
}
