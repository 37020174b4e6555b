//! The offline proof: every row's hash, every chain, every place, and the journal's end. Reads only, and works while
//! the daemon runs.

mod report;
mod table;

use std::collections::HashMap;
use std::path::Path;

use crate::table::Table;
use crate::value::Hash;
use crate::{AuditError, checkpoint, journal, row, segment, view};

pub use report::{Chain, Finding, JournalState, Problem, Report};

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

/// Checks an audit directory, or a copy of one.
///
/// # Errors
/// It could not look: the directory is missing or can't be read. Anything wrong with what is there is a finding.
pub fn verify(directory: &Path) -> Result<Report, AuditError> {
    std::fs::read_dir(directory).map_err(AuditError::io("read", directory))?;
    let mut report = Report::default();
    let (expected, journal_finding) = journal(directory, &mut report);
    report.findings.extend(journal_finding);
    for table in Table::ALL {
        let (segments, strangers) = segment::list(directory, table)?;
        for stranger in strangers {
            let what = "a Parquet file whose name is not a segment's".to_owned();
            report.add(Finding {
                problem: Problem::UnknownFile,
                table: Some(table),
                file: Some(stranger.0),
                seq: None,
                what,
            });
        }
        table::verify(
            table,
            segments,
            expected.as_ref().and_then(|all| all.get(table.index())),
            &mut report,
        );
    }
    Ok(report)
}

/// Reads the journal. Must come before the segments are listed: what is sealed meanwhile is then seen twice, not never.
fn journal(directory: &Path, report: &mut Report) -> (Option<[Expectation; 4]>, Vec<Finding>) {
    let finding = |problem, file: Option<std::path::PathBuf>, what: String| Finding {
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
        Ok(None) => return (None, findings),
        Err(error) => {
            findings.push(finding(Problem::JournalUnreadable, Some(root), error.to_string()));
            return (None, findings);
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
        return (None, findings);
    }
    for gap in view.gaps {
        let (from, until) = (gap.from, gap.until);
        let what = format!(
            "damaged at byte {}: entries {from} up to but without {until} are lost",
            gap.offset
        );
        findings.push(finding(Problem::JournalDamaged, Some(gap.path), what));
    }
    let mut expected: [Expectation; 4] = Default::default();
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
    (Some(expected), findings)
}
