use nom::Parser;
use nom::number::complete::{be_u8, be_u32};

use crate::WireError;

/// The greatest length word: the protocol's Int32 is signed.
pub(super) const MAX_LENGTH: u32 = i32::MAX as u32;

/// Type and size of a tagged message, known before its body has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message type.
    pub tag: u8,
    /// Bytes after the length word.
    pub body: usize,
}

impl Header {
    /// Bytes of the type byte and the length word.
    pub const SIZE: usize = 5;

    /// Reads the header at the front of `buf`; `None` if it has not arrived entirely.
    ///
    /// # Errors
    /// [`WireError::Length`] if the length word is below 4 (it counts itself) or above `i32::MAX`.
    pub fn peek(buf: &[u8]) -> Result<Option<Self>, WireError> {
        let Ok((_, (tag, length))) = (be_u8::<_, ()>, be_u32).parse(buf) else {
            return Ok(None);
        };
        match length.checked_sub(4) {
            Some(body) if length <= MAX_LENGTH => Ok(Some(Self {
                tag,
                body: body as usize,
            })),
            _ => Err(WireError::Length {
                message: "message",
                length,
                least: 4,
                most: MAX_LENGTH,
            }),
        }
    }

    /// Bytes of the whole message, header included.
    pub const fn total(&self) -> usize {
        Self::SIZE.saturating_add(self.body)
    }
}
