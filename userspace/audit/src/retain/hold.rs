//! Legal holds: events of `admin`, folded. Every seal has those in force, so that they outlast the rows that placed them.

use std::path::Path;

use interdict_record::{Event, Micros, Record};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::row::Row;
use crate::seal::store;
use crate::segment;
use crate::table::Table;
use crate::value::Value;
use crate::{AuditError, view};

/// Kinds of event.
const PLACED: &str = "hold_placed";
const LIFTED: &str = "hold_lifted";

/// Nothing that it reaches is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: String,
    /// The tables' names; empty: all.
    pub tables: Vec<String>,
    /// Rows from this time on, in microseconds since 1970; `None`: from the beginning.
    pub from: Option<Micros>,
    /// Rows before this time; `None`: all that come, too.
    pub until: Option<Micros>,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: String,
    /// When.
    pub at: Micros,
}

impl Hold {
    /// One that reaches all tables at all times, with an identifier of its own.
    pub fn new(reason: String, by: String, at: Micros) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            tables: Vec::new(),
            from: None,
            until: None,
            reason,
            by,
            at,
        }
    }

    /// The event that places it.
    pub fn place(self, detail: std::collections::BTreeMap<String, String>) -> Record {
        let span = |time: Option<Micros>| time.map(|time| time.to_string());
        let mut detail = detail;
        let facts = [
            ("hold_id", Some(self.id.clone())),
            ("tables", Some(self.tables.join(","))),
            ("from_micros", span(self.from)),
            ("until_micros", span(self.until)),
            ("reason", Some(self.reason.clone())),
        ];
        detail.extend(
            facts
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        let what = if self.tables.is_empty() {
            "everything".to_owned()
        } else {
            self.tables.join(", ")
        };
        Record::Event(Box::new(Event {
            at: self.at,
            kind: PLACED.to_owned(),
            actor: self.by,
            message: format!(
                "legal hold {}: nothing of {what} that it reaches is deleted: {}",
                self.id, self.reason
            ),
            detail,
        }))
    }

    /// The event that lifts the hold of this id.
    pub fn lift(
        id: &str,
        reason: &str,
        by: &str,
        at: Micros,
        mut detail: std::collections::BTreeMap<String, String>,
    ) -> Record {
        detail.insert("hold_id".to_owned(), id.to_owned());
        detail.insert("reason".to_owned(), reason.to_owned());
        Record::Event(Box::new(Event {
            at,
            kind: LIFTED.to_owned(),
            actor: by.to_owned(),
            message: format!("legal hold {id} is lifted: {reason}"),
            detail,
        }))
    }

    /// Whether it keeps a table's rows of a day.
    pub(crate) fn reaches(&self, table: Table, date: &str) -> bool {
        (self.tables.is_empty() || self.tables.iter().any(|name| name == table.name()))
            && self.from.is_none_or(|from| date >= &*segment::date(from))
            && self
                .until
                .is_none_or(|until| date <= &*segment::date(until.saturating_sub(1)))
    }
}

/// Takes an event of `admin` into account, if it is about a hold.
pub(crate) fn apply(holds: &mut Vec<Hold>, row: &Row) {
    let text = |name: &str| row.get(name).as_text().unwrap_or_default().to_owned();
    let kind = text("kind");
    let Value::Map(detail) = row.get("detail") else {
        return;
    };
    let fact = |name: &str| {
        let found = detail.iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.as_text())
    };
    let Some(id) = fact("hold_id") else { return };
    if kind == LIFTED {
        holds.retain(|hold| hold.id != id);
    } else if kind == PLACED && !holds.iter().any(|hold| hold.id == id) {
        let names = fact("tables").unwrap_or_default().split(',');
        holds.push(Hold {
            id: id.to_owned(),
            tables: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            from: fact("from_micros").and_then(|time| time.parse().ok()),
            until: fact("until_micros").and_then(|time| time.parse().ok()),
            reason: fact("reason").unwrap_or_default().to_owned(),
            by: text("actor"),
            at: row.at,
        });
    }
}

/// The holds in force: by the last seal, and the rows that came after it.
///
/// # Errors
/// The directory can't be read.
pub fn holds(directory: &Path) -> Result<Vec<Hold>, AuditError> {
    let later = view::read(directory, |row| (row.table == Table::Admin).then_some(row))?;
    let last = store::last(directory)?;
    let (mut holds, sealed) = last.map_or_else(Default::default, |last| {
        let head = last
            .seal
            .heads
            .get(Table::Admin.name())
            .map_or(0, |head| head.seq);
        (last.seal.holds, head)
    });
    for row in later.into_iter().flat_map(|view| view.rows) {
        if row.seq > sealed {
            apply(&mut holds, &row);
        }
    }
    Ok(holds)
}
