use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

use bytes::BytesMut;
use nom::Parser;

use super::CELL;
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::Sequence;
use crate::mysql::read::{bytes, rest, tag, whole};
use crate::mysql::values::{Kind, Value, value};
use crate::mysql::write::Frame;

const MESSAGE: &str = "binary row";
/// The bits of the NULL bitmap before the first column's.
const OFFSET: usize = 2;

/// A row of the answer to COM_STMT_EXECUTE or COM_STMT_FETCH, checked to the last byte when it was read.
#[derive(Clone, Copy)]
pub struct BinaryRow<'a> {
    nulls: &'a [u8],
    values: &'a [u8],
    kinds: &'a [Kind],
}

impl<'a> BinaryRow<'a> {
    /// Reads the payload: a value for each column that is not NULL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &'a [u8], kinds: &'a [Kind]) -> Result<Self, WireError> {
        let head = (
            tag("first byte", 0),
            bytes("NULL bitmap", bitmap(kinds.len())),
            rest,
        );
        let ((), nulls, values) = whole(MESSAGE, payload, head)?;
        whole(MESSAGE, values, |input: &'a [u8]| {
            let mut input = input;
            for (index, kind) in kinds.iter().enumerate() {
                if !is_null(nulls, index) {
                    (input, _) = value(CELL, *kind).parse(input)?;
                }
            }
            Ok((input, Self { nulls, values, kinds }))
        })
    }

    /// The cells in order, with their places in [`BinaryRow::encoded`]. A NULL has an empty place.
    pub const fn located(self) -> BinaryCells<'a> {
        BinaryCells {
            row: self,
            index: 0,
            rest: self.values,
        }
    }

    /// The values in order.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        self.located().map(|(value, _)| value)
    }

    /// The values that are not NULL as they are on the wire.
    pub const fn encoded(self) -> &'a [u8] {
        self.values
    }
}

impl fmt::Debug for BinaryRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BinaryRow").field(&Hidden(self.values)).finish()
    }
}

/// Bytes of the NULL bitmap.
const fn bitmap(columns: usize) -> usize {
    columns.saturating_add(OFFSET).div_ceil(8)
}

fn is_null(nulls: &[u8], index: usize) -> bool {
    let bit = index.saturating_add(OFFSET);
    nulls
        .get(bit / 8)
        .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
}

/// Iterates over a [`BinaryRow`].
#[derive(Clone, Debug)]
pub struct BinaryCells<'a> {
    row: BinaryRow<'a>,
    index: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for BinaryCells<'a> {
    type Item = (Value<'a>, Range<usize>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.row.kinds.get(self.index)?;
        let start = self.row.values.len().saturating_sub(self.rest.len());
        let (rest, value) = if is_null(self.row.nulls, self.index) {
            (self.rest, Value::Null)
        } else {
            value(CELL, *kind).parse(self.rest).ok()?
        };
        self.index = self.index.saturating_add(1);
        self.rest = rest;
        Some((value, start..self.row.values.len().saturating_sub(rest.len())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.row.kinds.len().saturating_sub(self.index);
        (left, Some(left))
    }
}

impl ExactSizeIterator for BinaryCells<'_> {}

impl FusedIterator for BinaryCells<'_> {}

/// Writes a binary row cell by cell. Unless [`BinaryRowWriter::finish`] succeeds, the buffer is left as it was.
#[derive(Debug)]
pub struct BinaryRowWriter<'b> {
    frame: Frame<'b>,
    columns: usize,
    index: usize,
}

impl<'b> BinaryRowWriter<'b> {
    /// Begins a row of so many columns at the end of `out`.
    pub fn new(columns: usize, sequence: &'b mut Sequence, out: &'b mut BytesMut) -> Self {
        let mut frame = Frame::tagged(out, sequence, MESSAGE, 0);
        frame.zeros(bitmap(columns));
        Self {
            frame,
            columns,
            index: 0,
        }
    }

    /// Appends a NULL.
    pub fn null(&mut self) {
        // A cell too many has no bit; `finish` tells.
        if self.index < self.columns {
            let bit = self.index.saturating_add(OFFSET);
            // Behind the first byte.
            let at = (bit / 8).saturating_add(1);
            self.frame.patch(at, |byte| *byte |= 1 << (bit % 8));
        }
        self.index = self.index.saturating_add(1);
    }

    /// Appends a value.
    ///
    /// # Errors
    /// [`WireError::Invalid`] if the column's type cannot hold it.
    pub fn cell(&mut self, kind: Kind, value: &Value<'_>) -> Result<(), WireError> {
        if *value == Value::Null {
            self.null();
            return Ok(());
        }
        if !value.encode(kind, self.frame.out()) {
            return Err(invalid("a cell of this type"));
        }
        self.index = self.index.saturating_add(1);
        Ok(())
    }

    /// Appends a cell as it is in a row that was read: its range of [`BinaryRow::encoded`], which is not NULL.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn run(&mut self, encoded: &[u8]) -> Result<(), WireError> {
        self.index = self.index.saturating_add(1);
        self.frame.bytes(CELL, encoded)
    }

    /// Fills in the length.
    ///
    /// # Errors
    /// [`WireError::Invalid`] if there are more or fewer cells than columns, [`WireError::TooLarge`].
    pub fn finish(self) -> Result<(), WireError> {
        if self.index != self.columns {
            return Err(invalid("the number of cells"));
        }
        self.frame.finish()
    }
}

const fn invalid(field: &'static str) -> WireError {
    WireError::Invalid {
        message: MESSAGE,
        field,
    }
}
