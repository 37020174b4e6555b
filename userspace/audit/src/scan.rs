//! Reading rows back without a query engine: sealed, journalled, and on demand what is still open.

mod print;
mod session;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use interdict_record::{Micros, StatementStarted};
use serde_json::Map;
use uuid::Uuid;

use crate::fold::{Fold, OpenSession};
use crate::segment::read::{self, Cells, Rows};
use crate::segment::{self, Segment};
use crate::table::Table;
use crate::value::Value;
use crate::{AuditError, row, view};

pub use print::print;
pub use session::OfSession;

/// Which rows to read.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The table.
    pub table: Table,
    /// Rows at or after this, by the table's time column (see [`Table::time_column`]).
    pub from: Option<Micros>,
    /// Rows before this.
    pub until: Option<Micros>,
    /// Rows of this session only.
    pub session_id: Option<Uuid>,
    /// This statement only.
    pub statement_id: Option<Uuid>,
    /// Text columns that must equal a value, such as `("decision", "deny")`. A list column matches by any element.
    pub equal: Vec<(String, String)>,
    /// Only the last so many of the rows that match.
    pub last: Option<usize>,
    /// Also sessions and statements that have not ended: `seq`, hashes and outcome are null.
    pub open: bool,
}

impl Filter {
    /// All complete rows of a table.
    pub fn new(table: Table) -> Self {
        Self {
            table,
            from: None,
            until: None,
            session_id: None,
            statement_id: None,
            equal: Vec::new(),
            last: None,
            open: false,
        }
    }

    /// The rows of a session, looked for from the day before it began on.
    pub fn of_session(table: Table, session_id: Uuid) -> Self {
        Self {
            from: earliest(session_id),
            session_id: Some(session_id),
            ..Self::new(table)
        }
    }

    fn matches(&self, cells: &Cells) -> bool {
        let get = |name: &str| {
            cells
                .iter()
                .find(|(column, _)| column == name)
                .map_or(&Value::Null, |(_, value)| value)
        };
        let is = |name: &str, id: Option<Uuid>| {
            id.is_none_or(|id| get(name).as_bytes() == Some(id.as_bytes().as_slice()))
        };
        let at = get(self.table.time_column()).as_integer();
        self.from.is_none_or(|from| at.is_some_and(|at| at >= from))
            && self.until.is_none_or(|until| at.is_some_and(|at| at < until))
            && is("session_id", self.session_id)
            && is("statement_id", self.statement_id)
            && self.equal.iter().all(|(name, wanted)| match get(name) {
                Value::Text(text) => text == wanted,
                Value::List(values) => values.iter().any(|value| value.as_text() == Some(wanted)),
                _ => false,
            })
    }

    fn may_hold(&self, segment: &Segment) -> bool {
        // Days sort as their text does.
        self.from.is_none_or(|from| segment.date >= segment::date(from))
            && self
                .until
                .is_none_or(|until| segment.date <= segment::date(until))
    }
}

/// How far a clock may have been set while a session went on.
const SET: Micros = 86_400_000_000;

/// When a session began by its identifier, a UUID of version 7.
fn began(session_id: Uuid) -> Option<Micros> {
    let (seconds, nanoseconds) = session_id.get_timestamp()?.to_unix();
    Micros::try_from(seconds)
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(i64::from(nanoseconds / 1000))
}

/// The first time that a row of a session may bear.
pub(crate) fn earliest(session_id: Uuid) -> Option<Micros> {
    Some(began(session_id)?.saturating_sub(SET))
}

/// Rows as JSON objects with the table's columns: oldest first, the open ones last.
pub struct Scan {
    directory: PathBuf,
    filter: Filter,
    segments: VecDeque<Segment>,
    rows: Option<Rows>,
    /// By day, the last number that was read: a segment that was merged meanwhile is read from there on.
    reached: HashMap<String, u64>,
    /// Rows up to this one were read already.
    behind: u64,
    /// What is not in segments.
    tail: VecDeque<Cells>,
    /// With `last`: everything that was found.
    kept: Option<VecDeque<Cells>>,
}

/// Reads rows back.
///
/// # Errors
/// The directory or its journal can't be read. What is wrong with a segment comes as an item.
pub fn scan(directory: &Path, filter: Filter) -> Result<Scan, AuditError> {
    let table = filter.table;
    // The journal first: what is sealed after this is in both, and counted once.
    let view = view::read(directory, |row| (row.table == table).then_some(row))?;
    let unsealed = view.map(|view| Unsealed {
        sealed: view.sealed(table),
        rows: view.rows,
        open: if filter.open {
            Unended::of(view.fold).rows(table)
        } else {
            Vec::new()
        },
    });
    begin(directory, filter, unsealed)
}

/// What the journal has of a table.
struct Unsealed {
    /// Rows up to this one are in segments.
    sealed: u64,
    rows: Vec<row::Row>,
    open: Vec<Cells>,
}

