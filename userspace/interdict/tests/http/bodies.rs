//! Planted values in every kind of body, cut at every place: they never arrive, and what arrives is always the same.

use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::BytesMut;
use interdict_masking::body::coding::{Coding, Decoder};

use crate::origin::{Origin, Request};
use crate::stage::{Service, Stage, assert_clean};
use crate::support::text;
use crate::wire::{Answer, Wire};

/// A body, and what of it arrives.
struct Planted {
    name: &'static str,
    media_type: &'static str,
    body: &'static str,
    shown: &'static str,
}

const PLANTED: &[Planted] = &[
    Planted {
        name: "json",
        media_type: "application/json",
        body: r#"{"patients": [{"id": 1, "ssn": "123-45-6789", "note": "SSN 219-09-9999 seen", "mail": "ada@example.org", "balance": 12.50}]}"#,
        shown: r#"{"patients": [{"id": 1, "ssn": "*****6789", "note": "SSN [redacted] seen", "mail": "[redacted]", "balance": 12.50}]}"#,
    },
    Planted {
        name: "json-escaped",
        media_type: "application/json; charset=utf-8",
        body: r#"{"\u0073sn":"\u0031\u0032\u0033-45-6789","note":"gr\u00fcn SSN \u0032\u0031\u0039-09-9999","n":-1.0e+05}"#,
        shown: r#"{"\u0073sn":"*****6789","note":"gr\u00fcn SSN [redacted]","n":-1.0e+05}"#,
    },
    Planted {
        name: "json-as-text",
        media_type: "text/plain",
        body: r#"{"ssn": "123-45-6789", "mail": "ada@example.org"}"#,
        shown: r#"{"ssn": "*****6789", "mail": "[redacted]"}"#,
    },
    Planted {
        name: "ndjson",
        media_type: "application/x-ndjson",
        body: "{\"ssn\": \"123-45-6789\"}\n{\"note\": \"SSN 219-09-9999\"}\r\n{\"mail\": \"ada@example.org\"}",
        shown: "{\"ssn\": \"*****6789\"}\n{\"note\": \"SSN [redacted]\"}\r\n{\"mail\": \"[redacted]\"}",
    },
    Planted {
        name: "sse",
        media_type: "text/event-stream",
        body: "event: patient\ndata: {\"ssn\": \"123-45-6789\"}\n\n: note\ndata: SSN 219-09-9999\nid: 2\n\n",
        shown: "event: patient\ndata: {\"ssn\": \"*****6789\"}\n\n: note\ndata: SSN [redacted]\nid: 2\n\n",
    },
    Planted {
        name: "csv",
        media_type: "text/csv",
        body: "id,ssn,note\r\n1,123-45-6789,\"SSN 219-09-9999, seen\"\r\n2,\"123-45-6789\",\"mail \"\"ada@example.org\"\"\"\r\n",
        shown: "id,ssn,note\r\n1,*****6789,\"SSN [redacted], seen\"\r\n2,*****6789,\"mail \"\"[redacted]\"\"\"\r\n",
    },
    Planted {
        name: "form",
        media_type: "application/x-www-form-urlencoded",
        body: "id=1&ssn=123-45-6789&mail=ada%40example.org",
        shown: "id=1&ssn=*****6789&mail=%5Bredacted%5D",
    },
    Planted {
        name: "xml",
        media_type: "application/xml",
        body: "<patient id=\"1\"><note>SSN 219-09-9999 seen</note><mail>ada@example.org</mail></patient>",
        shown: "<patient id=\"1\"><note>SSN [redacted] seen</note><mail>[redacted]</mail></patient>",
    },
    Planted {
        name: "text",
        media_type: "text/plain",
        body: "SSN 219-09-9999 seen.\nWrite to ada@example.org.\n",
        shown: "SSN [redacted] seen.\nWrite to [redacted].\n",
    },
    Planted {
        name: "unlabelled",
        media_type: "application/octet-stream",
        body: r#"[{"ssn": "123-45-6789"}]"#,
        shown: r#"[{"ssn": "*****6789"}]"#,
    },
];

