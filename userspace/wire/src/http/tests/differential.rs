//! Where httparse accepts a head as well, it reads the same.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::{Exchange, entries, exchanges, requests, responses};
use crate::http::{RequestPart, ResponsePart, Version};

fn fields(headers: &crate::http::Headers) -> Vec<(&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (str::from_utf8(name).unwrap(), &value[..]))
        .collect()
}

fn theirs<'a>(headers: &'a [httparse::Header<'_>]) -> Vec<(&'a str, &'a [u8])> {
    headers
        .iter()
        .map(|header| (header.name, header.value.trim_ascii()))
        .collect()
}

const fn minor(version: Version) -> u8 {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
    }
}

/// Whether both accept the first head; then they agree.
fn agree_on_request(stream: &[u8]) -> bool {
    let mut slots = [httparse::EMPTY_HEADER; 200];
    let mut other = httparse::Request::new(&mut slots);
    let status = other.parse(stream);
    let Some(RequestPart::Head(head, _)) = requests(stream).parts.into_iter().next() else {
        return false;
    };
    let Ok(httparse::Status::Complete(_)) = status else {
        return false;
    };
    assert_eq!(other.method, Some(head.method.as_str()));
    assert_eq!(other.path, Some(head.target.as_str()));
    assert_eq!(other.version, Some(minor(head.version)));
    assert_eq!(theirs(other.headers), fields(&head.headers));
    true
}

fn agree_on_response(exchange: Exchange, stream: &[u8]) -> bool {
    let mut slots = [httparse::EMPTY_HEADER; 200];
    let mut other = httparse::Response::new(&mut slots);
    let status = other.parse(stream);
    let (Some(ResponsePart::Head(head, _) | ResponsePart::Interim(head)), Ok(httparse::Status::Complete(_))) =
        (responses(&[exchange], stream).parts.into_iter().next(), status)
    else {
        return false;
    };
    assert_eq!(other.code, Some(head.status));
    // It gives a reason beyond ASCII up as empty.
    if head.reason.is_ascii() {
        assert_eq!(other.reason.map(str::as_bytes), Some(&head.reason[..]));
    }
    assert_eq!(other.version, Some(minor(head.version)));
    assert_eq!(theirs(other.headers), fields(&head.headers));
    true
}

#[test]
fn captures_are_read_alike() {
    for entry in entries(include_str!("captures.txt")) {
        let (kind, name) = entry.title.split_once(": ").unwrap();
        let alike = match kind.strip_prefix("response") {
            None => agree_on_request(&entry.stream),
            Some(kinds) => {
                let first = exchanges(kinds)[0];
                matches!(first, Exchange::Upgrade | Exchange::Connect)
                    || agree_on_response(first, &entry.stream)
            }
        };
        assert!(alike, "{name}");
    }
}

#[test]
fn damaged_captures_are_read_alike() {
    let captures = entries(include_str!("captures.txt"));
    let (tried, agreed) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config::with_cases(2000));
    runner
        .run(
            &(any::<Index>(), any::<Index>(), any::<u8>(), any::<bool>()),
            |(entry, at, byte, insert)| {
                let entry = entry.get(&captures);
                let mut stream = entry.stream.clone();
                // Mostly the head.
                let at = at.index(stream.len().min(150));
                if insert {
                    stream.insert(at, byte);
                } else {
                    stream[at] = byte;
                }
                let alike = if entry.title.starts_with("request") {
                    agree_on_request(&stream)
                } else {
                    agree_on_response(Exchange::Other, &stream)
                };
                tried.set(tried.get() + 1);
                agreed.set(agreed.get() + u32::from(alike));
                Ok(())
            },
        )
        .unwrap();
    // Or nothing was compared.
    assert!(
        agreed.get() * 5 > tried.get(),
        "{} of {}",
        agreed.get(),
        tried.get()
    );
}
