use thiserror::Error;

/// What was wrong with a message that was read, or why one could not be written.
///
/// Names the message and the field as the protocol's documentation does. Never holds what the message carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// A length word that no message can have.
    #[error("{message}: a length of {length} is outside {least}..={most}")]
    Length {
        /// The message.
        message: &'static str,
        /// What the length word said, in bytes.
        length: u32,
        /// The least length that the protocol allows.
        least: u32,
        /// The greatest.
        most: u32,
    },
    /// The body ends before the field does.
    #[error("{message}: the body ends inside {field}")]
    Short {
        /// The message.
        message: &'static str,
        /// The field that is not complete.
        field: &'static str,
    },
    /// The body goes on after the last field.
    #[error("{message}: {bytes} bytes after the last field")]
    Trailing {
        /// The message.
        message: &'static str,
        /// How many bytes are left over.
        bytes: usize,
    },
    /// A value that the protocol does not define.
    #[error("{message}: {field} has a value that the protocol does not define")]
    Invalid {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Bytes that must be UTF-8 are not.
    #[error("{message}: {field} is not UTF-8")]
    NotUtf8 {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A message type that this side never sends.
    #[error("unknown {side} message type 0x{tag:02x}")]
    UnknownTag {
        /// `frontend` or `backend`.
        side: &'static str,
        /// The type byte.
        tag: u8,
    },
    /// An opening with a protocol version whose layout is not known.
    #[error("StartupMessage: protocol version {major}.{minor} is not supported")]
    Version {
        /// The upper half of the version word.
        major: u16,
        /// The lower half.
        minor: u16,
    },
    /// The writer was given more than the protocol's counts and lengths can express.
    #[error("{message}: {field} is too large to be written")]
    TooLarge {
        /// The message.
        message: &'static str,
        /// The field that did not fit.
        field: &'static str,
    },
    /// The writer was given a zero byte for a field that a zero byte ends.
    #[error("{message}: {field} contains a zero byte")]
    ZeroByte {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A packet out of turn: bytes were lost or added, or the two sides do not agree on what was asked.
    #[error("packet {found} came where packet {expected} was due")]
    Sequence {
        /// The sequence number that was due.
        expected: u8,
        /// The one that came.
        found: u8,
    },
    /// More than may be held in memory.
    #[error("{message}: {bytes} bytes exceed the limit of {limit}")]
    Limit {
        /// The message.
        message: &'static str,
        /// How large it is at least, in bytes.
        bytes: usize,
        /// How large it may be, in bytes.
        limit: usize,
    },
    /// A message that cannot come where it came.
    #[error("{message} came where it cannot come: {state}")]
    Unexpected {
        /// The message.
        message: &'static str,
        /// What was awaited.
        state: &'static str,
    },
}
