//! The offline proof: every row's hash, every chain, every place, and the journal's end. Reads only, and works while
//! the daemon runs.

mod expected;
mod report;
mod sealed;
mod seals;
mod stamps;
mod table;
mod work;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::seal::sealer::SealAt;
use crate::seal::store;
use crate::table::Table;
use crate::value::Hash;
use crate::{AuditError, PublicKey, checkpoint, journal, row, segment, view};

pub use report::{Chain, Finding, JournalState, Problem, Report};
pub use seals::SealState;
pub use stamps::Stamps;
use work::Work;

/// A row's links as the journal's replay gives them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
}

/// What the journal and the checkpoint say about one table.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    /// The last sealed row, as the checkpoint has it.
    pub(crate) sealed: row::Head,
    /// The rows that follow, by `seq`.
    pub(crate) journalled: HashMap<u64, Link>,
    /// The last row of all.
    pub(crate) last: u64,
}

/// One a table.
type Expectations = [Expectation; Table::ALL.len()];

/// What to verify with.
#[derive(Clone, Default)]
pub struct Options {
    /// Public keys that are known to be right. Without any, seals are checked against the keys that they name.
    pub keys: Vec<PublicKey>,
    /// A directory with a copy of the seals that was kept elsewhere.
    pub anchors: Option<PathBuf>,
    /// Compare the segments' bytes with the seals only, and compute no row's hash: much faster, and as good as the key is.
    pub quick: bool,
    /// It is a part of a record, with all its seals: what is here has to be whole, and what is not here is counted and no finding.
    pub extract: bool,
    /// Told how many of how many rows (with `quick`: bytes) are done.
    pub progress: Option<Arc<dyn Fn(u64, u64) + Send + Sync>>,
}

/// How often reading starts over because the daemon was at work.
const TRIES: usize = 10;

/// Checks an audit directory, or a copy of one, by itself.
///
/// # Errors
/// As of [`verify_with`].
pub fn verify(directory: &Path) -> Result<Report, AuditError> {
    verify_with(directory, &Options::default())
}

/// Checks an audit directory, or a copy of one.
///
/// # Errors
/// It could not look: the directory is missing or can't be read. Anything wrong with what is there is a finding.
pub fn verify_with(directory: &Path, options: &Options) -> Result<Report, AuditError> {
    std::fs::read_dir(directory).map_err(AuditError::io("read", directory))?;
    let mut tries: usize = 0;
    loop {
        let (report, read) = look(directory, options)?;
        tries = tries.saturating_add(1);
        // Files that were merged or deleted while they were read are no finding: a seal has said so meanwhile.
        if report.sound() || tries >= TRIES || newest(directory)? <= read {
            return Ok(report);
        }
    }
}

fn newest(directory: &Path) -> Result<u64, AuditError> {
    let seals = store::list(&store::directory(directory))?;
    Ok(seals.last().map_or(0, |(number, _)| *number))
}

