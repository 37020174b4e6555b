//! Segments: Parquet files under `TABLE/date=YYYY-MM-DD/`, named `FIRST-LAST-HOST.parquet` by their `seq`.

pub(crate) mod build;
pub(crate) mod hashing;
mod layout;
#[cfg(test)]
mod measure;
pub(crate) mod merge;
pub(crate) mod read;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use interdict_record::Micros;

use crate::AuditError;
use crate::table::Table;

/// Keys of the file's metadata.
pub(crate) mod key {
    pub(crate) const SCHEMA: &str = "interdict.schema";
    pub(crate) const TABLE: &str = "interdict.table";
    pub(crate) const HOST: &str = "interdict.host";
    pub(crate) const FIRST_SEQ: &str = "interdict.first_seq";
    pub(crate) const ROWS: &str = "interdict.rows";
    pub(crate) const LAST_SEQ: &str = "interdict.last_seq";
    pub(crate) const FIRST_PREVIOUS_HASH: &str = "interdict.first_previous_hash";
    pub(crate) const LAST_HASH: &str = "interdict.last_hash";
}

/// The version of the columns, in every file's metadata.
pub(crate) const SCHEMA_VERSION: &str = "1";

/// A published segment, as its name tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) date: String,
    pub(crate) path: PathBuf,
}

/// A `.parquet` file whose name is not a segment's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger(pub(crate) PathBuf);

/// A file's place, from the audit's directory on: what seals call it.
pub(crate) fn relative(directory: &Path, path: &Path) -> String {
    path.strip_prefix(directory)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// The partition of a time: its UTC day. Times that no calendar has are filed under the epoch.
pub(crate) fn date(at: Micros) -> String {
    let time = jiff::Timestamp::from_microsecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::tz::TimeZone::UTC.to_datetime(time).date().to_string()
}

/// A table's segments by their first `seq`, and files that don't belong. A segment whose rows are in a larger one of its day is left
/// out: it is on its way out.
pub(crate) fn list(directory: &Path, table: Table) -> Result<(Vec<Segment>, Vec<Stranger>), AuditError> {
    let (mut segments, strangers) = all(directory, table)?;
    let doubled = within_others(&segments);
    segments.retain(|segment| !doubled.contains(&segment.path));
    Ok((segments, strangers))
}

/// Whether the rows of a segment are in a larger one as well.
pub(crate) fn doubled(directory: &Path, table: Table) -> Result<bool, AuditError> {
    Ok(!within_others(&all(directory, table)?.0).is_empty())
}

/// The segment that has the rows of one that is gone, if it was merged.
pub(crate) fn successor(
    directory: &Path,
    table: Table,
    gone: &Segment,
) -> Result<Option<Segment>, AuditError> {
    let segments = list(directory, table)?.0.into_iter();
    let mut segments = segments.filter(|segment| segment.path != gone.path);
    Ok(segments.find(|segment| {
        segment.date == gone.date && segment.first <= gone.first && gone.last <= segment.last
    }))
}

/// The segments whose numbers are within those of another of the same day.
fn within_others(segments: &[Segment]) -> HashSet<PathBuf> {
    let mut days: BTreeMap<&str, Vec<&Segment>> = BTreeMap::new();
    for segment in segments {
        days.entry(&segment.date).or_default().push(segment);
    }
    let mut within = HashSet::new();
    for mut day in days.into_values() {
        day.sort_by_key(|segment| (segment.first, Reverse(segment.last)));
        let mut reached = 0;
        for segment in day {
            if segment.last <= reached {
                within.insert(segment.path.clone());
            }
            reached = reached.max(segment.last);
        }
    }
    within
}

/// Every file with a segment's name.
pub(crate) fn all(directory: &Path, table: Table) -> Result<(Vec<Segment>, Vec<Stranger>), AuditError> {
    let (mut segments, mut strangers) = (Vec::new(), Vec::new());
    let root = directory.join(table.name());
    for day in entries(&root)? {
        let Some(date) = day
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("date="))
        else {
            continue;
        };
        for path in entries(&day)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let Some(stem) = name.strip_suffix(".parquet").filter(|_| !name.starts_with('.')) else {
                continue;
            };
            let mut parts = stem.splitn(3, '-');
            let mut number = || parts.next()?.parse::<u64>().ok();
            match (number(), number()) {
                (Some(first), Some(last)) if first >= 1 && last >= first => {
                    segments.push(Segment {
                        first,
                        last,
                        date: date.to_owned(),
                        path,
                    });
                }
                _ => strangers.push(Stranger(path)),
            }
        }
    }
    segments.sort();
    Ok((segments, strangers))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let list = match std::fs::read_dir(directory) {
        Ok(list) => list,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(AuditError::io("list", directory)(error)),
    };
    let paths: Result<Vec<_>, _> = list.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(AuditError::io("list", directory))?;
    paths.sort();
    Ok(paths)
}
