//! WebSocket frames (RFC 6455, section 5), without extensions: whoever negotiates must strip
//! `Sec-WebSocket-Extensions`, or compressed frames are refused here for their reserved bits.
//!
//! Whether text is UTF-8, what the code of a Close means, and the length of whole messages are the caller's.

mod reader;
mod writer;

use std::fmt;

use thiserror::Error;

pub use self::reader::{FramePart, FrameReader};
pub use self::writer::{write_frame, write_header};

/// Bytes of payload that a control frame may have.
pub const MAX_CONTROL: u64 = 125;

/// Whose frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The client's, which are masked.
    Client,
    /// The server's, which are not.
    Server,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// More of a message that has begun.
    Continuation = 0x0,
    /// A message of text, or its beginning.
    Text = 0x1,
    /// A message of bytes, or its beginning.
    Binary = 0x2,
    /// The end of the connection.
    Close = 0x8,
    /// To be answered by a Pong.
    Ping = 0x9,
    /// The answer to a Ping.
    Pong = 0xa,
}

impl Opcode {
    /// Whether it is Close, Ping or Pong, which may come between the frames of a message.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }
}

/// What comes before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether the message ends with this frame.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that the payload is masked with, if it is.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub length: u64,
}

/// A masking key, and how far a payload has been masked with it. Masking twice is unmasking.
#[derive(Clone, Copy)]
pub struct Mask {
    key: [u8; 4],
}

impl Mask {
    /// At the start of a payload.
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks the next bytes of the payload.
    pub fn apply(&mut self, payload: &mut [u8]) {
        let mut words = payload.chunks_exact_mut(4);
        for word in &mut words {
            for (byte, key) in word.iter_mut().zip(self.key) {
                *byte ^= key;
            }
        }
        let rest = words.into_remainder();
        for (byte, key) in rest.iter_mut().zip(self.key) {
            *byte ^= key;
        }
        self.key.rotate_left(rest.len());
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

/// Why a frame was refused. Answer with a Close of [`FrameError::code`], and close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum FrameError {
    /// A reserved bit.
    #[error("a frame has a reserved bit set: no extension was negotiated")]
    Reserved,
    /// An opcode that is not defined.
    #[error("a frame has an opcode that is not defined")]
    Opcode,
    /// A client's frame without a mask.
    #[error("a frame from the client is not masked")]
    NotMasked,
    /// A server's frame with a mask.
    #[error("a frame from the server is masked")]
    Masked,
    /// A control frame that is not final.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame of more than [`MAX_CONTROL`] bytes.
    #[error("a control frame has more than 125 bytes")]
    LongControl,
    /// A Close of one byte.
    #[error("a Close frame has half a code")]
    CloseCode,
    /// A length that takes more bytes than it needs, or of 2^63 and more.
    #[error("a frame's length is not written in the shortest form, or has its highest bit set")]
    Length,
    /// More than the reader takes.
    #[error("a frame is longer than the limit of {limit} bytes")]
    Limit {
        /// The limit, in bytes of payload.
        limit: u64,
    },
    /// A continuation of nothing.
    #[error("a continuation frame where no message has begun")]
    NothingToContinue,
    /// A new message inside another.
    #[error("a new message begins inside another")]
    Interleaved,
    /// Anything after a Close.
    #[error("a frame after the Close frame")]
    AfterClose,
    /// The stream ended inside a frame or a message.
    #[error("the connection was closed inside a frame or a message")]
    Truncated,
}

impl FrameError {
    /// The code for the Close frame that answers it: RFC 6455, section 7.4.1.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Limit { .. } => 1009,
            _ => 1002,
        }
    }
}

#[cfg(test)]
mod tests;
