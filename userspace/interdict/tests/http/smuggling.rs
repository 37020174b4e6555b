//! Streams that two programs may read in two ways, sent to the daemon as they are: nothing of what is ambiguous goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::BytesMut;
use interdict_wire::http::{Limits, RequestPart, RequestReader};

use crate::origin::Origin;
use crate::stage::{Service, Stage, eventually};
use crate::support::{audit_rows, text};
use crate::wire::Wire;

/// What the parser's own tests are held to: `== what: name => error`, then the bytes.
const CORPUS: &str = include_str!("../../../wire/src/http/tests/smuggling.txt");

struct Entry {
    /// `request`, or `response` and to what.
    kind: &'static str,
    name: &'static str,
    error: &'static str,
    stream: Vec<u8>,
}

/// Line ends mean nothing, `\r \n \t \\ \xHH` do.
fn entries() -> Vec<Entry> {
    let entry = |text: &'static str| {
        let (title, body) = text.split_once('\n').unwrap_or((text, ""));
        let (kind, rest) = title.split_once(": ").unwrap();
        let (name, error) = rest.split_once(" => ").unwrap();
        Entry {
            kind,
            name,
            error,
            stream: unescaped(body),
        }
    };
    CORPUS.split("\n== ").skip(1).map(entry).collect()
}

fn unescaped(body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body.bytes().filter(|byte| *byte != b'\n');
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'x' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(&text(&digits), 16).unwrap()
            }
            other => other,
        });
    }
    bytes
}

/// The requests that come to their end before the fault; what follows an upgrade waits for its answer.
fn sound_requests(stream: &[u8]) -> usize {
    let (mut reader, mut input) = (RequestReader::new(Limits::default()), BytesMut::from(stream));
    let mut count = 0;
    loop {
        match reader.next(&mut input) {
            Ok(Some(RequestPart::End)) => {
                count += 1;
                reader.resume();
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return count,
        }
    }
}

#[test]
fn requests_with_two_readings_are_refused() {
    let origin = Origin::fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let (mut wrong, mut refused) = (Vec::new(), 0);
    let all = entries();
    let requests: Vec<&Entry> = all.iter().filter(|entry| entry.kind == "request").collect();
    assert!(requests.len() >= 100, "{}", requests.len());
    for entry in requests {
        let mut wire = Wire::connect(stage.port("masked"));
        wire.send(&entry.stream);
        wire.close_half();
        let mut answers = Vec::new();
        while let Ok(answer) = wire.answer() {
            answers.push(answer);
        }
        let sound = sound_requests(&entry.stream);
        let arrived = origin.take();
        let bytes = origin.take_bytes();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.head.status).collect();
        // Where the stream just stops, there may be nobody to be told; and two of them are not HTTP/1 at all.
        let silent = matches!(entry.error, "Truncated" | "Tls" | "Http2Preface");
        let told = answers.last().is_some_and(|answer| {
            matches!(answer.head.status, 400..=499)
                && answer.header("Content-Type").as_deref() == Some("application/problem+json")
                && answer.header("Connection").as_deref() == Some("close")
        });
        if !silent || told {
            refused += 1;
        }
        let lone = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        if arrived.len() != sound || !(silent || told) || lone(b"<<unreadable") || statuses.len() > sound + 1
        {
            wrong.push(format!(
                "{} ({}): {} of {sound} requests arrived, answers {statuses:?}, bytes {:?}",
                entry.name,
                entry.error,
                arrived.len(),
                text(&bytes)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rows = stage.statements();
    let unreadable: Vec<_> = rows
        .iter()
        .filter(|row| row["status"] == "refused" && row["decision"] == "deny")
        .collect();
    assert_eq!(unreadable.len(), refused, "a record of each");
}

#[test]
fn answers_with_two_readings_are_not_shown() {
    let all = entries();
    for entry in all.iter().filter(|entry| entry.kind.starts_with("response")) {
        let head_only = entry.kind.contains("head");
        if entry.kind.contains("connect") || entry.kind.split_whitespace().count() != 2 {
            continue;
        }
        let service = answering(&entry.stream);
        let mut stage = Stage::start(vec![Service::new("masked", service)]);
        let mut wire = Wire::connect(stage.port("masked"));
        let method = if head_only { "HEAD" } else { "GET" };
        wire.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
        let mut shown = Vec::new();
        wire.drain(|piece| shown.extend_from_slice(piece));
        let shown = text(&shown);
        // What came before the fault may have gone on.
        let shown = shown.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
        // Bytes beyond an answer that was sound are an answer to nobody: they are dropped with their connection.
        let sound = entry.error == "UnexpectedResponse" && shown.starts_with("HTTP/1.1 200");
        // What went wrong after its beginning is broken off without its end.
        let broken =
            shown.is_empty() || shown.contains("Transfer-Encoding: chunked") && !shown.ends_with("0\r\n\r\n");
        assert!(
            shown.starts_with("HTTP/1.1 502 ") || sound || broken,
            "{} ({}): {shown:?}",
            entry.name,
            entry.error
        );
        assert_eq!(
            shown.matches("HTTP/1.1 ").count().max(1),
            1,
            "{}: {shown:?}",
            entry.name
        );
        let rows = stage.statements();
        assert_eq!(rows.len(), 1, "{}: {rows:#?}", entry.name);
        assert!(sound || rows[0]["status"] != "ok", "{}: {rows:#?}", entry.name);
    }
}

/// A service that answers anything with these bytes, then ends.
fn answering(bytes: &[u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bytes = bytes.to_vec();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut vec![0; 65536]);
            let _ = stream.write_all(&bytes);
        }
    });
    port
}

/// A second answer that the service sends ahead must not be taken for the one to the next request.
#[test]
fn answers_sent_ahead_reach_nobody() {
    let seen = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&seen);
    let origin = Origin::start(move |request, stream| {
        *counted.lock().unwrap() += 1;
        let body = request.target();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let ahead = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
        stream.write_all(format!("{answer}{ahead}").as_bytes()).is_ok()
    });
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    for path in ["/one", "/two", "/three"] {
        assert_eq!(text(&wire.get(path).body), path);
        thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(*seen.lock().unwrap(), 3);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start(|request, stream| {
        let body = request.target();
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
            .is_ok()
    });
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    let all: String = (0..40)
        .map(|number| match number % 4 {
            0 => format!("DELETE /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
            _ => format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
        })
        .collect();
    wire.send(all.as_bytes());
    // What it sent before it closed its half is answered all the same.
    wire.close_half();
    for number in 0..40 {
        let answer = wire.answer().unwrap();
        if number % 4 == 0 {
            assert_eq!(answer.head.status, 403);
        } else {
            assert_eq!(text(&answer.body), format!("/{number}"));
        }
    }
    let arrived = origin.take();
    assert_eq!(arrived.len(), 30);
    assert!(
        arrived
            .iter()
            .all(|request| request.head.method.as_str() != "DELETE")
    );
    drop(wire);
    let audit = stage.daemon.audit.clone();
    eventually("a session", || audit_rows(&audit, "sessions").len() == 1);
}
