//! Small segments of a day that is over become large ones, so that a year of them is not a hundred thousand files. The rows, their
//! numbers and their hashes stay as they are; a seal says which segments a new one takes the place of.
//!
//! Merging reads and writes files that nobody changes, and may take its time. Taking the places is the keeper's, see [`swap`].

pub(crate) mod swap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use interdict_record::Micros;

use crate::AuditError;
use crate::retain::{is_shipped, sealed};
use crate::segment::build::make_directory;
use crate::segment::{self, Segment, merge};
use crate::table::Table;

/// Bytes that a merged segment has at most.
const TARGET: u64 = 128 << 20;
/// Segments from this size on stay as they are.
const LARGE: u64 = TARGET / 2;
/// How long after a day's end its segments are left alone: the last of its rows are on their way.
const SETTLED: Micros = 3_600_000_000;
/// As many small ones are merged with a large one, however large.
const MANY: usize = 8;

/// Segments that could be one, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    table: Table,
    segments: Vec<Segment>,
}

/// A merged segment that is not in its place yet.
#[derive(Clone, Debug)]
pub(crate) struct Merged {
    table: Table,
    /// Where it is.
    made: PathBuf,
    /// Where it belongs.
    place: PathBuf,
    /// What it takes the place of.
    files: Vec<PathBuf>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments that were merged, and are gone.
    pub before: usize,
    /// Segments that have their rows.
    pub after: usize,
}

/// Where segments are merged: no reader's glob meets them.
fn workshop(directory: &Path) -> PathBuf {
    directory.join("compacting")
}

/// Merges what can be. `shipped`: only what an object store has confirmed, since what comes of it is not shipped again.
pub(crate) fn merge_all(directory: &Path, now: Micros, shipped: bool) -> Result<Vec<Merged>, AuditError> {
    let workshop = workshop(directory);
    let mut all = Vec::new();
    let groups = plan(directory, now, shipped)?;
    if groups.is_empty() {
        return Ok(all);
    }
    let known = sealed(directory)?;
    for group in groups {
        make_directory(&workshop, 0o700)?;
        let files: Vec<PathBuf> = group
            .segments
            .iter()
            .map(|segment| segment.path.clone())
            .collect();
        let (Some(place), Some(last)) = (files.first(), group.segments.last()) else {
            continue;
        };
        // FIRST-LAST-HOST: the first one's name with the last one's number.
        let name = place
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let mut parts = name.splitn(3, '-');
        let (Some(first), Some(_), Some(host)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let name = format!("{first}-{:012}-{host}", last.last);
        let made = workshop.join(format!("{}-{name}", group.table));
        // What is evidence would be refused in the end, and merged again each time.
        if swap::as_sealed(directory, group.table, &files, &known)?.is_some()
            && merge::merge(group.table, &files, &made)?
        {
            all.push(Merged {
                table: group.table,
                made,
                place: place.with_file_name(name),
                files,
            });
        }
    }
    Ok(all)
}

fn plan(directory: &Path, now: Micros, shipped: bool) -> Result<Vec<Group>, AuditError> {
    let today = segment::date(now.saturating_sub(SETTLED));
    let mut groups = Vec::new();
    for table in Table::ALL {
        let mut days: BTreeMap<String, Vec<(Segment, u64)>> = BTreeMap::new();
        for segment in segment::list(directory, table)?.0 {
            if segment.date < today {
                let size = std::fs::metadata(&segment.path).map_err(AuditError::io("read", &segment.path))?;
                days.entry(segment.date.clone())
                    .or_default()
                    .push((segment, size.len()));
            }
        }
        for day in days.into_values() {
            let usable = |segment: &Segment| !shipped || is_shipped(directory, table, &segment.path);
            for segments in runs(day, usable) {
                groups.push(Group { table, segments });
            }
        }
    }
    Ok(groups)
}

/// Neighbours that fit into one segment and are worth it. With a gap between its members a merged segment would hold another's numbers.
fn runs(day: Vec<(Segment, u64)>, usable: impl Fn(&Segment) -> bool) -> Vec<Vec<Segment>> {
    let (mut runs, mut run, mut total) = (Vec::new(), Vec::<(Segment, u64)>::new(), 0_u64);
    let mut close = |run: &mut Vec<(Segment, u64)>| {
        let members = std::mem::take(run);
        let sizes = || members.iter().map(|(_, size)| *size);
        let largest = sizes().max().unwrap_or(0);
        // What comes late to a day must not have the whole day written again each time.
        let worth = members.len() >= MANY || sizes().sum::<u64>() >= largest.saturating_add(largest / 4);
        if members.len() >= 2 && worth {
            runs.push(members.into_iter().map(|(segment, _)| segment).collect());
        }
    };
    for (segment, size) in day {
        if size >= LARGE || !usable(&segment) {
            close(&mut run);
            total = 0;
            continue;
        }
        if total.saturating_add(size) > TARGET {
            close(&mut run);
            total = 0;
        }
        total = total.saturating_add(size);
        run.push((segment, size));
    }
    close(&mut run);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(sizes: &[u64]) -> Vec<(Segment, u64)> {
        let segment = |at: usize| Segment {
            first: at as u64 + 1,
            last: at as u64 + 1,
            date: "2026-03-01".to_owned(),
            path: PathBuf::from(at.to_string()),
        };
        sizes
            .iter()
            .enumerate()
            .map(|(at, size)| (segment(at), *size))
            .collect()
    }

    fn found(sizes: &[u64]) -> Vec<Vec<u64>> {
        runs(day(sizes), |_| true)
            .iter()
            .map(|run| run.iter().map(|segment| segment.first).collect())
            .collect()
    }

    #[test]
    fn neighbours_that_fit_are_merged_and_large_ones_left() {
        const MIB: u64 = 1 << 20;
        assert_eq!(found(&[MIB, MIB, MIB]), [[1, 2, 3]]);
        assert_eq!(found(&[MIB]), Vec::<Vec<u64>>::new());
        assert_eq!(found(&[MIB, MIB, 70 * MIB, MIB, MIB]), [[1, 2], [4, 5]]);
        assert_eq!(found(&[60 * MIB, 60 * MIB, 60 * MIB, 60 * MIB]), [[1, 2], [3, 4]]);
        // One that came late to a day that is merged already, and then many.
        assert_eq!(found(&[50 * MIB, MIB]), Vec::<Vec<u64>>::new());
        assert_eq!(
            found(&[50 * MIB, 1, 1, 1, 1, 1, 1, 1]),
            [[1, 2, 3, 4, 5, 6, 7, 8]]
        );
    }

    #[test]
    fn what_is_not_shipped_parts_its_neighbours() {
        let runs = runs(day(&[1, 1, 1, 1, 1]), |segment| segment.first != 3);
        assert_eq!(runs.len(), 2, "{runs:?}");
    }
}
