//! What the test says as a client and as a server, and how it reads what the client gets.

use bytes::{BufMut as _, BytesMut};
use interdict_session::mysql::{self, Greeted, Opening, greeting, open};
use interdict_session::{Engine, Output};

use crate::support::Session;

/// Types, with their character set.
pub(crate) const TEXT: (u8, u16) = (253, 45);
pub(crate) const INT: (u8, u16) = (3, 63);
pub(crate) const BLOB: (u8, u16) = (252, 63);

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
/// More results follow.
pub(crate) const MORE: u16 = 8;

/// A session whose client may ask: logged in, its settings known.
pub(crate) fn session(policy: &str) -> Session {
    begin(policy, 0)
}

/// The same with the client's packets in compressed frames.
pub(crate) fn compressed(policy: &str) -> Session {
    begin(policy, 1 << 5)
}

fn begin(policy: &str, also: u32) -> Session {
    let capabilities =
        1 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19 | 1 << 24 | also;
    let Greeted::Server(server) = greeting(&mut BytesMut::from(&hello(capabilities)[..])) else {
        panic!("no greeting")
    };
    let mut first = BytesMut::from(&login(capabilities)[..]);
    let Opening::Login(startup) = open(&mut first, &server, false) else {
        panic!("no login")
    };
    let engine = |shared, context, out: &mut Output| {
        let engine = mysql::Engine::new(shared, context, &server, &startup, false, out);
        Engine::Mysql(Box::new(engine))
    };
    let mut session = Session::new(policy, engine, seen);
    session.server(&packet(2, OK));
    if also == 0 {
        session.client(&query("do 1"));
    } else {
        // A frame that is not deflated: its length, its number, nothing before.
        let inner = query("do 1");
        let frame = [&[inner.len() as u8, 0, 0, 0, 0, 0, 0], &inner[..]].concat();
        session.client(&frame);
    }
    let settings = ["STRICT_TRANS_TABLES", "utf8mb4", "0", ""];
    let described = [TEXT; 4];
    session.server(&answer(&[
        &columns(&described),
        &[row(&settings.map(Some))],
        &[end()],
    ]));
    session.client(&[]);
    session.server(&packet(1, OK));
    assert!(!session.to_client.is_empty());
    session.forget();
    session
}

fn hello(capabilities: u32) -> Vec<u8> {
    let mut body = vec![10];
    body.put_slice(b"10.11.6-MariaDB\0\x01\0\0\0saltsalt\0");
    body.put_u16_le(capabilities as u16);
    body.put_slice(&[45, 2, 0]);
    body.put_u16_le((capabilities >> 16) as u16);
    body.put_u8(21);
    body.put_slice(&[0; 10]);
    body.put_slice(b"saltsaltsalt\0mysql_native_password\0");
    packet(0, &body)
}

fn login(capabilities: u32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u32_le(capabilities);
    body.put_u32_le(1 << 24);
    body.put_u8(45);
    body.put_slice(&[0; 23]);
    body.put_slice(b"u\0\0mysql_native_password\0");
    packet(1, &body)
}

pub(crate) fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_uint_le(payload.len() as u64, 3);
    out.put_u8(sequence);
    out.put_slice(payload);
    out
}

/// The messages of an answer, one packet each.
pub(crate) fn answer(parts: &[&[Vec<u8>]]) -> Vec<u8> {
    let numbered = parts.concat().into_iter().zip(1_usize..);
    numbered
        .flat_map(|(payload, number)| packet(number as u8, &payload))
        .collect()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    packet(0, &[b"\x03", sql.as_bytes()].concat())
}

/// A result's number of columns, and each of them.
pub(crate) fn columns(types: &[(u8, u16)]) -> Vec<Vec<u8>> {
    let mut out = vec![vec![types.len() as u8]];
    for (index, (of, charset)) in types.iter().enumerate() {
        let mut body = Vec::new();
        for text in ["def", "", "", "", &format!("c{index}"), ""] {
            put_text(&mut body, Some(text.as_bytes()));
        }
        body.put_u8(12);
        body.put_u16_le(*charset);
        body.put_u32_le(1024);
        body.put_slice(&[*of, 0, 0, 0, 0, 0]);
        out.push(body);
    }
    out
}

pub(crate) fn row(cells: &[Option<&str>]) -> Vec<u8> {
    let mut body = Vec::new();
    for cell in cells {
        put_text(&mut body, cell.map(str::as_bytes));
    }
    body
}

/// A binary row of one INT and one text.
pub(crate) fn binary(number: i32, text: Option<&str>) -> Vec<u8> {
    let mut body = vec![0, if text.is_none() { 0b1000 } else { 0 }];
    body.put_i32_le(number);
    if text.is_some() {
        put_text(&mut body, text.map(str::as_bytes));
    }
    body
}

fn put_text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => out.put_u8(0xfb),
        Some(text) => {
            if text.len() < 0xfb {
                out.put_u8(text.len() as u8);
            } else {
                out.put_u8(0xfc);
                out.put_u16_le(text.len() as u16);
            }
            out.put_slice(text);
        }
    }
}

/// What ends rows.
pub(crate) fn end() -> Vec<u8> {
    end_with(0)
}

pub(crate) fn end_with(status: u16) -> Vec<u8> {
    let mut body = vec![0xfe, 0, 0];
    body.put_u16_le(2 | status);
    body.put_u16_le(0);
    body
}

pub(crate) fn error() -> Vec<u8> {
    let mut body = vec![0xff];
    body.put_u16_le(1317);
    body.put_slice(b"#70100no");
    body
}

/// `T` for what describes a result; `D` and its cells for a row, `C` for an end, `E` for an error, `P` for a prepared
/// statement. Fails if packets are misnumbered.
pub(crate) fn seen(bytes: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut rest = bytes;
    let mut due = 1_u8;
    let mut described = 0;
    while let [a, b, c, number, ..] = *rest {
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        let payload = &rest[4..4 + length];
        rest = &rest[4 + length..];
        // Each exchange begins at one.
        assert!(number == due || number == 1, "packet {number} instead of {due}");
        if number == 1 && due != 1 {
            described = 0;
        }
        due = number.wrapping_add(1);
        let what = match (payload[0], described) {
            (_, left @ 2..) => {
                described = left - 1;
                continue;
            }
            (0xff, _) => format!("E {}", String::from_utf8_lossy(&payload[4..])),
            (0xfe, _) if length < 9 => {
                described = 0;
                "C".to_owned()
            }
            (0, 0) if length == 7 => "C".to_owned(),
            (count, 0) => {
                described = usize::from(count) + 1;
                "T".to_owned()
            }
            (0, 1) => format!("B {}", String::from_utf8_lossy(&payload[1..])),
            _ => format!("D {}", cells(payload).join("|")),
        };
        seen.push(what);
    }
    assert!(rest.is_empty());
    seen
}

fn cells(mut row: &[u8]) -> Vec<String> {
    let mut cells = Vec::new();
    while let [length, ..] = *row {
        let (from, length) = match length {
            0xfb => {
                cells.push("NULL".to_owned());
                row = &row[1..];
                continue;
            }
            0xfc => (3, usize::from(u16::from_le_bytes([row[1], row[2]]))),
            length => (1, usize::from(length)),
        };
        cells.push(String::from_utf8_lossy(&row[from..from + length]).into_owned());
        row = &row[from + length..];
    }
    cells
}
