use std::fmt;
use std::iter::FusedIterator;

use nom::Parser;

use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{Fault, Read, lenenc};
use crate::mysql::write::{Frame, put_lenenc_int};

const FIELD: &str = "connection attributes";

/// What a client says of itself (`program_name`, `_pid` …): names and values, checked when they were read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// From bytes as [`write_attributes`] makes them.
    ///
    /// # Errors
    /// [`WireError::Short`] or [`WireError::Invalid`].
    pub fn parse(encoded: &'a [u8]) -> Result<Self, WireError> {
        crate::read::whole("HandshakeResponse", encoded, Self::inside)
    }

    pub(in crate::mysql) fn parser() -> impl Parser<&'a [u8], Output = Self, Error = Fault> {
        |input: &'a [u8]| -> Read<'a, Self> {
            let (input, encoded) = lenenc(FIELD).parse(input)?;
            // The block has its own end; its contents must reach it exactly.
            let (_, attributes) = Self::inside(encoded)?;
            Ok((input, attributes))
        }
    }

    fn inside(encoded: &'a [u8]) -> Read<'a, Self> {
        let mut left = encoded;
        while !left.is_empty() {
            (left, _) = (lenenc(FIELD), lenenc(FIELD)).parse(left)?;
        }
        Ok((left, Self(encoded)))
    }

    /// Names and values in order.
    pub const fn iter(self) -> AttributesIter<'a> {
        AttributesIter(self.0)
    }

    /// The value of the first attribute of this name.
    pub fn get(self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// As they are on the wire, without the length before them.
    pub const fn encoded(self) -> &'a [u8] {
        self.0
    }

    pub(in crate::mysql) fn write(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.lenenc(FIELD, self.0)
    }
}

/// Encodes names and values for [`Attributes::parse`].
pub fn write_attributes<'v>(attributes: impl IntoIterator<Item = (&'v [u8], &'v [u8])>) -> bytes::BytesMut {
    let mut out = bytes::BytesMut::new();
    for (name, value) in attributes {
        for text in [name, value] {
            put_lenenc_int(&mut out, text.len() as u64);
            out.extend_from_slice(text);
        }
    }
    out
}

impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hidden(self.0).fmt(f)
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = AttributesIter<'a>;

    fn into_iter(self) -> AttributesIter<'a> {
        self.iter()
    }
}

/// Iterates over [`Attributes`].
#[derive(Clone)]
pub struct AttributesIter<'a>(&'a [u8]);

impl<'a> Iterator for AttributesIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, pair) = (lenenc(FIELD), lenenc(FIELD)).parse(self.0).ok()?;
        self.0 = rest;
        Some(pair)
    }
}

impl FusedIterator for AttributesIter<'_> {}

impl fmt::Debug for AttributesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hidden(self.0).fmt(f)
    }
}
