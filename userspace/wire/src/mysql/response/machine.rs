use nom::Parser;

use super::{Column, EofPacket, ErrPacket, OkPacket, PrepareOk, Progress, Status};
use crate::WireError;
use crate::mysql::opening::Authentication;
use crate::mysql::read::{byte, lenenc_int, rest, tag, whole};
use crate::mysql::{Capabilities, Header};

/// What a command is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    None,
    /// OK or ERR; of some commands EOF.
    Status,
    /// OK, ERR, a request for a file, or rows in text; several of them.
    Text,
    /// As [`Answer::Text`] with rows in binary.
    Binary,
    /// What was prepared: its parameters and columns.
    Prepared,
    /// Rows in binary, of columns that an earlier answer told.
    Fetched,
    /// Columns of a table.
    Fields,
    /// A text.
    Statistics,
    /// Authentication anew.
    Authentication,
    /// Something without an end: events, a dump, a clone. Cannot be followed.
    Stream,
}

/// A message of the server's, in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A result without rows; with DEPRECATE_EOF also the end of rows.
    Ok(OkPacket<'a>),
    /// The end of rows, or of what has none, without DEPRECATE_EOF.
    Eof(EofPacket),
    /// The answer ends with an error.
    Err(ErrPacket<'a>),
    /// How far the statement has come.
    Progress(Progress<'a>),
    /// The server wants the client to send this file; see [`Responses::file_data`].
    File(&'a [u8]),
    /// Rows follow, of so many columns.
    ResultSet {
        /// How many columns.
        columns: u64,
        /// Whether they are told; if not, they are as they were told before.
        described: bool,
    },
    /// A column of the rows that follow, of what was prepared, or of a table.
    Column(Column<'a>),
    /// A parameter of what was prepared.
    Parameter(Column<'a>),
    /// The end of columns or parameters, without DEPRECATE_EOF.
    ColumnsEnd(EofPacket),
    /// A row; see [`TextRow`](crate::mysql::row::TextRow) and [`BinaryRow`](crate::mysql::row::BinaryRow).
    Row(&'a [u8]),
    /// A statement was prepared.
    Prepared(PrepareOk),
    /// The answer to COM_STATISTICS.
    Statistics(&'a [u8]),
    /// A step of authentication.
    Authentication(Authentication<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first message of a result.
    First,
    Columns {
        left: u64,
    },
    /// The EOF after columns.
    ColumnsEnd,
    Rows,
    /// The client sends a file.
    File,
    Parameters {
        left: u16,
        columns: u16,
    },
    ParametersEnd {
        columns: u16,
    },
    PreparedColumns {
        left: u16,
    },
    PreparedEnd,
    Done,
}

/// Follows the answer to one command, message by message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses {
    capabilities: Capabilities,
    answer: Answer,
    phase: Phase,
    /// Another result follows the rows of OUT parameters: told before them, and not after.
    more: bool,
    /// Whether what was prepared is described; the ends of absent descriptions are sent all the same.
    described: bool,
}

impl Responses {
    /// What will come in answer to a command that is answered with `answer`, between sides that agreed on
    /// `capabilities`.
    pub const fn new(capabilities: Capabilities, answer: Answer) -> Self {
        let phase = match answer {
            Answer::None => Phase::Done,
            Answer::Fetched => Phase::Rows,
            _ => Phase::First,
        };
        Self {
            capabilities,
            answer,
            phase,
            more: false,
            described: true,
        }
    }

    /// Whether the answer is complete.
    pub const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Whether rows are due.
    pub const fn awaits_rows(&self) -> bool {
        matches!(self.phase, Phase::Rows)
    }

    /// Whether the client has to send a file's data.
    pub const fn awaits_file(&self) -> bool {
        matches!(self.phase, Phase::File)
    }

    /// Whether a message is a row, from its first packet's header and first byte; such a one may be passed on unseen.
    pub const fn is_row(&self, header: Header, first: u8) -> bool {
        self.awaits_rows()
            && match self.answer {
                Answer::Text => first != 0xff && !self.is_end(first, header.length),
                _ => first == 0,
            }
    }

    /// Takes a message of the client's that holds the file's data; an empty one is the last.
    ///
    /// # Errors
    /// [`WireError::Unexpected`] if no file was asked for.
    pub const fn file_data(&mut self, length: usize) -> Result<(), WireError> {
        if !self.awaits_file() {
            return Err(WireError::Unexpected {
                message: "LOCAL INFILE data",
                state: "no file was asked for",
            });
        }
        if length == 0 {
            self.phase = Phase::First;
        }
        Ok(())
    }

    /// Takes the server's next message.
    ///
    /// # Errors
    /// [`WireError::Unexpected`] after the end, while the client is to send a file, and in a stream; otherwise what is
    /// wrong with the message.
    pub fn read<'a>(&mut self, payload: &'a [u8]) -> Result<Event<'a>, WireError> {
        if self.reports_progress() && Progress::is(payload) && !self.is_done() {
            return Progress::parse(payload).map(Event::Progress);
        }
        let Some(&first) = payload.first() else {
            return Err(WireError::Short {
                message: "response",
                field: "first byte",
            });
        };
        // A column's definition and a row never begin so; nor does a text that the server gives as statistics.
        if first == 0xff && !matches!(self.phase, Phase::Done | Phase::File) && self.answer != Answer::Stream
        {
            let error = ErrPacket::parse(payload)?;
            self.phase = Phase::Done;
            return Ok(if self.answer == Answer::Authentication {
                Event::Authentication(Authentication::Err(error))
            } else {
                Event::Err(error)
            });
        }
        match self.phase {
            Phase::First => self.first(first, payload),
            Phase::Columns { left } => {
                let column = Column::parse(payload, self.capabilities)?;
                self.phase = match left.saturating_sub(1) {
                    0 => self.after_columns(),
                    left => Phase::Columns { left },
                };
                Ok(Event::Column(column))
            }
            Phase::ColumnsEnd => {
                let eof = EofPacket::parse(payload)?;
                self.more = eof.status.has(Status::PS_OUT_PARAMS | Status::MORE_RESULTS);
                // An opened cursor's rows come when they are fetched.
                self.phase = if self.answer == Answer::Binary && eof.status.has(Status::CURSOR_EXISTS) {
                    Phase::Done
                } else {
                    Phase::Rows
                };
                Ok(Event::ColumnsEnd(eof))
            }
            Phase::Rows if self.is_end(first, payload.len()) => self.end(payload),
            Phase::Rows if self.answer == Answer::Text || first == 0 => Ok(Event::Row(payload)),
            Phase::Rows => Err(WireError::Invalid {
                message: "binary row",
                field: "first byte",
            }),
            Phase::Parameters { left, columns } => {
                let parameter = Column::parse(payload, self.capabilities)?;
                self.phase = match left.saturating_sub(1) {
                    0 => self.after_parameters(columns),
                    left => Phase::Parameters { left, columns },
                };
                Ok(Event::Parameter(parameter))
            }
            Phase::ParametersEnd { columns } => {
                let eof = EofPacket::parse(payload)?;
                self.phase = self.prepared_columns(columns);
                Ok(Event::ColumnsEnd(eof))
            }
            Phase::PreparedColumns { left } => {
                let column = Column::parse(payload, self.capabilities)?;
                self.phase = match left.saturating_sub(1) {
                    0 => self.after_prepared_columns(),
                    left => Phase::PreparedColumns { left },
                };
                Ok(Event::Column(column))
            }
            Phase::PreparedEnd => {
                let eof = EofPacket::parse(payload)?;
                self.phase = Phase::Done;
                Ok(Event::ColumnsEnd(eof))
            }
            Phase::File => Err(WireError::Unexpected {
                message: "a message of the server's",
                state: "the client has to send a file's data",
            }),
            Phase::Done => Err(WireError::Unexpected {
                message: "a message of the server's",
                state: "a command has to come first",
            }),
        }
    }

    fn first<'a>(&mut self, first: u8, payload: &'a [u8]) -> Result<Event<'a>, WireError> {
        match (self.answer, first) {
            (Answer::Stream, _) => Err(WireError::Unexpected {
                message: "a stream",
                state: "what has no end cannot be followed",
            }),
            (Answer::Authentication, _) => {
                let step = Authentication::parse(payload, self.capabilities)?;
                if matches!(step, Authentication::Ok(_)) {
                    self.phase = Phase::Done;
                }
                Ok(Event::Authentication(step))
            }
            (Answer::Statistics, _) => {
                self.phase = Phase::Done;
                Ok(Event::Statistics(payload))
            }
            (Answer::Prepared, _) => {
                let prepared = PrepareOk::parse(payload, self.capabilities)?;
                self.described = prepared.metadata != Some(false);
                self.phase = self.after_prepared(prepared.parameters, prepared.columns);
                Ok(Event::Prepared(prepared))
            }
            (Answer::Fields | Answer::Status, 0xfe) => self.end(payload),
            (Answer::Fields, _) => Column::parse_field(payload, self.capabilities).map(Event::Column),
            (_, 0x00) => {
                let ok = OkPacket::parse(payload, self.capabilities)?;
                self.after_result(ok.status);
                Ok(Event::Ok(ok))
            }
            (Answer::Text | Answer::Binary, 0xfb) => {
                let ((), name) = whole("LOCAL INFILE request", payload, (tag("first byte", 0xfb), rest))?;
                self.phase = Phase::File;
                Ok(Event::File(name))
            }
            (Answer::Text | Answer::Binary, _) => self.result_set(payload),
            (_, tag) => Err(WireError::UnknownTag { side: "server", tag }),
        }
    }

    fn result_set<'a>(&mut self, payload: &[u8]) -> Result<Event<'a>, WireError> {
        let flagged = Capabilities::OPTIONAL_RESULTSET_METADATA | Capabilities::MARIADB_CACHE_METADATA;
        let (columns, described) = whole("column count", payload, |input| {
            let (input, columns) = lenenc_int("column count").parse(input)?;
            if self.capabilities & flagged == Capabilities::NONE {
                Ok((input, (columns, true)))
            } else {
                let (input, flag) = byte("metadata follows").parse(input)?;
                Ok((input, (columns, flag != 0)))
            }
        })?;
        self.phase = if described && columns > 0 {
            Phase::Columns { left: columns }
        } else {
            self.after_columns()
        };
        Ok(Event::ResultSet { columns, described })
    }

    const fn after_columns(&self) -> Phase {
        if self.deprecates_eof() {
            Phase::Rows
        } else {
            Phase::ColumnsEnd
        }
    }

    /// The end of rows, or of what is answered with EOF.
    fn end<'a>(&mut self, payload: &'a [u8]) -> Result<Event<'a>, WireError> {
        let (event, status) = if self.deprecates_eof() {
            let ok = OkPacket::parse(payload, self.capabilities)?;
            (Event::Ok(ok), ok.status)
        } else {
            let eof = EofPacket::parse(payload)?;
            (Event::Eof(eof), eof.status)
        };
        self.after_result(status);
        Ok(event)
    }

    const fn after_result(&mut self, status: Status) {
        let more = matches!(self.answer, Answer::Text | Answer::Binary)
            && (self.more || status.has(Status::MORE_RESULTS));
        self.more = false;
        self.phase = if more { Phase::First } else { Phase::Done };
    }

    /// Whether a message that begins so and is so long (its first packet) ends rows.
    const fn is_end(&self, first: u8, length: usize) -> bool {
        first == 0xfe
            && if self.deprecates_eof() {
                length < Header::MAX
            } else {
                length < EofPacket::LONGEST
            }
    }

    const fn deprecates_eof(&self) -> bool {
        self.capabilities.has(Capabilities::DEPRECATE_EOF)
    }

    const fn reports_progress(&self) -> bool {
        self.capabilities.has(Capabilities::MARIADB_PROGRESS)
            || self.capabilities.has(Capabilities::PROGRESS_OBSOLETE)
    }

    const fn after_prepared(&self, parameters: u16, columns: u16) -> Phase {
        match parameters {
            0 => self.prepared_columns(columns),
            left if self.described => Phase::Parameters { left, columns },
            _ => self.after_parameters(columns),
        }
    }

    const fn after_parameters(&self, columns: u16) -> Phase {
        if self.deprecates_eof() {
            self.prepared_columns(columns)
        } else {
            Phase::ParametersEnd { columns }
        }
    }

    const fn prepared_columns(&self, columns: u16) -> Phase {
        match columns {
            0 => Phase::Done,
            left if self.described => Phase::PreparedColumns { left },
            _ => self.after_prepared_columns(),
        }
    }

    const fn after_prepared_columns(&self) -> Phase {
        if self.deprecates_eof() {
            Phase::Done
        } else {
            Phase::PreparedEnd
        }
    }
}
