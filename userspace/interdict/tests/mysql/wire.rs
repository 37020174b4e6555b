//! A bare client, written against the protocol's description and not with the daemon's own codec: it sends what no driver sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Commands by their numbers.
pub(crate) mod command {
    pub(crate) const QUIT: u8 = 0x01;
    pub(crate) const INIT_DB: u8 = 0x02;
    pub(crate) const QUERY: u8 = 0x03;
    pub(crate) const FIELD_LIST: u8 = 0x04;
    pub(crate) const STATISTICS: u8 = 0x09;
    pub(crate) const PROCESS_INFO: u8 = 0x0a;
    pub(crate) const PROCESS_KILL: u8 = 0x0c;
    pub(crate) const PING: u8 = 0x0e;
    pub(crate) const CHANGE_USER: u8 = 0x11;
    pub(crate) const BINLOG_DUMP: u8 = 0x12;
    pub(crate) const PREPARE: u8 = 0x16;
    pub(crate) const EXECUTE: u8 = 0x17;
    pub(crate) const SEND_LONG_DATA: u8 = 0x18;
    pub(crate) const CLOSE: u8 = 0x19;
    pub(crate) const RESET: u8 = 0x1a;
    pub(crate) const SET_OPTION: u8 = 0x1b;
    pub(crate) const FETCH: u8 = 0x1c;
    pub(crate) const RESET_CONNECTION: u8 = 0x1f;
}

// LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS,
// PLUGIN_AUTH. Not DEPRECATE_EOF: the drivers ask for that.
const CAPABILITIES: u32 = 1 | 8 | 0x200 | 0x2000 | 0x8000 | 0x1_0000 | 0x2_0000 | 0x4_0000 | 0x8_0000;
const LOCAL_FILES: u32 = 0x80;
/// `SERVER_MORE_RESULTS_EXISTS`.
const MORE: u16 = 8;

/// One answer of the server, or of the daemon in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok {
        affected: u64,
    },
    Err {
        code: u16,
        state: String,
        message: String,
    },
    /// Names of columns, and rows; binary ones as they came.
    Rows {
        columns: Vec<String>,
        rows: Vec<Row>,
    },
}

/// A row of a result: text values, NULL as such.
pub(crate) type Row = Vec<Option<String>>;

impl Answer {
    /// The rows, of one column or several, as the command-line client shows them.
    pub(crate) fn shown(&self) -> String {
        let Self::Rows { rows, .. } = self else {
            panic!("no result: {self:?}")
        };
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|value| value.as_deref().unwrap_or("NULL"))
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect();
        lines.join("\n")
    }

    /// Number and text of an error.
    pub(crate) fn error(&self) -> (u16, &str) {
        match self {
            Self::Err { code, message, .. } => (*code, message),
            other => panic!("no error: {other:?}"),
        }
    }
}

