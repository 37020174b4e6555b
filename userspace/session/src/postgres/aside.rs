//! The engine's own questions to the server: the catalogue, and what a statement's result would look like.
//!
//! They are asked over the client's session when nothing is outstanding, under names of their own, so that the client's
//! prepared statements, portals and transaction are as before. Inside a pipeline that the client has not yet ended with
//! Sync they end with Flush, because a Sync would end the client's implicit transaction.

use bytes::{Bytes, BytesMut};
use interdict_wire::WireError;
use interdict_wire::postgres::backend::Message;
use interdict_wire::postgres::frontend::{self, Target, write_bind, write_parse};

use crate::catalogue::{MARK_QUERY, Mark, QUERY, ReadError, Reader};
use crate::session::Carrying;

/// The name under which the engine prepares and binds.
pub(super) const NAME: &[u8] = b"interdict";

/// So much of a plan is shown.
const PLAN_LINES: usize = 64;

const CLOSE: frontend::Message<'static> = frontend::Message::Close {
    target: Target::Statement,
    name: NAME,
};

/// A question under way.
#[derive(Debug)]
pub(super) struct Aside {
    kind: Kind,
    /// Ends with ReadyForQuery rather than with the last CloseComplete.
    sync: bool,
    /// CloseComplete messages still to come.
    closes: u8,
    error: Option<Bytes>,
    failure: Option<Failure>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and behind a box")]
enum Kind {
    Catalogue {
        reader: Reader,
        version: u64,
    },
    Mark(Option<Mark>),
    Plan {
        key: u64,
        lines: Vec<String>,
    },
    Probe {
        key: u64,
        carrying: Carrying,
        description: Option<Bytes>,
        no_data: bool,
    },
}

/// Why an aside came to nothing though the server did not say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Catalogue(#[from] ReadError),
    #[error("an answer to the proxy's own question has another form than was asked for")]
    Unexpected,
}

/// How far an aside is.
#[derive(Debug)]
pub(super) enum Progress {
    /// More is to come.
    Going,
    /// It is over.
    Done,
}

/// What came of an aside.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and taken apart at once")]
pub(super) enum Outcome {
    Catalogue {
        reader: Reader,
        version: u64,
    },
    Mark(Mark),
    /// What the server expects a statement to cost; none where it did not say.
    Plan {
        key: u64,
        lines: Vec<String>,
    },
    /// The RowDescription message's body, or none if the statement returns no rows.
    Probe {
        key: u64,
        carrying: Carrying,
        description: Option<Bytes>,
    },
    /// The server's ErrorResponse, whole.
    ServerError {
        message: Bytes,
        catalogue: bool,
    },
    Failure(Failure),
}

impl Aside {
    /// Asks for the catalogue.
    pub(super) fn catalogue(version: u64, sync: bool, out: &mut BytesMut) -> Result<Self, WireError> {
        let kind = Kind::Catalogue {
            reader: Reader::default(),
            version,
        };
        Self::rows(QUERY, kind, sync, out)
    }

    /// Asks whether the schema is as it was.
    pub(super) fn mark(sync: bool, out: &mut BytesMut) -> Result<Self, WireError> {
        Self::rows(MARK_QUERY, Kind::Mark(None), sync, out)
    }

    /// Asks what a statement would cost, without running it.
    pub(super) fn plan(key: u64, text: &str, sync: bool, out: &mut BytesMut) -> Result<Self, WireError> {
        let kind = Kind::Plan {
            key,
            lines: Vec::new(),
        };
        Self::rows(&format!("EXPLAIN {text}"), kind, sync, out)
    }

    fn rows(query: &str, kind: Kind, sync: bool, out: &mut BytesMut) -> Result<Self, WireError> {
        CLOSE.write(out)?;
        write_parse(out, NAME, query.as_bytes(), &[])?;
        write_bind(out, NAME, NAME, &[], [], &[])?;
        frontend::Message::Execute {
            portal: NAME,
            max_rows: 0,
        }
        .write(out)?;
        frontend::Message::Close {
            target: Target::Portal,
            name: NAME,
        }
        .write(out)?;
        CLOSE.write(out)?;
        Self::end(sync, out)?;
        Ok(Self {
            kind,
            sync,
            closes: 3,
            error: None,
            failure: None,
        })
    }

