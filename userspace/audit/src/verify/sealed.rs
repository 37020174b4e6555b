//! The segments against what the seals say of them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::expected::Sealed;
use super::report::{Chain, Problem, Report};
use super::seals::about;
use crate::seal::Leaf;
use crate::segment::{Segment, relative};
use crate::table::Table;
use crate::value::Hash;

/// Lengths and hashes of files; an error in words.
pub(super) type Digests = HashMap<PathBuf, Result<(u64, Hash), String>>;

/// Compares one table's. `known`: the last row that the checkpoint says is sealed.
pub(super) fn compare(
    directory: &Path,
    table: Table,
    segments: &[Segment],
    sealed: &Sealed,
    digests: &Digests,
    known: Option<u64>,
    report: &mut Report,
) {
    if !sealed.any {
        return;
    }
    let mut missing: Vec<&Leaf> = {
        let here: HashSet<String> = segments
            .iter()
            .map(|segment| relative(directory, &segment.path))
            .collect();
        let of_table = sealed.present.values().map(|(leaf, _)| leaf);
        of_table
            .filter(|leaf| leaf.table == table.name() && !here.contains(&leaf.path))
            .collect()
    };
    for segment in segments {
        let name = relative(directory, &segment.path);
        if let Some((leaf, number)) = sealed.present.get(&name) {
            // The rows tell more closely what was done to it.
            let told = report
                .findings
                .iter()
                .any(|finding| finding.file.as_ref() == Some(&segment.path));
            let found = digests.get(&segment.path);
            let what = match found {
                _ if told => continue,
                Some(Ok((bytes, sha256))) if *bytes == leaf.bytes && *sha256 == leaf.sha256 => continue,
                Some(Ok((_, sha256))) => format!(
                    "its bytes are not those of seal {number}: sha256 {} now, {} then",
                    hex::encode(sha256),
                    hex::encode(leaf.sha256)
                ),
                Some(Err(error)) => error.clone(),
                None => "it could not be read".to_owned(),
            };
            let at = segment.first;
            report.add(about(
                Problem::AlteredSegment,
                table,
                segment.path.clone(),
                at,
                what,
            ));
            continue;
        }
        // The receipt of a deletion that was cut short: it goes at the next start.
        if sealed.deleted.iter().any(|leaf| leaf.path == name) {
            continue;
        }
        let moved = missing.iter().position(
            |leaf| matches!(digests.get(&segment.path), Some(Ok((_, sha256))) if *sha256 == leaf.sha256),
        );
        if let Some(place) = moved {
            let was = missing.swap_remove(place);
            let what = format!("it was sealed as {}", was.path);
            let at = segment.first;
            report.add(about(
                Problem::RenamedSegment,
                table,
                segment.path.clone(),
                at,
                what,
            ));
            continue;
        }
        let covered = sealed.heads.get(table.name()).copied().unwrap_or(0);
        let newer = segment.first > covered;
        if newer && known.is_some_and(|known| segment.first > known) {
            if let Some(seals) = &mut report.seals {
                seals.waiting = seals.waiting.saturating_add(1);
            }
            continue;
        }
        let what = if newer {
            "no seal has it, and it is newer than the last: of a copy, copy the seals after the segments; of the daemon's own directory, \
             the next start with the key seals it"
        } else {
            "no seal has it: it was put here"
        };
        let at = segment.first;
        report.add(about(
            Problem::UnsealedSegment,
            table,
            segment.path.clone(),
            at,
            what.to_owned(),
        ));
    }
    for leaf in missing {
        // The same rows, found missing by their numbers: here the file has a name.
        report.findings.retain(|finding| {
            finding.table != Some(table)
                || finding.problem != Problem::MissingSegment
                || finding.file.is_some()
                || finding
                    .seq
                    .is_none_or(|seq| seq < leaf.first_seq || seq > leaf.last_seq)
        });
        let what = format!(
            "rows {} to {} were sealed in this file, and it is gone",
            leaf.first_seq, leaf.last_seq
        );
        let path = directory.join(&leaf.path);
        report.add(about(Problem::MissingSegment, table, path, leaf.first_seq, what));
    }
}

/// A table's numbers by its seals, where no row was looked at.
pub(super) fn count(table: Table, sealed: &Sealed, report: &mut Report) {
    let leaves = sealed.present.values().map(|(leaf, _)| leaf);
    let mut chain = Chain::default();
    for leaf in leaves.filter(|leaf| leaf.table == table.name()) {
        chain.segments = chain.segments.saturating_add(1);
        chain.rows = chain.rows.saturating_add(leaf.rows);
        if leaf.last_seq > chain.last_seq {
            chain.last_seq = leaf.last_seq;
            chain.last_hash = hex::encode(leaf.last_hash);
        }
    }
    report.tables.insert(table.name(), chain);
}
