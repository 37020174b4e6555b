//! MySQL's packets to a client. What the client asked is not in them, so the shape of an answer tells what it is: text rows
//! use up their packet exactly, and what does not is a binary row.

use bytes::BytesMut;
use interdict_wire::mysql::response::{Column, ErrPacket};
use interdict_wire::mysql::row::{BinaryRow, TextRow};
use interdict_wire::mysql::values::Kind;
use interdict_wire::mysql::{Capabilities, Packets, packets};

use super::{Shown, Table, cell};

/// First bytes of packets.
const OK: u8 = 0x00;
const EOF: u8 = 0xfe;
const ERR: u8 = 0xff;
/// An EOF packet is no longer than this; an OK packet in its place can be.
const EOF_LENGTH: usize = 9;

#[derive(Debug, Default)]
enum State {
    /// An answer begins. Before the first, the server greets.
    #[default]
    Start,
    /// So many columns are still to be told.
    Columns(u64),
    /// After the columns: an EOF packet, or the first row.
    Described,
    Rows,
}

#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    /// The parts of a message of 16 MiB or more.
    message: Vec<u8>,
    greeted: bool,
    state: State,
    labels: Vec<String>,
    kinds: Vec<Kind>,
    table: Option<Table>,
    shown: Vec<Shown>,
}

impl Decoder {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut all: Packets<'_> = packets(&buffer);
        for (header, payload) in all.by_ref() {
            self.message.extend_from_slice(payload);
            if !header.continues() {
                let message = std::mem::take(&mut self.message);
                self.message(&message, header.sequence);
            }
        }
        self.buffer = all.rest().to_vec();
    }

    fn message(&mut self, payload: &[u8], sequence: u8) {
        let first = payload.first().copied().unwrap_or(EOF);
        match self.state {
            State::Start if !self.greeted => {
                self.greeted = true;
                if first == ERR {
                    self.error(payload);
                } else {
                    let version = payload.get(1..).unwrap_or_default();
                    let version = version.split(|byte| *byte == 0).next().unwrap_or_default();
                    self.shown.push(Shown::Note(format!("server {}", cell(version))));
                }
            }
            State::Start => self.start(payload, first, sequence),
            State::Columns(left) => {
                match column(payload) {
                    Some(column) => {
                        self.labels.push(cell(column.name));
                        self.kinds.push(column.kind());
                    }
                    None => self.labels.push(format!("column {}", self.labels.len() + 1)),
                }
                self.state = if left <= 1 {
                    State::Described
                } else {
                    State::Columns(left - 1)
                };
            }
            State::Described | State::Rows => {
                let first_of_rows = matches!(self.state, State::Described);
                self.state = State::Rows;
                if first == ERR {
                    self.end_table();
                    self.error(payload);
                } else if first == EOF && payload.len() <= EOF_LENGTH && first_of_rows && payload.len() == 5 {
                    // The end of the columns, for clients that want one.
                } else if first == EOF && payload.len() < 0xff_ffff && self.row(payload).is_none() {
                    self.end_table();
                } else if let Some(row) = self.row(payload) {
                    self.table.get_or_insert_default().push(row);
                } else {
                    self.shown.push(Shown::Bytes(payload.len() as u64));
                }
            }
        }
    }

    fn start(&mut self, payload: &[u8], first: u8, sequence: u8) {
        match first {
            ERR => self.error(payload),
            // What a prepared statement's parameters and columns are; the end of them.
            3 if payload.starts_with(b"\x03def") => {}
            // Steps of a login, and files that the server asks for: what the client was told is none of a statement's answer.
            EOF | 0x01 if payload.len() > 1 && sequence > 1 => {}
            0xfb => self
                .shown
                .push(Shown::Note("the server asks for a local file".to_owned())),
            OK => {
                let affected = lenenc(payload.get(1..).unwrap_or_default());
                self.shown.push(Shown::Done(match affected {
                    Some(affected) => format!("OK, {affected} rows affected"),
                    None => "OK".to_owned(),
                }));
            }
            _ => match lenenc(payload) {
                Some(count) if count > 0 => {
                    (self.labels, self.kinds) = (Vec::new(), Vec::new());
                    self.state = State::Columns(count);
                }
                _ => self.shown.push(Shown::Bytes(payload.len() as u64)),
            },
        }
    }

    fn row(&self, payload: &[u8]) -> Option<Vec<Option<String>>> {
        if let Ok(row) = TextRow::parse(payload, self.labels.len()) {
            return Some(row.iter().map(|value| value.map(cell)).collect());
        }
        let row = BinaryRow::parse(payload, &self.kinds).ok()?;
        let cells = row.iter().zip(&self.kinds).map(|(value, kind)| {
            let mut text = BytesMut::new();
            value.write_text(*kind, &mut text).then(|| cell(&text))
        });
        Some(cells.collect())
    }

    fn error(&mut self, payload: &[u8]) {
        self.state = State::Start;
        self.shown.push(match ErrPacket::parse(payload) {
            Ok(error) => {
                let state = error.state.map(|state| cell(&state)).unwrap_or_default();
                Shown::Error(format!("ERROR {} ({state}): {}", error.code, cell(error.message)))
            }
            Err(_) => Shown::Bytes(payload.len() as u64),
        });
    }

    fn end_table(&mut self) {
        if matches!(self.state, State::Rows) {
            let mut table = self.table.take().unwrap_or_default();
            table.columns = std::mem::take(&mut self.labels);
            self.shown.push(Shown::Table(table));
        }
        self.state = State::Start;
    }

    pub(super) fn missing(&mut self, missing: Shown) {
        self.end_table();
        self.buffer.clear();
        self.message.clear();
        self.shown.push(missing);
    }

    pub(super) fn shown(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.shown)
    }
}

/// A column's definition, with and without what MariaDB adds.
fn column(payload: &[u8]) -> Option<Column<'_>> {
    Column::parse(payload, Capabilities::default())
        .or_else(|_| Column::parse(payload, Capabilities::MARIADB_EXTENDED_METADATA))
        .ok()
}

/// A length-encoded number at the front.
fn lenenc(bytes: &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let size = match first {
        0..=0xfa => return Some(u64::from(*first)),
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => return None,
    };
    let bytes = rest.get(..size)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}
