//! A session put together from the audit's tables.

use std::collections::HashMap;
use std::path::Path;

use interdict_audit::{AuditError, OfSession, Table};
use interdict_record::{Frame, Micros};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::decode::{Decoder, Shown};
use crate::statement::Statement;

/// A session with everything that the record has of it.
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    /// Its row of `sessions`.
    pub session: Map<String, Value>,
    /// What happened in it, in order.
    pub steps: Vec<Step>,
    /// Its rows of `approvals`.
    pub approvals: Vec<Map<String, Value>>,
    /// Bytes that its client was sent and that are kept.
    pub kept_bytes: u64,
    /// Bytes that its client was sent and that are not.
    pub missing_bytes: u64,
}

/// A statement and what came back; or what came outside of any.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// When it was asked; of what came outside of a statement, when it was sent.
    pub at: Micros,
    /// When the last of the answer was sent.
    pub until: Micros,
    /// `None`: the opening of the session, or its end.
    pub statement: Option<Statement>,
    /// What the client was shown.
    pub shown: Vec<Shown>,
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record can't be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// It does not know the session.
    #[error("no session {0} is on record here; `interdict sessions` lists those that are")]
    Unknown(Uuid),
    /// A row does not read as one.
    #[error("a row of the session's statements does not read as one: {0}")]
    Row(#[from] serde_json::Error),
}

/// Reads a session, be it over or not.
///
/// # Errors
/// [`ReplayError`].
pub fn load(directory: &Path, session_id: Uuid) -> Result<Recording, ReplayError> {
    let found = OfSession::find(directory, session_id)?.ok_or(ReplayError::Unknown(session_id))?;
    let session = found.row();
    let statements = found
        .rows(Table::Statements)?
        .map(|row| Ok(Statement::read(row?)?))
        .collect::<Result<Vec<_>, ReplayError>>()?;
    let approvals = found.rows(Table::Approvals)?.collect::<Result<Vec<_>, _>>()?;
    let protocol = session
        .get("protocol")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut recording = Recording {
        steps: Vec::new(),
        approvals,
        kept_bytes: 0,
        missing_bytes: 0,
        session: Map::new(),
    };
    let mut builder = Builder::new(protocol, statements);
    for frame in found.frames()? {
        let frame = frame?;
        recording.kept_bytes += frame.payload.len() as u64;
        recording.missing_bytes += frame.length.saturating_sub(frame.payload.len() as u64);
        builder.frame(&frame);
    }
    recording.steps = builder.finish();
    recording.session = session;
    Ok(recording)
}

/// Puts answers to their statements.
struct Builder {
    decoder: Decoder,
    statements: Vec<Step>,
    places: HashMap<Uuid, usize>,
    /// What belongs to no statement.
    others: Vec<Step>,
    current: Option<Uuid>,
    begun: bool,
}

impl Builder {
    fn new(protocol: &str, statements: Vec<Statement>) -> Self {
        let statements: Vec<Step> = statements
            .into_iter()
            .map(|statement| {
                let micros = |time: Option<jiff::Timestamp>| time.map(jiff::Timestamp::as_microsecond);
                let at = micros(statement.requested_at).unwrap_or_default();
                Step {
                    at,
                    until: micros(statement.ended_at).unwrap_or(at),
                    statement: Some(statement),
                    shown: Vec::new(),
                }
            })
            .collect();
        let places = statements
            .iter()
            .enumerate()
            .filter_map(|(place, step)| Some((step.statement.as_ref()?.statement_id, place)))
            .collect();
        Self {
            decoder: Decoder::new(protocol),
            statements,
            places,
            others: Vec::new(),
            current: None,
            begun: false,
        }
    }

    fn frame(&mut self, frame: &Frame) {
        if !self.begun || frame.statement_id != self.current {
            self.flush();
            self.current = frame.statement_id;
            self.begun = true;
            let known = frame.statement_id.and_then(|id| self.places.get(&id));
            if known.is_none() {
                self.others.push(Step {
                    at: frame.at,
                    until: frame.at,
                    statement: None,
                    shown: Vec::new(),
                });
            }
            let labels = self.step().and_then(|step| {
                let columns = step.statement.as_ref()?.columns.as_ref()?;
                Some(columns.iter().map(|column| column.label.clone()).collect())
            });
            self.decoder.begin(labels.unwrap_or_default());
        }
        self.decoder.take(&frame.payload);
        if let Some(step) = self.step() {
            step.until = step.until.max(frame.at);
        }
        if frame.length > frame.payload.len() as u64 {
            self.decoder.missing(frame);
        }
    }

    fn step(&mut self) -> Option<&mut Step> {
        match self.current.and_then(|id| self.places.get(&id)) {
            Some(place) => self.statements.get_mut(*place),
            None => self.others.last_mut(),
        }
    }

    fn flush(&mut self) {
        if self.begun {
            let shown = self.decoder.shown();
            if let Some(step) = self.step() {
                step.shown.extend(shown);
            }
        }
    }

    fn finish(mut self) -> Vec<Step> {
        self.flush();
        let mut steps = self.statements;
        steps.extend(self.others);
        // Stable: statements of one moment stay in their order.
        steps.sort_by_key(|step| step.at);
        steps
    }
}
