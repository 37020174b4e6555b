use bytes::{Buf as _, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};
use nom::Parser;
use nom::number::complete::{le_u8, le_u24};

use super::Sequence;
use crate::WireError;

const MESSAGE: &str = "compressed packet";
const SIZE: usize = 7;
/// The most bytes of packets in one frame, before and after compression.
const MOST: usize = 0xff_ffff;

/// The compressed protocol (MySQL source documentation, "Compressed Packet"): packets run through frames that have lengths
/// and numbers of their own, and whose bounds mean nothing to them.
///
/// Frames are read as they come; what is written is framed and not compressed, which every client takes.
#[derive(Debug, Default)]
pub struct Compressed {
    sequence: Sequence,
}

impl Compressed {
    /// Takes whole frames from the front of `input` and appends the packets' bytes that they carry, until there are many.
    ///
    /// # Errors
    /// [`WireError::Invalid`] for what is not the deflate format, or has another length than was told.
    pub fn read(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<(), WireError> {
        // What a frame carries may be a thousand times its size: the next waits until there is room.
        while out.len() <= MOST
            && let Ok((_, (length, number, size))) = (le_u24::<_, ()>, le_u8, le_u24).parse(&input[..])
        {
            let (length, size) = (length as usize, size as usize);
            if input.len() < SIZE + length {
                return Ok(());
            }
            input.advance(SIZE);
            let frame = input.split_to(length);
            self.sequence = Sequence::at(number);
            self.sequence.take();
            if size == 0 {
                out.extend_from_slice(&frame);
            } else {
                inflate(&frame, size, out)?;
            }
        }
        Ok(())
    }

    /// Appends packets in frames.
    pub fn write(&mut self, mut packets: &[u8], out: &mut BytesMut) {
        while !packets.is_empty() {
            let (frame, rest) = packets.split_at(packets.len().min(MOST));
            let [a, b, c, _] = (frame.len() as u32).to_le_bytes();
            out.extend_from_slice(&[a, b, c, self.sequence.take(), 0, 0, 0]);
            out.extend_from_slice(frame);
            packets = rest;
        }
    }
}

fn inflate(frame: &[u8], size: usize, out: &mut BytesMut) -> Result<(), WireError> {
    let invalid = |field| WireError::Invalid {
        message: MESSAGE,
        field,
    };
    let at = out.len();
    // As much as the header tells, and a byte to see that there is no more.
    out.resize(at + size + 1, 0);
    let place = out.get_mut(at..).unwrap_or_default();
    let mut stream = Decompress::new(true);
    let status = stream.decompress(frame, place, FlushDecompress::Finish);
    out.truncate(at + size);
    match status {
        Ok(Status::StreamEnd) if stream.total_out() == size as u64 => Ok(()),
        Ok(_) => Err(invalid("length before compression")),
        Err(_) => Err(invalid("payload")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn frame(number: u8, packets: &[u8]) -> Vec<u8> {
        let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        deflated.write_all(packets).unwrap();
        let deflated = deflated.finish().unwrap();
        let length = (deflated.len() as u32).to_le_bytes();
        let size = (packets.len() as u32).to_le_bytes();
        [
            length.get(..3).unwrap(),
            &[number],
            size.get(..3).unwrap(),
            &deflated,
        ]
        .concat()
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let packets: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
        let mut stream = frame(0, packets.get(..3000).unwrap());
        let rest = packets.get(3000..).unwrap();
        stream.extend_from_slice(&[(rest.len() & 0xff) as u8, (rest.len() >> 8) as u8, 0, 1, 0, 0, 0]);
        stream.extend_from_slice(rest);
        for step in [1, 2, 7, 1000, stream.len()] {
            let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
            let mut compressed = Compressed::default();
            for piece in stream.chunks(step) {
                input.extend_from_slice(piece);
                compressed.read(&mut input, &mut out).unwrap();
            }
            assert_eq!(out, packets);
            assert!(input.is_empty());
            let mut answer = BytesMut::new();
            compressed.write(b"abc", &mut answer);
            assert_eq!(&answer[..], b"\x03\0\0\x02\0\0\0abc", "numbers go on");
        }
    }

    #[test]
    fn a_frame_that_holds_more_or_less_than_it_tells_is_refused() {
        for told in [10, 999, 1001, 0xff_ffff_u32] {
            let mut stream = frame(0, &[7; 1000]);
            let [a, b, c, _] = told.to_le_bytes();
            stream.splice(4..7, [a, b, c]);
            let mut input = BytesMut::from(&stream[..]);
            assert!(
                Compressed::default()
                    .read(&mut input, &mut BytesMut::new())
                    .is_err(),
                "{told}"
            );
        }
        let mut broken = BytesMut::from(&b"\x03\0\0\0\x09\0\0abc"[..]);
        assert!(
            Compressed::default()
                .read(&mut broken, &mut BytesMut::new())
                .is_err()
        );
    }

    #[test]
    fn what_is_long_takes_several_frames() {
        let mut out = BytesMut::new();
        let mut compressed = Compressed::default();
        compressed.write(&vec![1; MOST + 1], &mut out);
        let mut back = BytesMut::new();
        Compressed::default().read(&mut out, &mut back).unwrap();
        assert_eq!(back.len(), MOST + 1);
    }
}