/// A session as the user `open`, in the database `clinic`.
pub(crate) struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub(crate) fn connect(port: u16) -> Self {
        Self::connect_with(port, 0)
    }

    /// With the wish to send files.
    pub(crate) fn connect_for_files(port: u16) -> Self {
        Self::connect_with(port, LOCAL_FILES)
    }

    fn connect_with(port: u16, more: u32) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Self { stream };
        let (_, greeting) = wire.packet();
        assert_eq!(greeting[0], 10, "{greeting:x?}");
        let mut login = (CAPABILITIES | more).to_le_bytes().to_vec();
        login.extend_from_slice(&(1_u32 << 24).to_le_bytes());
        // utf8mb4_general_ci
        login.push(45);
        login.extend_from_slice(&[0; 23]);
        login.extend_from_slice(b"open\0\0clinic\0mysql_native_password\0");
        wire.write(1, &login);
        assert_eq!(wire.answer(), Answer::Ok { affected: 0 });
        wire
    }

    fn write(&mut self, sequence: u8, payload: &[u8]) {
        self.stream.write_all(&framed(sequence, payload)).unwrap();
    }

    /// Sends a command.
    pub(crate) fn send(&mut self, command: u8, body: &[u8]) {
        self.write(0, &[&[command], body].concat());
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a packet that answers one.
    pub(crate) fn reply(&mut self, sequence: u8, payload: &[u8]) {
        self.write(sequence, payload);
    }

    /// Number and payload of the next packet.
    pub(crate) fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).unwrap();
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).unwrap();
        (header[3], payload)
    }

    /// Whether the other side closed.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 1]), Ok(0) | Err(_))
    }

    /// The command's one answer.
    pub(crate) fn ask(&mut self, command: u8, body: &[u8]) -> Answer {
        self.send(command, body);
        self.answer()
    }

    /// A text that has one result.
    pub(crate) fn query(&mut self, text: &str) -> Answer {
        self.ask(command::QUERY, text.as_bytes())
    }

    /// A text, and all of its results.
    pub(crate) fn queries(&mut self, text: &str) -> Vec<Answer> {
        self.send(command::QUERY, text.as_bytes());
        let mut answers = Vec::new();
        loop {
            let (answer, more) = self.result(false);
            answers.push(answer);
            if !more {
                return answers;
            }
        }
    }

    /// The next answer, which must be the last of its command.
    pub(crate) fn answer(&mut self) -> Answer {
        let (answer, more) = self.result(false);
        assert!(!more, "more results than one after {answer:?}");
        answer
    }

    /// The answer to `EXECUTE`, whose columns must all be texts; with a cursor there are no rows yet.
    pub(crate) fn executed(&mut self) -> Answer {
        self.result(true).0
    }

    /// Prepares a statement: its number, parameters and columns; or the error.
    pub(crate) fn prepare(&mut self, text: &str) -> Result<(u32, u16, u16), Answer> {
        self.send(command::PREPARE, text.as_bytes());
        let (_, payload) = self.packet();
        if payload[0] == 0xff {
            return Err(error(&payload));
        }
        let number = u32::from_le_bytes([payload[1], payload[2], payload[3], payload[4]]);
        let columns = u16::from_le_bytes([payload[5], payload[6]]);
        let parameters = u16::from_le_bytes([payload[7], payload[8]]);
        for count in [parameters, columns] {
            for _ in 0..count {
                self.packet();
            }
            if count > 0 {
                assert_eq!(self.packet().1[0], 0xfe);
            }
        }
        Ok((number, parameters, columns))
    }

    /// Executes with text parameters. `cursor`: rows are fetched later.
    pub(crate) fn execute(&mut self, statement: u32, parameters: &[Option<&str>], cursor: bool) -> Answer {
        self.send(command::EXECUTE, &execution(statement, parameters, cursor));
        self.executed()
    }

    /// Rows of a cursor; whether there are more.
    pub(crate) fn fetch(&mut self, statement: u32, count: u32, columns: usize) -> (Vec<Row>, bool) {
        let body = [statement.to_le_bytes(), count.to_le_bytes()].concat();
        self.send(command::FETCH, &body);
        let mut rows = Vec::new();
        loop {
            let (_, payload) = self.packet();
            if is_eof(&payload) {
                // SERVER_STATUS_LAST_ROW_SENT
                return (rows, payload[3] & 0x80 == 0);
            }
            rows.push(binary(&payload, columns));
        }
    }

    fn result(&mut self, prepared: bool) -> (Answer, bool) {
        let (_, payload) = self.packet();
        match payload[0] {
            0x00 => {
                let mut rest = &payload[1..];
                let affected = number(&mut rest).unwrap();
                number(&mut rest);
                let status = u16::from_le_bytes([rest[0], rest[1]]);
                (Answer::Ok { affected }, status & MORE != 0)
            }
            0xff => (error(&payload), false),
            0xfb => panic!("the server asks for a file"),
            _ => {
                let count = usize::try_from(number(&mut payload.as_slice()).unwrap()).unwrap();
                let columns: Vec<String> = (0..count).map(|_| label(&self.packet().1)).collect();
                let status = eof(&self.packet().1);
                let mut rows = Vec::new();
                // SERVER_STATUS_CURSOR_EXISTS
                if prepared && status & 0x40 != 0 {
                    return (Answer::Rows { columns, rows }, false);
                }
                loop {
                    let (_, payload) = self.packet();
                    if payload[0] == 0xff {
                        return (error(&payload), false);
                    }
                    if is_eof(&payload) {
                        return (Answer::Rows { columns, rows }, eof(&payload) & MORE != 0);
                    }
                    rows.push(if prepared {
                        binary(&payload, count)
                    } else {
                        texts(&payload)
                    });
                }
            }
        }
    }
}

