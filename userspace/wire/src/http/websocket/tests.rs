use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{
    FrameError, FrameHeader, FramePart, FrameReader, Mask, Opcode, Sender, write_frame, write_header,
};

const LIMIT: u64 = 1 << 17;

/// All parts, neighbouring pieces of payload joined, and how the stream ended.
fn read<'a>(
    sender: Sender,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<FramePart>, Result<(), FrameError>) {
    let (mut reader, mut input, mut parts) = (FrameReader::new(sender, LIMIT), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match (reader.next(&mut input), parts.last_mut()) {
                (Ok(None), _) => break,
                (Ok(Some(FramePart::Payload(more))), Some(FramePart::Payload(payload))) => {
                    *payload = [&payload[..], &more[..]].concat().into();
                }
                (Ok(Some(part)), _) => parts.push(part),
                (Err(error), _) => {
                    assert_eq!(reader.next(&mut input), Err(error), "it stays refused");
                    return (parts, Err(error));
                }
            }
        }
    }
    (parts, reader.end_of_input(&input))
}

fn header(fin: bool, opcode: Opcode, length: u64) -> FrameHeader {
    FrameHeader {
        fin,
        opcode,
        mask: None,
        length,
    }
}

#[test]
fn the_examples_of_the_standard_are_read() {
    let hello = FramePart::Payload(Bytes::from_static(b"Hello"));
    let (parts, end) = read(Sender::Server, [&b"\x81\x05Hello"[..]]);
    let plain = FramePart::Header {
        header: header(true, Opcode::Text, 5),
        message: Opcode::Text,
    };
    assert_eq!((parts, end), (vec![plain, hello.clone(), FramePart::End], Ok(())));

    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let (parts, end) = read(Sender::Client, masked.chunks(1));
    assert_eq!((&parts[1], end), (&hello, Ok(())));
    let mut out = BytesMut::new();
    write_frame(
        true,
        Opcode::Text,
        Some([0x37, 0xfa, 0x21, 0x3d]),
        b"Hello",
        &mut out,
    );
    assert_eq!(&out[..], masked);
}

#[test]
fn a_message_may_come_in_frames_with_control_frames_between() {
    let (parts, end) = read(
        Sender::Server,
        [&b"\x01\x03Hel\x89\x00\x80\x02lo\x82\x00\x88\x02\x03\xe8"[..]],
    );
    assert_eq!(end, Ok(()));
    let messages: Vec<_> = parts
        .iter()
        .filter_map(|part| match part {
            FramePart::Header { header, message } => Some((header.opcode, *message)),
            _ => None,
        })
        .collect();
    let expected = [
        (Opcode::Text, Opcode::Text),
        (Opcode::Ping, Opcode::Ping),
        (Opcode::Continuation, Opcode::Text),
        (Opcode::Binary, Opcode::Binary),
        (Opcode::Close, Opcode::Close),
    ];
    assert_eq!(messages, expected);
}

