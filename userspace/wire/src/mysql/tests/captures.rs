//! Sessions as MySQL 9.7 and MariaDB 10.11 were seen to answer them, followed from the first byte to the last: by hand
//! in `captures`, of clients that are in use in `drivers`.
//!
//! A line is a note (`#`), or packets of the client's (`>`) or the server's (`<`).

use std::collections::{BTreeSet, VecDeque};

use bytes::BytesMut;

use crate::Located;
use crate::mysql::command::{Command, Execute, Parameter, ParameterValue};
use crate::mysql::opening::{Authentication, Greeting, Opening};
use crate::mysql::response::{Answer, Event, Responses, SessionChange, Status};
use crate::mysql::row::{BinaryRow, BinaryRowWriter, TextRow, TextRowWriter};
use crate::mysql::values::{Kind, Value};
use crate::mysql::{Capabilities, Reader, Sequence};

/// What the proxy would keep of a session, and what it saw.
struct Session {
    capabilities: Capabilities,
    reader: Reader,
    sequence: Sequence,
    /// Commands that are not answered, and what follows their answers. Clients of MariaDB execute what they have only
    /// just asked to be prepared.
    pending: VecDeque<(&'static str, Responses)>,
    binary: bool,
    /// The columns of the result that is read.
    kinds: Vec<Kind>,
    /// The columns and parameters of the statement that was prepared last.
    columns: Vec<Kind>,
    parameters: u16,
    types: Vec<Kind>,
    long: Vec<usize>,
    events: Vec<String>,
    note: String,
}

fn show(value: &Value<'_>, kind: Kind) -> String {
    let mut out = BytesMut::new();
    if value.write_text(kind, &mut out) {
        escape(&out)
    } else {
        "NULL".to_owned()
    }
}

fn escape(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).map_or_else(
        |_| format!("0x{}", hex(bytes)),
        |text| {
            let text: String = text.chars().take(40).collect();
            text.escape_debug().to_string()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

impl Session {
    fn client(&mut self, payload: &[u8], wire: &[u8]) {
        if let Some((_, responses)) = self.pending.front_mut()
            && responses.awaits_file()
        {
            responses.file_data(payload.len()).unwrap();
            self.events.push(format!("{} bytes of a file", payload.len()));
            return;
        }
        if wire[3] != 0 {
            self.events
                .push(format!("{} bytes of authentication", payload.len()));
            return;
        }
        let pipelined = !self.pending.is_empty();
        let command = Command::parse(payload, self.capabilities).unwrap();
        self.events.push(format!("{}:", command.name()));
        match &command {
            // The parameters can be read when the statement has been prepared.
            Command::BulkExecute(bulk) if pipelined => assert_eq!(bulk.statement, Execute::LAST),
            _ if pipelined => panic!("{} before the last answer", command.name()),
            Command::Execute(execute) => {
                let long = std::mem::take(&mut self.long);
                let found = execute
                    .parameters(self.capabilities, self.parameters, &self.types, |at| {
                        long.contains(&at)
                    })
                    .unwrap();
                self.types = found.iter().map(|parameter| parameter.kind).collect();
                self.parameters_shown(&found);
                self.kinds.clone_from(&self.columns);
            }
            Command::BulkExecute(bulk) => {
                let rows = bulk.rows(self.parameters, &self.types).unwrap();
                self.types = rows.kinds().to_vec();
                for row in rows {
                    self.parameters_shown(&row.unwrap());
                }
            }
            Command::SendLongData { parameter, .. } => self.long.push((*parameter).into()),
            Command::Query(query) => self.parameters_shown(&query.attributes),
            _ => {}
        }
        self.binary = matches!(command.answer(), Answer::Binary | Answer::Fetched);
        let responses = Responses::new(self.capabilities, command.answer());
        if !responses.is_done() {
            self.pending.push_back((command.name(), responses));
        }
    }

    fn parameters_shown(&mut self, parameters: &[Parameter<'_>]) {
        for Parameter { name, kind, value } in parameters {
            let value = match value {
                ParameterValue::Value(value) => show(value, *kind),
                other => format!("{other:?}"),
            };
            self.events
                .push(format!("  with {} {:?} {value}", escape(name), kind.column_type));
        }
    }

    fn server(&mut self, payload: &[u8]) {
        let (command, responses) = self.pending.front_mut().unwrap();
        let command = *command;
        let event = responses
            .read(payload)
            .unwrap_or_else(|error| panic!("{}: {error} in {}", self.note, hex(payload)));
        if responses.is_done() {
            self.pending.pop_front();
            // Each command is answered from 1 on.
            self.sequence = Sequence::at(1);
        }
        let mut out = BytesMut::new();
        let mut sequence = Sequence::START;
        let text = match event {
            Event::Ok(ok) => {
                ok.write(self.capabilities, &mut sequence, &mut out).unwrap();
                for change in ok.changes {
                    self.events.push(match change {
                        SessionChange::Variables(_) => change
                            .variables()
                            .map(|(name, value)| format!("  {} is now {}", escape(name), escape(value)))
                            .collect::<Vec<_>>()
                            .join(","),
                        SessionChange::Schema(name) => format!("  schema {}", escape(name)),
                        other => format!("  {other:?}"),
                    });
                }
                format!("OK {} rows {:?} {}", ok.affected_rows, ok.status, escape(ok.info))
            }
            Event::Eof(eof) | Event::ColumnsEnd(eof) => {
                eof.write(&mut sequence, &mut out).unwrap();
                format!("EOF {:?}", eof.status)
            }
            Event::Err(error) => {
                error.write(&mut sequence, &mut out).unwrap();
                format!("ERR {} {}", error.code, escape(error.message))
            }
            Event::Progress(progress) => {
                progress.write(&mut sequence, &mut out).unwrap();
                format!(
                    "progress {}/{} {}",
                    progress.stage,
                    progress.stages,
                    escape(progress.info)
                )
            }
            Event::File(name) => format!("file {}", escape(name)),
            Event::ResultSet { columns, described } => {
                if described {
                    self.kinds.clear();
                }
                format!("{columns} columns, described: {described}")
            }
            Event::Column(column) | Event::Parameter(column) => {
                column.write(&mut sequence, &mut out).unwrap();
                let sort = if matches!(event, Event::Parameter(_)) {
                    "parameter"
                } else if command == "COM_STMT_PREPARE" {
                    self.columns.push(column.kind());
                    "column"
                } else {
                    self.kinds.push(column.kind());
                    "column"
                };
                format!(
                    "{sort} {}.{}.{} as {} {:?} {:?} {:?}",
                    escape(column.schema),
                    escape(column.org_table),
                    escape(column.org_name),
                    escape(column.name),
                    column.column_type,
                    column.extended.unwrap_or_default(),
                    column.default.map(|default| default.map(escape)),
                )
            }
            Event::Row(row) => {
                let cells = if self.kinds.is_empty() {
                    vec!["of unknown columns".to_owned()]
                } else if self.binary {
                    binary_row(row, &self.kinds)
                } else {
                    text_row(row, self.kinds.len())
                };
                format!("row {}", cells.join(" | "))
            }
            Event::Prepared(prepared) => {
                prepared.write(&mut sequence, &mut out).unwrap();
                self.parameters = prepared.parameters;
                self.columns.clear();
                self.types.clear();
                format!(
                    "prepared {} parameters {} columns",
                    prepared.parameters, prepared.columns
                )
            }
            Event::Statistics(text) => format!("statistics {}", text.len()),
            Event::Authentication(step) => {
                step.write(self.capabilities, &mut sequence, &mut out).unwrap();
                format!("{step:?}")
            }
        };
        if !out.is_empty() {
            assert_eq!(hex(&out[4..]), hex(payload), "{}", self.note);
        }
        self.events.push(format!("  {text}"));
    }
}

/// Reads a row, and writes it again in two ways.
fn text_row(payload: &[u8], columns: usize) -> Vec<String> {
    let row = TextRow::parse(payload, columns).unwrap();
    assert_eq!(row.located().count(), columns);
    let (mut sequence, mut out) = (Sequence::START, BytesMut::new());
    let mut writer = TextRowWriter::new(&mut sequence, &mut out);
    for (index, Located { value, range }) in row.located().enumerate() {
        match index % 3 {
            0 => writer.cell(value).unwrap(),
            1 => writer.run(&row.encoded()[range]).unwrap(),
            _ => writer.cell_with(|out| {
                out.extend_from_slice(value.unwrap_or_default());
                value.is_some()
            }),
        }
    }
    writer.finish().unwrap();
    assert_eq!(&out[4..], payload);
    row.iter()
        .map(|value| value.map_or_else(|| "NULL".to_owned(), escape))
        .collect()
}

/// As [`text_row`]; each value is also written as text and read from it.
fn binary_row(payload: &[u8], kinds: &[Kind]) -> Vec<String> {
    let row = BinaryRow::parse(payload, kinds).unwrap();
    assert_eq!(row.located().count(), kinds.len());
    let (mut sequence, mut out) = (Sequence::START, BytesMut::new());
    let mut writer = BinaryRowWriter::new(kinds.len(), &mut sequence, &mut out);
    for (index, (value, range)) in row.located().enumerate() {
        if value == Value::Null || index % 2 == 0 {
            let mut text = BytesMut::new();
            let value = if value.write_text(kinds[index], &mut text) {
                Value::from_text(kinds[index], &text).unwrap()
            } else {
                Value::Null
            };
            writer.cell(kinds[index], &value).unwrap();
        } else {
            writer.run(&row.encoded()[range]).unwrap();
        }
    }
    writer.finish().unwrap();
    assert_eq!(hex(&out[4..]), hex(payload));
    row.iter()
        .zip(kinds)
        .map(|(value, kind)| show(&value, *kind))
        .collect()
}

/// Follows a whole session. `chunk`: how many bytes arrive at once.
fn follow(capture: &str, chunk: usize) -> Vec<String> {
    let mut lines = capture.lines().filter(|line| !line.starts_with('#'));
    let mut next = |side: &str| unhex(lines.next().unwrap().strip_prefix(side).unwrap().trim());
    let (greeting, login) = (next("<"), next(">"));
    let greeting = Greeting::parse(&greeting[4..]).unwrap();
    let Opening::Login(login) = Opening::parse(&login[4..]).unwrap() else {
        panic!("no login");
    };
    let mut session = Session {
        capabilities: login.capabilities & greeting.capabilities,
        reader: Reader::new(1 << 24),
        sequence: Sequence::START,
        pending: VecDeque::new(),
        binary: false,
        kinds: Vec::new(),
        columns: Vec::new(),
        parameters: 0,
        types: Vec::new(),
        long: Vec::new(),
        events: vec![format!(
            "{:?} {:?}",
            greeting.flavour(),
            login
                .attributes
                .and_then(|attributes| attributes.get(b"program_name"))
                .map(escape)
        )],
        note: String::new(),
    };
    let mut authenticated = false;
    for line in capture.lines().skip_while(|line| !line.starts_with('>')).skip(1) {
        let (side, rest) = line.split_at(1);
        if side == "#" {
            session.note = rest.to_owned();
            continue;
        }
        let bytes = unhex(rest.trim());
        if !authenticated {
            if side == "<" {
                let step = Authentication::parse(&bytes[4..], session.capabilities).unwrap();
                authenticated = matches!(step, Authentication::Ok(_));
            }
            continue;
        }
        if side == ">" && bytes[3] == 0 {
            session.sequence = Sequence::START;
        }
        session.reader.expect(session.sequence);
        let mut buffer = BytesMut::new();
        for piece in bytes.chunks(chunk) {
            buffer.extend_from_slice(piece);
            while let Some(message) = session.reader.message(&mut buffer).unwrap() {
                session.sequence = session.reader.sequence();
                if side == ">" {
                    session.client(&message.payload, &bytes);
                } else {
                    session.server(&message.payload);
                }
            }
        }
        assert!(buffer.is_empty());
    }
    assert!(session.pending.is_empty());
    session.events
}

macro_rules! captures {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let capture = include_str!(concat!("captures/", stringify!($name), ".txt"));
            let expected = include_str!(concat!("captures/", stringify!($name), ".expected"));
            let events = follow(capture, usize::MAX);
            if std::env::var_os("SHOW_CAPTURES").is_some() {
                println!("{}", events.join("\n"));
            }
            for (found, expected) in events.iter().zip(expected.lines()) {
                assert_eq!(found, expected);
            }
            assert_eq!(events.len(), expected.lines().count());
            for chunk in [1, 2, 3, 5, 11] {
                assert!(follow(capture, chunk) == events);
            }
        }
    )*};
}

captures! {
    mariadb_cached_eof
    mariadb_full
    mariadb_plain
    mysql_full
    mysql_optional
    mysql_optional_eof
    mysql_plain
}

/// Ten sessions of clients that are in use, each with both servers.
#[test]
fn drivers() {
    let mut seen = BTreeSet::new();
    for capture in [
        include_str!("drivers/connector_to_mariadb.txt"),
        include_str!("drivers/connector_to_mysql.txt"),
        include_str!("drivers/mariadb_cli_to_mariadb.txt"),
        include_str!("drivers/mariadb_cli_to_mysql.txt"),
        include_str!("drivers/mariadb_connector_to_mariadb.txt"),
        include_str!("drivers/mariadb_connector_to_mysql.txt"),
        include_str!("drivers/mysql_cli_to_mariadb.txt"),
        include_str!("drivers/mysql_cli_to_mysql.txt"),
        include_str!("drivers/pymysql_to_mariadb.txt"),
        include_str!("drivers/pymysql_to_mysql.txt"),
    ] {
        let events = follow(capture, usize::MAX);
        assert!(follow(capture, 1) == events);
        assert!(
            events.iter().any(|event| event.starts_with("  row 1 | x | 20")),
            "{}",
            events.join("\n")
        );
        seen.extend(events.into_iter().filter(|event| event.starts_with("COM_")));
    }
    for command in [
        "COM_QUERY:",
        "COM_STMT_EXECUTE:",
        "COM_STMT_CLOSE:",
        "COM_CHANGE_USER:",
        "COM_QUIT:",
    ] {
        assert!(seen.contains(command), "{command}");
    }
}

#[test]
fn statuses_are_shown_by_name() {
    assert_eq!(
        format!("{:?}", Status(0x4002)),
        "{AUTOCOMMIT, SESSION_STATE_CHANGED}"
    );
}
