//! The engine's own questions to the server, asked over the client's session when nothing is outstanding.
//!
//! They are plain queries: they change what `FOUND_ROWS()` and `SHOW WARNINGS` would say, so they are not asked before a statement
//! that looks at that.

use bytes::BytesMut;
use interdict_wire::WireError;
use interdict_wire::mysql::command::write_query;
use interdict_wire::mysql::response::{Answer, Event, Responses};
use interdict_wire::mysql::row::TextRow;
use interdict_wire::mysql::{Capabilities, Sequence};

use crate::catalogue::mysql::{COLUMNS, Reader, queries};
use crate::catalogue::{Mark, ReadError};

/// What texts mean in this session, and which database is in use.
const SETTINGS: &str = "/* interdict: session */ SELECT @@sql_mode, @@character_set_client, @@lower_case_table_names, \
HEX(CONVERT(DATABASE() USING utf8mb4)) LIMIT 18446744073709551615";

/// A question under way.
pub(super) struct Aside {
    responses: Responses,
    kind: Kind,
    columns: usize,
    /// What is still to be asked, the last first.
    rest: Vec<String>,
    failure: Option<Failure>,
}

enum Kind {
    Settings(Vec<Option<String>>),
    Catalogue { reader: Box<Reader>, version: u64 },
    Mark(Box<Reader>),
}

/// Why a question came to nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Catalogue(#[from] ReadError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("an answer to the proxy's own question has another form than was asked for")]
    Unexpected,
    #[error("the server answered with error {0}")]
    Server(u16),
}

/// What came of a question.
pub(super) enum Outcome {
    /// `sql_mode`, character set, `lower_case_table_names`, database in hexadecimal.
    Settings(Vec<Option<String>>),
    Catalogue {
        reader: Box<Reader>,
        version: u64,
    },
    Mark(Mark),
}

impl Aside {
    pub(super) fn settings(
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<Self, WireError> {
        Self::ask(SETTINGS, Kind::Settings(Vec::new()), capabilities, sequence, out)
    }

    /// Reads the catalogue; or only what tells whether it is as it was.
    pub(super) fn catalogue(
        version: Option<u64>,
        reader: Reader,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<Self, WireError> {
        let reader = Box::new(reader);
        let kind = match version {
            Some(version) => Kind::Catalogue { reader, version },
            None => Kind::Mark(reader),
        };
        let [first, rest @ ..] = queries();
        let mut aside = Self::ask(&first, kind, capabilities, sequence, out)?;
        aside.rest = rest.into_iter().rev().collect();
        Ok(aside)
    }

    fn ask(
        text: &str,
        kind: Kind,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<Self, WireError> {
        write_query(text.as_bytes(), capabilities, sequence, out)?;
        Ok(Self {
            responses: Responses::new(capabilities, Answer::Text),
            kind,
            columns: 0,
            rest: Vec::new(),
            failure: None,
        })
    }

    /// Asks the next of several questions; false if there is none.
    pub(super) fn ask_next(
        &mut self,
        capabilities: Capabilities,
        sequence: &mut Sequence,
        out: &mut BytesMut,
    ) -> Result<bool, WireError> {
        if self.failure.is_some() {
            return Ok(false);
        }
        let Some(text) = self.rest.pop() else {
            return Ok(false);
        };
        write_query(text.as_bytes(), capabilities, sequence, out)?;
        self.responses = Responses::new(capabilities, Answer::Text);
        Ok(true)
    }

    /// Takes the next message of the answer; true when it is over.
    pub(super) fn take(&mut self, payload: &[u8]) -> Result<bool, WireError> {
        match self.responses.read(payload)? {
            Event::ResultSet { columns, .. } => {
                self.columns = usize::try_from(columns).unwrap_or(usize::MAX);
                let expected = match self.kind {
                    Kind::Settings(_) => 4,
                    Kind::Catalogue { .. } | Kind::Mark(_) => COLUMNS,
                };
                if self.columns != expected {
                    self.failure = Some(Failure::Unexpected);
                }
            }
            Event::Row(row) if self.failure.is_none() => {
                if let Err(failure) = self.row(row) {
                    self.failure = Some(failure);
                }
            }
            Event::Err(error) => self.failure = Some(Failure::Server(error.code)),
            Event::File(_) => self.failure = Some(Failure::Unexpected),
            _ => {}
        }
        Ok(self.responses.is_done())
    }

    fn row(&mut self, row: &[u8]) -> Result<(), Failure> {
        let row = TextRow::parse(row, self.columns)?;
        match &mut self.kind {
            Kind::Settings(values) => {
                let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
                *values = row.iter().map(|cell| cell.map(text)).collect();
            }
            Kind::Catalogue { reader, .. } | Kind::Mark(reader) => reader.row(row.iter())?,
        }
        Ok(())
    }

    /// What came of it.
    pub(super) fn finish(self) -> Result<Outcome, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match self.kind {
            Kind::Settings(values) if values.len() == 4 => Ok(Outcome::Settings(values)),
            Kind::Catalogue { reader, version } => Ok(Outcome::Catalogue { reader, version }),
            Kind::Mark(reader) => Ok(Outcome::Mark(reader.mark())),
            Kind::Settings(_) => Err(Failure::Unexpected),
        }
    }
}