fn planted(name: &str) -> &'static Planted {
    PLANTED.iter().find(|planted| planted.name == name).unwrap()
}

fn compressed(program: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(body).ok()?;
    Some(child.wait_with_output().ok()?.stdout)
}

fn decoded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(&Coding::parse_list(coding.as_bytes()).unwrap());
    let mut clear = BytesMut::new();
    let mut take = |piece: &[u8]| {
        clear.extend_from_slice(piece);
        Ok(())
    };
    decoder.push(body, &mut take).unwrap();
    decoder.finish().unwrap();
    clear.to_vec()
}

/// Answers `/NAME` with that body in chunks: `?cut=N` in two, `?each=N` in pieces of that size; `?length` as a whole,
/// `?close` until the end of the connection. `/CODING/NAME` is coded.
fn origin() -> Origin {
    let mut coded = Vec::new();
    for (program, coding) in [("gzip", "gzip"), ("brotli", "br"), ("zstd", "zstd")] {
        for planted in PLANTED {
            let body = compressed(program, planted.body.as_bytes());
            coded.extend(body.map(|body| (format!("/{coding}/{}", planted.name), coding, body)));
        }
    }
    Origin::start(move |request, stream| {
        let target = request.target();
        let path = target.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let planted = planted(name);
        let found = coded.iter().find(|(coded, ..)| coded == path);
        let body = found.map_or(planted.body.as_bytes(), |(.., body)| &body[..]);
        let coding = found.map_or(String::new(), |(_, coding, _)| {
            format!("Content-Encoding: {coding}\r\n")
        });
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{coding}",
            planted.media_type
        );
        stream.write_all(&answer(&head, body, request)).is_ok() && !target.ends_with("?close")
    })
}

