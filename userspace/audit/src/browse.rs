//! Looking through the record as it grows, a page at a time.
//!
//! [`scan`](crate::scan()) reads a table from its beginning. People look at the end of it, again and again, so here the newest rows are
//! found without reading what is before them: segments by their numbers, row groups by their statistics, columns only as far as
//! they are asked for. What is not yet in segments is followed in the journal, and not read twice.

mod query;
mod segments;
mod tail;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interdict_record::Micros;
use serde_json::{Map, Value as Json};

use self::tail::Tail;
use self::tally::Minutes;
use crate::segment::read::Cells;
use crate::{AuditError, Table, segment};

pub use self::query::{Order, Query};
pub use self::tally::Tally;

/// How often a query is asked again because segments went meanwhile.
const TRIES: usize = 3;
/// How old what is known of the journal may be when somebody looks.
const FRESH: Duration = Duration::from_millis(200);

/// A directory that is looked through. Every call blocks: it reads files.
#[derive(Debug)]
pub struct Browser {
    directory: PathBuf,
    tail: Mutex<Tail>,
    counted: Mutex<HashMap<PathBuf, Minutes>>,
}

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// In the query's order.
    pub rows: Vec<Map<String, Json>>,
    /// There may be more: where to go on, as [`Query::after`].
    pub next: Option<u64>,
    /// The search ended because its time was over; what it did not reach may match as well.
    pub out_of_time: bool,
    /// Rows that are in neither segments nor memory, because the journal holds more than is kept: a seal brings them.
    pub unseen: u64,
    /// Segments that could not be read, and why.
    pub problems: Vec<String>,
}

/// A row that was found and is yet to be read.
enum Place {
    Tail(Cells),
    Segment {
        segment: usize,
        group: usize,
        row: usize,
    },
}

impl Browser {
    /// Reads nothing yet.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            tail: Mutex::default(),
            counted: Mutex::default(),
        }
    }

    /// Where it looks.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn tail(&self) -> Result<MutexGuard<'_, Tail>, AuditError> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.follow(&self.directory, FRESH)?;
        Ok(tail)
    }

    /// The rows that a query asks for.
    ///
    /// # Errors
    /// The directory or its journal can't be read. Segments that can't be read are told in [`Found::problems`].
    pub fn find(&self, query: &Query) -> Result<Found, AuditError> {
        // What is merged or deleted while it is looked at is looked for again.
        for _ in 1..TRIES {
            let (found, gone) = self.look(query)?;
            if !gone {
                return Ok(found);
            }
        }
        Ok(self.look(query)?.0)
    }

    /// What was found, and whether a segment was gone.
    fn look(&self, query: &Query) -> Result<(Found, bool), AuditError> {
        let deadline = Instant::now() + query.patience;
        let most = query.limit.max(1);
        let mut found = Found::default();
        // By how soon the query wants them; the last is the first to go.
        let mut places: BTreeMap<u64, Place> = BTreeMap::new();
        {
            // The journal first: what is sealed after this is in both, and counted once.
            let tail = self.tail()?;
            found.unseen = tail.unseen(query.table);
            for row in tail.rows(query.table) {
                if query.is_past(row.seq) || !query.matches(row) {
                    continue;
                }
                let cells = row.named().map(|(name, value)| (name.to_owned(), value.clone()));
                places.insert(query.rank(row.seq), Place::Tail(cells.collect()));
                trim(&mut places, most);
            }
        }
        let mut segments = segment::list(&self.directory, query.table)?.0;
        segments.retain(|segment| query.may_hold(segment));
        segments.sort_by_key(|segment| query.best(segment.first, segment.last));
        let columns = query.columns();
        // From which rank on nothing was looked at, where time was over.
        let mut reached = None;
        let mut gone = false;
        for (index, segment) in segments.iter().enumerate() {
            let best = query.best(segment.first, segment.last);
            if places.len() > most && places.last_key_value().is_some_and(|(worst, _)| *worst < best) {
                break;
            }
            // Something is looked at in any case, so that whoever goes on gets further.
            let first = index == 0;
            let mut take = |seq: u64, group: usize, row: usize| {
                places.entry(query.rank(seq)).or_insert(Place::Segment {
                    segment: index,
                    group,
                    row,
                });
                trim(&mut places, most);
                (places.len() > most)
                    .then(|| places.last_key_value().map(|(worst, _)| *worst))
                    .flatten()
            };
            match segments::search(&segment.path, query, deadline, first, &mut take) {
                Ok(None) => {}
                Ok(Some(rank)) => {
                    reached = Some(rank);
                    break;
                }
                Err(error) => {
                    gone |= error.is_absent();
                    found.problems.push(error.to_string());
                }
            }
        }
        if let Some(reached) = reached {
            places.split_off(&reached);
            found.out_of_time = true;
            found.next = Some(query.rank(reached.saturating_sub(1)));
        }
        if places.len() > most {
            places.pop_last();
            found.next = places.last_key_value().map(|(rank, _)| query.rank(*rank));
        }
        let before = found.problems.len();
        found.rows = segments::fetch(&segments, places, &columns, &mut found.problems);
        gone |= found.problems.len() > before && segments.iter().any(|segment| !segment.path.exists());
        Ok((found, gone))
    }

    /// Sessions that have not ended, the newest first.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn open_sessions(&self) -> Result<Vec<Map<String, Json>>, AuditError> {
        Ok(self.tail()?.open_sessions())
    }

    /// Statements of a session that have no outcome yet.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn open_statements(&self, session: uuid::Uuid) -> Result<Vec<Map<String, Json>>, AuditError> {
        Ok(self.tail()?.open_statements(session))
    }

    /// Statements by minute and decision, from the minute of a time on. What is in segments is counted once and remembered.
    ///
    /// # Errors
    /// The directory or its journal can't be read.
    pub fn tally(&self, from: Micros, patience: Duration) -> Result<Tally, AuditError> {
        let until = Instant::now() + patience;
        let from = tally::minute(from);
        let mut tally = Tally::default();
        let sealed = {
            let tail = self.tail()?;
            tally.add_rows(tail.rows(Table::Statements), from);
            tail.sealed(Table::Statements)
        };
        let mut segments = segment::list(&self.directory, Table::Statements)?.0;
        // What is published and not yet noted as such is counted in the journal.
        segments.retain(|segment| {
            segment.date >= segment::date(from) && sealed.is_none_or(|sealed| segment.first <= sealed)
        });
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|path, _| segments.iter().any(|segment| segment.path == *path));
        for segment in segments.iter().rev() {
            if !counted.contains_key(&segment.path) {
                if Instant::now() >= until {
                    tally.whole = false;
                    break;
                }
                let minutes = tally::of_segment(&segment.path).unwrap_or_else(|error| {
                    tracing::warn!(%error, "a segment is not counted");
                    tally.whole = false;
                    Minutes::default()
                });
                counted.insert(segment.path.clone(), minutes);
            }
            if let Some(minutes) = counted.get(&segment.path) {
                tally.add(minutes, from);
            }
        }
        Ok(tally)
    }
}

/// One more than is asked for stays: it tells that there is more.
fn trim(places: &mut BTreeMap<u64, Place>, most: usize) {
    if places.len() > most.saturating_add(1) {
        places.pop_last();
    }
}

/// A row as JSON, with these columns only.
fn object(cells: Cells, columns: &[&str]) -> Map<String, Json> {
    cells
        .into_iter()
        .filter(|(name, _)| columns.contains(&name.as_str()))
        .map(|(name, value)| (name, value.to_json()))
        .collect()
}
