//! Everything that is on record of one session. Of one that is over for a while the segments of its days are read, and no more.

use std::path::{Path, PathBuf};

use interdict_record::Micros;
use serde_json::Map;
use uuid::Uuid;

use super::{Filter, SET, Scan, Unended, Unsealed, began, begin, seq};
use crate::fold::Fold;
use crate::frames::Frames;
use crate::row::Row;
use crate::segment::read::Cells;
use crate::table::Table;
use crate::view::View;
use crate::{AuditError, checkpoint, journal, view};

/// A session, found.
pub struct OfSession {
    directory: PathBuf,
    session_id: Uuid,
    row: Cells,
    /// After this there is nothing of it, but for what was decided about it later.
    until: Option<Micros>,
    /// What the journal has of it; `None`: nothing.
    view: Option<View<Row>>,
}

impl OfSession {
    /// Looks for a session. `None`: it is not on record.
    ///
    /// # Errors
    /// The directory or its journal can't be read, or a segment of its days.
    pub fn find(directory: &Path, session_id: Uuid) -> Result<Option<Self>, AuditError> {
        if let Some(row) = settled(directory, session_id)? {
            return Ok(Some(Self {
                directory: directory.to_owned(),
                session_id,
                until: ended(&row),
                row,
                view: None,
            }));
        }
        let of_it = |row: Row| {
            let of = row.get("session_id").as_bytes() == Some(session_id.as_bytes().as_slice());
            of.then_some(row)
        };
        let mut found = Self {
            directory: directory.to_owned(),
            session_id,
            row: Cells::new(),
            until: None,
            view: view::read(directory, of_it)?,
        };
        let mut rows = found.rows(Table::Sessions)?;
        while let Some(row) = rows.step()? {
            found.row = row;
        }
        found.until = ended(&found.row);
        Ok((!found.row.is_empty()).then_some(found))
    }

    /// Its row of `sessions`.
    pub fn row(&self) -> Map<String, serde_json::Value> {
        let cells = self.row.iter();
        cells
            .map(|(name, value)| (name.clone(), value.to_json()))
            .collect()
    }

    /// Its rows of a table, also those that are not complete.
    ///
    /// # Errors
    /// The directory can't be read. What is wrong with a segment comes as an item.
    pub fn rows(&self, table: Table) -> Result<Scan, AuditError> {
        let filter = Filter {
            open: true,
            // Somebody may decide about it when it is over.
            until: self.until.filter(|_| table != Table::Approvals),
            ..Filter::of_session(table, self.session_id)
        };
        let unsealed = self.view.as_ref().map(|view| Unsealed {
            sealed: view.sealed(table),
            rows: view
                .rows
                .iter()
                .filter(|row| row.table == table)
                .cloned()
                .collect(),
            open: self.still_open(&view.fold).rows(table),
        });
        begin(&self.directory, filter, unsealed)
    }

    /// What its client was sent, in order.
    ///
    /// # Errors
    /// As of [`Self::rows`].
    pub fn frames(&self) -> Result<Frames, AuditError> {
        self.rows(Table::Frames).map(Frames::new)
    }

    /// Of what has not ended, what is this session's.
    fn still_open(&self, fold: &Fold) -> Unended {
        let id = self.session_id;
        let statements = fold.statements.values();
        Unended {
            sessions: fold.sessions.get(&id).cloned().into_iter().collect(),
            statements: statements
                .filter(|started| started.session_id == id)
                .map(|started| (**started).clone())
                .collect(),
            host: fold.opened.host.clone(),
        }
    }
}

/// The row of a session of which the journal has nothing: its end was sealed, and with it all that came before; and nobody can decide
/// about it any more.
fn settled(directory: &Path, session_id: Uuid) -> Result<Option<Cells>, AuditError> {
    let journal = journal::directory(directory);
    let point = if journal.is_dir() {
        match checkpoint::read(&journal)? {
            // Nothing says where the journal begins.
            None => return Ok(None),
            Some(point) => Some(point.fold),
        }
    } else {
        None
    };
    if let Some(fold) = &point
        && (fold.sessions.contains_key(&session_id)
            || fold.approvals.values().any(|open| open.session_id == session_id))
    {
        return Ok(None);
    }
    let filter = Filter {
        until: began(session_id).map(|began| began.saturating_add(SET)),
        ..Filter::of_session(Table::Sessions, session_id)
    };
    let mut rows = begin(directory, filter, None)?;
    let mut found = None;
    while let Some(row) = rows.step()? {
        found = Some(row);
    }
    let sealed = point.map_or(u64::MAX, |fold| fold.head(Table::Sessions).seq);
    Ok(found.filter(|row| seq(row).is_some_and(|seq| seq <= sealed)))
}

/// When it was over, and the clock with it.
fn ended(row: &Cells) -> Option<Micros> {
    let (_, at) = row.iter().find(|(name, _)| name == "ended_at")?;
    Some(at.as_integer()?.saturating_add(SET))
}
