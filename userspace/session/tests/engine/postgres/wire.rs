//! What the test says as a client and as a server, and how it reads what the client gets.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use interdict_session::catalogue::{Key, Reader};
use interdict_session::postgres::{self, Opening, open};
use interdict_session::{Engine, Output, Shared};

use crate::support::Session;

pub(crate) const TEXT: u32 = 25;
pub(crate) const INT: u32 = 23;
pub(crate) const JSON: u32 = 114;

/// A session whose client may ask.
pub(crate) fn session(policy: &str) -> Session {
    session_after(policy, |_| {})
}

/// The same, after something was done with what sessions share.
pub(crate) fn session_after(policy: &str, prepare: impl FnOnce(&Shared)) -> Session {
    let mut first = BytesMut::new();
    let body = b"\0\x03\0\0user\0u\0database\0d\0\0";
    first.put_u32(body.len() as u32 + 4);
    first.put_slice(body);
    let Opening::Startup(startup) = open(&mut first) else {
        panic!("no start-up")
    };
    let engine = |shared: Arc<Shared>, context, out: &mut Output| {
        prepare(&shared);
        Engine::Postgres(Box::new(postgres::Engine::new(shared, context, startup, 0, out)))
    };
    let mut session = Session::new(policy, engine, seen);
    session.server(&[message(b'R', &[0, 0, 0, 0]), ready()].concat());
    session.forget();
    session
}

pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.put_u32(body.len() as u32 + 4);
    out.put_slice(body);
    out
}

pub(crate) fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

pub(crate) fn columns(types: &[u32]) -> Vec<u8> {
    let names: Vec<_> = (0..types.len()).map(|index| format!("c{index}")).collect();
    let fields = names.iter().zip(types);
    let fields: Vec<_> = fields.map(|(name, of)| (name.as_str(), (0, 0), *of)).collect();
    described(&fields)
}

/// Names, the columns of tables that they are, types.
pub(crate) fn described(fields: &[(&str, (u32, i16), u32)]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u16(fields.len() as u16);
    for (name, (table, number), of) in fields {
        body.put_slice(name.as_bytes());
        body.put_u8(0);
        body.put_u32(*table);
        body.put_i16(*number);
        body.put_u32(*of);
        body.put_i16(-1);
        body.put_i32(-1);
        body.put_u16(0);
    }
    message(b'T', &body)
}

pub(crate) fn row(cells: &[Option<&str>]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u16(cells.len() as u16);
    for cell in cells {
        match cell {
            Some(cell) => {
                body.put_u32(cell.len() as u32);
                body.put_slice(cell.as_bytes());
            }
            None => body.put_i32(-1),
        }
    }
    message(b'D', &body)
}

pub(crate) fn done(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

pub(crate) fn error(code: &str) -> Vec<u8> {
    message(b'E', format!("SERROR\0VERROR\0C{code}\0Mno\0\0").as_bytes())
}

/// Tags, with the text of rows and errors.
fn seen(mut bytes: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    while let [tag, a, b, c, d, ..] = *bytes {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (message, rest) = bytes.split_at(length + 1);
        bytes = rest;
        let body = &message[5..];
        seen.push(match tag {
            b'D' => {
                let mut cells = Vec::new();
                let mut rest = &body[2..];
                while let [a, b, c, d, ..] = *rest {
                    let length = i32::from_be_bytes([a, b, c, d]);
                    rest = &rest[4..];
                    if let Ok(length) = usize::try_from(length) {
                        cells.push(String::from_utf8(rest[..length].to_vec()).unwrap());
                        rest = &rest[length..];
                    } else {
                        cells.push("NULL".to_owned());
                    }
                }
                format!("D {}", cells.join("|"))
            }
            b'd' => format!("d {}", String::from_utf8_lossy(body).trim_end()),
            b'E' => {
                let field = |of: u8| {
                    let found = body
                        .split(|byte| *byte == 0)
                        .find(|field| field.first() == Some(&of));
                    found
                        .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
                        .unwrap_or_default()
                };
                format!("E {} {}", field(b'C'), field(b'M'))
            }
            tag => char::from(tag).to_string(),
        });
    }
    assert!(bytes.is_empty());
    seen
}

/// A table's number, its name, and names and types of its columns.
pub(crate) type Table<'a> = (u32, &'a str, &'a [(&'a str, u32)]);

/// The server's catalogue has these, in the schema `public`.
pub(crate) fn publish_tables(shared: &Shared, tables: &[Table<'_>]) {
    let mut reader = Reader::default();
    let mut add = |cells: [&str; 5]| {
        let cells = cells.iter().map(|cell| Some(cell.as_bytes()));
        reader.row(cells).unwrap();
    };
    for (oid, name, columns) in tables {
        let oid = oid.to_string();
        add(["r", &oid, "public", name, "r"]);
        for (number, (column, of)) in (1..).zip(*columns) {
            let number: i32 = number;
            add(["a", &oid, &number.to_string(), column, &of.to_string()]);
        }
    }
    let mark = [Some(&b"m"[..]), Some(b"1"), Some(b"read committed"), None, None];
    reader.row(mark.into_iter()).unwrap();
    let key = Key {
        service: "clinic".to_owned(),
        upstream: "server:5432".to_owned(),
        database: "d".to_owned(),
        reader: String::new(),
    };
    let catalogue = reader.finish(&shared.analyzer);
    shared.catalogues.publish(&key, 0, Arc::new(catalogue), 0);
}
