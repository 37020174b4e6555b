#![no_main]

use bytes::BytesMut;
use interdict_fuzz::joined;
use interdict_wire::http::websocket::{FrameError, FramePart, FrameReader, Mask, Sender, write_header};
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 20;

/// All parts of a stream that comes in pieces of `size`, and how it ended.
fn read(sender: Sender, stream: &[u8], size: usize) -> (Vec<FramePart>, Result<(), FrameError>) {
    let (mut reader, mut input, mut parts) = (FrameReader::new(sender, LIMIT), BytesMut::new(), vec![]);
    for piece in stream.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match reader.next(&mut input) {
                Ok(Some(FramePart::Payload(more))) => match parts.last_mut() {
                    Some(FramePart::Payload(payload)) => *payload = joined(payload, &more),
                    _ => parts.push(FramePart::Payload(more)),
                },
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(error) => return (parts, Err(error)),
            }
        }
    }
    (parts, reader.end_of_input(&input))
}

// A byte that tells the side and the size of pieces, then its frames.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let sender = if choice & 1 == 0 {
        Sender::Server
    } else {
        Sender::Client
    };
    let (parts, end) = read(sender, stream, usize::MAX);
    assert_eq!(
        read(sender, stream, usize::from(choice >> 1).max(1)),
        (parts.clone(), end)
    );

    let (mut out, mut mask, mut due) = (BytesMut::new(), None, 0);
    for part in &parts {
        match part {
            FramePart::Header { header, message } => {
                assert_eq!(header.opcode.is_control(), message.is_control());
                write_header(header, &mut out);
                (mask, due) = (header.mask, header.length);
            }
            FramePart::Payload(payload) => {
                due -= payload.len() as u64;
                let start = out.len();
                out.extend_from_slice(payload);
                if let Some(key) = mask {
                    Mask::new(key).apply(&mut out[start..]);
                }
            }
            FramePart::End => assert_eq!(due, 0),
        }
    }
    // Nothing can be written in two ways.
    assert!(stream.starts_with(&out));
});