    /// Asks what a statement's result would look like, without running it.
    pub(super) fn probe(
        key: u64,
        text: &[u8],
        types: &[u32],
        carrying: Carrying,
        sync: bool,
        out: &mut BytesMut,
    ) -> Result<Self, WireError> {
        CLOSE.write(out)?;
        write_parse(out, NAME, text, types)?;
        frontend::Message::Describe {
            target: Target::Statement,
            name: NAME,
        }
        .write(out)?;
        CLOSE.write(out)?;
        Self::end(sync, out)?;
        let kind = Kind::Probe {
            key,
            carrying,
            description: None,
            no_data: false,
        };
        Ok(Self {
            kind,
            sync,
            closes: 2,
            error: None,
            failure: None,
        })
    }

    fn end(sync: bool, out: &mut BytesMut) -> Result<(), WireError> {
        if sync {
            frontend::Message::Sync.write(out)
        } else {
            frontend::Message::Flush.write(out)
        }
    }

    /// Takes the next message of the answer. `whole` is the message with its tag and length.
    pub(super) fn take(&mut self, message: &Message<'_>, whole: &[u8]) -> Progress {
        match (message, &mut self.kind) {
            (Message::CloseComplete, _) => {
                self.closes = self.closes.saturating_sub(1);
                return progress(self.closes == 0 && !self.sync);
            }
            (Message::ReadyForQuery(_), _) => return progress(self.sync),
            (Message::ErrorResponse(_), _) => {
                self.error = Some(Bytes::copy_from_slice(whole));
                return progress(!self.sync);
            }
            (Message::ParseComplete | Message::BindComplete | Message::ParameterDescription(_), _)
            | (Message::CommandComplete(_), Kind::Catalogue { .. } | Kind::Mark(_) | Kind::Plan { .. }) => {}
            // Its conditions hold the statement's literals; what it costs does not.
            (Message::DataRow(row), Kind::Plan { lines, .. }) => lines.extend(
                row.iter()
                    .flatten()
                    .map(|cell| String::from_utf8_lossy(cell).into_owned())
                    .filter(|line| line.contains("(cost="))
                    .take(PLAN_LINES),
            ),
            (Message::DataRow(row), Kind::Mark(mark)) => match Mark::new(row.iter()) {
                Ok(read) => *mark = Some(read),
                Err(error) => self.failure = Some(error.into()),
            },
            (Message::DataRow(row), Kind::Catalogue { reader, .. }) => {
                if let Err(error) = reader.row(row.iter()) {
                    self.failure = Some(error.into());
                }
            }
            (Message::RowDescription(_), Kind::Probe { description, .. }) => {
                *description = Some(Bytes::copy_from_slice(whole.get(5..).unwrap_or_default()));
            }
            (Message::NoData, Kind::Probe { no_data, .. }) => *no_data = true,
            _ => self.failure = Some(Failure::Unexpected),
        }
        Progress::Going
    }

    /// What came of it.
    pub(super) fn finish(self) -> Outcome {
        if let Kind::Plan { key, lines } = self.kind {
            return Outcome::Plan { key, lines };
        }
        if let Some(message) = self.error {
            return Outcome::ServerError {
                message,
                catalogue: matches!(self.kind, Kind::Catalogue { .. } | Kind::Mark(_)),
            };
        }
        if let Some(failure) = self.failure {
            return Outcome::Failure(failure);
        }
        match self.kind {
            Kind::Catalogue { reader, version } => Outcome::Catalogue { reader, version },
            Kind::Mark(Some(mark)) => Outcome::Mark(mark),
            Kind::Probe {
                key,
                carrying,
                description: Some(description),
                ..
            } => Outcome::Probe {
                key,
                carrying,
                description: Some(description),
            },
            Kind::Probe {
                key,
                carrying,
                no_data: true,
                ..
            } => Outcome::Probe {
                key,
                carrying,
                description: None,
            },
            Kind::Mark(None) | Kind::Plan { .. } | Kind::Probe { .. } => {
                Outcome::Failure(Failure::Unexpected)
            }
        }
    }
}

fn progress(done: bool) -> Progress {
    if done { Progress::Done } else { Progress::Going }
}
