use std::fmt;
use std::iter::FusedIterator;

use bytes::BytesMut;

use super::CELL;
use crate::hidden::Hidden;
use crate::mysql::Sequence;
use crate::mysql::read::{NULL, read_lenenc_or_null, whole};
use crate::mysql::write::{Frame, put_lenenc_int};
use crate::{Located, WireError};

const MESSAGE: &str = "text row";

/// A row of the answer to COM_QUERY, checked to the last byte when it was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TextRow<'a> {
    payload: &'a [u8],
}

impl<'a> TextRow<'a> {
    /// Reads the payload: as many cells as there are columns.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(payload: &'a [u8], columns: usize) -> Result<Self, WireError> {
        whole(MESSAGE, payload, |input: &'a [u8]| {
            let mut input = input;
            for _ in 0..columns {
                (input, _) = read_lenenc_or_null(CELL, input)?;
            }
            Ok((input, Self { payload }))
        })
    }

    /// The cells in order, with their places in [`TextRow::encoded`]; `None` is NULL.
    pub const fn located(self) -> TextCells<'a> {
        TextCells {
            rest: self.payload,
            size: self.payload.len(),
        }
    }

    /// The cells in order; `None` is NULL.
    pub fn iter(self) -> impl Iterator<Item = Option<&'a [u8]>> {
        self.located().map(|cell| cell.value)
    }

    /// The cells as they are on the wire.
    pub const fn encoded(self) -> &'a [u8] {
        self.payload
    }
}

impl fmt::Debug for TextRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextRow").field(&Hidden(self.payload)).finish()
    }
}

/// Iterates over a [`TextRow`].
#[derive(Clone)]
pub struct TextCells<'a> {
    rest: &'a [u8],
    size: usize,
}

impl<'a> Iterator for TextCells<'a> {
    type Item = Located<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (rest, value) = read_lenenc_or_null(CELL, self.rest).ok()?;
        let start = self.size.saturating_sub(self.rest.len());
        let end = self.size.saturating_sub(rest.len());
        self.rest = rest;
        Some(Located {
            value,
            range: start..end,
        })
    }
}

impl FusedIterator for TextCells<'_> {}

impl fmt::Debug for TextCells<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextCells").field(&Hidden(self.rest)).finish()
    }
}

/// Writes a text row cell by cell, or by runs of cells that another row has already encoded. Unless
/// [`TextRowWriter::finish`] succeeds, the buffer is left as it was.
#[derive(Debug)]
pub struct TextRowWriter<'b> {
    frame: Frame<'b>,
}

impl<'b> TextRowWriter<'b> {
    /// Begins a row at the end of `out`.
    pub fn new(sequence: &'b mut Sequence, out: &'b mut BytesMut) -> Self {
        Self {
            frame: Frame::new(out, sequence, MESSAGE),
        }
    }

    /// Appends a cell; `None` is NULL.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn cell(&mut self, value: Option<&[u8]>) -> Result<(), WireError> {
        if let Some(value) = value {
            return self.frame.lenenc(CELL, value);
        }
        self.frame.byte(NULL);
        Ok(())
    }

    /// Appends a cell whose value `write` appends to the buffer itself. If it returns `false` the cell is NULL, and
    /// what it appended is dropped. It must only append.
    pub fn cell_with(&mut self, write: impl FnOnce(&mut BytesMut) -> bool) {
        let out = self.frame.out();
        let at = out.len();
        // Most lengths take one byte; a longer one moves the value.
        out.extend_from_slice(&[NULL]);
        let from = out.len();
        if !write(out) {
            out.truncate(from);
            return;
        }
        let size = out.len().saturating_sub(from);
        if let Some(length) = u8::try_from(size).ok().filter(|length| *length < NULL) {
            if let Some(place) = out.get_mut(at) {
                *place = length;
            }
            return;
        }
        let value = out.split_off(from);
        out.truncate(at);
        put_lenenc_int(out, size as u64);
        out.extend_from_slice(&value);
    }

    /// Appends cells as they are in a row that was read: a range of [`TextRow::encoded`] made from the ranges of
    /// [`TextRow::located`].
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn run(&mut self, encoded: &[u8]) -> Result<(), WireError> {
        self.frame.bytes(CELL, encoded)
    }

    /// Fills in the length.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn finish(self) -> Result<(), WireError> {
        self.frame.finish()
    }
}
