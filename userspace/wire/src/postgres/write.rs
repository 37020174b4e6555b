use std::fmt;

use bytes::{BufMut, BytesMut};

use super::header::MAX_LENGTH;
use crate::WireError;

/// A message under construction at the end of a buffer. Unless it is finished, the buffer is left as it was.
pub(super) struct Frame<'b> {
    out: &'b mut BytesMut,
    message: &'static str,
    start: usize,
    /// Where the length word is.
    length: usize,
    finished: bool,
}

impl<'b> Frame<'b> {
    /// Begins a message with a type byte.
    pub(super) fn tagged(out: &'b mut BytesMut, tag: u8, message: &'static str) -> Self {
        let start = out.len();
        out.put_u8(tag);
        Self::begin(out, message, start)
    }

    /// Begins a message of the opening, which has no type byte.
    pub(super) fn untagged(out: &'b mut BytesMut, message: &'static str) -> Self {
        let start = out.len();
        Self::begin(out, message, start)
    }

    fn begin(out: &'b mut BytesMut, message: &'static str, start: usize) -> Self {
        let length = out.len();
        out.put_u32(0);
        Self {
            out,
            message,
            start,
            length,
            finished: false,
        }
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    pub(super) fn int16(&mut self, value: u16) {
        self.out.put_u16(value);
    }

    pub(super) fn int32(&mut self, value: u32) {
        self.out.put_u32(value);
    }

    /// A count of 16 bits.
    pub(super) fn count(&mut self, field: &'static str, count: usize) -> Result<(), WireError> {
        let count = u16::try_from(count).map_err(|_| self.too_large(field))?;
        self.int16(count);
        Ok(())
    }

    /// Leaves room for a count of 16 bits that [`Frame::fill_count`] writes later.
    pub(super) fn reserve_count(&mut self) -> usize {
        let at = self.out.len();
        self.int16(0);
        at
    }

    pub(super) fn fill_count(
        &mut self,
        field: &'static str,
        at: usize,
        count: usize,
    ) -> Result<(), WireError> {
        let count = u16::try_from(count).map_err(|_| self.too_large(field))?;
        self.patch(at, &count.to_be_bytes());
        Ok(())
    }

    pub(super) fn bytes(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), WireError> {
        // Before the copy, so that what cannot be sent does not cost memory either.
        if length_word(self.size().saturating_add(bytes.len())).is_none() {
            return Err(self.too_large(field));
        }
        self.out.put_slice(bytes);
        Ok(())
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

    pub(super) fn value(&mut self, field: &'static str, value: Option<&[u8]>) -> Result<(), WireError> {
        let Some(value) = value else {
            self.int32(NULL);
            return Ok(());
        };
        self.int32(length_word(value.len()).ok_or_else(|| self.too_large(field))?);
        self.bytes(field, value)
    }

    /// A value that `write` appends itself; it returns `false` for NULL, and then nothing of what it appended stays.
    /// `write` must not shorten the buffer.
    pub(super) fn value_with(
        &mut self,
        field: &'static str,
        write: impl FnOnce(&mut BytesMut) -> bool,
    ) -> Result<(), WireError> {
        let at = self.out.len();
        self.int32(NULL);
        let from = self.out.len();
        if write(self.out) {
            let size = self.out.len().checked_sub(from).and_then(length_word);
            self.patch(at, &size.ok_or_else(|| self.too_large(field))?.to_be_bytes());
        } else {
            self.out.truncate(from);
        }
        Ok(())
    }

    /// Fills in the length.
    pub(super) fn finish(self) -> Result<(), WireError> {
        self.finish_within(MAX_LENGTH)
    }

    /// Fills in the length, which must not exceed `most`.
    pub(super) fn finish_within(mut self, most: u32) -> Result<(), WireError> {
        let length = length_word(self.size()).filter(|length| *length <= most);
        let length = length.ok_or_else(|| self.too_large("body"))?;
        self.patch(self.length, &length.to_be_bytes());
        self.finished = true;
        Ok(())
    }

    pub(super) fn too_large(&self, field: &'static str) -> WireError {
        WireError::TooLarge {
            message: self.message,
            field,
        }
    }

    /// What the length word will count: itself and the body.
    fn size(&self) -> usize {
        self.out.len().saturating_sub(self.length)
    }

    fn patch(&mut self, at: usize, word: &[u8]) {
        if let Some(place) = self.out.get_mut(at..at.saturating_add(word.len())) {
            place.copy_from_slice(word);
        }
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

/// The length of a NULL value.
const NULL: u32 = u32::MAX;

/// A size as the protocol's signed Int32.
fn length_word(size: usize) -> Option<u32> {
    u32::try_from(size).ok().filter(|&size| size <= MAX_LENGTH)
}

/// Writes a message whose body is already encoded.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_message(tag: u8, body: &[u8], out: &mut BytesMut) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag, "message");
    frame.bytes("body", body)?;
    frame.finish()
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Frame, length_word};

    #[test]
    fn lengths_beyond_the_signed_range_are_refused() {
        assert_eq!(length_word(0), Some(0));
        assert_eq!(length_word(0x7fff_ffff), Some(0x7fff_ffff));
        assert_eq!(length_word(0x8000_0000), None);
        assert_eq!(length_word(usize::MAX), None);
    }

    #[test]
    fn unfinished_and_oversized_messages_leave_the_buffer_as_it_was() {
        let mut out = BytesMut::from(&b"before"[..]);
        let mut frame = Frame::tagged(&mut out, b'Q', "Query");
        frame.byte(1);
        drop(frame);
        assert_eq!(&out[..], b"before");

        let mut frame = Frame::untagged(&mut out, "StartupMessage");
        frame.int32(0);
        assert!(frame.finish_within(7).is_err());
        assert_eq!(&out[..], b"before");
    }
}
