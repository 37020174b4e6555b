//! One table: its segments merged by `seq`, so that files whose numbers interleave (around midnight) read as one chain.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::Expectation;
use super::expected::Sealed;
use super::report::{Chain, Finding, Problem, Report};
use super::work::{Row, Rows, Work};
use crate::canonical::GENESIS;
use crate::seal::Leaf;
use crate::segment::read;
use crate::segment::{Segment, key};
use crate::table::Table;
use crate::value::Hash;

/// A segment that is being read.
struct Source {
    segment: Segment,
    rows: Rows,
    /// The row that comes next.
    head: Option<Row>,
    /// The number of the last row taken.
    last: u64,
    /// Whether the file holds as many rows as it says.
    whole: bool,
}

struct Walk<'a> {
    table: Table,
    report: &'a mut Report,
    waiting: VecDeque<(Segment, bool)>,
    sources: Vec<Source>,
    expected: u64,
    /// The hash of the row before; `None` after a hole.
    previous: Option<Hash>,
    rows: u64,
    /// Deleted with a receipt.
    deleted: Vec<&'a Leaf>,
    work: &'a Work,
}

pub(super) fn verify<'a>(
    table: Table,
    segments: Vec<Segment>,
    journal: Option<&Expectation>,
    sealed: &'a Sealed,
    work: &'a Work,
    report: &'a mut Report,
) {
    let count = segments.len() as u64;
    let mut walk = Walk {
        table,
        report,
        waiting: VecDeque::new(),
        sources: Vec::new(),
        expected: 1,
        previous: Some(GENESIS),
        rows: 0,
        deleted: sealed
            .deleted
            .iter()
            .filter(|leaf| leaf.table == table.name())
            .collect(),
        work,
    };
    let mut known: Vec<_> = segments
        .into_iter()
        .filter_map(|segment| walk.inspect(segment))
        .collect();
    known.sort_by(|(one, _), (other, _)| one.cmp(other));
    walk.waiting = known.into();
    walk.segments(journal);
    if let Some(journal) = journal {
        // What is sealed must be in files, what follows in the journal.
        let last = journal.last.max(journal.sealed.seq);
        walk.without_file(last.saturating_add(1), Some(journal));
    }
    let last_hash = walk
        .previous
        .filter(|_| walk.expected > 1)
        .map(hex::encode)
        .unwrap_or_default();
    let chain = Chain {
        segments: count,
        rows: walk.rows,
        last_seq: walk.expected.saturating_sub(1),
        last_hash,
    };
    report.tables.insert(table.name(), chain);
}

