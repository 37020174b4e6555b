use std::fmt;

use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::hidden::Hidden;
use crate::postgres::read::{cstring, int32, whole};
use crate::postgres::write::Frame;

const MESSAGE: &str = "NegotiateProtocolVersion";
const OPTIONS: &str = "unknown options";

/// NegotiateProtocolVersion: the server speaks an older minor version than asked for, or does not know some options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiateProtocolVersion<'a> {
    /// The newest version that the server speaks, as servers send it: major in the upper half, minor in the lower.
    pub newest: u32,
    /// The options (`_pq_.…`) that it does not know.
    pub options: UnknownOptions<'a>,
}

impl<'a> NegotiateProtocolVersion<'a> {
    /// The newest minor version that the server speaks.
    pub const fn minor(&self) -> u16 {
        self.newest as u16
    }

    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        whole(MESSAGE, body, |input: &'a [u8]| {
            let (start, (newest, count)) = (int32("newest version"), int32(OPTIONS)).parse(input)?;
            let mut rest = start;
            // Each takes a byte at least, so the count cannot make this run past the body.
            for _ in 0..count {
                (rest, _) = cstring(OPTIONS).parse(rest)?;
            }
            let size = start.len().saturating_sub(rest.len());
            let bytes = start.get(..size).unwrap_or_default();
            Ok((
                rest,
                Self {
                    newest,
                    options: UnknownOptions { count, bytes },
                },
            ))
        })
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.int32(self.newest);
        frame.int32(self.options.count);
        frame.bytes(OPTIONS, self.options.bytes)
    }
}

/// The names of protocol options that a server does not know.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct UnknownOptions<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> UnknownOptions<'a> {
    /// How many there are.
    pub const fn len(self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The names in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.bytes
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|name| name.split_last().map(|(_, name)| name))
    }
}

impl fmt::Debug for UnknownOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Hidden)).finish()
    }
}

/// Writes a whole NegotiateProtocolVersion; see [`NegotiateProtocolVersion::newest`].
///
/// # Errors
/// [`WireError::TooLarge`] or [`WireError::ZeroByte`]; `out` is then as it was.
pub fn write_negotiate_protocol_version(
    out: &mut BytesMut,
    newest: u32,
    options: &[&[u8]],
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::NEGOTIATE_PROTOCOL_VERSION, MESSAGE);
    frame.int32(newest);
    frame.int32(u32::try_from(options.len()).map_err(|_| frame.too_large(OPTIONS))?);
    for option in options {
        frame.cstring(OPTIONS, option)?;
    }
    frame.finish()
}
