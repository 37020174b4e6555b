use std::fmt;

use bytes::{BufMut, BytesMut};

use super::{Header, Sequence};
use crate::WireError;

/// A message under construction at the end of a buffer. Unless it is finished, the buffer and the sequence are left as
/// they were.
pub(super) struct Frame<'b> {
    out: &'b mut BytesMut,
    sequence: &'b mut Sequence,
    message: &'static str,
    start: usize,
    finished: bool,
}

/// The greatest payload that a server takes or sends: the upper bound of `max_allowed_packet`.
const MAX_PAYLOAD: usize = 1 << 30;

impl<'b> Frame<'b> {
    pub(super) fn new(out: &'b mut BytesMut, sequence: &'b mut Sequence, message: &'static str) -> Self {
        let start = out.len();
        out.put_bytes(0, Header::SIZE);
        Self {
            out,
            sequence,
            message,
            start,
            finished: false,
        }
    }

    /// Begins a message with its first byte.
    pub(super) fn tagged(
        out: &'b mut BytesMut,
        sequence: &'b mut Sequence,
        message: &'static str,
        tag: u8,
    ) -> Self {
        let mut frame = Self::new(out, sequence, message);
        frame.byte(tag);
        frame
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    pub(super) fn int16(&mut self, value: u16) {
        self.out.put_u16_le(value);
    }

    pub(super) fn int24(&mut self, value: u32) {
        self.out.put_uint_le(u64::from(value & 0x00ff_ffff), 3);
    }

    pub(super) fn int32(&mut self, value: u32) {
        self.out.put_u32_le(value);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.out.put_bytes(0, count);
    }

    pub(super) fn lenenc_int(&mut self, value: u64) {
        put_lenenc_int(self.out, value);
    }

    pub(super) fn bytes(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), WireError> {
        // Before the copy, so that what cannot be sent does not cost memory either.
        if self.size().saturating_add(bytes.len()) > MAX_PAYLOAD {
            return Err(self.too_large(field));
        }
        self.out.put_slice(bytes);
        Ok(())
    }

    pub(super) fn lenenc(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), WireError> {
        self.lenenc_int(bytes.len() as u64);
        self.bytes(field, bytes)
    }

    /// With a length of one byte.
    pub(super) fn short_bytes(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), WireError> {
        let length = u8::try_from(bytes.len()).map_err(|_| self.too_large(field))?;
        self.byte(length);
        self.bytes(field, bytes)
    }

    pub(super) fn cstring(&mut self, field: &'static str, text: &[u8]) -> Result<(), WireError> {
        if memchr::memchr(0, text).is_some() {
            return Err(WireError::ZeroByte {
                message: self.message,
                field,
            });
        }
        self.bytes(field, text)?;
        self.byte(0);
        Ok(())
    }

    /// What has been written; only to be appended to.
    pub(super) fn out(&mut self) -> &mut BytesMut {
        self.out
    }

    /// Changes a byte of the payload.
    pub(super) fn patch(&mut self, at: usize, change: impl FnOnce(&mut u8)) {
        let at = self.start.saturating_add(Header::SIZE).saturating_add(at);
        if let Some(byte) = self.out.get_mut(at) {
            change(byte);
        }
    }

    /// Fills in the headers: of one packet, or of as many as the payload takes.
    pub(super) fn finish(mut self) -> Result<(), WireError> {
        let size = self.size();
        if size > MAX_PAYLOAD {
            return Err(self.too_large("payload"));
        }
        let further = size / Header::MAX;
        if further > 0 {
            self.split(size, further);
        }
        let mut at = self.start;
        for index in 0..=further {
            let length = if index < further {
                Header::MAX
            } else {
                size % Header::MAX
            };
            let header = Header {
                length,
                sequence: self.sequence.take(),
            };
            if let Some(place) = self.out.get_mut(at..at.saturating_add(Header::SIZE)) {
                place.copy_from_slice(&header.encode());
            }
            at = at.saturating_add(header.total());
        }
        self.finished = true;
        Ok(())
    }

    /// Makes room for the headers of `further` packets, the last piece first.
    fn split(&mut self, size: usize, further: usize) {
        let room = further.saturating_mul(Header::SIZE);
        self.out.put_bytes(0, room);
        let payload = self.start.saturating_add(Header::SIZE);
        for index in (1..=further).rev() {
            let from = payload.saturating_add(index.saturating_mul(Header::MAX));
            let length = size
                .saturating_sub(index.saturating_mul(Header::MAX))
                .min(Header::MAX);
            let to = from.saturating_add(index.saturating_mul(Header::SIZE));
            self.out.copy_within(from..from.saturating_add(length), to);
        }
    }

    pub(super) fn too_large(&self, field: &'static str) -> WireError {
        WireError::TooLarge {
            message: self.message,
            field,
        }
    }

    /// The payload so far.
    pub(super) fn size(&self) -> usize {
        self.out
            .len()
            .saturating_sub(self.start)
            .saturating_sub(Header::SIZE)
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("message", &self.message)
            .field("size", &self.size())
            .finish()
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

/// Appends an int<lenenc> in its shortest form.
pub(super) fn put_lenenc_int(out: &mut BytesMut, value: u64) {
    match value {
        0..0xfb => out.put_u8(value as u8),
        0xfb..=0xffff => {
            out.put_u8(0xfc);
            out.put_u16_le(value as u16);
        }
        0x1_0000..=0xff_ffff => {
            out.put_u8(0xfd);
            out.put_uint_le(value, 3);
        }
        _ => {
            out.put_u8(0xfe);
            out.put_u64_le(value);
        }
    }
}

/// Writes a message whose payload is already encoded, over as many packets as it takes.
///
/// # Errors
/// [`WireError::TooLarge`] beyond 1 GiB; `out` and `sequence` are then as they were.
pub fn write_payload(payload: &[u8], sequence: &mut Sequence, out: &mut BytesMut) -> Result<(), WireError> {
    let mut frame = Frame::new(out, sequence, "payload");
    frame.bytes("payload", payload)?;
    frame.finish()
}