impl Walk<'_> {
    fn find(&mut self, problem: Problem, file: Option<PathBuf>, seq: Option<u64>, what: impl Into<String>) {
        self.report.add(Finding {
            problem,
            table: Some(self.table),
            file,
            seq,
            what: what.into(),
        });
    }

    /// Compares a file's name with its metadata, which then decides the order.
    fn inspect(&mut self, mut segment: Segment) -> Option<(Segment, bool)> {
        let path = segment.path.clone();
        let (facts, rows) = match read::metadata(&path) {
            Ok(found) => found,
            Err(error) => {
                self.find(
                    Problem::UnreadableSegment,
                    Some(path),
                    Some(segment.first),
                    error.to_string(),
                );
                return None;
            }
        };
        let fact = |name: &str| {
            facts
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let number = |name: &str| fact(name).and_then(|text| text.parse::<u64>().ok());
        if fact(key::TABLE) != Some(self.table.name()) {
            let what = format!(
                "it says that it belongs to {}",
                fact(key::TABLE).unwrap_or("no table of ours")
            );
            self.find(Problem::RenamedSegment, Some(path.clone()), None, what);
        }
        let (first, last) = (number(key::FIRST_SEQ), number(key::LAST_SEQ));
        if (first, last) != (Some(segment.first), Some(segment.last)) {
            let say =
                |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            let what = format!("it says that it holds rows {} to {}", say(first), say(last));
            self.find(Problem::RenamedSegment, Some(path), None, what);
            segment.first = first.unwrap_or(segment.first);
            segment.last = last.unwrap_or(segment.last);
        }
        let whole = number(key::ROWS).and_then(|count| i64::try_from(count).ok()) == Some(rows);
        Some((segment, whole))
    }

    /// Opens the segments that may hold the expected row.
    fn open(&mut self) {
        while let Some((segment, whole)) = self
            .waiting
            .pop_front_if(|(segment, _)| segment.first <= self.expected)
        {
            let ahead = self.waiting.iter().map(|(segment, _)| &*segment.path);
            match self.work.rows(self.table, &segment.path, ahead) {
                Ok(rows) => {
                    let mut source = Source {
                        segment,
                        rows,
                        head: None,
                        last: 0,
                        whole,
                    };
                    self.advance(&mut source);
                    self.sources.push(source);
                }
                Err(error) => {
                    self.find(
                        Problem::UnreadableSegment,
                        Some(segment.path),
                        Some(segment.first),
                        error.to_string(),
                    );
                }
            }
        }
    }

    fn advance(&mut self, source: &mut Source) {
        source.head = loop {
            match source.rows.next() {
                None => break None,
                Some(Ok(Some(row))) => break Some(row),
                Some(Ok(None)) => {
                    let after = Some(source.last);
                    let what = "the row after this one has no readable seq, previous_hash and hash";
                    self.find(Problem::EditedRow, Some(source.segment.path.clone()), after, what);
                }
                Some(Err(error)) => {
                    let path = source.segment.path.clone();
                    self.find(
                        Problem::UnreadableSegment,
                        Some(path),
                        Some(source.last),
                        error.to_string(),
                    );
                    break None;
                }
            }
        };
    }

    fn segments(&mut self, journal: Option<&Expectation>) {
        loop {
            self.open();
            self.sources.retain(|source| source.head.is_some());
            let lowest = self
                .sources
                .iter()
                .enumerate()
                .filter_map(|(index, source)| Some((source.head.as_ref()?.seq, index)));
            match (
                lowest.min(),
                self.waiting.front().map(|(segment, _)| segment.first),
            ) {
                (None, None) => return,
                (Some((seq, _)), Some(first)) if seq > self.expected && first < seq => {
                    self.without_file(first, journal);
                }
                (Some((seq, _)), _) if seq > self.expected => self.without_file(seq, journal),
                (Some((_, index)), _) => {
                    let mut source = self.sources.swap_remove(index);
                    if let Some(row) = source.head.take() {
                        self.row(&source, &row, journal);
                        source.last = source.last.max(row.seq);
                    }
                    self.advance(&mut source);
                    self.sources.push(source);
                }
                (None, Some(first)) => self.without_file(first, journal),
            }
        }
    }

    /// No file holds the rows from the expected one up to, but without, `until`: the journal must.
    fn without_file(&mut self, until: u64, journal: Option<&Expectation>) {
        let known = |seq: u64| journal.and_then(|journal| journal.journalled.get(&seq));
        while self.expected < until {
            if let Some(link) = known(self.expected) {
                if self.previous.is_some_and(|previous| previous != link.previous) {
                    let what = "in the journal, its previous_hash is not the hash of the row before it";
                    self.find(Problem::BrokenChain, None, Some(self.expected), what);
                }
                self.previous = Some(link.hash);
                self.expected = self.expected.saturating_add(1);
                continue;
            }
            let next = journal.and_then(|journal| {
                journal
                    .journalled
                    .keys()
                    .copied()
                    .filter(|seq| *seq > self.expected)
                    .min()
            });
            self.hole(next.map_or(until, |next| next.min(until)));
        }
    }

    /// Rows from the expected one up to, but without, `until` are nowhere: deleted with a receipt, or gone.
    fn hole(&mut self, until: u64) {
        while self.expected < until {
            let from = self.expected;
            let receipt = self
                .deleted
                .iter()
                .filter(|leaf| leaf.first_seq <= from && from <= leaf.last_seq)
                .max_by_key(|leaf| (leaf.last_seq.min(until.saturating_sub(1)), leaf.first_seq == from));
            if let Some(leaf) = receipt.copied() {
                if leaf.first_seq == from
                    && self
                        .previous
                        .is_some_and(|previous| previous != leaf.first_previous_hash)
                {
                    let what = "deleted with a receipt, which does not follow the row before it";
                    self.find(Problem::BrokenChain, None, Some(from), what);
                }
                self.expected = leaf.last_seq.saturating_add(1).min(until);
                self.previous = (self.expected > leaf.last_seq).then_some(leaf.last_hash);
            } else {
                let next = self.deleted.iter().map(|leaf| leaf.first_seq);
                let next = next.filter(|first| *first > from).min();
                self.gone(next.map_or(until, |next| next.min(until)));
            }
        }
    }

    fn gone(&mut self, until: u64) {
        let (from, last) = (self.expected, until.saturating_sub(1));
        let span = if from == last {
            format!("row {from} is")
        } else {
            format!("rows {from} to {last} are")
        };
        let short =
            |source: &&Source| !source.whole && source.segment.first <= from && from <= source.segment.last;
        let covered = |source: &&Source| source.segment.first <= from && last <= source.segment.last;
        let holder = self.sources.iter().find(short).or_else(|| {
            // A file that says it is whole, yet its numbers skip some, with no other to hold them.
            self.sources
                .iter()
                .filter(|_| self.sources.len() == 1)
                .find(covered)
                .filter(|source| !source.whole)
        });
        let holder = holder.map(|source| source.segment.path.clone());
        match holder {
            Some(path) => {
                let what = format!("{span} gone from this file, which is shorter than it says");
                self.find(Problem::DeletedRow, Some(path), Some(from), what);
            }
            None => self.find(
                Problem::MissingSegment,
                None,
                Some(from),
                format!("{span} in no file"),
            ),
        }
        self.expected = until;
        self.previous = None;
    }

    fn row(&mut self, source: &Source, row: &Row, journal: Option<&Expectation>) {
        let path = || Some(source.segment.path.clone());
        self.rows = self.rows.saturating_add(1);
        self.work.tick();
        if row.computed != row.link.hash {
            self.find(
                Problem::EditedRow,
                path(),
                Some(row.seq),
                "its cells don't give its hash: a cell was changed",
            );
        }
        if row
            .at
            .is_some_and(|at| crate::segment::date(at) != source.segment.date)
        {
            self.find(
                Problem::MisplacedRow,
                path(),
                Some(row.seq),
                "it belongs to the directory of another day",
            );
        }
        if row.seq < self.expected {
            if row.seq < source.last {
                self.find(
                    Problem::ReorderedRow,
                    path(),
                    Some(row.seq),
                    format!("it stands after row {}", source.last),
                );
            } else {
                self.find(
                    Problem::DuplicateRow,
                    path(),
                    Some(row.seq),
                    "another row has this number",
                );
            }
            return;
        }
        if self
            .previous
            .is_some_and(|previous| previous != row.link.previous)
        {
            let what = "its previous_hash is not the hash of the row before it";
            self.find(Problem::BrokenChain, path(), Some(row.seq), what);
        }
        if let Some(journal) = journal {
            let known = journal.journalled.get(&row.seq).map(|link| link.hash);
            let known = known.or_else(|| (journal.sealed.seq == row.seq).then_some(journal.sealed.hash));
            if known.is_some_and(|hash| hash != row.link.hash) {
                self.find(
                    Problem::EditedRow,
                    path(),
                    Some(row.seq),
                    "the journal knows it with another hash",
                );
            }
        }
        self.previous = Some(row.link.hash);
        self.expected = row.seq.saturating_add(1);
    }
}
