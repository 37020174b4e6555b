//! What clients and servers in use send is read, however it is cut, and written again as it was.

use std::fmt::Write as _;

use bytes::BytesMut;

use super::{cuts, entries, exchanges, requests, requests_with, responses, responses_with};
use crate::http::{Framing, Limits, RequestPart, ResponsePart, write_chunk, write_last_chunk};

/// A line for each part.
fn told_request(parts: &[RequestPart]) -> String {
    let mut told = String::new();
    for part in parts {
        match part {
            RequestPart::Head(head, framing) => {
                let (method, target) = (head.method.as_str(), head.target.as_str());
                writeln!(told, "{method} {target} {} {framing:?}", head.headers.len()).unwrap();
            }
            RequestPart::Data(data) => writeln!(told, "data {}", data.len()).unwrap(),
            RequestPart::Trailers(trailers) => writeln!(told, "trailers {trailers:?}").unwrap(),
            RequestPart::End => told.push_str("end\n"),
        }
    }
    told
}

fn told_response(parts: &[ResponsePart]) -> String {
    let mut told = String::new();
    for part in parts {
        match part {
            ResponsePart::Interim(head) => writeln!(told, "interim {}", head.status).unwrap(),
            ResponsePart::Upgraded(head) => writeln!(told, "upgraded {}", head.status).unwrap(),
            ResponsePart::Head(head, framing) => {
                writeln!(told, "{} {} {framing:?}", head.status, head.headers.len()).unwrap();
            }
            ResponsePart::Data(data) => writeln!(told, "data {}", data.len()).unwrap(),
            ResponsePart::Trailers(trailers) => writeln!(told, "trailers {trailers:?}").unwrap(),
            ResponsePart::End => told.push_str("end\n"),
        }
    }
    told
}

#[test]
fn are_read_however_they_are_cut() {
    let mut told = String::new();
    for entry in entries(include_str!("captures.txt")) {
        let (kind, name) = entry.title.split_once(": ").unwrap();
        writeln!(told, "== {name}").unwrap();
        let stream = &entry.stream[..];
        if let Some(kinds) = kind.strip_prefix("response") {
            let kinds = exchanges(kinds);
            let whole = responses(&kinds, stream);
            assert_eq!(whole.error, None, "{name}");
            for pieces in cuts(stream) {
                assert_eq!(responses_with(Limits::default(), &kinds, pieces), whole, "{name}");
            }
            told.push_str(&told_response(&whole.parts));
            if !whole.rest.is_empty() {
                writeln!(told, "left {}", whole.rest.len()).unwrap();
            }
        } else {
            let whole = requests(stream);
            assert_eq!(whole.error, None, "{name}");
            for pieces in cuts(stream) {
                assert_eq!(requests_with(Limits::default(), pieces), whole, "{name}");
            }
            told.push_str(&told_request(&whole.parts));
        }
    }
    assert_eq!(told, include_str!("captures.expected"));
}

#[test]
fn are_written_as_they_were() {
    for entry in entries(include_str!("captures.txt")) {
        if !entry.title.starts_with("request") {
            continue;
        }
        let (mut out, mut chunked) = (BytesMut::new(), false);
        let mut ended = false;
        for part in requests(&entry.stream).parts {
            match part {
                RequestPart::Head(head, framing) => {
                    head.encode(&mut out).unwrap();
                    (chunked, ended) = (framing == Framing::Chunked, false);
                }
                RequestPart::Data(data) if chunked => write_chunk(&data, &mut out),
                RequestPart::Data(data) => out.extend_from_slice(&data),
                RequestPart::Trailers(trailers) => {
                    write_last_chunk(&trailers, &mut out).unwrap();
                    ended = true;
                }
                RequestPart::End if chunked && !ended => {
                    write_last_chunk(&crate::http::Headers::new(), &mut out).unwrap();
                }
                RequestPart::End => {}
            }
        }
        // Chunks are joined by the helper, so they may differ; what they carry may not.
        if chunked {
            assert_eq!(requests(&out), requests(&entry.stream), "{}", entry.title);
        } else {
            assert_eq!(out, entry.stream, "{}", entry.title);
        }
    }
}
