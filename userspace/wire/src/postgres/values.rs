use std::fmt;
use std::iter::FusedIterator;

use nom::Parser;

use super::read::{Fault, Read, int16, read_value};
use super::write::Frame;
use crate::hidden::Hidden;
use crate::{Located, WireError};

/// A counted list of values, each with its length: the cells of a row, the parameters of a Bind, the arguments of a
/// FunctionCall. Count and lengths were checked when it was read, so iterating cannot fail.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Values<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    /// How many values there are.
    pub fn len(self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The values in order; `None` is NULL.
    pub const fn iter(self) -> ValuesIter<'a> {
        ValuesIter {
            left: self.count,
            bytes: self.bytes,
        }
    }

    /// The values with their places in [`Values::encoded`].
    pub const fn located(self) -> LocatedValues<'a> {
        LocatedValues {
            values: self.iter(),
            size: self.bytes.len(),
        }
    }

    /// The values as they are on the wire, length words included, without the count before them.
    pub const fn encoded(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn parser(field: &'static str) -> impl Parser<&'a [u8], Output = Self, Error = Fault> {
        move |input: &'a [u8]| -> Read<'a, Self> {
            let (start, count) = int16(field).parse(input)?;
            let mut rest = start;
            for _ in 0..count {
                (rest, _) = read_value(field, rest)?;
            }
            let size = start.len().saturating_sub(rest.len());
            Ok((
                rest,
                Self {
                    count,
                    bytes: start.get(..size).unwrap_or_default(),
                },
            ))
        }
    }

    pub(super) fn write(self, field: &'static str, frame: &mut Frame<'_>) -> Result<(), WireError> {
        frame.int16(self.count);
        frame.bytes(field, self.bytes)
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("count", &self.count)
            .field("bytes", &Hidden(self.bytes))
            .finish()
    }
}

impl<'a> IntoIterator for Values<'a> {
    type Item = Option<&'a [u8]>;
    type IntoIter = ValuesIter<'a>;

    fn into_iter(self) -> ValuesIter<'a> {
        self.iter()
    }
}

/// Writes a list of values.
pub(super) fn write_values<'v>(
    field: &'static str,
    values: impl IntoIterator<Item = Option<&'v [u8]>>,
    frame: &mut Frame<'_>,
) -> Result<(), WireError> {
    let at = frame.reserve_count();
    let mut count = 0_usize;
    for value in values {
        frame.value(field, value)?;
        count = count.saturating_add(1);
    }
    frame.fill_count(field, at, count)
}

/// Iterates over [`Values`].
#[derive(Clone)]
pub struct ValuesIter<'a> {
    left: u16,
    bytes: &'a [u8],
}

impl<'a> Iterator for ValuesIter<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (rest, value) = read_value("value", self.bytes).ok()?;
        self.bytes = rest;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for ValuesIter<'_> {}

impl FusedIterator for ValuesIter<'_> {}

impl fmt::Debug for ValuesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValuesIter")
            .field("left", &self.left)
            .field("bytes", &Hidden(self.bytes))
            .finish()
    }
}

/// Iterates over [`Values`] with their places.
#[derive(Clone, Debug)]
pub struct LocatedValues<'a> {
    values: ValuesIter<'a>,
    size: usize,
}

impl<'a> Iterator for LocatedValues<'a> {
    type Item = Located<'a>;

    #[inline]
    fn next(&mut self) -> Option<Located<'a>> {
        let start = self.size.saturating_sub(self.values.bytes.len());
        let value = self.values.next()?;
        let end = self.size.saturating_sub(self.values.bytes.len());
        Some(Located {
            value,
            range: start..end,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl ExactSizeIterator for LocatedValues<'_> {}

impl FusedIterator for LocatedValues<'_> {}
