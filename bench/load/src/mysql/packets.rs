//! Packets of MySQL's protocol: three bytes of length, one of sequence, then the payload.
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html>

use std::io::{Read, Write};

use anyhow::{Result, bail, ensure};

/// Packets from and to one stream.
pub(super) struct Packets<S> {
    stream: S,
    buffer: Vec<u8>,
    /// What was read and not yet taken.
    start: usize,
    end: usize,
    /// Bytes read so far.
    pub(super) bytes: u64,
}

impl<S: Read + Write> Packets<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; 1 << 18],
            start: 0,
            end: 0,
            bytes: 0,
        }
    }

    /// The next payload.
    pub(super) fn read(&mut self) -> Result<&[u8]> {
        self.fill(4)?;
        let Some(&[a, b, c, _]) = self.buffer.get(self.start..self.start + 4) else {
            bail!("a header was lost");
        };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        ensure!(
            length < 0xff_ffff,
            "the server sent more than one packet can hold"
        );
        self.fill(4 + length)?;
        let payload = self.start + 4..self.start + 4 + length;
        self.start = payload.end;
        Ok(self.buffer.get(payload).unwrap_or_default())
    }

    /// Sees to it that so many bytes are there.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.end - self.start >= wanted {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.end < wanted {
            let read = self
                .stream
                .read(self.buffer.get_mut(self.end..).unwrap_or_default())?;
            ensure!(read > 0, "the connection was closed after {} bytes", self.bytes);
            self.end += read;
            self.bytes += read as u64;
        }
        Ok(())
    }

    /// Sends one payload as packet number `sequence`.
    pub(super) fn write(&mut self, sequence: u8, payload: &[u8]) -> Result<()> {
        let mut packet = Vec::with_capacity(payload.len() + 4);
        let length = u32::try_from(payload.len())?;
        packet.extend_from_slice(length.to_le_bytes().get(..3).unwrap_or_default());
        packet.push(sequence);
        packet.extend_from_slice(payload);
        Ok(self.stream.write_all(&packet)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte a call.
    struct Slow(std::vec::IntoIter<u8>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            Ok(self.0.next().map_or(0, |byte| {
                into[0] = byte;
                1
            }))
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn packets_are_found_however_they_come() -> Result<()> {
        let bytes = b"\x02\0\0\x01ab\0\0\0\x02\x03\0\0\x03cde".to_vec();
        let mut packets = Packets::new(Slow(bytes.into_iter()));
        assert_eq!(packets.read()?, b"ab");
        assert_eq!(packets.read()?, b"");
        assert_eq!(packets.read()?, b"cde");
        assert_eq!(packets.bytes, 17);
        assert!(packets.read().is_err());
        Ok(())
    }
}
