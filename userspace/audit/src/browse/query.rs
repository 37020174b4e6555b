//! What is looked for.

use std::time::Duration;

use interdict_record::Micros;
use uuid::Uuid;

use crate::row::Row;
use crate::scan::earliest;
use crate::segment::{self, Segment};
use crate::table::Table;
use crate::value::Value;

/// Which rows, in which order, how many.
#[derive(Clone, Debug)]
pub struct Query {
    /// The table.
    pub table: Table,
    /// Newest or oldest first.
    pub order: Order,
    /// Only what comes after this `seq` in that order.
    pub after: Option<u64>,
    /// How many at most; at least one.
    pub limit: usize,
    /// Rows at or after this, by the table's time column.
    pub from: Option<Micros>,
    /// Rows before this.
    pub until: Option<Micros>,
    /// Rows of this session.
    pub session_id: Option<Uuid>,
    /// Columns that must equal a text. A list matches by any element, a list of relations by a name. Rows that lack the column don't
    /// match.
    pub equal: Vec<(String, String)>,
    /// A text that one of [`Self::searched`] must contain; ASCII letters of either case.
    pub contains: Option<String>,
    /// Where [`Self::contains`] is looked for.
    pub searched: Vec<&'static str>,
    /// Columns of the answer; `None`: all.
    pub shown: Option<Vec<&'static str>>,
    /// How long the search may take.
    pub patience: Duration,
}

/// The order of rows: that of their numbers, which is when they were complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last first.
    #[default]
    Newest,
    /// The first first.
    Oldest,
}

impl Query {
    /// The newest rows of a table.
    pub fn new(table: Table, limit: usize) -> Self {
        Self {
            table,
            order: Order::Newest,
            after: None,
            limit,
            from: None,
            until: None,
            session_id: None,
            equal: Vec::new(),
            contains: None,
            searched: Vec::new(),
            shown: None,
            patience: Duration::from_secs(2),
        }
    }

    /// A row's place in the query's order, small first; and back.
    pub(super) fn rank(&self, seq: u64) -> u64 {
        match self.order {
            Order::Newest => u64::MAX.saturating_sub(seq),
            Order::Oldest => seq,
        }
    }

    /// The best rank of a range of rows.
    pub(super) fn best(&self, first: u64, last: u64) -> u64 {
        match self.order {
            Order::Newest => self.rank(last),
            Order::Oldest => self.rank(first),
        }
    }

    /// Whether a row was on an earlier page.
    pub(super) fn is_past(&self, seq: u64) -> bool {
        self.after.is_some_and(|after| self.rank(seq) <= self.rank(after))
    }

    /// The first time that can match.
    pub(super) fn earliest(&self) -> Option<Micros> {
        self.from.max(self.session_id.and_then(earliest))
    }

    pub(super) fn may_hold(&self, segment: &Segment) -> bool {
        let worst = match self.order {
            Order::Newest => segment.first,
            Order::Oldest => segment.last,
        };
        // Days sort as their text does.
        !self.is_past(worst)
            && self
                .earliest()
                .is_none_or(|from| segment.date >= segment::date(from))
            && self
                .until
                .is_none_or(|until| segment.date <= segment::date(until))
    }

    /// Columns that decide, besides `seq`.
    pub(super) fn deciding(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.equal.iter().map(|(name, _)| name.as_str()).collect();
        if self.from.is_some() || self.until.is_some() {
            names.push(self.table.time_column());
        }
        if self.session_id.is_some() {
            names.push("session_id");
        }
        if self.contains.is_some() {
            names.extend(&self.searched);
        }
        names
    }

    /// Columns of the answer.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        let all = self.table.columns().iter().map(|column| column.name);
        match &self.shown {
            None => all.collect(),
            Some(shown) => all
                .filter(|name| *name == "seq" || shown.contains(name))
                .collect(),
        }
    }

    pub(super) fn matches(&self, row: &Row) -> bool {
        self.holds(|name| Some(row.get(name).clone()))
    }

    /// `get` gives a column's cell; `None`: the file has no such column.
    pub(super) fn holds(&self, get: impl Fn(&str) -> Option<Value>) -> bool {
        if self.from.is_some() || self.until.is_some() {
            let at = get(self.table.time_column()).and_then(|cell| cell.as_integer());
            let within = at.is_some_and(|at| {
                self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
            });
            if !within {
                return false;
            }
        }
        if let Some(id) = self.session_id
            && get("session_id").is_none_or(|cell| cell.as_bytes() != Some(id.as_bytes().as_slice()))
        {
            return false;
        }
        let equal = self
            .equal
            .iter()
            .all(|(name, wanted)| get(name).is_some_and(|cell| equals(&cell, wanted)));
        equal
            && self.contains.as_ref().is_none_or(|wanted| {
                self.searched
                    .iter()
                    .any(|name| get(name).is_some_and(|cell| contains(&cell, wanted)))
            })
    }
}

fn equals(cell: &Value, wanted: &str) -> bool {
    match cell {
        Value::Text(text) => text == wanted,
        Value::List(values) => values.iter().any(|value| match value {
            Value::Struct(fields) => fields
                .iter()
                .any(|(name, value)| name == "name" && equals(value, wanted)),
            other => equals(other, wanted),
        }),
        Value::Bytes(bytes) => {
            Uuid::from_slice(bytes).is_ok_and(|id| Uuid::parse_str(wanted).is_ok_and(|wanted| wanted == id))
        }
        Value::Bool(value) => wanted.parse() == Ok(*value),
        _ => false,
    }
}

fn contains(cell: &Value, wanted: &str) -> bool {
    match cell {
        Value::Text(text) => holds_text(text, wanted),
        Value::List(values) => values.iter().any(|value| contains(value, wanted)),
        Value::Struct(fields) | Value::Map(fields) => fields.iter().any(|(_, value)| contains(value, wanted)),
        _ => false,
    }
}

fn holds_text(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    wanted.is_empty()
        || text
            .windows(wanted.len())
            .any(|part| part.eq_ignore_ascii_case(wanted))
}