/// One look, and the number of the last seal that it went by.
fn look(directory: &Path, options: &Options) -> Result<(Report, u64), AuditError> {
    let mut tries: usize = 0;
    // The journal first, then the seals, then the segments: what the daemon does meanwhile shows as too much, never as too little,
    // but for a deletion. Then all is read again.
    let (mut report, expected, mut sealed, all, mut tables) = loop {
        let mut report = Report::default();
        let (expected, known, findings) = journal(directory, &mut report);
        report.findings.extend(findings);
        let (sealed, all) = seals::read(directory, &options.keys, known, &mut report)?;
        let mut tables = Vec::new();
        for table in Table::ALL {
            tables.push((table, segment::all(directory, table)?));
        }
        let read = all.last().map_or(0, |signed| signed.seal.number);
        if newest(directory)? <= read || tries >= TRIES {
            break (report, expected, sealed, all, tables);
        }
        tries = tries.saturating_add(1);
    };
    let read = all.last().map_or(0, |signed| signed.seal.number);
    let name = |segment: &segment::Segment| segment::relative(directory, &segment.path);
    let here = tables.iter().flat_map(|(_, (segments, _))| segments);
    let leaving = sealed.as_found(&here.map(name).collect());
    for (_, (segments, _)) in &mut tables {
        segments.retain(|segment| !leaving.contains(&name(segment)));
    }
    stamps::read(directory, &all, &mut report)?;
    if let Some(place) = &options.anchors {
        let host = all.last().map_or("", |signed| &signed.seal.host);
        seals::compare(place, host, &all, &mut report)?;
    }
    let files = tables.iter().flat_map(|(_, (segments, _))| segments);
    let work = Work::new(
        options,
        files.map(|segment| segment.path.clone()).collect(),
        sealed.any,
    )?;
    std::thread::scope(|scope| {
        let digests = scope.spawn(|| work.digests());
        for (table, (segments, strangers)) in &tables {
            let table = *table;
            for stranger in strangers {
                let what = "a Parquet file whose name is not a segment's".to_owned();
                report.add(Finding {
                    problem: Problem::UnknownFile,
                    table: Some(table),
                    file: Some(stranger.0.clone()),
                    seq: None,
                    what,
                });
            }
            if !options.quick {
                let journal = expected.as_ref().and_then(|all| all.get(table.index()));
                table::verify(table, segments.clone(), journal, &sealed, &work, &mut report);
            }
        }
        let digests = digests.join().unwrap_or_default();
        for (table, (segments, _)) in &tables {
            let known = expected
                .as_ref()
                .and_then(|all| all.get(table.index()))
                .map(|expected| expected.sealed.seq);
            sealed::compare(directory, *table, segments, &sealed, &digests, known, &mut report);
            if options.quick {
                sealed::count(*table, &sealed, &mut report);
            }
        }
    });
    if options.extract {
        report.leave_out_absent();
    }
    report.in_order();
    Ok((report, read))
}

/// Reads the journal. Must come before the segments are listed: what is sealed meanwhile is then seen twice, not never.
fn journal(directory: &Path, report: &mut Report) -> (Option<Expectations>, Option<SealAt>, Vec<Finding>) {
    let finding = |problem, file: Option<PathBuf>, what: String| Finding {
        problem,
        table: None,
        file,
        seq: None,
        what,
    };
    let mut findings = Vec::new();
    let root = journal::directory(directory);
    let link = |row: row::Row| {
        let previous = row
            .get("previous_hash")
            .as_bytes()
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default();
        Some((
            row.table,
            row.seq,
            Link {
                previous,
                hash: row.hash,
            },
        ))
    };
    let kept = journal::damaged_directory(directory);
    for (_, path) in journal::list(&kept).unwrap_or_default() {
        let what = "a journal file that recovery found damaged and set aside".to_owned();
        findings.push(finding(Problem::JournalDamaged, Some(path), what));
    }
    let view = match view::read(directory, link) {
        Ok(Some(view)) => view,
        Ok(None) => return (None, None, findings),
        Err(error) => {
            findings.push(finding(Problem::JournalUnreadable, Some(root), error.to_string()));
            return (None, None, findings);
        }
    };
    report.journal.present = true;
    report.journal.files = view.files;
    report.journal.open_sessions = view.fold.sessions.len();
    report.journal.open_statements = view.fold.statements.len();
    report.journal.unsealed_rows = view.rows.len();
    report.journal.torn_tail = view.torn.is_some();
    if view.headless {
        let what = "it is missing, and the journal's beginning is gone".to_owned();
        findings.push(finding(
            Problem::CheckpointMissing,
            Some(checkpoint::path(&root)),
            what,
        ));
        return (None, None, findings);
    }
    for gap in view.gaps {
        let (from, until) = (gap.from, gap.until);
        let what = format!(
            "damaged at byte {}: entries {from} up to but without {until} are lost",
            gap.offset
        );
        findings.push(finding(Problem::JournalDamaged, Some(gap.path), what));
    }
    let mut expected = Expectations::default();
    for (table, slot) in Table::ALL.into_iter().zip(&mut expected) {
        slot.sealed = view
            .checkpoint
            .as_ref()
            .map(|fold| fold.head(table))
            .unwrap_or_default();
        slot.last = view.fold.head(table).seq;
    }
    for (table, seq, link) in view.rows {
        if let Some(slot) = expected.get_mut(table.index()) {
            slot.journalled.insert(seq, link);
        }
    }
    (Some(expected), view.seal, findings)
}