/// A packet with its header.
pub(crate) fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], sequence];
    packet.extend_from_slice(payload);
    packet
}

/// The body of `EXECUTE` with text parameters.
pub(crate) fn execution(statement: u32, parameters: &[Option<&str>], cursor: bool) -> Vec<u8> {
    let mut body = statement.to_le_bytes().to_vec();
    body.push(u8::from(cursor));
    body.extend_from_slice(&1_u32.to_le_bytes());
    if parameters.is_empty() {
        return body;
    }
    let mut nulls = vec![0_u8; parameters.len().div_ceil(8)];
    for (at, _) in parameters.iter().enumerate().filter(|(_, value)| value.is_none()) {
        nulls[at / 8] |= 1 << (at % 8);
    }
    body.extend_from_slice(&nulls);
    body.push(1);
    // VAR_STRING each
    body.extend([0xfd, 0].repeat(parameters.len()));
    for value in parameters.iter().flatten() {
        body.push(u8::try_from(value.len()).unwrap());
        body.extend_from_slice(value.as_bytes());
    }
    body
}

fn error(payload: &[u8]) -> Answer {
    Answer::Err {
        code: u16::from_le_bytes([payload[1], payload[2]]),
        state: String::from_utf8_lossy(&payload[4..9]).into_owned(),
        message: String::from_utf8_lossy(&payload[9..]).into_owned(),
    }
}

fn is_eof(payload: &[u8]) -> bool {
    payload[0] == 0xfe && payload.len() < 9
}

fn eof(payload: &[u8]) -> u16 {
    assert!(is_eof(payload), "{payload:x?}");
    u16::from_le_bytes([payload[3], payload[4]])
}

/// A length-encoded integer; `None` for NULL.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let first = bytes[0];
    let width = match first {
        0xfb => 0,
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => {
            *bytes = &bytes[1..];
            return Some(first.into());
        }
    };
    let mut wide = [0; 8];
    wide[..width].copy_from_slice(&bytes[1..=width]);
    *bytes = &bytes[1 + width..];
    (width > 0).then(|| u64::from_le_bytes(wide))
}

fn value(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(number(bytes)?).unwrap();
    let (value, rest) = bytes.split_at(length);
    *bytes = rest;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn texts(payload: &[u8]) -> Row {
    let mut rest = payload;
    let mut row = Vec::new();
    while !rest.is_empty() {
        row.push(value(&mut rest));
    }
    row
}

fn binary(payload: &[u8], columns: usize) -> Row {
    assert_eq!(payload[0], 0);
    let (nulls, mut rest) = payload[1..].split_at((columns + 9) / 8);
    let row = (2..columns + 2)
        .map(|bit| {
            if nulls[bit / 8] & (1 << (bit % 8)) == 0 {
                value(&mut rest)
            } else {
                None
            }
        })
        .collect();
    assert!(rest.is_empty(), "a column that is no text");
    row
}

/// The name of a column in its definition: after catalogue, database, table and the table's own name.
fn label(definition: &[u8]) -> String {
    let mut rest = definition;
    for _ in 0..4 {
        value(&mut rest);
    }
    value(&mut rest).unwrap()
}
