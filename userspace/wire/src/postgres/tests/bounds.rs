//! Bodies that are too short, too long or not what they say are refused.

use bytes::BytesMut;

use super::Side::{Backend, Frontend};
use super::rewrite;
use super::samples::{SAMPLES, openings};
use crate::WireError;
use crate::postgres::backend::{self, DataRow};
use crate::postgres::frontend;
use crate::postgres::opening::{self, Opening, Startup};
use crate::postgres::{Header, messages};

#[test]
fn shorter_and_longer_bodies_are_refused() {
    for sample in SAMPLES.iter().filter(|sample| !sample.open_ended()) {
        let body = sample.body();
        for end in 0..body.len() {
            let result = rewrite(sample.side, sample.tag(), &body[..end]);
            assert!(result.is_err(), "{}: {end} bytes of {}", sample.name, body.len());
        }
        let longer = [body, &[0]].concat();
        let result = rewrite(sample.side, sample.tag(), &longer);
        assert!(
            matches!(result, Err(WireError::Trailing { bytes: 1, .. })),
            "{}: one byte more gives {result:?}",
            sample.name
        );
    }
}

#[test]
fn headers_need_a_possible_length() {
    assert_eq!(Header::peek(b"Q\0\0\0"), Ok(None));
    assert_eq!(
        Header::peek(b"Q\0\0\0\x04"),
        Ok(Some(Header { tag: b'Q', body: 0 }))
    );
    assert_eq!(
        Header::peek(b"Q\x7f\xff\xff\xff")
            .unwrap()
            .map(|header| header.total()),
        Some(0x8000_0000)
    );
    for word in [0_u32, 3, 0x8000_0000, u32::MAX] {
        let header = [&b"Q"[..], &word.to_be_bytes()].concat();
        assert!(matches!(Header::peek(&header), Err(WireError::Length { length, .. }) if length == word));
        let mut split = messages(&header);
        assert!(split.next().is_some_and(|message| message.is_err()));
        assert!(split.next().is_none());
    }
}

#[test]
fn unknown_types_are_refused() {
    assert_eq!(
        frontend::parse(b'!', b""),
        Err(WireError::UnknownTag {
            side: "frontend",
            tag: b'!'
        })
    );
    assert_eq!(
        backend::parse(b'Q', b"x\0"),
        Err(WireError::UnknownTag {
            side: "backend",
            tag: b'Q'
        })
    );
}

#[test]
fn rows_with_wrong_counts_and_lengths_are_refused() {
    let refused: [(&str, &[u8]); 9] = [
        ("no count", b""),
        ("half a count", b"\0"),
        ("a cell missing", b"\0\x02\0\0\0\x01a"),
        ("a cell too many", b"\0\x01\0\0\0\x01a\0\0\0\x01b"),
        ("a length beyond the body", b"\0\x01\0\0\0\x02a"),
        ("a length that leaves bytes over", b"\0\x01\0\0\0\x01ab"),
        ("a length of -2", b"\0\x01\xff\xff\xff\xfe"),
        ("the least length", b"\0\x01\x80\0\0\0"),
        ("the greatest length", b"\0\x01\x7f\xff\xff\xff"),
    ];
    for (what, body) in refused {
        assert!(DataRow::parse(body).is_err(), "{what}");
    }
    assert_eq!(
        DataRow::parse(b"\0\x01\0\0\0\x01a")
            .unwrap()
            .iter()
            .collect::<Vec<_>>(),
        [Some(&b"a"[..])]
    );
}

#[test]
fn values_that_are_not_defined_are_refused() {
    let invalid = |result: Result<BytesMut, WireError>| matches!(result, Err(WireError::Invalid { .. }));
    assert!(invalid(rewrite(Backend, b'Z', b"X")), "transaction status");
    assert!(
        invalid(rewrite(Backend, b'R', b"\0\0\0\x02")),
        "authentication kind"
    );
    assert!(invalid(rewrite(Backend, b'H', b"\x02\0\0")), "COPY format");
    assert!(
        invalid(rewrite(Backend, b'H', b"\0\0\x01\0\x02")),
        "format of a COPY column"
    );
    assert!(
        invalid(rewrite(
            Backend,
            b'T',
            b"\0\x01n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
        )),
        "format of a column"
    );
    assert!(
        invalid(rewrite(Backend, b'K', b"\0\0\0\x01abc")),
        "key of 3 bytes"
    );
    assert!(invalid(rewrite(Backend, b'K', &[1; 4 + 257])), "key of 257 bytes");
    assert!(rewrite(Backend, b'K', &[1; 4 + 256]).is_ok(), "key of 256 bytes");
    assert!(invalid(rewrite(Frontend, b'D', b"X\0")), "target of Describe");
    assert!(invalid(rewrite(Frontend, b'C', b"\0\0")), "target of Close");
    assert!(
        invalid(rewrite(Frontend, b'B', b"\0\0\0\x01\0\x02\0\0\0\0")),
        "format of a parameter"
    );
}

