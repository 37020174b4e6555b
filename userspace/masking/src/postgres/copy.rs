//! Rows of `COPY … TO STDOUT`: masked field by field as they stream.
//!
//! A server sends a row to a CopyData message, but nothing in the protocol promises that: a row, a field, even an escape may
//! be split anywhere. What is neither masked nor searched flows through; of the rest, at most one field is held.
//! (`src/backend/commands/copyto.c`, and "File Formats" on the manual's page of COPY.)

use std::sync::Arc;

use bytes::BytesMut;

use super::Format;
use crate::{Detection, Mask};
pub(crate) use csv::Dialect as CsvDialect;
pub(crate) use delimited::Dialect as DelimitedDialect;
use field::Fields;

mod binary;
mod csv;
mod delimited;
mod field;
mod text;

/// The form of the rows, from the statement's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `FORMAT text`, the default.
    Text {
        /// `DELIMITER`; a tab if not given.
        delimiter: u8,
        /// `NULL`; `\N` if not given. Only one that is empty or begins with a backslash is taken for NULL in a column
        /// that is masked or searched, as a value could read like any other.
        null: Vec<u8>,
        /// `HEADER`: the first line holds the columns' names.
        header: bool,
    },
    /// `FORMAT csv`.
    Csv {
        /// `DELIMITER`; a comma if not given.
        delimiter: u8,
        /// `QUOTE`; a double quote if not given.
        quote: u8,
        /// `ESCAPE`; the quote if not given.
        escape: u8,
        /// `NULL`; empty if not given.
        null: Vec<u8>,
        /// `HEADER`: the first line holds the columns' names.
        header: bool,
    },
    /// `FORMAT binary`.
    Binary,
}

impl Layout {
    /// `FORMAT text` without further options.
    pub fn text() -> Self {
        Self::Text {
            delimiter: b'\t',
            null: b"\\N".to_vec(),
            header: false,
        }
    }

    /// `FORMAT csv` without further options.
    pub fn csv() -> Self {
        Self::Csv {
            delimiter: b',',
            quote: b'"',
            escape: b'"',
            null: Vec::new(),
            header: false,
        }
    }
}

/// A column of the rows.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// The type; 0 if it is not known, which shows as NULL where a mask would read it, and which detectors take for text.
    pub type_oid: u32,
    /// What is done with its fields.
    pub treatment: Treatment,
    /// Whether fields are told to whoever asks whose data they are, as [`Change::Read`].
    pub read: bool,
}

/// What is done with a column's fields.
#[derive(Clone, Debug, Default)]
pub enum Treatment {
    /// They go out as they come.
    #[default]
    Pass,
    /// Detectors look into them.
    Search,
    /// The mask is put on them; NULL stays NULL.
    Mask(Arc<Mask>),
    /// All of them, NULL too, are [`blank`](super::blank): nothing of them is read.
    Blank,
}

/// What was changed in a field, or read there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// The column's mask was put on it, or it was blanked.
    Masked,
    /// The detector of this name found something.
    Detected(&'a str),
    /// Nothing: what the field is, in a column of which that is asked.
    Read(Format, &'a [u8]),
}

/// Rewrites the data of one COPY.
#[derive(Debug)]
pub struct Rewriter {
    fields: Fields,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Text(delimited::Reader<text::Dialect>),
    Csv(delimited::Reader<csv::Dialect>),
    Binary(binary::Reader),
}

impl Rewriter {
    /// A field that must be seen whole (by a detector, or a mask that depends on the value) may have `limit` bytes at most.
    pub fn new(
        layout: Layout,
        columns: Vec<Column>,
        detection: Option<Arc<Detection>>,
        limit: usize,
    ) -> Self {
        Self {
            fields: Fields::new(columns, detection, limit),
            reader: match layout {
                Layout::Text {
                    delimiter,
                    null,
                    header,
                } => Reader::Text(delimited::Reader::new(
                    text::Dialect::new(delimiter, null),
                    header,
                )),
                Layout::Csv {
                    delimiter,
                    quote,
                    escape,
                    null,
                    header,
                } => Reader::Csv(delimited::Reader::new(
                    csv::Dialect::new(delimiter, quote, escape, null),
                    header,
                )),
                Layout::Binary => Reader::Binary(binary::Reader::new()),
            },
        }
    }

    /// Takes the payload of a CopyData message and appends what may go on, which can be nothing. `on_change` learns, by the
    /// column's number from 0, what was changed.
    ///
    /// # Errors
    /// The data are not of the layout, or a field is too big. What was appended so far is masked; nothing of what is left may
    /// be sent, and the rewriter is of no further use.
    pub fn push(
        &mut self,
        data: &[u8],
        out: &mut BytesMut,
        mut on_change: impl FnMut(usize, Change<'_>),
    ) -> Result<(), CopyError> {
        let Self { fields, reader } = self;
        match reader {
            Reader::Text(reader) => reader.push(fields, data, out, &mut on_change),
            Reader::Csv(reader) => reader.push(fields, data, out, &mut on_change),
            Reader::Binary(reader) => reader.push(fields, data, out, &mut on_change),
        }
    }

    /// To be called at CopyDone.
    ///
    /// # Errors
    /// The data end within a row.
    pub fn finish(&self) -> Result<(), CopyError> {
        let between_rows = match &self.reader {
            Reader::Text(reader) => reader.is_between_rows(),
            Reader::Csv(reader) => reader.is_between_rows(),
            Reader::Binary(reader) => reader.is_done(),
        };
        if between_rows {
            Ok(())
        } else {
            Err(CopyError::Truncated)
        }
    }

    /// Rows so far, without a header.
    pub fn rows(&self) -> u64 {
        match &self.reader {
            Reader::Text(reader) => reader.rows(),
            Reader::Csv(reader) => reader.rows(),
            Reader::Binary(reader) => reader.rows(),
        }
    }
}

/// Why COPY data can't be masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A row has another number of fields than the statement has columns.
    #[error("COPY data: row {row} does not have the {columns} fields that the statement has columns")]
    Columns {
        /// Counted from 1, a header included.
        row: u64,
        /// The number expected.
        columns: usize,
    },
    /// A field that must be seen whole is too big.
    #[error(
        "COPY data: a field of column {column} is bigger than the {limit} bytes that can be masked or searched"
    )]
    TooBig {
        /// Counted from 1.
        column: usize,
        /// In bytes.
        limit: usize,
    },
    /// Not the binary format, or one with an extension that must be understood.
    #[error("COPY data: not PostgreSQL's binary COPY format: {0}")]
    Binary(&'static str),
    /// CopyDone within a row.
    #[error("COPY data: the data end within a row")]
    Truncated,
}

type OnChange<'a> = &'a mut dyn FnMut(usize, Change<'_>);

#[cfg(test)]
mod tests;