#[test]
fn what_the_standard_forbids_is_refused_however_it_is_cut() {
    use FrameError as E;
    let cases: [(Sender, &[u8], E); 26] = [
        (Sender::Server, b"\xc1\x00", E::Reserved),
        (Sender::Server, b"\xa1\x00", E::Reserved),
        (Sender::Server, b"\x91\x00", E::Reserved),
        (Sender::Server, b"\x83\x00", E::Opcode),
        (Sender::Server, b"\x8b\x00", E::Opcode),
        (Sender::Server, b"\x8f\x00", E::Opcode),
        (Sender::Client, b"\x81\x00", E::NotMasked),
        (Sender::Client, b"\x89\x00", E::NotMasked),
        (Sender::Server, b"\x81\x80\x00\x00\x00\x00", E::Masked),
        (Sender::Server, b"\x09\x00", E::FragmentedControl),
        (Sender::Server, b"\x08\x00", E::FragmentedControl),
        (Sender::Server, b"\x89\x7e\x00\x7e", E::LongControl),
        (
            Sender::Server,
            b"\x88\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
            E::LongControl,
        ),
        (Sender::Server, b"\x88\x01\x03", E::CloseCode),
        (Sender::Server, b"\x81\x7e\x00\x7d", E::Length),
        (
            Sender::Server,
            b"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
            E::Length,
        ),
        (
            Sender::Server,
            b"\x81\x7f\x80\x00\x00\x00\x00\x01\x00\x00",
            E::Length,
        ),
        (
            Sender::Server,
            b"\x81\x7f\x00\x00\x00\x00\x00\x02\x00\x01",
            E::Limit { limit: LIMIT },
        ),
        (Sender::Server, b"\x80\x00", E::NothingToContinue),
        (Sender::Server, b"\x81\x00\x80\x00", E::NothingToContinue),
        (Sender::Server, b"\x01\x00\x81\x00", E::Interleaved),
        (Sender::Server, b"\x01\x00\x89\x00\x02\x00", E::Interleaved),
        (Sender::Server, b"\x88\x00\x81\x00", E::AfterClose),
        (Sender::Server, b"\x81\x05Hell", E::Truncated),
        (Sender::Server, b"\x01\x00", E::Truncated),
        (Sender::Server, b"\x81", E::Truncated),
    ];
    for (sender, stream, error) in cases {
        let whole = read(sender, [stream]);
        assert_eq!(whole.1, Err(error), "{stream:x?}");
        for at in 0..stream.len() {
            assert_eq!(read(sender, [&stream[..at], &stream[at..]]), whole, "{stream:x?}");
        }
    }
    assert_eq!((E::Limit { limit: 1 }.code(), E::Reserved.code()), (1009, 1002));
}

#[test]
fn lengths_take_the_fewest_bytes() {
    for (length, size) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
        let mut out = BytesMut::new();
        write_header(&header(true, Opcode::Binary, length), &mut out);
        assert_eq!(out.len(), size);
        let part = FrameReader::new(Sender::Server, LIMIT)
            .next(&mut out)
            .unwrap()
            .unwrap();
        assert_eq!(
            part,
            FramePart::Header {
                header: header(true, Opcode::Binary, length),
                message: Opcode::Binary
            }
        );
    }
}

proptest! {
    #[test]
    fn frames_are_read_as_written(
        frames in vec((any::<[u8; 4]>(), vec(any::<u8>(), 0..300)), 1..5),
        masked: bool,
        size in 1..40_usize,
    ) {
        let sender = if masked { Sender::Client } else { Sender::Server };
        let (mut out, mut expected) = (BytesMut::new(), Vec::new());
        for (at, (key, payload)) in frames.iter().enumerate() {
            let fin = at + 1 == frames.len();
            let opcode = if at == 0 { Opcode::Binary } else { Opcode::Continuation };
            let mask = masked.then_some(*key);
            write_frame(fin, opcode, mask, payload, &mut out);
            let header = FrameHeader { fin, opcode, mask, length: payload.len() as u64 };
            expected.push(FramePart::Header { header, message: Opcode::Binary });
            if !payload.is_empty() {
                expected.push(FramePart::Payload(payload.clone().into()));
            }
            expected.push(FramePart::End);
        }
        prop_assert_eq!(read(sender, out.chunks(size)), (expected, Ok(())));
    }

    #[test]
    fn masks_go_on_where_they_stopped(key: [u8; 4], payload in vec(any::<u8>(), 0..50), size in 1..9_usize) {
        let (mut whole, mut pieces) = (payload.clone(), payload.clone());
        Mask::new(key).apply(&mut whole);
        let mut mask = Mask::new(key);
        pieces.chunks_mut(size).for_each(|piece| mask.apply(piece));
        prop_assert_eq!(&whole, &pieces);
        Mask::new(key).apply(&mut whole);
        prop_assert_eq!(whole, payload);
    }

    #[test]
    fn no_bytes_harm(stream in vec(any::<u8>(), 0..100), masked: bool, size in 1..10_usize) {
        let sender = if masked { Sender::Client } else { Sender::Server };
        prop_assert_eq!(read(sender, [&stream[..]]), read(sender, stream.chunks(size)));
    }
}
