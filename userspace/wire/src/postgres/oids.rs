use nom::Parser;

use super::read::{Fault, bytes, int16};
use super::write::Frame;
use crate::WireError;

/// A counted list of object identifiers: the types of a statement's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oids<'a>(&'a [[u8; 4]]);

impl<'a> Oids<'a> {
    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The identifiers in order; 0 leaves a type unspecified.
    pub fn iter(self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.0.iter().map(|oid| u32::from_be_bytes(*oid))
    }

    /// The identifier at `index`.
    pub fn get(self, index: usize) -> Option<u32> {
        self.0.get(index).map(|oid| u32::from_be_bytes(*oid))
    }

    pub(super) fn parser(field: &'static str) -> impl Parser<&'a [u8], Output = Self, Error = Fault> {
        move |input: &'a [u8]| {
            let (input, count) = int16(field).parse(input)?;
            let (rest, oids) = bytes(field, usize::from(count).saturating_mul(4)).parse(input)?;
            Ok((rest, Self(oids.as_chunks::<4>().0)))
        }
    }

    pub(super) fn write(self, field: &'static str, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.count(field, self.len())?;
        frame.bytes(field, self.0.as_flattened())
    }
}

/// Writes a list of object identifiers.
pub(super) fn write_oids(field: &'static str, oids: &[u32], frame: &mut Frame<'_>) -> Result<(), WireError> {
    frame.count(field, oids.len())?;
    for oid in oids {
        frame.int32(*oid);
    }
    Ok(())
}