/// Lists the segments, which has to come after the journal was read.
fn begin(directory: &Path, filter: Filter, unsealed: Option<Unsealed>) -> Result<Scan, AuditError> {
    let table = filter.table;
    let segments = segment::list(directory, table)?.0;
    let mut tail = VecDeque::new();
    if let Some(Unsealed { sealed, rows, open }) = unsealed {
        let mut published = HashSet::new();
        for segment in segments.iter().filter(|segment| segment.last > sealed) {
            published.extend(read::chain(&segment.path)?.into_iter().map(|(seq, _)| seq));
        }
        for row in rows.into_iter().filter(|row| !published.contains(&row.seq)) {
            tail.push_back(
                table
                    .columns()
                    .iter()
                    .map(|column| column.name.to_owned())
                    .zip(row.values)
                    .collect(),
            );
        }
        tail.extend(open);
    }
    let segments = segments
        .into_iter()
        .filter(|segment| filter.may_hold(segment))
        .collect();
    Ok(Scan {
        directory: directory.to_owned(),
        filter,
        segments,
        rows: None,
        reached: HashMap::new(),
        behind: 0,
        tail,
        kept: None,
    })
}

/// A row's number.
fn seq(cells: &Cells) -> Option<u64> {
    let (_, value) = cells.iter().find(|(name, _)| name == "seq")?;
    u64::try_from(value.as_integer()?).ok()
}

/// What has not ended.
struct Unended {
    sessions: Vec<OpenSession>,
    statements: Vec<StatementStarted>,
    host: String,
}

impl Unended {
    fn of(fold: Fold) -> Self {
        Self {
            sessions: fold.sessions.into_values().collect(),
            statements: fold.statements.into_values().map(|started| *started).collect(),
            host: fold.opened.host,
        }
    }

    fn rows(self, table: Table) -> Vec<Cells> {
        let rows: Vec<Vec<Value>> = match table {
            Table::Sessions => self
                .sessions
                .into_iter()
                .map(|open| row::session(&open.host, &open.boot_id, *open.started, open.described, None))
                .collect(),
            Table::Statements => self
                .statements
                .into_iter()
                .map(|started| row::statement(&self.host, started, None))
                .collect(),
            Table::Policies
            | Table::Admin
            | Table::Ledger
            | Table::Approvals
            | Table::Grants
            | Table::Frames => Vec::new(),
        };
        let names = || table.columns().iter().map(|column| column.name.to_owned());
        let nulls = || std::iter::repeat(Value::Null);
        rows.into_iter()
            .map(|cells| names().zip(nulls().take(1).chain(cells).chain(nulls())).collect())
            .collect()
    }
}

impl Scan {
    /// Opens the next segment, or the one that has its rows by now. `None`: those were read.
    fn open(&mut self, segment: &Segment) -> Result<Option<Rows>, AuditError> {
        let reached = self.reached.entry(segment.date.clone()).or_default();
        self.behind = 0;
        if segment.last <= *reached {
            return Ok(None);
        }
        let session = self.filter.session_id;
        match Rows::open(&segment.path, session) {
            Err(error) if error.is_absent() => {
                let Some(merged) = segment::successor(&self.directory, self.filter.table, segment)? else {
                    return Err(error);
                };
                self.behind = std::mem::replace(reached, merged.last);
                Rows::open(&merged.path, session).map(Some)
            }
            opened => {
                *reached = segment.last;
                opened.map(Some)
            }
        }
    }

    pub(crate) fn step(&mut self) -> Result<Option<Cells>, AuditError> {
        loop {
            let cells = if let Some(rows) = &mut self.rows {
                match rows.next().transpose() {
                    Ok(Some(cells)) => cells,
                    Ok(None) => {
                        self.rows = None;
                        continue;
                    }
                    Err(error) => {
                        self.rows = None;
                        return Err(error);
                    }
                }
            } else if let Some(segment) = self.segments.pop_front() {
                self.rows = self.open(&segment)?;
                continue;
            } else if let Some(cells) = self.tail.pop_front() {
                cells
            } else {
                return Ok(None);
            };
            if self.behind > 0 && seq(&cells).is_some_and(|seq| seq <= self.behind) {
                continue;
            }
            if self.filter.matches(&cells) {
                return Ok(Some(cells));
            }
        }
    }

    fn last(&mut self, most: usize) -> Result<Option<Cells>, AuditError> {
        if self.kept.is_none() {
            let mut kept = VecDeque::new();
            while let Some(cells) = self.step()? {
                if kept.len() >= most {
                    kept.pop_front();
                }
                if most > 0 {
                    kept.push_back(cells);
                }
            }
            self.kept = Some(kept);
        }
        Ok(self.kept.as_mut().and_then(VecDeque::pop_front))
    }
}

impl Iterator for Scan {
    type Item = Result<Map<String, serde_json::Value>, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let cells = match self.filter.last {
            Some(most) => self.last(most),
            None => self.step(),
        };
        let object = |cells: Cells| {
            cells
                .into_iter()
                .map(|(name, value)| (name, value.to_json()))
                .collect()
        };
        cells.map(|cells| cells.map(object)).transpose()
    }
}
