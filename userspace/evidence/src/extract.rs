//! The rows of a period, as the segments that hold them: copied byte by byte, so that seals and chains prove them still.

use std::fs;
use std::path::{Path, PathBuf};

use interdict_audit::Table;

use crate::EvidenceError;
use crate::build::Period;

/// Tables whose earlier rows matter: what was in force at the period's beginning came into force before it.
const FROM_THE_BEGINNING: [Table; 2] = [Table::Policies, Table::Grants];

/// Copies what belongs to the period into `to`; the files, relative to it.
pub(crate) fn copy(audit: &Path, period: &Period, to: &Path) -> Result<Vec<PathBuf>, EvidenceError> {
    let mut copied = Vec::new();
    for table in Table::ALL {
        // What clients saw is in the sample replays; the rest of it stays where it is.
        if table == Table::Frames {
            continue;
        }
        let whole = FROM_THE_BEGINNING.contains(&table);
        let root = audit.join(table.name());
        for day in entries(&root)? {
            let Some(date) = name(&day).and_then(|name| name.strip_prefix("date=")) else {
                continue;
            };
            if !(period.holds_day(date) || whole && date < period.until_day().as_str()) {
                continue;
            }
            for file in entries(&day)? {
                if file.extension().is_some_and(|kind| kind == "parquet") {
                    let relative = Path::new(table.name())
                        .join(format!("date={date}"))
                        .join(name(&file).unwrap_or_default());
                    put(&file, &to.join(&relative))?;
                    copied.push(relative);
                }
            }
        }
    }
    let seals = audit.join("seals");
    for file in entries(&seals)? {
        if file.is_file() {
            let relative = Path::new("seals").join(name(&file).unwrap_or_default());
            put(&file, &to.join(&relative))?;
            copied.push(relative);
        }
    }
    copied.sort();
    Ok(copied)
}

fn put(from: &Path, to: &Path) -> Result<(), EvidenceError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(EvidenceError::io("made", parent))?;
    }
    fs::copy(from, to)
        .map(|_| ())
        .map_err(EvidenceError::io("copied", from))
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, EvidenceError> {
    let list = match fs::read_dir(directory) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EvidenceError::io("listed", directory)(error)),
    };
    let paths: Result<Vec<PathBuf>, _> = list.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(EvidenceError::io("listed", directory))?;
    paths.sort();
    Ok(paths)
}
