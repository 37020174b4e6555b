//! PostgreSQL's engine: rows that pass, and whole statements.

use anyhow::{Result, bail, ensure};
use bytes::{BufMut as _, BytesMut};
use interdict_session::catalogue::{Catalogue, Reader};
use interdict_session::postgres::{Engine, Opening, open};
use interdict_session::{Engine as AnyEngine, Shared};

use crate::session::{NOTHING, ROW, Session};

const TABLE: u32 = 20_000;

/// Names and types of the row's columns.
const COLUMNS: [(&str, u32); 6] = [
    ("id", 23),
    ("name", 25),
    ("ssn", 25),
    ("email", 25),
    ("notes", 25),
    ("visited", 1184),
];

/// Rows in one piece of the server's bytes: some 64 KiB.
const PIECE: usize = 400;

/// One statement whose result has so many rows.
pub(crate) fn rows(policy: &str, count: usize) -> Result<()> {
    let mut session = begin(policy)?;
    ask(&mut session)?;
    session.server(&columns())?;
    let row = row();
    session.server(&row)?;
    session.check(policy != NOTHING)?;
    let piece = row.repeat(PIECE);
    for _ in 0..count.div_ceil(PIECE) {
        session.server(&piece)?;
    }
    ensure!(!session.out.to_client.is_empty(), "the rows were swallowed");
    Ok(())
}

/// So many statements, with one row each.
pub(crate) fn statements(policy: &str, count: usize) -> Result<()> {
    let mut session = begin(policy)?;
    let answer = [columns(), row(), message(b'C', b"SELECT 1\0")?, ready()?].concat();
    for _ in 0..count {
        ask(&mut session)?;
        session.server(&answer)?;
    }
    session.check(policy != NOTHING)
}

fn begin(policy: &str) -> Result<Session> {
    let mut first = BytesMut::new();
    let body = b"\0\x03\0\0user\0u\0database\0d\0\0";
    first.put_u32(body.len() as u32 + 4);
    first.put_slice(body);
    let Opening::Startup(startup) = open(&mut first) else {
        bail!("the start-up is not understood");
    };
    let mut session = Session::begin(policy, catalogue, |shared, context, out| {
        let engine = Engine::new(shared, context, startup, 0, out);
        Ok(AnyEngine::Postgres(Box::new(engine)))
    })?;
    session.server(&[message(b'R', &[0; 4])?, ready()?].concat())?;
    Ok(session)
}

fn catalogue(shared: &Shared) -> Result<Option<Catalogue>> {
    let oid = TABLE.to_string();
    let mut reader = Reader::default();
    reader.row(
        ["r", &oid, "public", "patients", "r"]
            .map(|cell| Some(cell.as_bytes()))
            .into_iter(),
    )?;
    for (number, (name, of)) in (1..).zip(COLUMNS) {
        let (number, of): (i32, u32) = (number, of);
        let cells = ["a", &oid, &number.to_string(), name, &of.to_string()].map(str::to_owned);
        reader.row(cells.iter().map(|cell| Some(cell.as_bytes())))?;
    }
    let mark = [
        Some(b"m".as_slice()),
        Some(b"1"),
        Some(b"read committed"),
        None,
        None,
    ];
    reader.row(mark.into_iter())?;
    Ok(Some(reader.finish(&shared.analyzer)))
}

/// The client asks. Where something is masked, the engine has the server describe the statement first.
fn ask(session: &mut Session) -> Result<()> {
    let question = message(
        b'Q',
        b"SELECT id, name, ssn, email, notes, visited FROM patients WHERE id = 4711\0",
    )?;
    session.client(&question)?;
    if session.out.to_server != question {
        let described = [
            message(b'3', &[])?,
            message(b'1', &[])?,
            message(b't', &[0, 0])?,
            columns(),
            message(b'3', &[])?,
            ready()?,
        ];
        session.server(&described.concat())?;
        session.client(&[])?;
    }
    ensure!(
        session.out.to_server == question,
        "the server was asked something else: {}",
        String::from_utf8_lossy(&session.out.to_server)
    );
    Ok(())
}

fn message(tag: u8, body: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![tag];
    out.put_u32(u32::try_from(body.len() + 4)?);
    out.put_slice(body);
    Ok(out)
}

fn ready() -> Result<Vec<u8>> {
    message(b'Z', b"I")
}

fn columns() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u16(COLUMNS.len() as u16);
    for (number, (name, of)) in (1..).zip(COLUMNS) {
        body.put_slice(name.as_bytes());
        body.put_u8(0);
        body.put_u32(TABLE);
        body.put_i16(number);
        body.put_u32(of);
        body.put_i16(-1);
        body.put_i32(-1);
        body.put_u16(0);
    }
    message(b'T', &body).unwrap_or_default()
}

fn row() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u16(ROW.len() as u16);
    for cell in ROW {
        body.put_u32(cell.len() as u32);
        body.put_slice(cell.as_bytes());
    }
    message(b'D', &body).unwrap_or_default()
}
