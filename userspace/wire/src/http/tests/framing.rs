use bytes::BytesMut;

use super::{Exchange, responses};
use crate::http::{
    Framing, Headers, HttpError, Limits, ResponsePart, ResponseReader, write_chunk, write_chunk_end,
    write_chunk_start, write_last_chunk,
};

/// The framing of the first head, how many parts there are, and the fault.
fn framing(exchange: Exchange, stream: &str) -> (Option<Framing>, usize, Option<HttpError>) {
    let found = responses(&[exchange], stream.as_bytes());
    let first = found.parts.first().and_then(|part| match part {
        ResponsePart::Head(_, framing) => Some(*framing),
        _ => None,
    });
    (first, found.parts.len(), found.error)
}

#[test]
fn responses_without_a_body_end_with_their_head() {
    let none = (Some(Framing::None), 2, None);
    for fields in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert_eq!(
            framing(Exchange::Head, &format!("HTTP/1.1 200 OK\r\n{fields}\r\n")),
            none
        );
        assert_eq!(
            framing(Exchange::Other, &format!("HTTP/1.1 304 \r\n{fields}\r\n")),
            none
        );
    }
    assert_eq!(framing(Exchange::Other, "HTTP/1.1 204 No Content\r\n\r\n"), none);
    assert_eq!(
        framing(Exchange::Other, "HTTP/1.1 204\r\nContent-Length: 0\r\n\r\n"),
        none
    );
    let empty = framing(Exchange::Other, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(empty, (Some(Framing::Length(0)), 2, None));
    // Lengths are looked at even where there is no body.
    let bad = framing(Exchange::Head, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    assert_eq!(bad.2, Some(HttpError::LengthNotDigits));
}

#[test]
fn a_body_of_unknown_length_ends_with_the_stream() {
    let found = responses(&[Exchange::Other], b"HTTP/1.1 200 OK\r\n\r\nall of it");
    assert_eq!(found.error, None);
    assert!(matches!(&found.parts[..],
        [ResponsePart::Head(_, Framing::UntilClose), ResponsePart::Data(data), ResponsePart::End] if data == "all of it"));
    let mut reader = ResponseReader::new(Limits::default());
    reader.expect(Exchange::Other);
    let mut input = BytesMut::from("HTTP/1.0 200 OK\r\n\r\n");
    assert!(matches!(
        reader.next(&mut input),
        Ok(Some(ResponsePart::Head(..)))
    ));
    assert_eq!(reader.awaited(), 1);
    assert_eq!(reader.end_of_input(&input), Ok(Some(ResponsePart::End)));
    assert_eq!((reader.awaited(), reader.end_of_input(&input)), (0, Ok(None)));
}

#[test]
fn interim_heads_come_before_the_response() {
    let found = responses(
        &[Exchange::Other],
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(found.error, None);
    assert!(matches!(&found.parts[..],
        [ResponsePart::Interim(first), ResponsePart::Interim(second), ResponsePart::Head(..), ResponsePart::End]
            if first.is_interim() && second.status == 103));
}

#[test]
fn another_protocol_is_left_alone() {
    let found = responses(
        &[Exchange::Connect],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n\x16\x03",
    );
    assert_eq!((found.error, &found.rest[..]), (None, &b"\x16\x03"[..]));
    match &found.parts[..] {
        [ResponsePart::Upgraded(head)] => assert_eq!(head.headers.len(), 1),
        other => panic!("{other:?}"),
    }
    // A refusal is an ordinary response.
    let refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    assert_eq!(
        framing(Exchange::Connect, refused),
        (Some(Framing::Length(2)), 3, None)
    );
    assert_eq!(
        framing(Exchange::Upgrade, refused),
        (Some(Framing::Length(2)), 3, None)
    );
    for exchange in [Exchange::Head, Exchange::Connect, Exchange::Other] {
        let found = framing(exchange, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
        assert_eq!(found.2, Some(HttpError::UnexpectedUpgrade));
    }
}

#[test]
fn framing_is_written_in_one_field() {
    for (framing, expected) in [
        (Framing::Length(7), &b"content-length=7"[..]),
        (Framing::Chunked, b"transfer-encoding=chunked"),
        (Framing::None, b""),
        (Framing::UntilClose, b""),
    ] {
        let mut headers = Headers::new();
        for name in ["content-length", "CONTENT-LENGTH", "transfer-encoding"] {
            headers.push(name, "9").unwrap();
        }
        framing.set(&mut headers);
        let written: Vec<u8> = headers
            .iter()
            .flat_map(|(name, value)| [&name.to_ascii_lowercase()[..], b"=", value].concat())
            .collect();
        assert_eq!(written, expected);
    }
}

#[test]
fn chunks_are_written_as_they_are_read() {
    let mut out = BytesMut::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    write_chunk(b"", &mut out);
    write_chunk(&[b'x'; 300], &mut out);
    write_chunk_start(2, &mut out).unwrap();
    out.extend_from_slice(b"yz");
    write_chunk_end(&mut out);
    assert_eq!(write_chunk_start(0, &mut out), Err(HttpError::EmptyChunk));
    let mut trailers = Headers::new();
    trailers.push("Host", "x").unwrap();
    assert_eq!(
        write_last_chunk(&trailers, &mut out),
        Err(HttpError::ForbiddenTrailer("Host"))
    );
    trailers.remove("host");
    trailers.push("X-Sum", "1").unwrap();
    write_last_chunk(&trailers, &mut out).unwrap();
    let found = responses(&[Exchange::Other], &out);
    assert_eq!(found.error, None);
    match &found.parts[1..] {
        [
            ResponsePart::Data(data),
            ResponsePart::Trailers(found),
            ResponsePart::End,
        ] => {
            assert_eq!((data.len(), found), (302, &trailers));
        }
        other => panic!("{other:?}"),
    }
}
