//! Packets: joining, splitting, passing in pieces, numbers.

use bytes::BytesMut;

use crate::WireError;
use crate::mysql::command::write_query;
use crate::mysql::row::{BinaryRow, BinaryRowWriter, TextRow, TextRowWriter};
use crate::mysql::values::{ColumnType, Kind, Value};
use crate::mysql::{Capabilities, Header, Reader, Sequence, packets, renumber, write_payload};

const LIMIT: usize = 1 << 26;

fn written(payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    write_payload(payload, &mut Sequence::default(), &mut out).unwrap();
    out
}

/// Different at each place, so that a piece in the wrong place is seen.
fn payload(size: usize) -> Vec<u8> {
    // No divisor of the packets' bounds.
    let pattern: Vec<u8> = (0..65_537_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
    let mut payload = pattern.repeat(size / pattern.len() + 1);
    payload.truncate(size);
    payload
}

fn lengths(stream: &[u8]) -> Vec<(u8, usize)> {
    packets(stream)
        .map(|(header, body)| (header.sequence, body.len()))
        .collect()
}

#[test]
fn payloads_are_split_at_16_mib_and_joined_again() {
    for (size, expected) in [
        (0, vec![(0, 0)]),
        (1, vec![(0, 1)]),
        (Header::MAX - 1, vec![(0, Header::MAX - 1)]),
        (Header::MAX, vec![(0, Header::MAX), (1, 0)]),
        (Header::MAX + 1, vec![(0, Header::MAX), (1, 1)]),
        (2 * Header::MAX, vec![(0, Header::MAX), (1, Header::MAX), (2, 0)]),
        (
            2 * Header::MAX + 5,
            vec![(0, Header::MAX), (1, Header::MAX), (2, 5)],
        ),
    ] {
        let payload = payload(size);
        let mut stream = written(&payload);
        assert_eq!(lengths(&stream), expected);
        let wire = stream.len();
        let mut reader = Reader::new(LIMIT);
        let message = reader.message(&mut stream).unwrap().unwrap();
        assert!(message.payload == payload);
        assert_eq!(message.wire, wire);
        assert!(stream.is_empty() && !reader.is_inside());
        assert_eq!(usize::from(reader.sequence().due()), expected.len());
    }
}

#[test]
fn what_arrives_byte_by_byte_is_the_same() {
    let mut stream = written(b"first");
    let mut sequence = Sequence::at(1);
    write_payload(b"", &mut sequence, &mut stream).unwrap();
    write_payload(b"third", &mut sequence, &mut stream).unwrap();
    let (mut reader, mut buffer, mut found) = (Reader::new(LIMIT), BytesMut::new(), Vec::new());
    for byte in &stream {
        buffer.extend_from_slice(&[*byte]);
        while let Some(message) = reader.message(&mut buffer).unwrap() {
            found.push(message.payload.to_vec());
        }
    }
    assert_eq!(found, [b"first".to_vec(), Vec::new(), b"third".to_vec()]);
}

#[test]
fn pieces_keep_the_packets_and_get_new_numbers() {
    let payload = payload(Header::MAX + 100);
    let stream = written(&payload);
    for chunk in [1 << 20, 3_333_333, usize::MAX] {
        let (mut reader, mut buffer) = (Reader::new(0), BytesMut::new());
        let (mut sequence, mut out) = (Sequence::at(254), BytesMut::new());
        let mut last = false;
        for bytes in stream.chunks(chunk) {
            buffer.extend_from_slice(bytes);
            while let Some(piece) = reader.piece(&mut buffer).unwrap() {
                assert!(!last);
                last = piece.last;
                piece.write(&mut sequence, &mut out);
                assert_eq!(reader.is_inside(), !last);
            }
        }
        assert!(last && buffer.is_empty());
        assert_eq!(lengths(&out), [(254, Header::MAX), (255, 100)]);
        assert_eq!(sequence.due(), 0);
        assert_eq!(renumber(&mut out, &mut Sequence::at(0)), out.len());
        assert!(out == stream);
    }
}

#[test]
fn an_empty_last_packet_ends_pieces() {
    let stream = written(&payload(Header::MAX));
    let (mut reader, mut buffer) = (Reader::new(0), BytesMut::from(&stream[..stream.len() - 4]));
    let piece = reader.piece(&mut buffer).unwrap().unwrap();
    assert!(!piece.last && reader.is_inside());
    assert_eq!(reader.piece(&mut buffer), Ok(None));
    buffer.extend_from_slice(&stream[stream.len() - 4..]);
    let piece = reader.piece(&mut buffer).unwrap().unwrap();
    assert!(piece.last && piece.bytes.is_empty() && !reader.is_inside());
}

#[test]
fn peeking_tells_what_a_message_is() {
    let stream = written(b"abc");
    let reader = Reader::new(LIMIT);
    assert_eq!(reader.peek(&stream[..3]), None);
    let header = Header {
        length: 3,
        sequence: 0,
    };
    assert_eq!(reader.peek(&stream[..4]), Some((header, &[][..])));
    assert_eq!(reader.peek(&stream[..5]), Some((header, &b"a"[..])));
    let longer = [&stream[..], b"rest"].concat();
    assert_eq!(reader.peek(&longer), Some((header, &b"abc"[..])));
}

#[test]
fn numbers_out_of_turn_and_messages_beyond_the_limit_are_errors() {
    let mut stream = written(b"abc");
    stream[3] = 7;
    let mut reader = Reader::new(LIMIT);
    let expected = Err(WireError::Sequence {
        expected: 0,
        found: 7,
    });
    assert_eq!(reader.message(&mut stream.clone()), expected);
    assert!(reader.piece(&mut stream.clone()).is_err());
    reader.expect(Sequence::at(7));
    assert!(reader.message(&mut stream).unwrap().is_some());

    let mut reader = Reader::new(3);
    assert!(reader.message(&mut written(b"abc")).unwrap().is_some());
    reader.expect(Sequence::START);
    // The header is enough.
    let error = reader
        .message(&mut BytesMut::from(&written(b"abcd")[..4]))
        .unwrap_err();
    assert_eq!(
        error,
        WireError::Limit {
            message: "message",
            bytes: 4,
            limit: 3
        }
    );
    // All packets of a message count.
    let stream = written(&payload(Header::MAX + 2));
    assert!(Reader::new(Header::MAX + 1).message(&mut stream.clone()).is_err());
    assert!(Reader::new(Header::MAX + 2).message(&mut stream.clone()).is_ok());
}

#[test]
fn whole_messages_and_pieces_are_not_mixed() {
    let stream = written(b"abcdef");
    let mut buffer = BytesMut::from(&stream[..6]);
    let mut reader = Reader::new(LIMIT);
    assert!(
        reader
            .piece(&mut buffer)
            .unwrap()
            .is_some_and(|piece| !piece.last)
    );
    assert!(matches!(
        reader.message(&mut buffer),
        Err(WireError::Unexpected { .. })
    ));

    let stream = written(&payload(Header::MAX));
    let mut buffer = BytesMut::from(&stream[..stream.len() - 1]);
    let mut reader = Reader::new(LIMIT);
    assert_eq!(reader.message(&mut buffer), Ok(None));
    assert!(reader.is_inside());
    assert!(matches!(
        reader.piece(&mut buffer),
        Err(WireError::Unexpected { .. })
    ));
    assert_eq!(reader.peek(&buffer), None);
}

#[test]
fn rows_with_cells_of_16_mib_are_rows() {
    let cell = payload(Header::MAX);
    let (mut sequence, mut out) = (Sequence::at(250), BytesMut::from(&b"before"[..]));
    let mut writer = TextRowWriter::new(&mut sequence, &mut out);
    writer.cell_with(|out| {
        out.extend_from_slice(&cell);
        true
    });
    writer.cell(None).unwrap();
    writer.finish().unwrap();
    assert_eq!(&out[..6], b"before");
    let mut reader = Reader::new(LIMIT);
    reader.expect(Sequence::at(250));
    let message = reader.message(&mut out.split_off(6)).unwrap().unwrap();
    let row = TextRow::parse(&message.payload, 2).unwrap();
    assert!(row.iter().eq([Some(&cell[..]), None]));

    let kinds = [Kind::new(ColumnType::BLOB, false)];
    let mut out = BytesMut::new();
    let mut writer = BinaryRowWriter::new(1, &mut sequence, &mut out);
    writer.cell(kinds[0], &Value::Bytes(&cell)).unwrap();
    writer.finish().unwrap();
    reader.expect(Sequence::at(252));
    let message = reader.message(&mut out).unwrap().unwrap();
    assert!(
        BinaryRow::parse(&message.payload, &kinds)
            .unwrap()
            .iter()
            .eq([Value::Bytes(&cell)])
    );
}

#[test]
fn what_is_not_finished_leaves_no_trace() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut sequence = Sequence::at(5);
    let mut writer = BinaryRowWriter::new(2, &mut sequence, &mut out);
    writer.null();
    assert!(writer.finish().is_err());
    let kind = Kind::new(ColumnType::TINY, false);
    let mut writer = BinaryRowWriter::new(1, &mut sequence, &mut out);
    assert!(writer.cell(kind, &Value::Signed(128)).is_err());
    assert!(writer.cell(kind, &Value::Bytes(b"1")).is_err());
    assert!(writer.cell(kind, &Value::Unsigned(1)).is_err());
    drop(writer);
    drop(TextRowWriter::new(&mut sequence, &mut out));
    assert_eq!(&out[..], b"before");
    assert_eq!(sequence, Sequence::at(5));
    // A command begins a new exchange.
    write_query(
        b"select 1",
        Capabilities::QUERY_ATTRIBUTES,
        &mut sequence,
        &mut out,
    )
    .unwrap();
    assert_eq!(&out[6..], b"\x0b\0\0\0\x03\0\x01select 1");
}