#[test]
fn strings_end_where_the_zero_byte_is() {
    let query = |body: &'static [u8]| frontend::parse(b'Q', body);
    assert_eq!(
        query(b"SELECT 1"),
        Err(WireError::Short {
            message: "Query",
            field: "text"
        })
    );
    assert_eq!(
        query(b"a\0b\0"),
        Err(WireError::Trailing {
            message: "Query",
            bytes: 2
        })
    );
    assert_eq!(query(b"\0"), Ok(frontend::Message::Query(b"")));
}

#[test]
fn openings_are_bounded_as_the_server_bounds_them() {
    let length = |word: u32| opening::parse(&word.to_be_bytes()).map(|_| ());
    assert!(length(7).is_err());
    assert!(length(8).is_ok());
    assert!(length(10_004).is_ok());
    assert!(length(10_005).is_err());
    assert!(length(u32::MAX).is_err());

    assert_eq!(opening::parse(b"\x16"), Ok(Some((Opening::DirectTls, 0))));
    assert_eq!(
        opening::parse(b"\x16\x03\x01\x02\0\x01"),
        Ok(Some((Opening::DirectTls, 0)))
    );
    // HTTP, and TLS's alert rather than its handshake.
    assert!(matches!(
        opening::parse(b"GET / HTTP/1.1\r\n"),
        Err(WireError::Length { .. })
    ));
    assert!(matches!(
        opening::parse(b"\x15\x03\x01\0"),
        Err(WireError::Length { .. })
    ));
}

#[test]
fn openings_that_are_not_whole_or_not_known_are_refused() {
    let refused: [(&str, &[u8]); 11] = [
        ("SSLRequest with a body", b"\0\0\0\x09\x04\xd2\x16\x2f\0"),
        ("GSSENCRequest with a body", b"\0\0\0\x09\x04\xd2\x16\x30\0"),
        (
            "CancelRequest without a key",
            b"\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\x07",
        ),
        (
            "CancelRequest with half a process id",
            b"\0\0\0\x0a\x04\xd2\x16\x2e\0\0",
        ),
        (
            "CancelRequest with a key of 3 bytes",
            b"\0\0\0\x0f\x04\xd2\x16\x2e\0\0\0\x07abc",
        ),
        ("protocol 2.0", b"\0\0\0\x09\0\x02\0\0\0"),
        ("protocol 4.0", b"\0\0\0\x09\0\x04\0\0\0"),
        ("an unknown request code", b"\0\0\0\x08\x04\xd2\x16\x2d"),
        ("no terminator", b"\0\0\0\x08\0\x03\0\0"),
        ("a name without a value", b"\0\0\0\x0e\0\x03\0\0user\0\0"),
        ("bytes after the terminator", b"\0\0\0\x0b\0\x03\0\0\0a\0"),
    ];
    for (what, bytes) in refused {
        assert!(opening::parse(bytes).is_err(), "{what}");
    }
    let error = opening::parse(b"\0\0\0\x11\0\x03\0\0user\0\xff\xfe\0\0").unwrap_err();
    assert_eq!(
        error,
        WireError::NotUtf8 {
            message: "StartupMessage",
            field: "parameter value"
        }
    );

    let key = [7; 257];
    let cancel = [
        &(12 + 257_u32).to_be_bytes()[..],
        b"\x04\xd2\x16\x2e\0\0\0\x07",
        &key,
    ]
    .concat();
    assert!(
        matches!(opening::parse(&cancel), Err(WireError::Invalid { .. })),
        "key of 257 bytes"
    );
    let cancel = [
        &(12 + 256_u32).to_be_bytes()[..],
        b"\x04\xd2\x16\x2e\0\0\0\x07",
        &key[1..],
    ]
    .concat();
    assert_eq!(
        opening::parse(&cancel),
        Ok(Some((
            Opening::Cancel {
                process_id: 7,
                key: &key[1..]
            },
            268
        )))
    );
}

#[test]
fn prefixes_of_openings_are_incomplete() {
    for (_, bytes) in openings() {
        for end in 0..bytes.len() {
            assert_eq!(opening::parse(&bytes[..end]), Ok(None));
        }
        // What follows is not touched.
        let longer = [bytes, b"more"].concat();
        assert_eq!(
            opening::parse(&longer).unwrap().map(|(_, used)| used),
            Some(bytes.len())
        );
    }
}

#[test]
fn the_last_of_equal_parameters_is_in_force() {
    let startup = Startup {
        major: 3,
        minor: 0,
        parameters: vec![("user", "a"), ("options", "x"), ("user", "b")],
    };
    assert_eq!(startup.parameter("user"), Some("b"));
    assert_eq!(startup.parameter("database"), None);
}
