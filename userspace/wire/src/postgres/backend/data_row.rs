use bytes::BytesMut;
use nom::Parser;

use super::tag;
use crate::WireError;
use crate::postgres::read::whole;
use crate::postgres::values::{LocatedValues, Values, ValuesIter, write_values};
use crate::postgres::write::Frame;

const MESSAGE: &str = "DataRow";
const CELLS: &str = "cells";

/// DataRow: the cells of one row, checked to the last byte when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRow<'a>(Values<'a>);

impl<'a> DataRow<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// What is wrong with it: a length that is negative (and not -1) or exceeds the body, fewer cells than counted, or
    /// bytes after the last.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        whole(MESSAGE, body, Values::parser(CELLS).map(Self))
    }

    /// How many cells there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none: a SELECT without columns.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The cells in order; `None` is NULL.
    pub const fn iter(self) -> ValuesIter<'a> {
        self.0.iter()
    }

    /// The cells with their places in [`DataRow::encoded`].
    pub const fn located(self) -> LocatedValues<'a> {
        self.0.located()
    }

    /// The cells as they are on the wire, length words included, without the count before them.
    pub const fn encoded(self) -> &'a [u8] {
        self.0.encoded()
    }

    pub(super) fn write_body(self, frame: &mut Frame<'_>) -> Result<(), WireError> {
        self.0.write(CELLS, frame)
    }
}

impl<'a> IntoIterator for DataRow<'a> {
    type Item = Option<&'a [u8]>;
    type IntoIter = ValuesIter<'a>;

    fn into_iter(self) -> ValuesIter<'a> {
        self.iter()
    }
}

/// Writes a whole DataRow.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_data_row<'v>(
    out: &mut BytesMut,
    cells: impl IntoIterator<Item = Option<&'v [u8]>>,
) -> Result<(), WireError> {
    let mut frame = Frame::tagged(out, tag::DATA_ROW, MESSAGE);
    write_values(CELLS, cells, &mut frame)?;
    frame.finish()
}

/// Writes a DataRow cell by cell, or by runs of cells that another row has already encoded. Unless
/// [`RowWriter::finish`] succeeds, the buffer is left as it was.
#[derive(Debug)]
pub struct RowWriter<'b> {
    frame: Frame<'b>,
    /// Where the count is.
    at: usize,
    count: usize,
}

impl<'b> RowWriter<'b> {
    /// Begins a row at the end of `out`.
    pub fn new(out: &'b mut BytesMut) -> Self {
        let mut frame = Frame::tagged(out, tag::DATA_ROW, MESSAGE);
        let at = frame.reserve_count();
        Self { frame, at, count: 0 }
    }

    /// Appends a cell; `None` is NULL.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn cell(&mut self, value: Option<&[u8]>) -> Result<(), WireError> {
        self.count = self.count.saturating_add(1);
        self.frame.value(CELLS, value)
    }

    /// Appends a cell whose value `write` appends to the buffer itself. If it returns `false` the cell is NULL, and
    /// what it appended is dropped. It must only append.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn cell_with(&mut self, write: impl FnOnce(&mut BytesMut) -> bool) -> Result<(), WireError> {
        self.count = self.count.saturating_add(1);
        self.frame.value_with(CELLS, write)
    }

    /// Appends `count` cells as they are in a row that was read: a range of [`DataRow::encoded`] made from the ranges
    /// of [`DataRow::located`].
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn run(&mut self, encoded: &[u8], count: usize) -> Result<(), WireError> {
        self.count = self.count.saturating_add(count);
        self.frame.bytes(CELLS, encoded)
    }

    /// Fills in the count and the length.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn finish(mut self) -> Result<(), WireError> {
        self.frame.fill_count(CELLS, self.at, self.count)?;
        self.frame.finish()
    }
}