fn answer(head: &str, body: &[u8], request: &Request) -> Vec<u8> {
    let target = request.target();
    if target.ends_with("?length") {
        return [
            format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
            body,
        ]
        .concat();
    }
    if target.ends_with("?close") {
        return [format!("{head}Connection: close\r\n\r\n").as_bytes(), body].concat();
    }
    let pieces: Vec<&[u8]> = match (request.number("cut"), request.number("each")) {
        (Some(at), _) => [&body[..at], &body[at..]].to_vec(),
        (_, Some(size)) => body.chunks(size).collect(),
        _ => vec![body],
    };
    let mut out = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

fn assert_shown(path: &str, planted: &Planted, answer: &Answer) {
    assert_eq!(answer.head.status, 200, "{path}: {}", text(&answer.body));
    let body = match answer.header("Content-Encoding") {
        Some(coding) => decoded(&coding, &answer.body),
        None => answer.body.clone(),
    };
    assert_eq!(text(&body), planted.shown, "{path}");
    assert_clean(path, &body);
}

#[test]
fn in_chunks_cut_at_every_place() {
    let origin = origin();
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    for planted in PLANTED {
        let cuts = (0..=planted.body.len()).map(|at| format!("cut={at}"));
        let pieces = (1..=7).map(|size| format!("each={size}"));
        for how in cuts.chain(pieces) {
            let path = format!("/{}?{how}", planted.name);
            assert_shown(&path, planted, &wire.get(&path));
        }
    }
}

#[test]
fn coded_and_cut_at_every_place() {
    let origin = origin();
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    for (program, coding) in [("gzip", "gzip"), ("brotli", "br"), ("zstd", "zstd")] {
        let Some(body) = compressed(program, planted("json").body.as_bytes()) else {
            crate::support::skipped(&format!("{program} is missing"));
            continue;
        };
        for at in 0..=body.len() {
            let path = format!("/{coding}/json?cut={at}");
            let answer = wire.get(&path);
            assert_eq!(answer.header("Content-Encoding").as_deref(), Some(coding));
            assert_shown(&path, planted("json"), &answer);
        }
        for planted in PLANTED {
            let path = format!("/{coding}/{}?each=1", planted.name);
            assert_shown(&path, planted, &wire.get(&path));
        }
    }
}

#[test]
fn with_a_length_and_until_the_end() {
    let origin = origin();
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    for planted in PLANTED {
        for (how, told) in [("length", true), ("close", false)] {
            let path = format!("/{}?{how}", planted.name);
            let answer = wire.get(&path);
            assert_shown(&path, planted, &answer);
            // Event streams flow: their length is not waited for.
            let told = told && planted.name != "sse" && planted.name != "ndjson";
            let length = answer.header("Content-Length");
            assert!(
                !told || length == Some(planted.shown.len().to_string()),
                "{path}: {length:?}"
            );
        }
    }
}

/// What a service sends of an event stream arrives before its end.
#[test]
fn events_flow() {
    let (next, go) = std::sync::mpsc::channel::<()>();
    let go = std::sync::Mutex::new(go);
    let origin = Origin::start(move |_, stream| {
        let event = "data: {\"ssn\": \"123-45-6789\"}\n\n";
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        for _ in 0..3 {
            let _ = stream.write_all(chunk.as_bytes());
            // The next one comes when this one was seen.
            if go
                .lock()
                .unwrap()
                .recv_timeout(std::time::Duration::from_secs(20))
                .is_err()
            {
                return false;
            }
        }
        stream.write_all(b"0\r\n\r\n").is_ok()
    });
    let stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let mut wire = Wire::connect(stage.port("masked"));
    wire.send(b"GET /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut seen = Vec::new();
    let mut count = 0;
    wire.drain(|piece| {
        seen.extend_from_slice(piece);
        let now = text(&seen).matches("*****6789").count();
        for _ in count..now {
            let _ = next.send(());
        }
        count = now;
    });
    assert_eq!(count, 3, "{}", text(&seen));
    assert!(text(&seen).ends_with("0\r\n\r\n"), "{}", text(&seen));
    assert_clean("events", &seen);
}

/// What is not well formed, or can't be searched, is not shown at all.
#[test]
fn what_can_not_be_read_does_not_arrive() {
    let answers: &[(&str, &[u8])] = &[
        ("Content-Type: application/json", b"{\"ssn\": \"123-45-6789\""),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip",
            b"{\"ssn\": \"123-45-6789\"}",
        ),
        (
            "Content-Type: application/json\r\nContent-Encoding: unheard",
            b"{\"ssn\": \"123-45-6789\"}",
        ),
        (
            "Content-Type: application/json; charset=utf-16",
            b"{\"ssn\": \"123-45-6789\"}",
        ),
        ("Content-Type: image/png", b"\x00\x01\x02 SSN 219-09-9999"),
        (
            "Content-Type: application/json\r\nContent-Type: image/png",
            b"{\"ssn\": \"123-45-6789\"}",
        ),
    ];
    let origin = Origin::start(move |request, stream| {
        let number: usize = request.target().trim_start_matches('/').parse().unwrap();
        let (head, body) = answers[number];
        let head = format!(
            "HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).is_ok()
    });
    let mut stage = Stage::start(vec![Service::new("masked", origin.port)]);
    for (number, (head, _)) in answers.iter().enumerate() {
        let answer = Wire::connect(stage.port("masked")).get(&format!("/{number}"));
        assert_eq!(answer.head.status, 403, "{head}: {}", text(&answer.body));
        assert_eq!(
            answer.header("Content-Type").as_deref(),
            Some("application/problem+json")
        );
        assert_clean(head, &answer.body);
    }
    let rows = stage.statements();
    assert_eq!(rows.len(), answers.len());
    assert!(rows.iter().all(|row| row["status"] == "refused"), "{rows:#?}");
}
