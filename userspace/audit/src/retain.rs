//! How long the record is kept, and how a part of it ends: whole segments, with a signed receipt, and never where a legal hold
//! reaches.

pub(crate) mod hold;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use interdict_record::Micros;
use serde::Serialize;

use crate::AuditError;
use crate::journal::file::sync_directory;
use crate::keeper::Keeper;
use crate::seal::sealer::leaf;
use crate::seal::{Because, Leaf, store};
use crate::segment;
use crate::table::Table;

pub use hold::{Hold, holds};

/// How long rows are kept. A day's segment goes when the whole day is older.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// For tables that have none of their own; `None`: for ever.
    pub default: Option<Duration>,
    /// By table; `None`: for ever.
    pub tables: BTreeMap<Table, Option<Duration>>,
    /// Whether only what an object store has confirmed may go: `shipped/TABLE/FILE.json` tells.
    pub shipped: bool,
}

/// What retention did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// Segments that were (or would be) deleted.
    pub deleted: Vec<Due>,
    /// Segments whose time is over and that a hold keeps.
    pub held: Vec<Due>,
    /// Segments whose time is over and that are not what was sealed: kept, because they are evidence. A sentence each.
    pub refused: Vec<String>,
}

/// A segment whose time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The table.
    pub table: Table,
    /// The file.
    pub path: PathBuf,
    /// The first row's `seq`.
    pub first_seq: u64,
    /// The last row's.
    pub last_seq: u64,
    /// The id of the hold that keeps it.
    pub hold: Option<String>,
}

impl Retention {
    /// How long a table's rows are kept.
    pub fn of(&self, table: Table) -> Option<Duration> {
        self.tables.get(&table).copied().unwrap_or(self.default)
    }
}

/// What is due at a time, deletions and holds apart. Looks at names only.
fn due(directory: &Path, retention: &Retention, holds: &[Hold], now: Micros) -> Result<Retained, AuditError> {
    let mut found = Retained::default();
    for table in Table::ALL {
        let Some(age) = retention.of(table) else { continue };
        let age = Micros::try_from(age.as_micros()).unwrap_or(Micros::MAX);
        // The day that `age` ago falls into is kept: not all of it is old enough.
        let first_kept = segment::date(now.saturating_sub(age));
        if now <= age {
            continue;
        }
        for segment in segment::list(directory, table)?.0 {
            if segment.date >= first_kept {
                continue;
            }
            if retention.shipped && !is_shipped(directory, table, &segment.path) {
                found.refused.push(format!(
                    "{}: its time is over and it is not shipped yet",
                    segment.path.display()
                ));
                continue;
            }
            let hold = holds.iter().find(|hold| hold.reaches(table, &segment.date));
            let due = Due {
                table,
                first_seq: segment.first,
                last_seq: segment.last,
                path: segment.path,
                hold: hold.map(|hold| hold.id.clone()),
            };
            if due.hold.is_some() {
                found.held.push(due);
            } else {
                found.deleted.push(due);
            }
        }
    }
    Ok(found)
}

/// Whether a segment's receipt of shipping is there.
pub(crate) fn is_shipped(directory: &Path, table: Table, segment: &Path) -> bool {
    receipt(directory, table, segment).is_file()
}

fn receipt(directory: &Path, table: Table, segment: &Path) -> PathBuf {
    let mut name = segment.file_name().unwrap_or_default().to_owned();
    name.push(".json");
    directory.join("shipped").join(table.name()).join(name)
}

/// Notes for a merged segment that an object store has its rows, if it has all files that the segment was made of: in those, as
/// they were.
pub(crate) fn mark_shipped(
    directory: &Path,
    table: Table,
    merged: (&Path, &Leaf),
    files: &[PathBuf],
) -> Result<(), AuditError> {
    let mut objects = Vec::with_capacity(files.len());
    for file in files {
        let path = receipt(directory, table, file);
        let Ok(bytes) = std::fs::read(&path) else {
            return Ok(());
        };
        let told: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|error| AuditError::damaged(&path, format!("it is no receipt: {error}")))?;
        objects.push(told.get("object").cloned().unwrap_or_default());
    }
    let (path, leaf) = merged;
    let told = serde_json::json!({
        "object": format!("{} objects, as the segments were before they were merged here", objects.len()),
        "objects": objects,
        "size": leaf.bytes,
        "sha256": hex::encode(leaf.sha256),
        "etag": null,
        "version": null,
        "at": jiff::Timestamp::now(),
    });
    store::put(&receipt(directory, table, path), told.to_string().as_bytes())
}

/// What the daemon would delete now. Reads only.
///
/// # Errors
/// The directory can't be read.
pub fn plan(directory: &Path, retention: &Retention, now: Micros) -> Result<Retained, AuditError> {
    std::fs::read_dir(directory).map_err(AuditError::io("read", directory))?;
    due(directory, retention, &holds(directory)?, now)
}

impl Keeper {
    /// Deletes what is due: first the receipt, then the files, so that a crash between leaves files that a receipt names, which go
    /// the next time. Without a key nothing is deleted: there would be no receipt.
    pub(crate) fn retain(
        &mut self,
        retention: &Retention,
        now: Micros,
        because: &Because,
    ) -> Result<Retained, AuditError> {
        let Some(sealer) = &mut self.sealer else {
            return Err(AuditError::Config(
                "nothing is deleted without a key: there would be no receipt",
            ));
        };
        let directory = self.config.directory.clone();
        let mut found = due(&directory, retention, &sealer.holds, now)?;
        if found.deleted.is_empty() {
            return Ok(found);
        }
        let known = sealed(&directory)?;
        let (mut leaves, mut kept) = (Vec::new(), Vec::new());
        for one in found.deleted {
            let shown = one.path.display();
            match leaf(&directory, one.table, &one.path) {
                Err(error) => found.refused.push(error.to_string()),
                Ok(leaf) => match known.get(&leaf.path) {
                    Some(then) if *then == leaf => {
                        leaves.push(leaf);
                        kept.push(one);
                    }
                    Some(_) => found.refused.push(format!(
                        "{shown}: it is not what was sealed, and is kept as evidence"
                    )),
                    None => found.refused.push(format!("{shown}: it is in no seal")),
                },
            }
        }
        found.deleted = kept;
        if leaves.is_empty() {
            return Ok(found);
        }
        sealer.delete(leaves, because.clone())?;
        self.known = sealer.last();
        for one in &found.deleted {
            remove(&one.path)?;
        }
        Ok(found)
    }
}

/// Removes a file, and its day's directory with the last one.
fn remove(path: &Path) -> Result<(), AuditError> {
    std::fs::remove_file(path).map_err(AuditError::io("remove", path))?;
    let Some(day) = path.parent() else { return Ok(()) };
    if std::fs::remove_dir(day).is_ok() {
        return day.parent().map_or(Ok(()), sync_directory);
    }
    sync_directory(day)
}

/// Every segment that a seal has, by its path.
pub(crate) fn sealed(directory: &Path) -> Result<HashMap<String, Leaf>, AuditError> {
    let mut all = HashMap::new();
    for (_, path) in store::list(&store::directory(directory))? {
        for leaf in store::read(&path)?.seal.segments {
            all.insert(leaf.path.clone(), leaf);
        }
    }
    Ok(all)
}
