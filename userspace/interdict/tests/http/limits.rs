//! Services that are gone, clients that stand still, bodies that do not end.

use std::io::Write as _;
use std::time::Duration;

use crate::nginx::patient;
use crate::origin::Origin;
use crate::stage::{Service, Stage, eventually};
use crate::support::{audit_rows, free_port, text};
use crate::wire::{Answer, Wire};

/// What a body of this test has at least, in bytes. A daemon that was not built for use masks slowly.
fn length() -> u64 {
    match std::env::var_os("INTERDICT_BIN") {
        Some(_) => 1 << 30,
        None => 1 << 27,
    }
}

/// What more of memory the daemon may have afterwards.
const MORE: u64 = 64 << 20;

#[test]
fn a_service_that_is_gone_is_a_bad_gateway() {
    let mut stage = Stage::start(vec![
        Service::new("masked", free_port()),
        Service::new("s3", free_port()).line("profile: aws-s3"),
    ]);
    let mut wire = Wire::connect(stage.port("masked"));
    for _ in 0..2 {
        let answer = wire.get("/patients");
        assert_eq!(answer.head.status, 502, "{}", text(&answer.body));
        assert_eq!(
            answer.header("Content-Type").as_deref(),
            Some("application/problem+json")
        );
        assert!(
            text(&answer.body).contains("\"status\":502"),
            "{}",
            text(&answer.body)
        );
    }
    let answer = Wire::connect(stage.port("s3")).get("/bucket/key");
    assert_eq!(answer.head.status, 502, "{}", text(&answer.body));
    assert!(text(&answer.body).contains("<Code>"), "{}", text(&answer.body));
    let rows = stage.statements();
    assert!(
        rows.len() == 3 && rows.iter().all(|row| row["status"] == "error"),
        "{rows:#?}"
    );
}

fn is_ok(answer: &Answer, number: usize) {
    assert_eq!(
        (answer.head.status, &answer.body[..]),
        (200, &b"ok"[..]),
        "{number}"
    );
}

#[test]
fn a_service_that_comes_back_is_reached_again() {
    // It closes its connection after each answer without a word.
    let origin = Origin::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        false
    });
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    for number in 0..20 {
        is_ok(&wire.get("/x"), number);
    }
    assert_eq!(origin.take().len(), 20, "none of them twice");
}

/// A service that resets its connection after each answer, so many milliseconds later: what it answered arrives before.
fn breaking(answer: &'static [u8], milliseconds: u64) -> Origin {
    Origin::start(move |_, stream| {
        let _ = stream.write_all(answer);
        std::thread::sleep(Duration::from_millis(milliseconds));
        socket2::SockRef::from(&*stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        false
    })
}

#[test]
fn a_service_that_resets_its_connection_is_reached_again() {
    let origin = breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 5);
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    for number in 0..10 {
        is_ok(&wire.get("/x"), number);
        if number % 2 == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(origin.take().len(), 10, "none of them twice");
}

/// An answer without a length ends with its connection: one that is broken is not whole.
#[test]
fn an_answer_that_is_reset_is_not_whole() {
    let origin = breaking(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nsome words\n",
        50,
    );
    let mut stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = wire.answer().map(|answer| answer.head.status);
    assert!(matches!(answer, Err(_) | Ok(502)), "{answer:?}");
    let rows = stage.statements();
    assert!(rows.iter().all(|row| row["status"] == "error"), "{rows:#?}");
}

#[test]
fn a_service_that_breaks_off_is_seen_to() {
    let origin = Origin::start(|_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9000000\r\n\r\n");
        let _ = stream.write_all(&b"some words\n".repeat(10_000));
        false
    });
    let mut stage = Stage::start(vec![
        Service::new("masked", origin.port),
        Service::new("bare", origin.port),
    ]);
    for service in ["masked", "bare"] {
        let mut wire = Wire::connect(stage.port(service));
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let why = wire.answer().map(|answer| answer.head.status);
        assert!(matches!(why, Err(_) | Ok(502)), "{service}: {why:?}");
    }
    let rows = stage.statements();
    assert!(rows.iter().all(|row| row["status"] == "error"), "{rows:#?}");
}

#[test]
fn clients_that_stand_still_hold_up_nobody() {
    let origin = endless(false);
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let port = stage.port("masked");
    let before = stage.memory();
    // Some begin a request and leave it at that, some ask for all of it and read nothing.
    let mut stuck: Vec<Wire> = (0..60).map(|_| Wire::connect(port)).collect();
    for (number, wire) in stuck.iter_mut().enumerate() {
        wire.send(if number % 2 == 0 {
            b"GET /x HTTP/1.1\r\nHost: a\r\nX-Slow: "
        } else {
            b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
        });
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(Wire::connect(port).get("/short").head.status, 204);
    let more = stage.memory().saturating_sub(before);
    // What is held for each, what every thread makes when it first searches a body, and frames on their way to the record: queued, and in
    // the segment that is being built.
    assert!(more < MORE + (72 << 20), "{} MiB for 60 clients", more >> 20);
    drop(stuck);
    let audit = stage.daemon.audit.clone();
    eventually("all sessions to end", || {
        audit_rows(&audit, "sessions").len() == 61
    });
}

/// Answers with [`length`] bytes: zeros, or people in JSON in chunks.
fn endless(json: bool) -> Origin {
    let list: Vec<String> = (1..=400).map(patient).collect();
    let piece = list.join(",\n");
    let length = length();
    Origin::start(move |request, stream| {
        if request.target() == "/short" {
            return stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_ok();
        }
        if json {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n";
            let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
            let (first, more) = (chunk(&piece), chunk(&format!(",{piece}")));
            let count = length / more.len() as u64 + 1;
            return stream.write_all(format!("{head}{first}").as_bytes()).is_ok()
                && (0..count).all(|_| stream.write_all(more.as_bytes()).is_ok())
                && stream.write_all(b"1\r\n]\r\n0\r\n\r\n").is_ok();
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
        );
        let zeros = vec![0; 1 << 16];
        stream.write_all(head.as_bytes()).is_ok()
            && (0..length >> 16).all(|_| stream.write_all(&zeros).is_ok())
    })
}

#[test]
fn memory_is_flat_however_long_a_body_is() {
    for (json, service) in [(false, "bare"), (false, "masked"), (true, "masked")] {
        let origin = endless(json);
        let mut stage = Stage::start(vec![
            Service::new("masked", origin.port),
            Service::new("bare", origin.port),
        ]);
        assert_eq!(Wire::connect(stage.port(service)).get("/short").head.status, 204);
        let before = stage.memory();
        let mut wire = Wire::connect(stage.port(service));
        wire.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (mut most, mut count, mut tail) = (0, 0_u64, Vec::new());
        let total = wire.drain(|piece| {
            // A value may lie across two pieces.
            tail.extend_from_slice(piece);
            assert!(!json || !text(&tail).contains("123-45-6789"), "a value arrived");
            let keep = tail.len().saturating_sub(10);
            tail.drain(..keep);
            count += 1;
            if count % 200 == 0 {
                most = most.max(stage.memory());
            }
        });
        most = most.max(stage.memory());
        assert!(total > length() / 2, "{total}");
        assert!(!json || tail.ends_with(b"0\r\n\r\n"), "{}", text(&tail));
        let more = most.saturating_sub(before);
        assert!(
            more < MORE,
            "{service}, JSON {json}: {} MiB more than {}",
            more >> 20,
            before >> 20
        );
        let rows = stage.statements();
        assert!(rows.iter().all(|row| row["status"] == "ok"), "{rows:#?}");
    }
}
