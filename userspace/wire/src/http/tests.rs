//! Tests over whole streams; what concerns one file only is tested there.

mod captures;
mod differential;
mod framing;
mod heads;
mod properties;
mod smuggling;

use bytes::{Bytes, BytesMut};

use super::{Exchange, HttpError, Limits, RequestPart, RequestReader, ResponsePart, ResponseReader};

/// What was read of a stream: the parts, neighbouring pieces of bodies joined; what the reader left; the fault.
#[derive(Debug, PartialEq)]
struct Outcome<P> {
    parts: Vec<P>,
    rest: Bytes,
    error: Option<HttpError>,
}

fn joined(data: &Bytes, more: &Bytes) -> Bytes {
    [&data[..], &more[..]].concat().into()
}

/// Feeds the pieces of a stream of requests one after another, then its end.
fn requests_with<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome<RequestPart> {
    let (mut reader, mut input, mut parts) = (RequestReader::new(limits), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match (reader.next(&mut input), parts.last_mut()) {
                (Ok(None), _) => break,
                (Ok(Some(RequestPart::Data(more))), Some(RequestPart::Data(data))) => {
                    *data = joined(data, &more);
                }
                (Ok(Some(part)), _) => parts.push(part),
                (Err(error), _) => {
                    assert_eq!(reader.next(&mut input), Err(error), "it stays refused");
                    return outcome(parts, BytesMut::new(), Some(error));
                }
            }
        }
    }
    let error = reader.end_of_input(&input).err();
    outcome(parts, input, error)
}

fn requests(stream: &[u8]) -> Outcome<RequestPart> {
    requests_with(Limits::default(), [stream])
}

/// The same of responses to `exchanges`.
fn responses_with<'a>(
    limits: Limits,
    exchanges: &[Exchange],
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome<ResponsePart> {
    let (mut reader, mut input, mut parts) = (ResponseReader::new(limits), BytesMut::new(), Vec::new());
    for exchange in exchanges {
        reader.expect(*exchange);
    }
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match (reader.next(&mut input), parts.last_mut()) {
                (Ok(None), _) => break,
                (Ok(Some(ResponsePart::Data(more))), Some(ResponsePart::Data(data))) => {
                    *data = joined(data, &more);
                }
                (Ok(Some(part)), _) => parts.push(part),
                (Err(error), _) => {
                    assert_eq!(reader.next(&mut input), Err(error), "it stays refused");
                    return outcome(parts, BytesMut::new(), Some(error));
                }
            }
        }
    }
    let end = reader.end_of_input(&input);
    parts.extend(end.clone().ok().flatten());
    outcome(parts, input, end.err())
}

fn responses(exchanges: &[Exchange], stream: &[u8]) -> Outcome<ResponsePart> {
    responses_with(Limits::default(), exchanges, [stream])
}

fn outcome<P>(parts: Vec<P>, rest: BytesMut, error: Option<HttpError>) -> Outcome<P> {
    Outcome {
        parts,
        rest: rest.freeze(),
        error,
    }
}

/// All ways to cut a stream in two, and the one into single bytes.
fn cuts(stream: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    (0..=stream.len())
        .map(|at| vec![&stream[..at], &stream[at..]])
        .chain([stream.chunks(1).collect()])
}

/// An entry of a file of streams: what `==` says, and the bytes.
struct Entry {
    title: String,
    stream: Vec<u8>,
}

/// Reads such a file: line ends mean nothing, `\r \n \t \\ \xHH` do, `#` begins a note before the first entry.
fn entries(text: &str) -> Vec<Entry> {
    text.split("\n== ")
        .skip(1)
        .map(|entry| {
            let (title, body) = entry.split_once('\n').unwrap_or((entry, ""));
            Entry {
                title: title.to_owned(),
                stream: unescape(body),
            }
        })
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars().filter(|char| *char != '\n');
    while let Some(char) = chars.next() {
        let byte = match char {
            '\\' => match chars.next().unwrap() {
                'r' => b'\r',
                'n' => b'\n',
                't' => b'\t',
                '\\' => b'\\',
                'x' => {
                    let hex: String = chars.by_ref().take(2).collect();
                    u8::from_str_radix(&hex, 16).unwrap()
                }
                other => panic!("\\{other} is no escape"),
            },
            char => u8::try_from(char).unwrap(),
        };
        bytes.push(byte);
    }
    bytes
}

/// The requests that a title names.
fn exchanges(names: &str) -> Vec<Exchange> {
    names
        .split_whitespace()
        .map(|name| match name {
            "head" => Exchange::Head,
            "connect" => Exchange::Connect,
            "upgrade" => Exchange::Upgrade,
            "other" => Exchange::Other,
            name => panic!("{name} is no exchange"),
        })
        .collect()
}
