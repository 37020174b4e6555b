//! What verification says.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::seals::SealState;
use super::stamps::Stamps;
use crate::table::Table;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// A file that is no Parquet, or not one of ours.
    UnreadableSegment,
    /// A row whose cells don't give its hash: something in it was changed.
    EditedRow,
    /// A row that does not follow the one before it: that one was replaced.
    BrokenChain,
    /// A row that stands after one with a higher number in the same file.
    ReorderedRow,
    /// A number that two rows have.
    DuplicateRow,
    /// Rows that their segment should hold.
    DeletedRow,
    /// Rows that no file holds.
    MissingSegment,
    /// A file whose name or table is not what its content says.
    RenamedSegment,
    /// A row in a directory of another day.
    MisplacedRow,
    /// A segment whose bytes are not those that were sealed, though its rows hold together: it was written anew.
    AlteredSegment,
    /// A segment that no seal has: it was added, or is newer than the last seal of a copy.
    UnsealedSegment,
    /// A seal that is gone.
    MissingSeal,
    /// A seal that was changed, or that its key never signed.
    ForgedSeal,
    /// A seal by a key that nobody vouches for.
    UnknownKey,
    /// A seal that is not the one that was anchored elsewhere.
    AnchorDiffers,
    /// A time stamp that is not of the seal that it is named after.
    StampDiffers,
    /// A Parquet file in a table's directory that is not a segment.
    UnknownFile,
    /// The journal was damaged after it had been durable.
    JournalDamaged,
    /// The journal or its checkpoint can't be read.
    JournalUnreadable,
    /// The journal's beginning is sealed, and nothing says where the chains stood.
    CheckpointMissing,
}

/// One thing wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub problem: Problem,
    /// The table, if it concerns one.
    pub table: Option<Table>,
    /// The file, if there is one to look at.
    pub file: Option<PathBuf>,
    /// The (first) row.
    pub seq: Option<u64>,
    /// What exactly, in a sentence.
    pub what: String,
}

/// A table's chain as found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Segments read.
    pub segments: u64,
    /// Rows read from segments.
    pub rows: u64,
    /// The last row's number, the journal's rows included.
    pub last_seq: u64,
    /// The last row's hash in hexadecimal: what an anchor would hold.
    pub last_hash: String,
}

/// The journal as found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JournalState {
    /// False for a copy of the segments alone: then a removed tail can't be noticed.
    pub present: bool,
    /// Journal files.
    pub files: usize,
    /// Complete rows that are not yet sealed.
    pub unsealed_rows: usize,
    /// Sessions without an end.
    pub open_sessions: usize,
    /// Statements without an outcome.
    pub open_statements: usize,
    /// The last file ends in bytes that were never acknowledged: a crash, or a daemon that is writing. No finding.
    pub torn_tail: bool,
}

/// The outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What is wrong: the journal first, then table by table in the order of the rows. At most a thousand a table.
    pub findings: Vec<Finding>,
    /// The chains.
    pub tables: BTreeMap<&'static str, Chain>,
    /// The journal.
    pub journal: JournalState,
    /// The seals; `None`: there are none.
    pub seals: Option<SealState>,
    /// Of an extract: segments, or runs of rows, that are not here.
    pub absent: usize,
}

