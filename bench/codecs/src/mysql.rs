//! MySQL's engine: rows of a text result.

use std::fmt::Write as _;

use anyhow::{Result, bail, ensure};
use bytes::{BufMut as _, BytesMut};
use interdict_session::Engine as AnyEngine;
use interdict_session::catalogue::mysql::COLUMNS;
use interdict_session::mysql::{Engine, Greeted, Opening, greeting, open};

use crate::session::{DATABASE, NOTHING, ROW, Session};

/// PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH and what goes with them in every client.
const CAPABILITIES: u32 = 1 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19 | 1 << 24;

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
/// What ends columns and rows where both sides know of OK in its place.
const END: &[u8] = &[0xfe, 0, 0, 2, 0, 0, 0];
/// A statement that does nothing.
const DO: &[u8] = b"\x03do 1";
/// More than the engine ever asks before the first statement.
const QUESTIONS: usize = 8;
/// VARCHAR in utf8mb4.
const TEXT: (u8, u16) = (253, 45);
const TABLE: &str = "patients";
/// Names of the row's columns.
const NAMES: [&str; 6] = ["id", "name", "ssn", "email", "notes", "visited"];

/// Rows in one piece of the server's bytes: as many as there are numbers for packets, twice, so that every piece is the same.
const PIECE: usize = 512;

/// One statement whose result has so many rows.
pub(crate) fn rows(policy: &str, count: usize) -> Result<()> {
    let mut session = begin(policy)?;
    let question = packet(
        0,
        b"\x03SELECT id, name, ssn, email, notes, visited FROM patients",
    );
    session.client(&question)?;
    ensure!(
        session.out.to_server == question,
        "the server was asked something else"
    );
    let mut number = 1;
    session.server(&numbered(&mut number, &columns(TABLE, &NAMES)))?;
    session.server(&numbered(&mut number, &[row(&ROW)]))?;
    session.check(policy != NOTHING)?;
    let piece = numbered(&mut number, &vec![row(&ROW); PIECE]);
    for _ in 0..count.div_ceil(PIECE) {
        session.server(&piece)?;
    }
    ensure!(!session.out.to_client.is_empty(), "the rows were swallowed");
    Ok(())
}

/// A session whose client may ask: logged in, its settings known.
fn begin(policy: &str) -> Result<Session> {
    let Greeted::Server(server) = greeting(&mut BytesMut::from(&hello()[..])) else {
        bail!("the greeting is not understood");
    };
    let Opening::Login(startup) = open(&mut BytesMut::from(&login()[..]), &server, false) else {
        bail!("the login is not understood");
    };
    let mut session = Session::begin(
        policy,
        |_| Ok(None),
        |shared, context, out| {
            let engine = Engine::new(shared, context, &server, &startup, false, out);
            Ok(AnyEngine::Mysql(Box::new(engine)))
        },
    )?;
    session.server(&packet(2, OK))?;
    session.client(&packet(0, DO))?;
    // Where there is a policy, the engine asks first: what its statements are read by, and what the schema is.
    for _ in 0..QUESTIONS {
        let asked = session.out.to_server.split_off(0);
        if asked == packet(0, DO) {
            break;
        }
        let asked = String::from_utf8_lossy(&asked);
        let answer = if asked.contains("interdict: session") {
            let settings = ["STRICT_TRANS_TABLES", "utf8mb4", "0", ""];
            [columns("", &["c"; 4]), vec![row(&settings), END.to_vec()]].concat()
        } else {
            ensure!(
                asked.contains("interdict: catalogue"),
                "unknown question: {asked}"
            );
            [
                columns("", &["c"; COLUMNS]),
                catalogue(&asked),
                vec![END.to_vec()],
            ]
            .concat()
        };
        session.server(&numbered(&mut 1, &answer))?;
        if session.out.to_server.is_empty() {
            session.client(&[])?;
        }
    }
    session.server(&packet(1, OK))?;
    ensure!(!session.out.to_client.is_empty(), "the session did not begin");
    Ok(session)
}

fn hello() -> Vec<u8> {
    let mut body = vec![10];
    body.put_slice(b"10.11.6-MariaDB\0\x01\0\0\0saltsalt\0");
    body.put_u16_le(CAPABILITIES as u16);
    body.put_slice(&[45, 2, 0]);
    body.put_u16_le((CAPABILITIES >> 16) as u16);
    body.put_u8(21);
    body.put_slice(&[0; 10]);
    body.put_slice(b"saltsaltsalt\0mysql_native_password\0");
    packet(0, &body)
}

fn login() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u32_le(CAPABILITIES);
    body.put_u32_le(1 << 24);
    body.put_u8(45);
    body.put_slice(&[0; 23]);
    body.put_slice(b"u\0\0mysql_native_password\0");
    packet(1, &body)
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 4);
    out.put_uint_le(payload.len() as u64, 3);
    out.put_u8(number);
    out.put_slice(payload);
    out
}

/// One packet each, from `number` on.
fn numbered(number: &mut u8, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for payload in payloads {
        out.extend_from_slice(&packet(*number, payload));
        *number = number.wrapping_add(1);
    }
    out
}

/// What a question about the catalogue is answered: one table.
fn catalogue(asked: &str) -> Vec<Vec<u8>> {
    let (database, table) = (hex(DATABASE), hex(TABLE));
    if asked.contains("information_schema.TABLES") {
        return vec![row(&["r", &database, &table, &hex("BASE TABLE"), ""])];
    }
    if !asked.contains("information_schema.COLUMNS") {
        return Vec::new();
    }
    (1..)
        .zip(NAMES)
        .map(|(number, name): (u8, _)| row(&["a", &database, &table, &number.to_string(), &hex(name)]))
        .collect()
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        // A string grows: it takes whatever is written.
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// Columns of a table; without its name, of none.
fn columns(table: &str, names: &[&str]) -> Vec<Vec<u8>> {
    let schema = if table.is_empty() { "" } else { DATABASE };
    let mut out = vec![vec![names.len() as u8]];
    for name in names {
        let mut body = Vec::new();
        for text in ["def", schema, table, table, name, name] {
            put_text(&mut body, text);
        }
        body.put_u8(12);
        body.put_u16_le(TEXT.1);
        body.put_u32_le(1024);
        body.put_slice(&[TEXT.0, 0, 0, 0, 0, 0]);
        out.push(body);
    }
    out
}

fn row(cells: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for cell in cells {
        put_text(&mut body, cell);
    }
    body
}

/// Of fewer than 251 bytes.
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}