impl Report {
    /// Nothing is wrong.
    pub fn sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The first thing wrong.
    pub fn first(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// What is not here is no finding.
    pub(super) fn leave_out_absent(&mut self) {
        let all = self.findings.len();
        self.findings
            .retain(|finding| finding.problem != Problem::MissingSegment);
        self.absent = all.saturating_sub(self.findings.len());
    }

    /// Puts what concerns no table first, then table by table; within one by the rows.
    pub(super) fn in_order(&mut self) {
        self.findings
            .sort_by_key(|finding| (finding.table.map(Table::index), finding.seq.unwrap_or(0)));
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        const MOST: usize = 1000;
        if self
            .findings
            .iter()
            .filter(|other| other.table == finding.table)
            .count()
            < MOST
        {
            self.findings.push(finding);
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::UnreadableSegment => "unreadable segment",
            Self::EditedRow => "edited row",
            Self::BrokenChain => "broken chain",
            Self::ReorderedRow => "reordered row",
            Self::DuplicateRow => "duplicate row",
            Self::DeletedRow => "deleted row",
            Self::MissingSegment => "missing segment",
            Self::RenamedSegment => "renamed segment",
            Self::MisplacedRow => "misplaced row",
            Self::AlteredSegment => "altered segment",
            Self::UnsealedSegment => "unsealed segment",
            Self::MissingSeal => "missing seal",
            Self::ForgedSeal => "forged seal",
            Self::UnknownKey => "unknown key",
            Self::AnchorDiffers => "anchor differs",
            Self::StampDiffers => "stamp differs",
            Self::UnknownFile => "unknown file",
            Self::JournalDamaged => "damaged journal",
            Self::JournalUnreadable => "unreadable journal",
            Self::CheckpointMissing => "missing checkpoint",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.problem)?;
        if let Some(file) = &self.file {
            write!(out, "{}: ", file.display())?;
        }
        if let Some(table) = self.table {
            write!(out, "{table} ")?;
        }
        if let Some(seq) = self.seq {
            write!(out, "row {seq}: ")?;
        }
        out.write_str(&self.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(out, "{finding}")?;
        }
        if self.absent > 0 {
            writeln!(
                out,
                "extract              {} segments or runs of rows of the record are not here, and were not looked for",
                self.absent
            )?;
        }
        for (table, chain) in &self.tables {
            let Chain {
                segments,
                rows,
                last_seq,
                last_hash,
            } = chain;
            writeln!(
                out,
                "{table:<11} {rows:>10} rows in {segments} segments, up to row {last_seq} {last_hash:.16}"
            )?;
        }
        let JournalState {
            present,
            unsealed_rows,
            open_sessions,
            open_statements,
            torn_tail,
            ..
        } = &self.journal;
        if *present {
            let torn = if *torn_tail { ", torn tail" } else { "" };
            writeln!(
                out,
                "journal     {unsealed_rows:>10} rows not yet sealed, {open_statements} statements and {open_sessions} sessions open{torn}"
            )?;
        } else {
            writeln!(
                out,
                "journal     none here: rows removed from the end would not be noticed"
            )?;
        }
        self.write_seals(out)?;
        match self.findings.len() {
            0 => write!(out, "sound"),
            count => write!(out, "NOT SOUND: {count} findings"),
        }
    }
}

impl Report {
    fn write_seals(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(seals) = &self.seals else {
            return writeln!(out, "seals       none: nothing here is signed");
        };
        let SealState {
            seals: count,
            last,
            made_at,
            digest,
            keys,
            proven,
            waiting,
            deleted_segments,
            deleted_rows,
            merged_segments,
            anchored,
            stamps,
        } = seals;
        let made_at = made_at.as_deref().unwrap_or_default();
        writeln!(
            out,
            "seals       {count:>10}, the last is {last}, made {made_at}, sha256 {digest}"
        )?;
        let vouched = if *proven {
            "all vouched for by the key given"
        } else if self
            .findings
            .iter()
            .any(|finding| finding.problem == Problem::UnknownKey)
        {
            "NOT vouched for by the key given"
        } else {
            "unproven: give the key that you know with --public-key"
        };
        writeln!(out, "keys        {}: {vouched}", keys.join(", "))?;
        if *waiting > 0 {
            writeln!(
                out,
                "            {waiting} segments are published and wait for their seal"
            )?;
        }
        if *deleted_segments > 0 {
            writeln!(
                out,
                "deleted     {deleted_rows:>10} rows in {deleted_segments} segments, with receipts"
            )?;
        }
        if *merged_segments > 0 {
            writeln!(
                out,
                "merged      {merged_segments:>10} small segments into larger ones, with the same rows"
            )?;
        }
        for (authority, Stamps { stamps, last, at }) in stamps {
            writeln!(
                out,
                "stamped     {stamps:>10} seals by {authority}, the last is {last}, at {at}: who signed that is not looked at here"
            )?;
        }
        match anchored {
            Some(same) => writeln!(out, "anchor      {same:>10} seals are the same there"),
            None => writeln!(
                out,
                "anchor      not compared: whoever has the key could have cut off the end or written all anew; compare seal {last} with a copy \
                 elsewhere (--anchors)"
            ),
        }
    }
}
